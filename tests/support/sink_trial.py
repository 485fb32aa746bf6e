"""A journal and both sinks in one process, at work while their servers misbehave; what was made, stored, acknowledged
and found, as `history` wants it.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from history import Delivery, Kept, Life, Point, Sunk, Wrong, check, point
from http_wire import HttpWire
from journal_victim import Records
from mqtt_wire import MqttWire
from observer import Observer
from samples import MIDNIGHT_US, status
from servers import Influx

from agent.clock import parse_rfc3339
from agent.errors import SinkError
from agent.journal.codec import record_text
from agent.journal.entries import Batch, Entry, Lane
from agent.journal.journal import Journal
from agent.journal.reader import Reader
from agent.journal.view import view
from agent.publish.forwarder import Progress, Verdict, forward
from agent.publish.gate import Gate
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_rules import Timing
from agent.publish.topics import Session
from agent.records import Event, Gap, Incident, Reading, Trace
from agent.secret import Secret
from agent.site import InfluxSite, MqttSite

PREFIX, TOKEN = "lamplighter/dashi/gw-01", "canary-77"
SINKS = ("mqtt", "influxdb")
QUICK = Timing(open_s=0.4, puback_s=0.5, alive_s=2, refresh_s=60, refused_s=0.05, stable_s=0.0, goodbye_s=1.0)
_TURN_S = 0.05
# Full jitter would make a campaign of waits; what it does is a test of its own.
_SHARE = 0.005

Send = Callable[[Sequence[Entry]], Any]


class Watched:
    """A gate that remembers from which lane it handed out what; its sink's words become deliveries."""

    def __init__(self, gate: Gate, name: str, epoch: str) -> None:
        self._gate, self._name, self._epoch = gate, name, epoch
        self._lanes: dict[int, tuple[Sequence[Entry], Lane]] = {}  # by identity: a page of the backlog may wait
        self._attempt = 0
        self._early: set[int] = set()
        self.deliveries: list[Delivery] = []
        self.dead: dict[int, str] = {}

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        batch = await self._gate.fetch(sink, lane, limit)
        self._lanes[id(batch.entries)] = batch.entries, lane
        return batch

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        self._gate.advance(sink, lane, next_seq)

    def reject(self, sink: str, entry: Entry, reason: str) -> None:
        self.dead[entry.seq] = reason
        self._gate.reject(sink, entry, reason)

    def rejoin(self, sink: str) -> None:
        self._gate.rejoin(sink)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        return await self._gate.wait(after_seq, timeout_s)

    async def send(self, entries: Sequence[Entry], send: Send) -> Sequence[Verdict]:
        """session of the deliveries: one unbroken run of acknowledgements, after which a lane may begin again."""
        lane = self._lanes.pop(id(entries))[1]
        try:
            verdicts: Sequence[Verdict] = await send(entries)
        except SinkError:
            self._attempt += 1
            raise
        for entry, verdict in zip(entries, verdicts, strict=False):  # fewer: the rest is kept
            if verdict.action == "accept":
                self._took(lane, entry)
        kept = len(verdicts) < len(entries) or any(verdict.action == "keep" for verdict in verdicts)
        self._attempt += kept
        return verdicts

    def _took(self, lane: str, entry: Entry) -> None:
        if not entry.durable:
            lane = f"{lane}, early"
            self._early.add(entry.seq)
        elif entry.seq in self._early:
            lane = f"{lane}, confirmed"
        one = point(entry.seq, entry.record)
        digest = f"{zlib.crc32(record_text(entry.record).encode()):x}"
        session = str(self._attempt)
        self.deliveries.append(Delivery(self._name, session, lane, self._epoch, entry.seq, one.name, digest))


class Trial:
    def __init__(self, journal: Journal, mqtt: MqttSink, influx: InfluxSink, seed: int) -> None:
        self.journal, self.mqtt, self.influx = journal, mqtt, influx
        self._records = Records(seed, 0)
        self._made: list[Point] = []
        self.watched: dict[str, Watched] = {}
        self.progress = {sink: Progress() for sink in SINKS}

    def tasks(self) -> Iterator[asyncio.Task[Any]]:
        yield asyncio.create_task(self.mqtt.run())
        for name, sink, window, linger_s in (("mqtt", self.mqtt, 100, 0.0), ("influxdb", self.influx, 1000, 0.1)):
            gate = Gate(self.journal, early=name == "mqtt")
            seen = self.watched[name] = Watched(gate, name, self.journal.epoch)
            yield asyncio.create_task(
                forward(
                    seen, name, partial(seen.send, send=sink.send), window=window, linger_s=linger_s,  # type: ignore[attr-defined]
                    progress=self.progress[name], sleep=sink.rest, share=lambda: _SHARE,  # type: ignore[attr-defined]
                )
            )  # fmt: skip

    async def make(self) -> None:
        """Records, for ever."""
        while True:
            for record in self._records.turn():
                if not isinstance(record, Trace):
                    self._add(record)
            await asyncio.sleep(_TURN_S)

    def _add(self, record: Reading | Event | Incident | Gap) -> None:
        if isinstance(record, Event | Incident):  # no two of a meter begin in one microsecond
            at_us = record.start_us + self.journal.head
            record = replace(record, start_us=at_us, start_earliest_us=at_us, reported_us=at_us)
        self._made.append(point(self.journal.head, record))
        if isinstance(record, Reading):
            self.journal.add_reading(record)
        elif isinstance(record, Event):
            self.journal.add_event(record)
        elif isinstance(record, Incident):
            self.journal.add_incident(record)

    @property
    def made(self) -> int:
        return len(self._made)

    async def drained(self, timeout_s: float) -> list[str]:
        """What a sink still lacks after so long, in words."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(self.journal.behind(sink) for sink in SINKS):  # noqa: ASYNC110 - plain numbers
                    await asyncio.sleep(0.02)
        behind = ((sink, self.journal.behind(sink)) for sink in SINKS)
        return [f"{sink} is {n} behind: {self.progress[sink].error}" for sink, n in behind if n]

    async def reached(self, observer: Observer, timeout_s: float = 5.0) -> None:
        """The broker acknowledges before it has told others: so long they have to hear all."""
        names = {one.name for one in self._made}
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not names <= set(self.heard(observer).rows):  # noqa: ASYNC110 - plain names
                    await asyncio.sleep(0.05)

    def heard(self, observer: Observer) -> Sunk:
        names = []
        for one in observer.seen:
            kind = one.topic.rpartition("/")[2]
            if kind == "reading":
                names.append(f"reading:{one.body['meter']}@{parse_rfc3339(one.body['time'])}")
            elif kind in ("event", "incident"):
                names.append(f"{kind}:{one.body['id']}.{one.body['revision']}")
        return Sunk("mqtt", tuple(dict.fromkeys(names)))  # at least once is what MQTT promises

    def found(self, influx: Influx) -> Sunk:
        readings = [f"reading:tx1@{row['time'] // 1000}" for row in influx.query("SELECT voltage_l1 FROM reading")]
        told = {"event_log": "event", "incident": "incident"}
        rows = ((told[name], row) for name in told for row in influx.query(f"SELECT id, revision FROM {name}"))  # noqa: S608 - two names
        return Sunk("influxdb", (*readings, *(f"{kind}:{row['id']}.{row['revision']}" for kind, row in rows)))

    def verdict(self, state_dir: Path, sunk: Sequence[Sunk]) -> list[Wrong]:
        """After the journal was closed."""
        with view(state_dir) as kept:
            head = kept.look(Reader.head)
            entries = kept.look(lambda reader: reader.read((1, head), head)).entries
        points = tuple(point(entry.seq, entry.record) for entry in entries)
        sent = [one for seen in self.watched.values() for one in seen.deliveries]
        life = Life(self.journal.epoch, 1, tuple(self._made), head)
        return list(check([life], Kept(head, points), sent, sunk))

    def twice(self) -> Counter[str]:
        """How many were acknowledged more than once, by sink."""
        told = Counter((one.sink, one.name) for seen in self.watched.values() for one in seen.deliveries)
        return Counter(sink for (sink, _), times in told.items() if times > 1)


@asynccontextmanager
async def trial(
    state_dir: Path, mqtt: MqttWire, host: str, http: HttpWire, seed: int, protocol: str = "5"
) -> AsyncIterator[Trial]:
    """At work until it is left; then the journal is closed."""
    site = MqttSite(host, mqtt.port, False, None, None, None, None, None, PREFIX, "gw-01", protocol=protocol)
    database = InfluxSite(http.url, "ops", "lamplighter", Secret(TOKEN), None, None, None)
    feed = StatusFeed(lambda: [status("tx1"), status("tx2")], asyncio.Event())
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal.open(state_dir, SINKS, "gw-01", group_s=0.2, now_us=lambda: MIDNIGHT_US)
        )
        sink = MqttSink(site, Session(journal.epoch, MIDNIGHT_US, "0"), feed, QUICK, share=lambda: _SHARE)
        encoder = LineEncoder("dashi", "gw-01", {"tx1": "F12"})
        influx = await stack.enter_async_context(InfluxSink(database, encoder, timeout_s=0.5, pause_s=0.1))
        made = Trial(journal, sink, influx, seed)
        tasks = list(made.tasks())
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            for end in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(end, asyncio.CancelledError):
                    raise end  # it was none of the servers that held it up
