"""Writes to a journal until it is cut off, and says what it did, one thing a line:

up EPOCH HEAD                  began; the next seq to be given out
g SEQ KIND NAME                made a record
d SEQ                          told that everything below SEQ is stored
t SINK LANE SEQ NAME DIGEST    sent a record to a sink, which took it
c SECONDS                      the clock, before a turn's records
"""

import asyncio
import base64
import random
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from history import point
from samples import MIDNIGHT_US, event, health, incident, reading, trace

from agent.journal.codec import record_text
from agent.journal.entries import Lane
from agent.journal.journal import Journal
from agent.journal.reader import Reader
from agent.records import Event, Health, Incident, Reading, Record, Trace

SINKS = ("mqtt", "influxdb")
GROUP_S = 0.02
LANES: tuple[Lane, ...] = ("live", "backlog", "trace")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """What a victim does. noise: characters of each reading that do not compress, which fill a file soon; turns: then
    it ends in order (0: never); quiet: readings only, which wait for their group; sync: NORMAL is what a journal must
    not have, and shows that a rig finds losses."""

    cap_mib: int = 512
    noise: int = 0
    turns: int = 0
    quiet: bool = False
    sync: str = "FULL"


class Records:
    """Made-up records that never repeat: `life` is in the name of each."""

    def __init__(self, life: int, noise: int, *, quiet: bool = False) -> None:
        self._dice = random.Random(life)  # noqa: S311 - not a secret
        self._life = life
        self._noise = noise
        self._quiet = quiet
        self._made = 0
        self._open: list[str] = []

    def turn(self) -> Iterator[Record]:
        """What one turn of the loop brings: readings, at times an event, with a trace, or an incident."""
        if self._quiet:  # so few that the group's time is up before there are enough for a commit
            yield self._reading()
            return
        for _ in range(self._dice.randrange(20)):
            yield self._reading()
        if self._dice.random() < 0.3:
            if self._dice.random() < 0.5:
                yield trace(event=self._name(), part=1, count=self._dice.randrange(1, 300))
            yield self._event()
        if self._dice.random() < 0.05:
            yield incident(id=self._name())

    def with_health(self) -> Iterator[Record]:
        """A turn, and in most of them how a meter stood."""
        yield from self.turn()
        if self._made % 4:
            yield health(time_us=self._next_us(), numbers={"live": 1.0, "watch_hz": self._made / 8})

    def _name(self) -> str:
        self._made += 1
        return f"{self._life}-{self._made}"

    def _reading(self) -> Reading:
        time_us = self._next_us()
        # In a flag: numbers by the hundred would cost more to decode than all else that is tested with them.
        flags = (base64.b85encode(self._dice.randbytes(self._noise)).decode(),) if self._noise else ()
        return reading(time_us=time_us, values={"voltage_l1": 230 + self._dice.random()}, flags=flags)

    def _next_us(self) -> int:
        self._made += 1
        # Lives of great seeds as well end before the year 9999.
        return MIDNIGHT_US + self._life % 100_000 * 1_000_000_000 + self._made * 1000

    def _event(self) -> Event:
        """A new one, or the end of one that is open."""
        if self._open and self._dice.random() < 0.4:
            return event(id=self._open.pop(), revision=2, state="closed", end_us=MIDNIGHT_US + 1)
        self._open.append(self._name())
        return event(id=self._open[-1])


async def live(state_dir: Path, life: int, work: Work, say: Say) -> None:
    dice, records = random.Random(~life), Records(life, work.noise, quiet=work.quiet)  # noqa: S311
    async with Journal.open(state_dir, SINKS, "gw-01", group_s=GROUP_S, cap_mib=work.cap_mib) as journal:
        say(f"up {journal.epoch} {journal.head}\n")
        if work.sync != "FULL":
            await journal._writer.ask(partial(_weaken, sync=work.sync))
        turn = 0
        while not work.turns or turn < work.turns:
            turn += 1
            say(f"c {time.monotonic()}\n")
            say("".join(f"g {one.seq} {one.kind} {one.name}\n" for one in _add(journal, records, say)))
            await _send(journal, dice, say)
            await asyncio.sleep(dice.random() * 0.004)
    say(f"d {journal.head}\n")


def _weaken(reader: Reader, sync: str) -> None:
    db: sqlite3.Connection = reader._db
    db.execute(f"PRAGMA synchronous={sync}")


def _add(journal: Journal, records: Records, say: Say) -> Iterator[object]:
    for record in records.with_health():
        before = journal.head
        if isinstance(record, Reading | Health):
            seq = journal.add_reading(record)
        elif isinstance(record, Trace):
            seq = journal.add_trace(record)
        else:
            durable = journal.add_incident(record) if isinstance(record, Incident) else journal.add_event(record)
            seq = before
            durable.add_done_callback(partial(_durable, seq + 1, say))
        yield point(seq, record)


def _durable(below: int, say: Say, told: asyncio.Future[None]) -> None:
    if not told.cancelled():
        say(f"d {below}\n")


async def _send(journal: Journal, dice: random.Random, say: Say) -> None:
    """One sink takes what there is, with pauses after which it comes back; the other one takes little."""
    if dice.random() < 0.02:
        journal.rejoin("mqtt")
    for lane in LANES:
        await _deliver(journal, "mqtt", lane, 20, say)
    if dice.random() < 0.05:
        await _deliver(journal, "influxdb", dice.choice(LANES), 50, say)


async def _deliver(journal: Journal, sink: str, lane: Lane, limit: int, say: Say) -> None:
    batch = await journal.fetch(sink, lane, limit)
    lines = [(point(entry.seq, entry.record), record_text(entry.record)) for entry in batch.entries]
    say("".join(f"t {sink} {lane} {one.seq} {one.name} {zlib.crc32(text.encode()):x}\n" for one, text in lines))
    journal.advance(sink, lane, batch.next)
