import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.poll.window import Window
from agent.records import Reading, Sample

SECOND = 1_000_000
START = 1_700_000_000 * SECOND  # a multiple of ten seconds


def put(window: Window, one: Sample, at_us: int) -> bool:
    """Put by, with its row as the pipeline makes it."""
    return window.put_by(one, tuple(one.values.get(name, 0.0) for name in window.columns), at_us)


def window(every_s: int = 10) -> Window:
    return Window("m", 220.0, ("voltage_l1",), {"voltage_l1", "current_l1"}, every_s * SECOND)


def sample(volts: float, *, full: bool = False, quality: str = "good", **values: float) -> Sample:
    return Sample("m", 0, 0, {"voltage_l1": volts, **values}, full, quality)


def primed() -> Window:
    fresh = window()
    fresh.add(sample(220.0, full=True), START - SECOND, START)
    return fresh


def test_the_first_reading_follows_the_first_full_set():
    fresh = window()
    assert fresh.add(sample(221.0), START + 10_000, START + 20_000) is None
    reading = fresh.add(sample(223.0, full=True, frequency=50.0), START + 30_000, START + 40_000)
    assert reading.values == {"voltage_l1": 222.0, "frequency": 50.0}
    assert (reading.min, reading.max) == ({"voltage_l1": 221.0}, {"voltage_l1": 223.0})
    assert (reading.time_us, reading.window_s) == (START + 40_000, 0.03)


def test_a_meter_that_has_nothing_but_watched_quantities_is_read_in_full_at_the_first_look():
    fresh = Window("m", 220.0, ("voltage_l1",), {"voltage_l1"}, 10 * SECOND, no_rest=True)
    assert fresh.add(sample(221.0), START, START + 1).values == {"voltage_l1": 221.0}
    fresh.add(sample(223.0), START + 2, START + 3)
    assert fresh.flush(START + 10 * SECOND).values == {"voltage_l1": 223.0}


def test_a_reading_covers_the_interval_that_ends_at_its_time():
    running = primed()
    assert [running.add(sample(220.0 + n), START + n * SECOND, START + n * SECOND) for n in range(1, 10)] == [None] * 9
    reading = running.add(sample(0.0), START + 10 * SECOND, START + 10 * SECOND + 5)
    assert reading.time_us == START + 10 * SECOND
    assert reading.window_s == 10.0
    assert reading.values["voltage_l1"] == pytest.approx(225.0)
    assert (reading.min["voltage_l1"], reading.max["voltage_l1"]) == (221.0, 229.0)


def test_an_interval_of_one_look_has_it_as_mean_minimum_and_maximum():
    running = primed()
    row = {"voltage_l1": 221.0, "current_l1": 5.0}
    running.add(Sample("m", 0, 0, row, False), START + 1, START + 1)
    running.add(sample(225.0, current_l1=7.0), START + 10 * SECOND, START + 10 * SECOND)
    reading = running.flush(START + 20 * SECOND)
    assert reading.values == reading.min == reading.max == {"voltage_l1": 225.0, "current_l1": 7.0}


def test_looks_of_all_and_of_some_quantities_count_alike():
    running = primed()
    looks = [sample(220.0, current_l1=4.0), sample(222.0), sample(224.0, current_l1=8.0), sample(230.0, frequency=50.0)]
    for n, look in enumerate(looks):
        running.add(look, START + n, START + n)
    reading = running.flush(START + 10 * SECOND)
    assert reading.values == {"voltage_l1": 224.0, "current_l1": 6.0, "frequency": 50.0}
    assert (reading.min, reading.max) == (
        {"voltage_l1": 220.0, "current_l1": 4.0}, {"voltage_l1": 230.0, "current_l1": 8.0},
    )  # fmt: skip


def test_a_voltage_out_of_band_brings_a_reading_every_second():
    running = primed()
    running.add(sample(220.0), START, START + 2_100_000)
    assert running.add(sample(90.0), START, START + 2_300_000) is None
    assert running.add(sample(91.0), START, START + 3_100_000).time_us == START + 3 * SECOND
    assert running.add(sample(91.0), START, START + 4_100_000).time_us == START + 4 * SECOND
    assert running.add(sample(220.0), START, START + 5_100_000).time_us == START + 5 * SECOND
    assert running.add(sample(220.0), START, START + 6_100_000) is None


def test_a_silent_meter_has_its_last_interval_flushed_and_no_empty_ones():
    running = primed()
    running.add(sample(224.0), START, START + 3 * SECOND)
    assert running.flush(START + 9 * SECOND) is None
    assert running.flush(START + 12 * SECOND).values == {"voltage_l1": 224.0}
    assert running.flush(START + 32 * SECOND) is None


def test_after_a_silence_the_interval_begins_anew():
    running = primed()
    running.add(sample(224.0), START, START + 300 * SECOND + 500_000)
    assert running.flush(START + 310 * SECOND).window_s == 10.0


def test_what_was_not_read_again_is_not_said_again():
    running = primed()
    running.add(sample(220.0, frequency=50.0), START, START + SECOND)
    assert "frequency" in running.flush(START + 10 * SECOND).values
    running.add(sample(220.0), START, START + 11 * SECOND)
    assert "frequency" not in running.flush(START + 20 * SECOND).values


def test_one_questionable_sample_makes_the_interval_questionable():
    running = primed()
    running.add(sample(220.0, quality="questionable"), START, START + SECOND)
    assert running.flush(START + 10 * SECOND).quality == "questionable"
    running.add(sample(220.0), START, START + 11 * SECOND)
    assert running.flush(START + 20 * SECOND).quality == "good"


def test_a_set_that_lacks_a_part_is_flagged_once():
    running = primed()
    running.add(Sample("m", 0, 0, {"frequency": 50.0}, full=True, lacking=True), START, START + SECOND)
    assert running.flush(START + 10 * SECOND).flags == ("partial",)
    running.add(sample(220.0), START, START + 11 * SECOND)
    assert running.flush(START + 20 * SECOND).flags == ()


def test_no_two_readings_share_a_time_when_the_wall_clock_steps_back():
    running = primed()
    times = []
    for at_us in (START + 5 * SECOND, START + 11 * SECOND, START - 3600 * SECOND, START - 3580 * SECOND):
        for reading in (running.add(sample(220.0), at_us, at_us),):
            times += [reading.time_us] if reading else []
    times.append(running.flush(START + 60 * SECOND).time_us)
    assert len(times) >= 3
    assert times == sorted(set(times))


# --- looks that are put by

VOLTS = st.floats(205.0, 235.0)
LOOKS = st.lists(
    st.tuples(
        st.integers(0, 3 * SECOND),
        VOLTS,
        st.sampled_from(["look"] * 12 + ["full", "lacking", "questionable", "out of band", "without current", "back"]),
    ),
    max_size=120,
)


@given(LOOKS)
def test_what_is_put_by_comes_to_what_is_added(looks: list[tuple[int, float, str]]) -> None:
    """One window is only added to, the other has put by what may be."""
    added, put_by = primed(), primed()
    at_us = START
    for after_us, volts, what in looks:
        at_us += after_us - (20 * SECOND if what == "back" else 0)
        current = {} if what == "without current" else {"current_l1": volts / 10}
        one = sample(
            volts - 60 if what == "out of band" else volts,
            full=what == "full",
            quality="questionable" if what == "questionable" else "good",
            **current,
        )._replace(lacking=what == "lacking")
        slowly = added.add(one, at_us, at_us)
        calm = what in ("look", "back", "lacking", "without current")
        quickly = None if calm and put(put_by, one, at_us) else put_by.add(one, at_us, at_us)
        assert same(slowly, quickly)
    assert same(added.flush(at_us + 60 * SECOND), put_by.flush(at_us + 60 * SECOND))


def same(one: Reading | None, other: Reading | None) -> bool:
    if one is None or other is None:
        return one is other
    exact = [(each.time_us, each.window_s, each.flags, each.quality, each.min, each.max) for each in (one, other)]
    return exact[0] == exact[1] and one.values == pytest.approx(other.values, rel=1e-9)


def test_a_look_that_is_not_whole_or_not_within_the_interval_is_not_put_by():
    running = primed()
    assert not put(running, sample(220.0, current_l1=1.0), START + SECOND), "no interval is open yet"
    running.add(sample(220.0, current_l1=1.0), START, START + SECOND)
    assert put(running, sample(220.0, current_l1=1.0), START + 2 * SECOND)
    assert not put(running, sample(220.0), START + 2 * SECOND)
    assert not put(running, sample(220.0, current_l1=1.0)._replace(lacking=True), START + 2 * SECOND)
    assert not put(running, sample(220.0, current_l1=1.0), START + 10 * SECOND)


def test_a_wall_clock_that_steps_back_does_not_keep_the_interval_open_for_as_long():
    running = primed()
    running.add(sample(220.0, current_l1=1.0), START, START + SECOND)
    assert not put(running, sample(220.0, current_l1=1.0), START - 3600 * SECOND)


def looks(running: Window, *seconds: float) -> list[Reading]:
    told = [running.add(sample(220.0), START + int(at * SECOND), START + int(at * SECOND)) for at in seconds]
    return [reading for reading in told if reading]


def test_all_of_a_window_is_seen_while_looks_come():
    running = primed()
    (reading,) = looks(running, *range(1, 11))
    assert (reading.window_s, reading.seen_s) == (10.0, 10.0)


def test_what_lies_between_a_look_that_did_not_come_and_the_next_one_was_not_seen():
    running = primed()
    looks(running, 1, 2, 3)
    running.lost(START + 4 * SECOND)
    running.lost(START + 5 * SECOND)
    (reading,) = looks(running, 7.5, 9, 10)
    assert reading.seen_s == pytest.approx(10 - 3.5)


def test_a_silence_over_the_end_of_a_window_counts_on_either_side_with_its_part():
    running = primed()
    looks(running, 1, 2)
    running.lost(START + 3 * SECOND)
    first = running.flush(START + 10 * SECOND)
    (second,) = looks(running, 14, 19, 20)
    assert (first.seen_s, first.window_s) == (3.0, 10.0)
    assert (second.seen_s, second.window_s) == (6.0, 10.0)


def test_a_quiet_look_after_a_lost_one_counts_what_was_lost():
    running = primed()
    looks(running, 1)
    running.lost(START + 2 * SECOND)
    complete = sample(220.0, current_l1=5.0)
    assert not put(running, complete, START + 4 * SECOND)
    running.add(complete, START + 4 * SECOND, START + 4 * SECOND)
    assert put(running, complete, START + 5 * SECOND)
    assert running.flush(START + 10 * SECOND).seen_s == 8.0


def test_looks_that_lack_a_voltage_count_for_what_was_seen_of_all_of_them():
    running = Window("m", 220.0, ("voltage_l1", "voltage_l2"), {"voltage_l1", "voltage_l2"}, 10 * SECOND)
    running.add(sample(220.0, full=True, voltage_l2=221.0), START - SECOND, START)
    for n in range(1, 10, 2):
        running.add(sample(220.0, voltage_l2=221.0), START + n * SECOND, START + n * SECOND)
        running.add(sample(220.0), START + n * SECOND + 500_000, START + n * SECOND + 500_000)
    first = running.flush(START + 10 * SECOND)
    assert first.seen_s == 5.0
    # One that is read no more is not among the values: nothing is said of it, and all of the other.
    running.add(sample(220.0), START + 11 * SECOND, START + 11 * SECOND)
    second = running.flush(START + 20 * SECOND)
    assert (second.seen_s, list(second.values)) == (10.0, ["voltage_l1"])
