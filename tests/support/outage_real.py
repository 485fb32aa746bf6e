"""A scaled outage against a real mosquitto and a real InfluxDB: the broker is frozen, the database killed, then both
are back, and what they have in the end is held against what was made. Real time; the hours before are made at once."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import servers
from outage_site import PERIOD_S, ROWS_S, Street
from outage_trial import Outcome, Replay, size_of
from running import Listener
from samples import MIDNIGHT_US

from agent.journal.entries import Entry
from agent.journal.journal import Journal
from agent.publish.forwarder import Verdict, forward
from agent.publish.gate import Gate
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.topics import Session, topic_prefix
from agent.records import Reading
from agent.secret import Secret
from agent.sinks import _INFLUX_WINDOW, _MQTT_WINDOW
from agent.site import InfluxSite, MqttSite
from agent.wire import rfc3339

SINKS = ("mqtt", "influxdb")
_TOKEN = "canary-7719"
_LONGEST_S = 600.0


class Sink(Protocol):
    async def send(self, entries: Sequence[Entry]) -> list[Verdict]: ...
    async def rest(self, seconds: float) -> None: ...


@dataclass
class Watched:
    """A sink, and what it said it has. made_s: of live rows, by seq; since_s: it has accepted something. What was made
    before that waited for a connection, not behind a backlog."""

    sink: Sink
    rows: int
    made_s: dict[int, float]
    got: Counter[int] = field(default_factory=Counter)
    late_s: list[float] = field(default_factory=list)
    since_s: float = float("inf")

    async def send(self, entries: Sequence[Entry]) -> list[Verdict]:
        verdicts = await self.sink.send(entries)
        now_s = time.monotonic()
        for entry, verdict in zip(entries, verdicts, strict=False):  # fewer: the rest is kept
            if verdict.action == "accept":
                self.since_s = min(self.since_s, now_s)
                self.got[entry.seq] += 1
                if self.made_s.get(entry.seq, 0.0) > self.since_s:
                    self.late_s.append(now_s - self.made_s[entry.seq])
        return verdicts

    @property
    def backlog_left(self) -> int:
        return self.rows - sum(1 for seq in self.got if seq <= self.rows)


async def real_outage(place: Path, hours: float) -> Outcome:
    with ExitStack() as stack:
        broker = stack.enter_context(servers.mosquitto(place, extra=["max_queued_messages 0"]))
        influx = stack.enter_context(servers.influxd(place))
        shim = stack.enter_context(servers.influx_v2_shim(place, influx, _TOKEN))
        listener = stack.enter_context(Listener(broker.port))
        return await _run(place / "state", hours, broker, shim.url, influx, listener)


async def _run(
    state: Path, hours: float, broker: servers.Server, url: str, influx: servers.Influx, listener: Listener
) -> Outcome:
    street = Street(1)
    async with Journal.open(state, SINKS, "gw-01") as journal:
        ticks = await _fill(journal, street, hours)
        rows, size = journal.head - 1, size_of(state)
    # The agent was restarted meanwhile, as it may be: what is there is backlog from the start.
    async with Journal.open(state, SINKS, "gw-01") as journal:
        made_s: dict[int, float] = {}
        mqtt = _mqtt_sink(broker.port, journal.epoch)
        site = InfluxSite(url, "ops", "lamplighter", Secret(_TOKEN), None, None, None)
        database = InfluxSink(site, LineEncoder("dashi", "gw-01", {}))
        watched = {"mqtt": Watched(mqtt, rows, made_s), "influxdb": Watched(database, rows, made_s)}
        broker.freeze()
        influx.server.kill()
        tasks = [asyncio.create_task(mqtt.run()), asyncio.create_task(_live(journal, street, ticks, made_s))]
        tasks += [asyncio.create_task(_forwarding(journal, name, one)) for name, one in watched.items()]
        try:
            await asyncio.sleep(1.0)
            assert not any(one.got for one in watched.values()), "nothing was away: nothing is tested"
            broker.thaw()
            influx.server.start()
            took_s = await _replayed(watched)
            await asyncio.sleep(1.5)  # what was on its way
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await database.__aexit__(None, None, None)
    wrong = {
        "mqtt": _told_wrong(listener, rows, MIDNIGHT_US + ticks * PERIOD_S * 1_000_000),
        "influxdb": _stored_wrong(influx, rows),
    }
    replays = [
        Replay(name, took_s[name], sorted(one.late_s), 0, sum(n > 1 for n in one.got.values()), wrong[name])
        for name, one in watched.items()
    ]
    return Outcome(hours, rows, 0, size, replays)


def _mqtt_sink(port: int, epoch: str) -> MqttSink:
    site = MqttSite(
        host="127.0.0.1", port=port, tls=False, username=None, password=None, ca_file=None, cert_file=None,
        key_file=None, prefix=topic_prefix("dashi", "gw-01"), client_id="gw-01",
    )  # fmt: skip
    return MqttSink(site, Session(epoch, MIDNIGHT_US, "test"), StatusFeed(tuple, asyncio.Event()))


async def _fill(journal: Journal, street: Street, hours: float) -> int:
    """How many ticks that took."""
    ticks = round(hours * 3600 / PERIOD_S)
    for tick in range(ticks):
        for record in street.tick(tick * PERIOD_S):
            if isinstance(record, Reading):
                journal.add_reading(record)
        await asyncio.sleep(0)
        if tick % 50 == 0:
            journal.commit_now()
            await journal.stored(journal.head - 1, 10.0)
    return ticks


async def _live(journal: Journal, street: Street, ticks: int, made_s: dict[int, float]) -> None:
    """Eight rows a second, one by one."""
    for tick in itertools.count(ticks):
        for record in street.tick(tick * PERIOD_S):
            if isinstance(record, Reading):
                made_s[journal.add_reading(record)] = time.monotonic()
                await asyncio.sleep(1 / ROWS_S)


async def _forwarding(journal: Journal, name: str, watched: Watched) -> None:
    early = name == "mqtt"
    await forward(
        Gate(journal, early=early), name, watched.send, window=_MQTT_WINDOW if early else _INFLUX_WINDOW,
        linger_s=0.0 if early else 1.0, sleep=watched.sink.rest,
    )  # fmt: skip


async def _replayed(watched: dict[str, Watched]) -> dict[str, float]:
    """Both are back: how long each took until it had all."""
    back_s, took_s = time.monotonic(), dict[str, float]()
    while len(took_s) < len(watched) and time.monotonic() - back_s < _LONGEST_S:
        await asyncio.sleep(0.1)
        for name, one in watched.items():
            if name not in took_s and not one.backlog_left:
                took_s[name] = time.monotonic() - back_s
    return {name: took_s.get(name, float("inf")) for name in watched}


def _told_wrong(listener: Listener, rows: int, until_us: int) -> list[str]:
    """A subscriber has each reading of the outage once, those of a meter in order."""
    deadline_s, until, heard = time.monotonic() + 60, rfc3339(until_us), 0
    times: dict[str, list[str]] = {}
    while heard < rows and time.monotonic() < deadline_s:
        time.sleep(0.2)
        told = [(topic, body["time"]) for topic, _, body in list(listener.messages) if topic.endswith("/reading")]
        times = {topic: [at for one, at in told if one == topic and at < until] for topic in {one for one, _ in told}}
        heard = sum(map(len, times.values()))
    wrong = [f"{topic} is out of order, or told twice" for topic, at in times.items() if at != sorted(set(at))]
    return wrong + [f"{heard} of {rows} readings were heard"] * (heard != rows)


def _stored_wrong(influx: servers.Influx, rows: int) -> list[str]:
    counted = influx.query("SELECT count(voltage_l1) AS n FROM reading")
    stored = int(counted[0]["n"]) if counted else 0
    return [f"{stored} of {rows} readings are stored"] if stored < rows else []
