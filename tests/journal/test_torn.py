"""A cut of tests/soak/store_torn.py, and the parts it is made of."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event
from torn_campaign import campaign
from torn_fuzz import campaign as fuzz
from torn_fuzz import places
from torn_images import Tear, image
from torn_vfs import IOERR_FSYNC, Op, Recording, recorded, why_no_recording
from torn_work import work

from agent.journal.batches import Commit
from agent.journal.codec import Chunk, ChunkError, decode, decode_event, decode_incident, decode_trace
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME
from agent.journal.store import Store

WAL = f"{FILE_NAME}-wal"
pytestmark = pytest.mark.skipif(bool(why_no_recording()), reason=f"nothing was torn: {why_no_recording()}")


@pytest.mark.e2e
def test_nothing_that_was_said_to_be_stored_is_lost_in_torn_images(tmp_path: Path) -> None:
    for total in campaign(300, 1, tmp_path / "state"):
        assert total.examples == []
        assert (total.lost, total.moved, total.damaged) == ({}, 0, 0)
    assert total.images == 300
    assert total.events > 20


@pytest.mark.e2e
def test_a_card_that_lies_about_its_last_syncs_makes_no_silent_gap(tmp_path: Path) -> None:
    for total in campaign(200, 2, tmp_path / "state", lying=True):
        assert total.lost == {}, total.examples
    assert total.short > 10, "no image lacked anything: nothing was tested"


def test_a_schema_that_is_no_text_any_more_is_damage(tmp_path: Path) -> None:
    """SQLite repeats it in its error, and Python cannot decode that."""
    file = tmp_path / FILE_NAME
    store = Store(file, "aa", "gw", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit((Entry(1, event()),), {}), MIDNIGHT_US)
    store.close(clean=True)
    content = file.read_bytes()
    assert content.count(b"CREATE TABLE event (") == 1
    file.write_bytes(content.replace(b"CREATE TABLE event (", b"CREATE TABL\xc5 event ("))
    again = Store(file, "bb", "gw", 512 << 20)
    again.start(MIDNIGHT_US)
    assert "was moved to" in again.ask(lambda reader: reader.figures().note)
    again.close(clean=True)


@pytest.mark.e2e
def test_no_start_on_a_mutated_file_is_refused_and_nothing_is_missing_unsaid(tmp_path: Path) -> None:
    for total in fuzz(200, 3, tmp_path / "state"):
        assert total.lost == {}, total.examples
        assert total.refused == 0, [words for words in total.examples if ".bad-" not in words]
    assert total.moved > 20
    assert total.damaged > 10


@pytest.mark.e2e
def test_a_page_or_key_in_the_place_of_another_doubles_no_seq_and_nothing_is_missing_unsaid(tmp_path: Path) -> None:
    for total in places(200, 5, tmp_path / "state"):
        assert total.lost == {}, total.examples
        assert total.refused == 0, [words for words in total.examples if ".bad-" not in words]
    assert total.moved > 20


def test_a_commit_is_told_when_its_last_write_was_synced_and_not_before(tmp_path: Path) -> None:
    worked = work(100_000, tmp_path)
    synced = [mark for mark in worked.marks if worked.ops[mark.ops - 1].what == "sync"]
    assert len(synced) == len(worked.marks) > 10


@pytest.mark.parametrize("read", [decode_event, decode_incident, lambda body, crc32: decode_trace(1, crc32, body)])
@pytest.mark.parametrize(("body", "crc32"), [(None, 0), ("words", 0), (b"", 0), (b"x", None)])
def test_a_torn_page_may_give_a_row_any_type_and_it_is_damage(
    read: Callable[[object, object], object], body: object, crc32: object
) -> None:
    with pytest.raises(ChunkError):
        read(body, crc32)


@pytest.mark.parametrize(
    ("seq_hi", "codec", "body", "crc32"), [(2, 1, None, 0), (None, 1, b"x\x9c", 3), (2, None, b"", 0)]
)
def test_so_it_is_in_a_chunk(seq_hi: object, codec: object, body: object, crc32: object) -> None:
    with pytest.raises(ChunkError):
        decode(Chunk(1, seq_hi, codec, crc32, body))  # type: ignore[arg-type]


def test_everything_that_the_store_writes_is_recorded(tmp_path: Path) -> None:
    recording = Recording()
    file = tmp_path / FILE_NAME
    with recorded(recording):
        store = Store(file, "aa", "gw", 512 << 20)
        store.start(MIDNIGHT_US)
        store.commit(Commit((Entry(1, event()),), {}), MIDNIGHT_US)
        assert recording.ops[-1] == Op("sync", WAL), "a commit ends with a sync of the log"
        copies = {path.name: path.read_bytes() for path in (file, file.with_name(WAL))}
        done = len(recording.ops)
        store.close(clean=True)
    assert recording.ops[-1] == Op("delete", WAL)
    whole = image({}, recording.ops[:done], random.Random(1), Tear(1.0, 0.0))  # noqa: S311
    assert {name: content for name, content in whole.items() if name in copies} == copies
    assert image({}, recording.ops, random.Random(1), Tear(0.0, 0.0))[FILE_NAME] == file.read_bytes()  # noqa: S311


def test_what_was_written_after_the_last_sync_may_be_there_or_not() -> None:
    ops = [
        Op("write", "f", 0, b"a" * 512),
        Op("sync", "f"),
        Op("write", "f", 512, b"b" * 1024),
        Op("truncate", "f", 100),
    ]
    dice = random.Random(1)  # noqa: S311
    assert image({}, ops, dice, Tear(0.0, 0.0)) == {"f": b"a" * 512}
    assert image({}, ops[:3], dice, Tear(1.0, 0.0)) == {"f": b"a" * 512 + b"b" * 1024}
    assert image({}, ops, dice, Tear(1.0, 0.0)) == {"f": b"a" * 100}
    junk = image({}, ops[:3], dice, Tear(1.0, 1.0))["f"]
    assert junk[:512] == b"a" * 512
    assert len(junk) == 1536
    assert b"b" * 20 not in junk
    sizes = {len(image({}, ops[:3], dice, Tear(0.5, 0.0))["f"]) for _ in range(50)}
    assert sizes == {512, 1024, 1536}


def test_a_sync_that_lied_synced_nothing() -> None:
    ops = [Op("write", "f", 0, b"a"), Op("sync", "f"), Op("write", "f", 1, b"b"), Op("sync", "f")]
    dice = random.Random(1)  # noqa: S311
    assert image({}, ops, dice, Tear(0.0, 0.0)) == {"f": b"ab"}
    assert image({}, ops, dice, Tear(0.0, 0.0), lies=1) == {"f": b"a"}
    assert image({}, ops, dice, Tear(0.0, 0.0), lies=2) == {"f": b""}


@pytest.mark.e2e
def test_recordings_meet_checkpoints_evictions_migrations_and_second_lives(tmp_path: Path) -> None:
    met = set()
    for seed in range(14):
        place = tmp_path / str(seed)
        place.mkdir()
        worked = work(seed, place)
        made = [one for life in worked.lives for one in life.generated]
        met |= {"second life"} if len(worked.lives) > 2 else set()
        met |= {"migration"} if worked.before else set()
        met |= {"gap"} if any(one.kind == "gap" for one in made) else set()
        first_commit, last_commit = worked.marks[0].ops, worked.marks[-1].ops
        met |= {"checkpoint"} if Op("sync", FILE_NAME) in worked.ops[first_commit:last_commit] else set()
    assert met == {"second life", "migration", "gap", "checkpoint"}


def test_lives_know_what_had_been_said_at_a_cut(tmp_path: Path) -> None:
    worked = work(3, tmp_path)
    first = worked.marks[0]
    assert all(life.durable in (0, life.head) or life.epoch == "older" for life in worked.lives_at(first.ops - 1))
    assert worked.lives_at(first.ops)[first.life].durable == first.durable
    assert worked.lives_at(len(worked.ops))[-1].durable == worked.marks[-1].durable


def test_a_sync_can_be_made_to_fail_and_nothing_of_the_commit_counts(tmp_path: Path) -> None:
    recording = Recording()
    with recorded(recording):
        store = Store(tmp_path / FILE_NAME, "aa", "gw", 512 << 20)
        store.start(MIDNIGHT_US)
        recording.before_sync = lambda _: IOERR_FSYNC
        batch = Commit((Entry(1, event()),), {})
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            store.commit(batch, MIDNIGHT_US)
        recording.before_sync = lambda _: 0
        assert store.commit(batch, MIDNIGHT_US).head == 2
        store.close(clean=True)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("SELECT count(*) FROM event").fetchone() == (1,)
