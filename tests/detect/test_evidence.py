"""The table of what a meter latches: each row, resets, wraps, meters exchanged."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.evidence import LATCHES, Finding, Latch, Latches, Move, Read, findings
from agent.detect.own_words import words_of

SECOND = 1_000_000
U16 = 65536.0
SAG = Latch("sag_count_l1", "sag_count", "l1", U16)
LOW = Latch("voltage_l1_min", "voltage_min", "l1")
HIGH = Latch("voltage_l1_max", "voltage_max", "l1")
FAILURES = Latch("power_failures", "power_failures", None, U16)
LASTED = Latch("power_failure_duration", "power_failure_duration", None, None, 1 / 3600)
UNDER = Latch("undervoltage_flag", "undervoltage_flag")
ANEW = Latch("restart_flag", "restart_flag")
LIMITS = Latch("limit_bits", "limit_bits")
HOURS = Latch("operating_hours", "operating_hours", None, None, 0.01)
ENERGY = Latch("active_energy_import", "active_energy_import")
CUTS = tuple(Latch(f"interruption_count_l{n}", "interruption_count", f"l{n}", U16) for n in (1, 2, 3))
SAGS = tuple(Latch(f"sag_count_l{n}", "sag_count", f"l{n}", U16) for n in (1, 2, 3))


class Meter:
    """Reads its latches every 60 s, each taking 0.1 s."""

    def __init__(self, *latches: Latch) -> None:
        self.latches = Latches(latches, low_v=198.0, high_v=242.0)
        self.now_us = 0

    def read(self, after_s: float = 60, **values: float) -> tuple[Move, ...]:
        self.now_us += round(after_s * SECOND)
        asked_us = self.now_us - SECOND
        return self.latches.read(Read(values, asked_us, asked_us - SECOND, self.now_us + 100_000))


def only(moves: Sequence[Move]) -> Move:
    (move,) = moves
    return move


def test_the_first_read_says_nothing():
    assert Meter(SAG).read(sag_count_l1=17) == ()


def test_a_counter_that_rose_is_bounded_by_the_two_reads():
    meter = Meter(SAG)
    meter.read(sag_count_l1=3)
    assert meter.read(sag_count_l1=3) == ()
    move = only(meter.read(sag_count_l1=5))
    assert (move.before, move.after, move.count) == (3, 5, 2)
    assert (move.asked_us, move.since_us, move.until_us) == (119 * SECOND, 118 * SECOND, 180 * SECOND + 100_000)


@pytest.mark.parametrize(
    ("latch", "before", "after", "moves"),
    [
        (LOW, 221.0, 96.0, True),
        (LOW, 221.0, 199.0, False),  # lower, and still in band
        (LOW, 96.0, 96.0, False),
        (LOW, 96.0, 218.0, False),  # its owner reset it
        (LOW, 221.0, -4.0, False),
        (HIGH, 225.0, 266.0, True),
        (HIGH, 225.0, 240.0, False),
        (HIGH, 266.0, 223.0, False),
        (LASTED, 7 / 3600, 12 / 3600, True),
        (LASTED, 12 / 3600, 12 / 3600, False),
        (HOURS, 100.0, 100.02, False),
        (ENERGY, 5e6, 6e6, False),
        (UNDER, 0, 1, True),
        (UNDER, 1, 1, False),
        (UNDER, 1, 0, True),
        (ANEW, 0, 1, True),
        (ANEW, 1, 0, False),  # acknowledged
        (LIMITS, 0x1, 0x801, True),
        (LIMITS, 0x801, 0x1, False),
        (LIMITS, 0x801, 0x2, True),
    ],
)
def test_what_makes_a_register_move(latch: Latch, before: float, after: float, moves: bool):
    meter = Meter(latch)
    meter.read(**{latch.name: before})
    assert bool(meter.read(**{latch.name: after})) is moves
    assert bool(meter.latches.went_back) is False


def test_an_hour_counter_that_falls_behind_the_clock_moved():
    meter = Meter(HOURS)
    meter.read(operating_hours=100.0)
    move = only(meter.read(3600, operating_hours=100.4))
    assert words_of(move, lambda us: us) == (
        "the meter's own hour counter counted 0.4 h in 1 h, between 1970-01-01T00:00:59.0Z and 1970-01-01T01:01:00.1Z"
    )


def test_an_hour_counter_of_whole_hours_is_given_one():
    meter = Meter(Latch("operating_hours", "operating_hours", None, None, 1.0))
    meter.read(operating_hours=100)
    assert meter.read(3500, operating_hours=100) == ()


@pytest.mark.parametrize(("before", "after", "count"), [(65535, 0, 1), (65533, 4, 7), (65000, 400, 936)])
def test_a_counter_that_runs_over_is_counted_right(before: int, after: int, count: int):
    meter = Meter(SAG)
    meter.read(sag_count_l1=before)
    move = only(meter.read(sag_count_l1=after))
    assert move.count == count
    assert f"({count} counted: past the end of its range)" in words_of(move, lambda us: us)


@pytest.mark.parametrize(("before", "after"), [(17, 0), (17, 3), (60000, 0), (30000, 29999)])
def test_a_reset_is_no_event_and_is_said_once(before: int, after: int):
    meter = Meter(SAG)
    meter.read(sag_count_l1=before)
    assert meter.read(sag_count_l1=after) == ()
    assert meter.latches.went_back == ("sag_count_l1",)
    assert meter.read(sag_count_l1=after) == ()
    assert meter.latches.went_back == ()
    assert only(meter.read(sag_count_l1=after + 1)).count == 1


def test_a_counter_of_no_known_range_never_runs_over():
    meter = Meter(Latch("sag_count_l1", "sag_count", "l1"))
    meter.read(sag_count_l1=65535)
    assert meter.read(sag_count_l1=0) == ()


def test_a_value_that_was_gone_for_one_read_was_never_gone():
    meter = Meter(SAG)
    meter.read(sag_count_l1=17)
    meter.read(sag_count_l1=0)
    assert meter.read(sag_count_l1=17) == ()
    assert only(meter.read(sag_count_l1=18)).before == 17


def test_another_meter_has_not_counted_anything():
    """One register went back: none of them is compared with what stood there before."""
    meter = Meter(SAG, ENERGY, FAILURES, LOW)
    meter.read(sag_count_l1=2, voltage_l1_min=190)
    meter.read(active_energy_import=9e6, power_failures=1)
    assert meter.read(active_energy_import=1e6, power_failures=4) == ()
    assert meter.latches.went_back == ("active_energy_import",)
    assert meter.read(sag_count_l1=250, voltage_l1_min=3) == ()
    assert only(meter.read(sag_count_l1=251, voltage_l1_min=3)).count == 1


def test_a_register_without_an_answer_keeps_its_last_read():
    meter = Meter(SAG, LOW)
    meter.read(sag_count_l1=2, voltage_l1_min=190)
    meter.read(voltage_l1_min=190)
    assert only(meter.read(sag_count_l1=3)).asked_us == 59 * SECOND


def kinds(found: Sequence[Finding]) -> list[tuple[str, list[str]]]:
    return [(one.kind, [move.latch.name for move in one.moves]) for one in found]


def moved(*latches: Latch) -> list[Move]:
    return [Move(latch, 1, 2, int(latch.row.how == "count"), 0, 0, SECOND) for latch in latches]


def test_several_phases_are_one_finding():
    assert kinds(findings(moved(*SAGS, LOW), (*SAGS, LOW), lives_on_it=True)) == [
        ("sag", ["sag_count_l1", "sag_count_l2", "sag_count_l3", "voltage_l1_min"])
    ]


def test_an_interruption_on_every_phase_is_a_supply_loss_on_one_a_sag():
    assert kinds(findings(moved(*CUTS), CUTS, lives_on_it=True)) == [("supply_loss", [cut.name for cut in CUTS])]
    assert kinds(findings(moved(CUTS[1]), CUTS, lives_on_it=True)) == [("sag", ["interruption_count_l2"])]


def test_a_power_failure_is_a_supply_loss_of_a_meter_that_lives_on_what_it_measures():
    assert kinds(findings(moved(FAILURES, LASTED), (FAILURES, LASTED), lives_on_it=True)) == [
        ("supply_loss", ["power_failures"]),
        ("comms_loss", ["power_failure_duration"]),
    ]
    assert kinds(findings(moved(FAILURES), (FAILURES,), lives_on_it=False)) == [("comms_loss", ["power_failures"])]


def test_swells_and_overvoltages_are_swells():
    swells = [Latch(f"{stem}_l2", stem, "l2") for stem in ("swell_count", "overvoltage_count", "voltage_max")]
    (found,) = findings(moved(*swells), swells, lives_on_it=True)
    assert (found.kind, found.phases) == ("swell", {"l2"})


def test_every_row_of_the_table_is_drawn():
    import agent.detect.evidence as module

    drawn = module.__doc__ or ""
    for stem in LATCHES:
        name = {"voltage_min": "voltage_*_min", "voltage_max": "voltage_*_max"}.get(stem, stem)
        assert name in drawn, stem


@given(st.lists(st.integers(min_value=0, max_value=900), max_size=40), st.integers(min_value=0, max_value=65535))
def test_whatever_it_counts_is_found_across_the_end_of_its_range(rises: list[int], start: int):
    meter = Meter(SAG)
    meter.read(sag_count_l1=start)
    value, found = start, 0
    for rise in rises:
        value = (value + rise) % 65536
        found += sum(move.count for move in meter.read(sag_count_l1=value))
    assert found == sum(rises)
