from collections.abc import Iterator, Sequence

from agent.journal.entries import Range
from agent.journal.lanes import Position
from agent.journal.retention import (
    SLICE,
    Row,
    Sent,
    Table,
    choose,
    excess_bytes,
    merged,
    sent_by,
)

CHUNKS = [Row("chunk", lo, lo + 9, 100) for lo in range(0, 100, 10)]
EVENTS = [Row("event", 200, 200, 50), Row("gap", 201, 201, 50), Row("event", 202, 202, 50)]


def stored(tables: Sequence[Table], within: Range) -> Iterator[Row]:
    lo, hi = within
    return (row for row in CHUNKS + EVENTS if row.table in tables and lo <= row.seq_lo and row.seq_hi < hi)


def test_nothing_goes_below_the_high_mark_and_then_down_to_the_low_one() -> None:
    assert excess_bytes(used=900, cap=1000) == 0
    assert excess_bytes(used=901, cap=1000) == 51


def test_sent_is_what_every_sink_has() -> None:
    positions = [Position(live=80, backlog_lo=20, backlog_hi=40), Position(live=60)]
    assert sent_by(positions, head=100).ranges == ((0, 20), (40, 60))
    assert sent_by([], head=100) == Sent(((0, 100),), 100)


def test_sent_readings_go_first_even_where_older_ones_are_unsent() -> None:
    sent = sent_by([Position(live=80, backlog_lo=20, backlog_hi=40)], head=100)
    found = choose(stored, sent, head=300, need_bytes=250)
    assert [row.seq_lo for row in found.rows] == [0, 10, 40]
    assert found.lost == ()


def test_then_the_oldest_unsent_readings_go_and_what_was_lost_is_said() -> None:
    sent = sent_by([Position(live=10)], head=300)
    found = choose(stored, sent, head=300, need_bytes=300)
    assert [row.seq_lo for row in found.rows] == [0, 10, 20]
    assert found.lost == ((10, 30),)


def test_a_chunk_that_is_half_sent_counts_as_unsent() -> None:
    found = choose(stored, sent_by([Position(live=5)], 300), head=300, need_bytes=100)
    assert found.lost == ((0, 10),)


def test_events_go_last_and_unsent_gap_records_never() -> None:
    found = choose(stored, sent_by([Position(live=200)], 300), head=300, need_bytes=10**6)
    assert [row.seq_lo for row in found.rows[-2:]] == [200, 202]
    assert Row("gap", 201, 201, 50) not in found.rows
    assert found.lost == ((200, 201), (202, 203))


def test_what_is_already_doomed_is_not_chosen_again() -> None:
    found = choose(stored, Sent(((0, 300),), 300), head=300, need_bytes=100, skip=CHUNKS[:3])
    assert [row.seq_lo for row in found.rows] == [30]


def test_one_commit_deletes_no_more_than_a_slice() -> None:
    many = [Row("chunk", seq, seq, 1) for seq in range(500)]
    found = choose(
        lambda tables, within: iter(many if tables == ("chunk",) else []), Sent((), 0), 500, need_bytes=10**6
    )
    assert len(found.rows) == SLICE


def test_ranges_that_touch_become_one() -> None:
    assert merged([(5, 7), (1, 3), (3, 5), (9, 10)]) == ((1, 7), (9, 10))
