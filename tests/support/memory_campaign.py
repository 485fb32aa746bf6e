"""The whole agent for hours beside faults that never end, and how much memory, descriptors and threads it has
meanwhile. In the end everything that a server acknowledged is there, and every dip that a meter showed is an event."""

import asyncio
import csv
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from history import Kept, Life, Point, Span, Sunk, check, point
from memory_judge import Sample
from soak_faults import Dip, Faults
from soak_rig import Pace, Rig, rig

from agent.journal.export import refused
from agent.journal.reader import Reader
from agent.journal.view import view
from agent.publish.line_protocol import ABSENT
from agent.records import Event, Gap
from agent.wire import rfc3339

_START_S = 120.0
_SETTLE_S = 420.0  # the longest waits that a fault may leave behind: a back-off of 60 s, then a pause of 60 s
_PAGE = 5000
_LOOKS = 3
_DIP_KINDS = ("sag", "supply_loss", "phase_loss", "undervoltage")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Plan:
    """for_s: of faults; sample_s: between two looks at the process. See Faults for scale and brief."""

    for_s: float
    seed: int = 1
    meters: int = 200
    pace: Pace = field(default_factory=Pace)
    sample_s: float = 10.0
    scale: float = 1.0
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of samples. faults: ended so far; now: what is wrong at this moment."""

    at_s: float
    rss_kib: int
    anonymous_kib: int
    peak_kib: int
    descriptors: int
    threads: int
    cpu_s: float
    faults: int
    now: str

    @property
    def sample(self) -> Sample:
        return Sample(self.at_s, self.rss_kib * 1024 / 1e6, self.peak_kib * 1024 / 1e6, self.descriptors, self.threads)


@dataclass(frozen=True, slots=True)
class Outcome:
    """quiet: before the first fault and after the last one, all at rest; wrong: what broke a promise, in words."""

    rows: tuple[Row, ...]
    quiet: tuple[Row, Row]
    met: Counter[str]
    wrong: tuple[str, ...]
    kinds: Counter[str]
    readings: int
    dips: int
    connections: int
    posts: int

    @property
    def left_over(self) -> list[str]:
        """What faults left behind for good."""
        before, after = self.quiet
        more = {"descriptors": after.descriptors - before.descriptors, "threads": after.threads - before.threads}
        return [f"at rest, {count} more {what} than before the faults" for what, count in more.items() if count > 0]


@dataclass
class Watch:
    """Looks at the agent every `sample_s`, and writes what it saw at once."""

    rig: Rig
    faults: Faults
    table: Path
    began_s: float = field(default_factory=time.monotonic)
    rows: list[Row] = field(default_factory=list)

    async def go_on(self, sample_s: float, tell: Callable[[Row], object]) -> None:
        with self.table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([one.name for one in fields(Row)])
            while True:
                self.rows.append(self.look())
                writer.writerow(astuple(self.rows[-1]))
                file.flush()
                tell(self.rows[-1])
                # On a grid: a sample that came late moves none after it.
                behind_s = (time.monotonic() - self.began_s) % sample_s
                await asyncio.sleep(sample_s - behind_s)

    def look(self) -> Row:
        """RuntimeError, with the agent's last words, where it is gone."""
        process = Path("/proc", str(self.rig.agent.process.pid))
        try:
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            descriptors = len(list((process / "fd").iterdir()))
            # man 5 proc: utime and stime are fields 14 and 15; the name took the first two
            times = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            raise RuntimeError(f"the agent is gone: {self.rig.agent.log[-3000:]}") from None
        rss, anonymous, peak = (int(status[key].split()[0]) for key in ("VmRSS", "RssAnon", "VmHWM"))
        at_s, cpu_s = time.monotonic() - self.began_s, sum(map(int, times)) * _TICK_S
        done, now = self.faults.met.total(), " + ".join(self.faults.now)
        return Row(at_s, rss, anonymous, peak, descriptors, int(status["Threads"]), cpu_s, done, now)


async def campaign(place: Path, plan: Plan, table: Path, tell: Callable[[Row], object] = lambda _: None) -> Outcome:
    async with rig(place, plan.meters, plan.pace, plan.seed) as made:
        late = await made.settled(_START_S)
        assert not late, f"{late}; {made.agent.log[-3000:]}"
        dice = random.Random(plan.seed)  # noqa: S311 - no secret
        faults = Faults(made, dice, plan.scale, plan.brief)
        watch = Watch(made, faults, table)
        before = await _quiet(watch)
        late = await _suffered(watch, plan, tell)
        after = await _quiet(watch)
        wrong = [late] * bool(late) + await asyncio.to_thread(_end, made)
        kept = await asyncio.to_thread(_Kept, made.state)
        await _heard_all(made, kept)
        wrong += await asyncio.to_thread(_compared, made, kept, faults.dips)
        return Outcome(
            tuple(watch.rows), (before, after), faults.met, tuple(wrong), kept.kinds, kept.readings, len(faults.dips),
            made.mqtt.connections, made.http.requests,
        )  # fmt: skip


async def _suffered(watch: Watch, plan: Plan, tell: Callable[[Row], object]) -> str:
    """All faults, under the eyes of the watch; then all is well again, or what is not, in words."""
    looking = asyncio.create_task(watch.go_on(plan.sample_s, tell))
    try:
        await _unless_it_ends(looking, watch.faults.go_on(time.monotonic() + plan.for_s))
        return await watch.rig.settled(_SETTLE_S)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _quiet(watch: Watch) -> Row:
    """The fewest descriptors of some looks: a post that is under way has one more."""
    looks = []
    for _ in range(10):
        looks.append(watch.look())
        await asyncio.sleep(0.3)
    return min(looks, key=lambda row: (row.descriptors, row.threads))


async def _unless_it_ends(looking: asyncio.Task[None], faults: Coroutine[Any, Any, None]) -> None:
    """The faults to their end, unless the agent's comes before."""
    work = asyncio.create_task(faults)
    try:
        await asyncio.wait((looking, work), return_when="FIRST_COMPLETED")
        for one in (looking, work):
            if one.done():
                await one
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


def _end(made: Rig) -> list[str]:
    code, _ = made.agent.stop()
    said = ["the agent's log holds a traceback"] * ("Traceback" in made.agent.log)
    return said + [f"it ended with {code}"] * (code != 0)


class _Kept:
    """What lies in the journal after the agent has ended. acknowledged: below which seq a sink has everything."""

    def __init__(self, state: Path) -> None:
        self.kinds: Counter[str] = Counter()
        self.points: list[Point] = []
        self.events: dict[str, Event] = {}
        self.gaps: list[Span] = []
        with view(state) as kept:
            self.head = kept.look(Reader.head)
            self.refused = [f"{one.sink} refused seq {one.seq} for good: {one.reason}" for one in kept.look(refused)]
            sinks = kept.stats().sinks
            self.acknowledged = {name: one.live for name, one in sinks.items() if one.backlog[0] >= one.backlog[1]}
            for low in range(1, self.head, _PAGE):
                span = (low, min(low + _PAGE, self.head))
                for traces in (False, True):
                    page = kept.look(lambda reader, span=span, traces=traces: reader.read(span, _PAGE, traces=traces))
                    for entry in page.entries:
                        self._keep(entry.seq, entry.record)
        self.readings = sum(one.kind == "reading" for one in self.points)

    def _keep(self, seq: int, record: object) -> None:
        self.points.append(point(seq, record))  # type: ignore[arg-type]
        if isinstance(record, Gap):
            self.gaps.append((record.seq_lo, record.seq_hi))
        elif isinstance(record, Event):
            self.kinds[record.kind] += record.revision == 1
            self.events[record.id] = record

    def told(self, sink: str) -> set[str]:
        """What the sink acknowledged."""
        below = self.acknowledged.get(sink, 1)
        return {one.name for one in self.points if one.seq < below and one.kind in ("reading", "event", "incident")}


async def _heard_all(made: Rig, kept: _Kept) -> None:
    """What is on its way to the subscriber has some time."""
    for _ in range(60):
        if kept.told("mqtt") <= set(made.heard.names):
            return
        await asyncio.sleep(1.0)


def _compared(made: Rig, kept: _Kept, dips: Sequence[Dip]) -> list[str]:
    # Parts of traces are no promise: they go out when nothing else has to. The rest is for the database alone.
    own = [one for one in kept.points if one.kind not in ("trace", "interval", "health")]
    wrong = _missing(kept, own, Sunk("mqtt", tuple(dict.fromkeys(made.heard.names))))
    # An incident is one point there, overwritten by each revision.
    last = {one.name.rpartition(".")[0]: one.name for one in own if one.kind == "incident"}
    newest = set(last.values())
    stored = [one for one in own if one.kind != "incident" or one.name in newest]
    stored += [one for one in kept.points if one.kind == "health"]
    wrong += _missing(kept, stored, Sunk("influxdb", tuple(_stored(made))))
    events = kept.events.values()
    return [*dict.fromkeys(wrong), *_untold(events, dips), *kept.refused, *_left_open(events)]


def _missing(kept: _Kept, own: Sequence[Point], sunk: Sunk) -> list[str]:
    """Of what the sink said it has."""
    late = [f"{sunk.sink} left a backlog"] * (sunk.sink not in kept.acknowledged)
    life = Life("", 1, tuple(own), kept.acknowledged.get(sunk.sink, 1))
    file = Kept(kept.head, tuple(own), tuple(kept.gaps), _others(kept.points, own))
    return late + [str(one) for one in check([life], file, sunk=[sunk])]


def _others(points: Sequence[Point], own: Sequence[Point]) -> tuple[Span, ...]:
    """What lies in the file beside these, as spans of neighbours."""
    seqs = sorted({one.seq for one in points} - {one.seq for one in own})
    runs = (list(run) for _, run in groupby(enumerate(seqs), lambda one: one[1] - one[0]))
    return tuple((run[0][1], run[-1][1]) for run in runs)


def _stored(made: Rig) -> Iterator[str]:
    for meter in made.meters:
        rows = made.influx.query(f"SELECT quality FROM reading WHERE meter = '{meter.name}'")  # noqa: S608 - our names
        yield from (f"reading:{meter.name}@{row['time'] // 1000}" for row in rows)
    for table, kind in (("event_log", "event"), ("incident", "incident")):
        rows = made.influx.query(f"SELECT id, revision FROM {table}")  # noqa: S608 - two names
        yield from (f"{kind}:{row['id']}.{round(row['revision'])}" for row in rows)
    for table, name in (("status", "live"), ("gateway", "uptime_s"), ("gateway", "units"), ("gateway", "sink_ok")):
        for row in made.influx.query(f'SELECT {name}, "meter", "line", "sink" FROM {table}'):  # noqa: S608 - our names
            yield f"health:{_whose(row)}@{row['time'] // 1000}"


def _whose(row: Mapping[str, Any]) -> str:
    """As `point` names it."""
    meter = "" if row["meter"] == ABSENT else row["meter"]
    told = {"meter": meter, "line": row["line"], "sink": row["sink"]}
    return next((f"{of}:{name}" for of, name in told.items() if name), "gateway:")


def _untold(events: Iterable[Event], dips: Sequence[Dip]) -> Iterator[str]:
    """Dips that some looks saw, and of which no event tells."""
    begun: dict[str, list[int]] = {}
    for event in events:
        if event.kind in _DIP_KINDS and event.meter is not None:
            begun.setdefault(event.meter, []).append(event.start_us)
    for dip in dips:
        until_us = dip.at_us + round(dip.lasted_s * 1e6)
        if dip.looks >= _LOOKS and not any(dip.at_us <= at_us <= until_us for at_us in begun.get(dip.meter, ())):
            yield f"{dip.meter} dipped at {rfc3339(dip.at_us)} for {dip.lasted_s:.1f} s, and no event tells of it"


def _left_open(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if event.state == "open" and event.kind in (*_DIP_KINDS, "comms_loss"):
            yield f"{event.kind} {event.id} of {event.meter or event.node} is still open"
