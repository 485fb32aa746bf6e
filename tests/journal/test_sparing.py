"""What spares the card: positions are not stored with every group, and sent rows go with a commit that comes anyway."""

from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading

from agent.journal.batches import Commit
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME
from agent.journal.lanes import Position
from agent.journal.reader import Reader
from agent.journal.retention import Eviction, Row
from agent.journal.store import POSITIONS_US, Store
from agent.records import Record

SENT = {"mqtt": Position(live=2, trace=2)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit((Entry(1, reading(1)),), {"mqtt": Position()}), MIDNIGHT_US)
    return store


def stored(store: Store) -> int:
    return store.ask(Reader.positions)["mqtt"].live


def commit(store: Store, *records: Record, after_us: int = 1, evictions: tuple[Eviction, ...] = ()) -> None:
    entries = tuple(Entry(2 + n, record) for n, record in enumerate(records))
    store.commit(Commit(entries, SENT, evictions=evictions), MIDNIGHT_US + after_us)


def test_a_group_of_readings_leaves_the_positions_for_a_minute(store: Store) -> None:
    commit(store, reading(2), after_us=POSITIONS_US - 1)
    assert stored(store) == 1
    store.commit(Commit((Entry(3, reading(3)),), SENT), MIDNIGHT_US + POSITIONS_US)
    assert stored(store) == 2


@pytest.mark.parametrize("after_us", [POSITIONS_US, -POSITIONS_US])
def test_a_clock_that_is_set_does_not_keep_them_for_ever(store: Store, after_us: int) -> None:
    commit(store, reading(2), after_us=after_us)
    assert stored(store) == 2


def test_an_event_takes_them_along(store: Store) -> None:
    commit(store, reading(2), event())
    assert stored(store) == 2


def test_a_commit_for_their_sake_stores_them(store: Store) -> None:
    commit(store)
    assert stored(store) == 2


def test_what_is_deleted_because_every_sink_has_it_takes_them_along(store: Store) -> None:
    commit(store, reading(2), evictions=(Eviction((Row("chunk", 1, 1, 100),), (), "evicted"),))
    assert stored(store) == 2


@pytest.mark.parametrize("clean", [True, False])
def test_an_end_stores_them(store: Store, tmp_path: Path, clean: bool) -> None:
    commit(store, reading(2))
    store.close(clean=clean)
    again = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    assert again.start(MIDNIGHT_US).positions["mqtt"].live == 2
    again.close(clean=True)


def test_an_end_after_a_commit_that_failed_stores_no_position_before_its_rows(store: Store, tmp_path: Path) -> None:
    with pytest.raises(OverflowError):
        store.commit(Commit((Entry(2, event(start_us=1 << 70)),), {"mqtt": Position(live=3)}), MIDNIGHT_US)
    store.close(clean=False)
    again = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    found = again.start(MIDNIGHT_US)
    assert (found.head, found.positions["mqtt"].live, found.holes.ranges) == (2, 1, ())
    again.close(clean=True)


@pytest.mark.parametrize(("sent", "rides"), [(1 << 20, True), (1, False)])
def test_rows_that_nobody_lacks_go_with_the_next_commit_and_others_at_once(
    tmp_path: Path, sent: int, rides: bool
) -> None:
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 1 << 20)
    store.start(MIDNIGHT_US)
    seq, done = 1, None
    while done is None or not (done.surplus or done.aged):
        noisy = tuple(Entry(seq + n, event(id=f"ev-{seq + n}", state="closed", line="x" * 900)) for n in range(20))
        done = store.commit(Commit(noisy, {"mqtt": Position(live=sent)}), MIDNIGHT_US)
        seq += 20
    assert (done.aged is not None, done.surplus is not None) == (rides, not rides)
    store.close(clean=True)
