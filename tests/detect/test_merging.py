"""Which event a counter that moved belongs to: the table of `agent.detect.merging`, row by row."""

import pytest
from looks import rules, s
from samples import event

from agent.detect.changes import Span
from agent.detect.evidence import Finding, Latch, Move
from agent.detect.merging import Memory
from agent.records import Kind

SAG = Latch("sag_count_l1", "sag_count", "l1")


def memory(*known: tuple[str, Kind, float, float | None], basis: str = "measured") -> Memory:
    """(id, kind, start, end) in seconds; the end None while it is open."""
    made = Memory(rules(), lambda at_us: at_us, keeps=True)
    for name, kind, start_s, end_s in known:
        state = "open" if end_s is None else "closed"
        span = Span(s(start_s), s(start_s - 0.3))
        if end_s is not None:
            span = span.ended(s(end_s), s(end_s - 0.3))
        made.put(event(id=name, kind=kind, state=state, basis=basis, phases=("l1",)), span)
    return made


def counted(kind: Kind = "sag", count: int = 1) -> Finding:
    """Between a read at 30 s and one at 60 s."""
    return Finding(kind, (Move(SAG, 3, 3 + count, count, s(30), s(30), s(60)),))


def about(known: Memory, finding: Finding | None = None) -> list[str]:
    return [one.event.id for one in known.about(finding or counted())]


@pytest.mark.parametrize(
    ("start_s", "end_s", "met"),
    [
        (10, 20, False), (10, 29.9, False), (10, 31, True), (40, 50, True), (59, None, True), (10, None, True),
        (61, 70, False),
    ],
)  # fmt: skip
def test_an_event_is_met_where_its_interval_and_that_of_the_reads_do(start_s, end_s, met):
    assert about(memory(("a", "sag", start_s, end_s))) == (["a"] if met else [])


def test_all_polled_events_of_the_likeliest_kind_are_met_and_no_others():
    known = memory(("a", "sag", 35, 36), ("b", "sag", 45, 46), ("c", "supply_loss", 45.2, 45.8), ("d", "swell", 40, 41))
    assert about(known) == ["a", "b"]
    assert about(known, counted("swell")) == ["d"]


def test_a_slow_event_is_met_where_it_begins_and_not_in_the_middle():
    assert about(memory(("a", "undervoltage", 35, None))) == ["a"]
    assert about(memory(("a", "undervoltage", 10, None))) == []


def test_an_event_of_the_meters_own_is_met_unless_its_counter_counts_again():
    known = memory(("a", "sag", 40, 41), basis="meter_log")
    assert about(known) == ["a"]
    known.note(*known.about(counted()), counted())
    assert about(known) == []


def test_what_is_over_is_forgotten_and_what_goes_on_is_not():
    known = memory(("a", "sag", 35, 36), ("b", "swell", 50, None))
    known.forget(s(36))
    assert (about(known), about(known, counted("swell"))) == ([], ["b"])
