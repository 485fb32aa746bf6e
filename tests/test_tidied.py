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
