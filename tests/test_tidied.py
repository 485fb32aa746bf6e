from agent.records import Reading
from agent.tidied import tidied_reading, tidy


def test_a_gauge_is_read_as_people_write_it():
    assert tidy(99.72999572753906) == 99.73
    assert tidy(0.0) == 0.0
    assert tidy(-123456.789) == -123456.8


def test_a_counter_keeps_every_digit():
    reading = Reading(
        "m", 0, 1.0, "good", (), {"active_energy_import": 9_876_543_210.0, "voltage_l1": 230.10000610351562}
    )
    assert tidied_reading(reading).values == {"active_energy_import": 9_876_543_210.0, "voltage_l1": 230.1}


def test_mean_minimum_and_maximum_of_one_look_stay_one():
    row = {"voltage_l1": 230.10000610351562}
    tidied = tidied_reading(Reading("m", 0, 0.1, "good", (), row, row, row))
    assert tidied.values == {"voltage_l1": 230.1}
    assert tidied.values is tidied.min is tidied.max


def test_of_several_looks_each_figure_is_rounded_for_itself():
    low, mean, high = ({"voltage_l1": 229.99999 + n / 7} for n in range(3))
    tidied = tidied_reading(Reading("m", 0, 0.1, "good", ("stale",), mean, low, high))
    assert (tidied.min, tidied.values, tidied.max) == (
        {"voltage_l1": 230.0}, {"voltage_l1": 230.1428}, {"voltage_l1": 230.2857},
    )  # fmt: skip
    assert (tidied.flags, tidied.window_s) == (("stale",), 0.1)
