"""What is not durable yet: a sink that asks for the last few entries gets them, whatever was shed before."""

from hypothesis import given
from hypothesis import strategies as st
from samples import event, reading

from agent.journal.tail import Tail
from agent.records import Event


@given(
    st.lists(st.booleans(), max_size=60), st.integers(0, 60), st.integers(0, 30), st.integers(0, 70), st.integers(1, 9)
)
def test_a_page_is_what_lies_in_its_range(events: list[bool], settled: int, kept: int, lo: int, limit: int) -> None:
    """events: which of the appended are events; the first `settled` are durable, readings are shed down to `kept`."""
    tail = Tail(3)
    for number, is_event in enumerate(events):
        tail.append(event() if is_event else reading(number))
    tail.settle(3 + settled)
    tail.shed(kept)
    left = tail.entries()
    assert all(isinstance(entry.record, Event) for entry in left[: max(0, len(left) - kept)])
    assert tail.within((lo, lo + 20), limit) == tuple(e for e in left if lo <= e.seq < lo + 20)[:limit]


def test_the_text_of_a_reading_is_written_once() -> None:
    tail = Tail(1)
    tail.append(reading(1))
    (entry,) = tail.entries()
    assert entry.text(reading(1)) is entry.text(reading(1))
