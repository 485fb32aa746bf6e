"""Both sinks are away for hours while the site goes on, then back: what is on the disk, how fast the backlog goes out,
whether it is in order and whole, and how live the live readings are meanwhile.

The journal and the forwarders are the product's, with what each sink makes of an entry; the servers are near: each
window takes `round_trip_s` and nothing else. Time is skipped, work is not (`skipping_time`).
"""

import asyncio
import gzip
import math
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from outage_site import PERIOD_S, Street
from samples import MIDNIGHT_US

from agent.errors import SinkError
from agent.journal.entries import Batch, Entry, Lane
from agent.journal.journal import Journal
from agent.publish.forwarder import ACCEPT, Verdict, forward
from agent.publish.gate import Gate
from agent.publish.line_protocol import LineEncoder
from agent.publish.mqtt_packets import publish_packet
from agent.publish.mqtt_rules import encode
from agent.publish.topics import Message
from agent.records import Event, Incident, Reading, Record, Trace

_ENCODER = LineEncoder("dashi", "gw-01", {})


def to_mqtt(entries: Sequence[Entry]) -> int:
    """Bytes on the wire."""
    messages = [encode("lamplighter/dashi/gw-01", entry, "session") for entry in entries]
    return sum(len(publish_packet(one, 1, v5=False)) for one in messages if isinstance(one, Message))


def to_influx(entries: Sequence[Entry]) -> int:
    return len(gzip.compress(b"\n".join(filter(None, (_line(entry) for entry in entries))), 1))


def _line(entry: Entry) -> bytes:
    match entry.record:
        case Reading() as reading:
            return _ENCODER.reading(reading, entry.seq)
        case Trace() as trace:
            return b"\n".join(_ENCODER.trace(trace))
        case Event() as event:
            return _ENCODER.event_log(event) + b"\n" + _ENCODER.event(event)
        case _:
            raise AssertionError(f"seq {entry.seq}: nobody made a {type(entry.record).__name__}")


@dataclass(frozen=True, slots=True)
class Link:
    """One sink. window, linger_s: as the product has them; round_trip_s: what a window takes on the way."""

    name: str
    window: int
    round_trip_s: float
    wire: Callable[[Sequence[Entry]], int]
    linger_s: float = 0.0


# Two flights of 50 messages and 25 ms there and back each; a post of 1000 lines, half a second until it is stored.
LINKS = (Link("mqtt", 100, 0.05, to_mqtt), Link("influxdb", 1000, 0.5, to_influx, 1.0))


@dataclass
class Truth:
    """What was made: by seq a mark of the record, and when it was made, in seconds of the loop."""

    marks: "array[int]" = field(default_factory=lambda: array("q", [0]))
    made_s: "array[float]" = field(default_factory=lambda: array("d", [0.0]))

    def note(self, seq: int, record: Record, now_s: float) -> None:
        assert seq == len(self.marks), f"seq {seq} after {len(self.marks) - 1}"
        self.marks.append(mark(record))
        self.made_s.append(now_s)


def mark(record: Record) -> int:
    """Alike for the same record only."""
    if isinstance(record, Reading):
        return hash((record.meter, record.time_us, *record.values.values(), *record.min.values()))
    if isinstance(record, Event | Incident):
        return hash((record.id, record.revision, record.state))
    return hash((record.event, record.part, record.rows)) if isinstance(record, Trace) else 0


@dataclass
class Server:
    """What one sink's server got, and what was wrong with it."""

    link: Link
    truth: Truth
    away: bool = True
    back: asyncio.Event = field(default_factory=asyncio.Event)
    got: bytearray = field(default_factory=bytearray)
    wire_bytes: int = 0
    back_s: float = math.inf
    lanes: dict[int, Lane] = field(default_factory=dict)  # of windows on their way, by first seq
    last: dict[Lane, int] = field(default_factory=dict)  # seq that came, by lane
    late_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
        if self.away:
            raise SinkError("connection refused")
        self.wire_bytes += self.link.wire(entries)
        await asyncio.sleep(self.link.round_trip_s)
        now_s = asyncio.get_running_loop().time()
        self._order(entries)
        self.got.extend(bytes(len(self.truth.marks) - len(self.got)))
        for entry in entries:
            self._take(entry, now_s)
        return [ACCEPT] * len(entries)

    def _take(self, entry: Entry, now_s: float) -> None:
        self.got[entry.seq] = min(255, self.got[entry.seq] + 1)
        if mark(entry.record) != self.truth.marks[entry.seq]:
            self.wrong.append(f"seq {entry.seq} is not what was made")
        if self.truth.made_s[entry.seq] >= self.back_s and not isinstance(entry.record, Trace):
            self.late_s.append(now_s - self.truth.made_s[entry.seq])

    def _order(self, entries: Sequence[Entry]) -> None:
        seqs = [entry.seq for entry in entries]
        lane = self.lanes.pop(seqs[0])
        if seqs != sorted(seqs) or seqs[0] <= self.last.get(lane, 0):
            self.wrong.append(f"{lane}: seq {seqs[0]} to {seqs[-1]} after {self.last.get(lane, 0)}")
        self.last[lane] = seqs[-1]

    async def rest(self, seconds: float) -> None:
        """As `MqttSink.rest`: over at once when the server is back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.back.wait()


class Lanes(Gate):
    """The gate, and a note for the server of which lane each window is."""

    def __init__(self, journal: Journal, server: Server) -> None:
        super().__init__(journal, early=server.link.name == "mqtt")
        self._server = server

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        batch = await super().fetch(sink, lane, limit)
        if batch.entries:
            self._server.lanes[batch.entries[0].seq] = lane
        return batch


@dataclass(frozen=True, slots=True)
class Replay:
    """How one sink caught up. late_s: of the live readings meanwhile, from made to acknowledged, sorted."""

    sink: str
    took_s: float
    late_s: Sequence[float]
    wire_bytes: int
    again: int
    wrong: Sequence[str]

    def late_at(self, share: float) -> float:
        return self.late_s[min(len(self.late_s) - 1, int(len(self.late_s) * share))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """rows: made during the outage; disk_bytes: of the state directory when it ended."""

    hours: float
    rows: int
    events: int
    disk_bytes: int
    replays: Sequence[Replay]

    @property
    def times_real(self) -> float:
        """Of the slower sink."""
        return self.hours * 3600 / max(replay.took_s for replay in self.replays)


async def outage(
    state: Path,
    hours: float,
    seed: int = 1,
    links: Sequence[Link] = LINKS,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    loop, street, truth = asyncio.get_running_loop(), Street(seed), Truth()
    began_s = loop.time()
    servers = [Server(link, truth) for link in links]

    def now_us() -> int:
        return MIDNIGHT_US + round((loop.time() - began_s) * 1e6)

    async with Journal.open(state, [link.name for link in links], "gw-01", now_us=now_us) as journal:
        tasks = [asyncio.create_task(_forwarding(journal, server)) for server in servers]
        polling = asyncio.create_task(_polling(journal, street, truth, began_s))
        for hour in range(1, int(hours) + 1):
            await _until(began_s + hour * 3600, polling, tasks)
            if hour % 6 == 0:
                tell(f"{hour} h, {len(truth.marks) - 1} rows, {size_of(state) / 1e6:.1f} MB")
        await _until(began_s + hours * 3600, polling, tasks)
        rows, size = len(truth.marks) - 1, size_of(state)
        replays = await asyncio.gather(*(_caught_up(journal, server, rows, tell) for server in servers))
        for task in (polling, *tasks):
            task.cancel()
        await asyncio.gather(polling, *tasks, return_exceptions=True)
    return Outcome(hours, rows, street.events, size, replays)


async def _until(at_s: float, *watched: asyncio.Task[None] | Sequence[asyncio.Task[None]]) -> None:
    await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))
    for one in watched:
        for task in one if isinstance(one, Sequence) else (one,):
            assert not task.done(), task


def size_of(state: Path) -> int:
    return sum(file.stat().st_size for file in state.iterdir())


async def _polling(journal: Journal, street: Street, truth: Truth, began_s: float) -> None:
    loop, ticks = asyncio.get_running_loop(), 0
    while True:
        for record in street.tick(ticks * PERIOD_S):
            truth.note(_add(journal, record), record, loop.time())
        ticks += 1
        await asyncio.sleep(max(0.0, began_s + ticks * PERIOD_S - loop.time()))


def _add(journal: Journal, record: Record) -> int:
    if isinstance(record, Reading):
        return journal.add_reading(record)
    if isinstance(record, Trace):
        return journal.add_trace(record)
    assert isinstance(record, Event)
    journal.add_event(record)
    return journal.head - 1


async def _forwarding(journal: Journal, server: Server) -> None:
    link = server.link
    await forward(
        Lanes(journal, server), link.name, server.send, window=link.window, linger_s=link.linger_s, sleep=server.rest,
    )  # fmt: skip


async def _caught_up(journal: Journal, server: Server, rows: int, tell: Callable[[str], None]) -> Replay:
    """The server is back; until it has all that was made while it was away."""
    loop = asyncio.get_running_loop()
    back_s = server.back_s = loop.time()
    server.away = False
    server.back.set()
    told = 0
    while (left := _missing(server, rows)) and loop.time() - back_s < 86_400:
        if (rows - left) * 10 // rows > told:
            told = (rows - left) * 10 // rows
            tell(f"{server.link.name}: {rows - left} of {rows} rows after {loop.time() - back_s:.0f} s")
        await asyncio.sleep(1.0)
    took_s = loop.time() - back_s
    wrong = [*server.wrong[:5], *([f"{left} rows never came"] if left else [])]
    again = sum(1 for times in server.got if times > 1)
    return Replay(server.link.name, took_s, sorted(server.late_s), server.wire_bytes, again, wrong)


def _missing(server: Server, rows: int) -> int:
    return rows - len(server.got[1 : rows + 1]) + server.got[1 : rows + 1].count(0)
