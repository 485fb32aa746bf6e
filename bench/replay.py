"""A backlog to a real broker: messages a second, the CPU of each, and how live the live ones are meanwhile.

    PYTHONPATH=.:tests/support .venv/bin/python bench/replay.py [--rows 150000]

Journal, gate, forwarder and MQTT sink are those of the agent, in this process; mosquitto is another one on the same
machine. The rows are of 40 meters as in tests/support/outage_site.py. While the backlog goes out a reading comes every
125 ms and an event every second, which a subscriber waits for. Wanted: 2000 messages a second, all live ones within
2 s (p99). The exit code is the verdict.
"""

import argparse
import asyncio
import logging
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock
from agent.journal.entries import Entry
from agent.journal.journal import Journal
from agent.publish.forwarder import Progress, Verdict, forward
from agent.publish.gate import Gate
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.topics import Session, topic_prefix
from agent.records import Reading
from agent.sinks import _MQTT_WINDOW
from agent.site import MqttSite
from outage_site import PERIOD_S, Street
from samples import event

from broker import Broker, broker
from measure import boot_ns

WANTED_S = 2000
LIVE_S = 2.0
_READING_EVERY_S = 0.125


@dataclass(slots=True)
class Watched:
    """The sink's send, watched: what was acknowledged when."""

    sink: MqttSink
    made_s: dict[int, float] = field(default_factory=dict)  # of live readings, by seq
    late_s: list[float] = field(default_factory=list)

    async def send(self, entries: Sequence[Entry]) -> list[Verdict]:
        verdicts = await self.sink.send(entries)
        now_s = time.monotonic()
        for entry, verdict in zip(entries, verdicts, strict=True):
            if entry.seq in self.made_s and verdict.action == "accept":
                self.late_s.append(now_s - self.made_s.pop(entry.seq))
        return verdicts


@dataclass(frozen=True, slots=True)
class Figures:
    rows: int
    took_s: float
    cpu_s: float
    broker_s: float  # messages a second by the broker's own count
    readings_s: Sequence[float]  # from made to acknowledged, sorted
    events_s: Sequence[float]  # from made to a subscriber, sorted


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=150_000)
    asked = options.parse_args()
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = Path(name)
        with broker(place) as seen:
            found = asyncio.run(replayed(place / "state", seen, asked.rows))
    rate_s = found.rows / found.took_s
    sound = rate_s >= WANTED_S and max(_at(found.readings_s, 0.99), _at(found.events_s, 0.99)) <= LIVE_S
    print(
        f"replay: {'ok' if sound else 'FAILED'}, {found.rows} rows in {found.took_s:.1f} s: {rate_s:.0f} messages/s "
        f"(wanted {WANTED_S}; {found.broker_s:.0f}/s by the broker's count), {found.cpu_s / found.rows * 1e6:.0f} us "
        f"of CPU each; meanwhile {_words('readings acknowledged', found.readings_s)}, "
        f"{_words('events heard', found.events_s)}"
    )
    return 0 if sound else 1


async def replayed(state: Path, seen: Broker, rows: int) -> Figures:
    async with Journal.open(state, ["mqtt"], "gw-01") as journal:
        await _fill(journal, rows)
    # Opened anew, as after a restart: the backlog is read from the file.
    async with Journal.open(state, ["mqtt"], "gw-01") as journal:
        backlog = journal.behind("mqtt")
        site = MqttSite(
            host="127.0.0.1", port=seen.port, tls=False, username=None, password=None, ca_file=None, cert_file=None,
            key_file=None, prefix=topic_prefix("dashi", "gw-01"), client_id="gw-01",
        )  # fmt: skip
        session = Session(journal.epoch, Clock().wall_us(), "bench")
        sink = MqttSink(site, session, StatusFeed(tuple, asyncio.Event()))
        watched, told = Watched(sink), dict[str, int]()
        started_ns, began_s, cpu_before_s, progress = boot_ns(), time.monotonic(), time.process_time(), Progress()
        tasks = [
            asyncio.create_task(sink.run()),
            asyncio.create_task(
                forward(Gate(journal, early=True), "mqtt", watched.send, window=_MQTT_WINDOW, progress=progress,
                        sleep=sink.rest)
            ),
            asyncio.create_task(_live(journal, watched, told)),
        ]  # fmt: skip
        while progress.accepted < backlog or journal.behind("mqtt") > _MQTT_WINDOW:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        took_s, cpu = time.monotonic() - began_s, time.process_time() - cpu_before_s
        rate_s = seen.messages_s(started_ns)
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return Figures(progress.accepted, took_s, cpu, rate_s, sorted(watched.late_s), sorted(_heard(seen, told)))


async def _fill(journal: Journal, rows: int) -> None:
    street, ticks = Street(1), 0
    while journal.head <= rows:
        for record in street.tick(ticks * PERIOD_S):
            if isinstance(record, Reading):
                journal.add_reading(record)
        ticks += 1
        await asyncio.sleep(0)
        if ticks % 50 == 0:
            journal.commit_now()
            await journal.stored(journal.head - 1, 10.0)


async def _live(journal: Journal, watched: Watched, told: dict[str, int]) -> None:
    """told: of the events, when each was made, boot time."""
    street, number = Street(2), 0
    readings = [one for one in street.tick(0.0) if isinstance(one, Reading)]
    while True:
        seq = journal.add_reading(readings[number % len(readings)])
        watched.made_s[seq] = time.monotonic()
        if number % 8 == 0:
            meter = f"live-{number}"
            told[meter] = boot_ns()
            journal.add_event(event(id=meter, meter=meter))
        number += 1
        await asyncio.sleep(_READING_EVERY_S)


def _heard(seen: Broker, told: dict[str, int]) -> list[float]:
    """Once each, however often it was said; what was not heard within the bench took for ever."""
    found = dict.fromkeys(told, float("inf"))
    while not seen.events.empty():
        heard = seen.events.get()
        found[heard.meter] = min(found[heard.meter], (heard.at_ns - told[heard.meter]) / 1e9)
    return list(found.values())


def _at(late_s: Sequence[float], share: float) -> float:
    return late_s[min(len(late_s) - 1, int(len(late_s) * share))] if late_s else float("inf")


def _words(what: str, late_s: Sequence[float]) -> str:
    return (
        f"{len(late_s)} {what} after p50 {_at(late_s, 0.5) * 1000:.0f}, p99 {_at(late_s, 0.99) * 1000:.0f}, most "
        f"{_at(late_s, 1) * 1000:.0f} ms"
    )


if __name__ == "__main__":
    raise SystemExit(main())
