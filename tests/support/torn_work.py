"""A store at work while everything it writes is recorded. One seed, one recording: no thread, no clock."""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from history import Life, Point, point
from journal_victim import SINKS, Records
from samples import MIDNIGHT_US
from torn_vfs import Op, Recording, recorded

from agent.journal.batches import Commit
from agent.journal.entries import DeadLetter, Entry
from agent.journal.file import FILE_NAME
from agent.journal.lanes import Position
from agent.journal.retention import Eviction
from agent.journal.store import Store
from agent.records import Gap, Record

_SCHEMA_1 = Path(__file__).resolve().parent.parent / "cases" / "journal-schema-1.sqlite3.gz"

# Every other commit stores the sinks' positions.
_TURN_US = 30_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """After so many ops it was said that everything of a life below `durable` is stored."""

    ops: int
    life: int
    durable: int


@dataclass(frozen=True, slots=True)
class Worked:
    """before: the files as they were; lives: complete, with nothing durable yet."""

    before: dict[str, bytes]
    ops: tuple[Op, ...]
    marks: tuple[Mark, ...]
    lives: tuple[Life, ...]
    cap_mib: int

    def lives_at(self, ops: int) -> list[Life]:
        """What had been said when so many ops were done."""
        durable = {mark.life: mark.durable for mark in self.marks if mark.ops <= ops}
        return [replace(life, durable=durable.get(n, life.durable)) for n, life in enumerate(self.lives)]


@dataclass(slots=True)
class _Shop:
    dice: random.Random
    cap_mib: int
    noise: int
    recording: Recording = field(default_factory=Recording)
    marks: list[Mark] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)


def work(seed: int, state_dir: Path) -> Worked:
    """state_dir: empty. Two in ten begin with an older file, three in ten fill a small one until it evicts."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    shop = _Shop(dice, *dice.choice(((512, 0), (512, 0), (512, 6000), (1, 3000))))
    file, before = state_dir / FILE_NAME, {}
    if dice.random() < 0.2:
        before[FILE_NAME] = gzip.decompress(_SCHEMA_1.read_bytes())
        file.write_bytes(before[FILE_NAME])
    with recorded(shop.recording):
        for _ in range(dice.randint(1, 3)):
            _live(shop, file, seed * 10 + len(shop.lives))
    return Worked(before, tuple(shop.recording.ops), tuple(shop.marks), tuple(shop.lives), shop.cap_mib)


def _live(shop: _Shop, file: Path, life: int) -> None:
    store = Store(file, f"epoch-{life}", "gw-01", shop.cap_mib << 20)
    found = store.start(MIDNIGHT_US)
    number = len(shop.lives)
    if not number and found.head > 1:
        shop.lives.append(Life("older", 1, _older(store, found.head), found.head))
        number = 1
    records = Records(life, shop.noise)
    made: list[Point] = []
    positions = {sink: found.positions.get(sink, Position()) for sink in SINKS}
    evictions: tuple[Eviction, ...] = ()
    head = found.head
    for turn in range(shop.dice.randint(3, 50)):
        entries = [Entry(head + n, record) for n, record in enumerate(_turn(records, evictions))]
        head += len(entries)
        made += (point(entry.seq, entry.record) for entry in entries)
        _move(shop.dice, positions, head)
        batch = Commit(tuple(entries), dict(positions), _dead(shop.dice, head), evictions)
        done = store.commit(batch, MIDNIGHT_US + turn * _TURN_US)
        shop.marks.append(Mark(len(shop.recording.ops), number, done.head))
        evictions = tuple(one for one in (done.surplus, done.aged) if one is not None)
    store.close(clean=shop.dice.random() < 0.5)
    shop.lives.append(Life(f"epoch-{life}", found.head, tuple(made)))


def _older(store: Store, head: int) -> tuple[Point, ...]:
    page = store.ask(lambda reader: reader.read((0, head), head))
    return tuple(point(entry.seq, entry.record) for entry in page.entries)


def _turn(records: Records, evictions: tuple[Eviction, ...]) -> Iterator[Record]:
    for eviction in evictions:
        for lo, hi in eviction.lost:
            yield Gap(lo, hi - 1, eviction.reason, MIDNIGHT_US)
    yield from records.with_health()


def _move(dice: random.Random, positions: dict[str, Position], head: int) -> None:
    if dice.random() < 0.7:
        positions["mqtt"] = replace(positions["mqtt"], live=head, trace=head)
    if dice.random() < 0.2:
        positions["influxdb"] = replace(positions["influxdb"], live=max(positions["influxdb"].live, head - 200))


def _dead(dice: random.Random, head: int) -> tuple[DeadLetter, ...]:
    return (DeadLetter("mqtt", head - 1, "refused", "{}", MIDNIGHT_US),) if dice.random() < 0.05 else ()
