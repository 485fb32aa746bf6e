"""What is not durable yet: a sink that asks for the last few entries gets them, whatever was shed before; and however
long the disk takes nothing, memory is bounded."""

import logging
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event, incident, reading

from agent.journal.entries import Range
from agent.journal.intake import TAIL_GAPS, TAIL_MOST, Intake
from agent.journal.tail import Tail
from agent.records import Event, Gap, Incident, Reading


@given(
    st.lists(st.booleans(), max_size=60), st.integers(0, 60), st.integers(0, 30), st.integers(0, 70), st.integers(1, 9)
)
def test_a_page_is_what_lies_in_its_range(events: list[bool], settled: int, kept: int, lo: int, limit: int) -> None:
    """events: which of the appended are events; the first `settled` are durable, readings are shed down to `kept`."""
    tail = Tail(3)
    for number, is_event in enumerate(events):
        tail.append(event() if is_event else reading(number))
    tail.settle(3 + settled)
    tail.shed(Reading, kept)
    left = tail.entries()
    assert tail.counts[Reading] == sum(isinstance(entry.record, Reading) for entry in left) <= kept
    assert sum(isinstance(entry.record, Event) for entry in left) == sum(events[settled:])
    assert tail.within((lo, lo + 20), limit) == tuple(e for e in left if lo <= e.seq < lo + 20)[:limit]


def test_the_text_of_a_reading_is_written_once() -> None:
    tail = Tail(1)
    tail.append(reading(1))
    (entry,) = tail.entries()
    assert entry.text(reading(1)) is entry.text(reading(1))


def test_of_events_those_go_first_that_a_later_revision_replaces_and_then_what_is_over() -> None:
    tail = Tail(1)
    tail.append(event(id="goes on"))  # 1
    tail.append(event(id="is over", state="closed"))  # 2
    tail.append(event(id="was revised"))  # 3
    tail.append(event(id="was revised", revision=2))  # 4
    tail.append(event(id="is over, too", state="retracted"))  # 5
    order = []
    for keep in (4, 3, 2, 1, 0):
        ((lo, hi),) = tail.shed(Event, keep)
        order += range(lo, hi)
    assert order == [3, 2, 5, 1, 4]
    assert (len(tail), tail.first, tail.counts[Event]) == (0, 6, 0)


def intake(tail: Tail, forsaken: list[Range]) -> Intake:
    def gone(ranges: Iterable[Range]) -> None:
        forsaken.extend(ranges)

    return Intake(tail, lambda: 7, gone)


@pytest.mark.parametrize("kind", [Reading, Event, Incident])
def test_each_kind_is_bounded_and_what_goes_is_said(
    kind: type[Reading | Event | Incident], caplog: pytest.LogCaptureFixture
) -> None:
    make = {Reading: reading, Event: lambda n: event(id=f"{n}"), Incident: lambda n: incident(id=f"{n}")}[kind]
    tail, forsaken = Tail(1), list[Range]()
    incoming, most = intake(tail, forsaken), TAIL_MOST[kind]
    with caplog.at_level(logging.ERROR):
        for number in range(most + 1):
            incoming.append(make(number))
    gone = most + 1 - most * 9 // 10
    assert forsaken == [(1, gone + 1)]
    assert incoming.sheds == 1
    assert [entry.record for entry in tail.entries() if isinstance(entry.record, Gap)] == [
        Gap(1, gone, "not durable in time", 7)
    ]
    assert tail.counts[kind] == most * 9 // 10
    assert [record.message for record in caplog.records] == [
        f"journal.memory_full kind={kind.__name__.lower()} kept={most * 9 // 10} seq_lo=1 seq_hi={gone}"
    ]


@pytest.mark.e2e
def test_gap_records_are_bounded_and_tell_of_everything_that_went() -> None:
    """The worst there is: an event between any two readings, for as long as it takes to lose each of them thrice."""
    tail, forsaken = Tail(1), list[Range]()
    incoming = intake(tail, forsaken)
    for number in range(40_000):
        incoming.append(reading(number))
        incoming.append(event(id=f"{number}"))
    left = {entry.seq for entry in tail.entries()}
    gaps = [entry.record for entry in tail.entries() if isinstance(entry.record, Gap)]
    told = {seq for gap in gaps for seq in range(gap.seq_lo, gap.seq_hi + 1)}
    assert set(range(1, tail.head)) == left | told
    assert not left & told
    most = sum(TAIL_MOST.values()) + TAIL_GAPS
    assert len(tail) <= 2 * most
