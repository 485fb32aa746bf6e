"""A leap second through the whole pipe: looks, detector, window, door, journal, and what the sinks make of it. However
the wall clock takes it, and whenever the agent looks at it within the second."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from rigged import KEYS, RULES
from samples import MIDNIGHT_US, event
from timers import Timers

from agent.clock import Clock
from agent.clock_keeper import ClockKeeper
from agent.detect.book import Book, MeterFacts, id_maker
from agent.journal.entries import Entry
from agent.journal.journal import Journal
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.publish.line_protocol import LineEncoder
from agent.publish.topics import event_message, reading_message, trace_message
from agent.records import ClockState, Event, Reading, Sample
from agent.status.board import Board

S = 1_000_000
LOOK_US = 100_000
# Instants of this test are microseconds since boot. The second is inserted at the end of the day: UTC, which cannot
# say 23:59:60, is a second less from there on.
BOOTED_US = MIDNIGHT_US - 100 * S
LEAP_US = 100 * S
BEGIN_US, END_US = LEAP_US - 12 * S, LEAP_US + 13 * S


def stepped(since_us: int) -> int:
    """As the kernel does it: 23:59:59 comes twice."""
    return -S if since_us >= 0 else 0


def held(since_us: int) -> int:
    """The clock stands still for a second."""
    return -min(S, max(0, since_us))


def smeared(since_us: int) -> int:
    """A second too long, spread over the time around: here over 20 s, where servers take hours."""
    return -min(S, max(0, (since_us + 10 * S) // 20))


@dataclass
class Source:
    def state(self) -> ClockState:
        return ClockState(True, 0.01)


class Gateway:
    """One meter that is looked at ten times a second, and the clock once: phase_us after the full second."""

    def __init__(self, journal: Journal, taken: Callable[[int], int], phase_us: int) -> None:
        self.now_us = BEGIN_US
        self.phase_us = phase_us
        offset = lambda: BOOTED_US + taken(self.now_us - LEAP_US)  # noqa: E731
        self.clock = Clock(lambda: self.now_us, lambda: self.now_us + offset(), Source(), "b1")
        self.pipelines: dict[str, MeterPipeline] = {}
        self.keeper = ClockKeeper(self.clock, journal, self.pipelines)
        self.keeper.step_event = lambda: replace(event(), id="step", kind="clock_step", scope="gateway", meter=None)
        self.said = 0

    async def start(self) -> None:
        await self.keeper.resume()
        facts = MeterFacts(meter="m", rules=RULES, config="c", line="a", feeder="F1", customers=(3, 3), watch_s=0.1)
        book = Book(facts, self.clock, id_maker("gw", "e1"))
        window = Window("m", 220.0, KEYS, frozenset(KEYS), S, no_rest=True)
        door, board = self.keeper.door, Board()
        self.pipelines["m"] = MeterPipeline("m", RULES, KEYS, book, window, self.clock, door, board)

    def look(self, volts: float) -> None:
        if self.now_us % S == self.phase_us:
            self.clock.tick()
            self.keeper.tick()
        values = dict.fromkeys(KEYS, volts)
        self.pipelines["m"].on_sample(Sample("m", self.now_us - 20_000, self.now_us, values, full=False))
        self.said += 1
        self.now_us += LOOK_US


async def told(tmp_path: Path, taken: Callable[[int], int], phase_us: int, sag: range) -> list[Entry]:
    """Everything, in the order in which the sinks get it. sag: when, in us from the leap on."""
    timers = Timers()
    opened = Journal.open(tmp_path, ["mqtt"], "gw", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)
    async with opened as journal:
        gateway = Gateway(journal, taken, phase_us)
        await gateway.start()
        while gateway.now_us < END_US:
            gateway.look(100.0 if gateway.now_us - LEAP_US in sag else 230.0)
        journal.commit_now()
        assert await journal.stored(journal.head - 1, 10)
        entries = [*(await journal.fetch("mqtt", "live", 10_000)).entries]
        return [*entries, *(await journal.fetch("mqtt", "trace", 10_000)).entries]


WAYS = [stepped, held, smeared]
PHASES = [0, *(pytest.param(us, marks=pytest.mark.slow) for us in (500_000, 900_000))]
SAGS = [range(-700_000, 600_000), range(-100_000, 100_000), range(600_000, 2 * S)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase_us", PHASES)
async def test_readings_of_a_second_that_comes_twice_stay_apart_and_in_order(
    tmp_path: Path, way: Callable[[int], int], phase_us: int
) -> None:
    entries = await told(tmp_path, way, phase_us, range(0))
    readings = [entry for entry in entries if isinstance(entry.record, Reading)]
    encoder = LineEncoder("dashi", "gw-01", {})
    points = [encoder.reading(entry.record, entry.seq).rsplit(b" ", 1)[1] for entry in readings]  # type: ignore[arg-type]
    times = [json.loads(reading_message("x", entry.record).payload)["time"] for entry in readings]  # type: ignore[arg-type]
    assert len(set(points)) == len(set(times)) == len(readings)
    rows = [entry.record for entry in readings if isinstance(entry.record, Reading)]
    # 25 s were looked at, the last of them is still open: no reading is missing, none covers more than it may. They are
    # as long as the wall clock says: one that loses the second bit by bit makes them shorter by that.
    assert 23 <= len(rows) <= 28
    lasted_s = (END_US - BEGIN_US) / S
    assert lasted_s - 1.1 - (way is not stepped) <= sum(row.window_s for row in rows) <= lasted_s
    assert all(0 <= row.window_s <= 2.0 for row in rows)
    # The best that can be said: no time is further from UTC, however one counts the leap, than a second and a grid's.
    steps = [b.time_us - a.time_us for a, b in pairwise(rows)]
    assert sum(steps) == pytest.approx(END_US - BEGIN_US - S, abs=2.5 * S)
    assert sum(step < 0 for step in steps) <= 1, "the order of seq is the order of time, but for the second itself"
    assert min(steps) >= -S


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase_us", PHASES)
@pytest.mark.parametrize("sag", SAGS)
async def test_a_sag_around_a_leap_second_keeps_its_length(
    tmp_path: Path, way: Callable[[int], int], phase_us: int, sag: range
) -> None:
    entries = await told(tmp_path, way, phase_us, sag)
    events = [entry.record for entry in entries if isinstance(entry.record, Event)]
    sags = [one for one in events if one.kind == "sag"]
    assert [(one.state, one.revision) for one in sags] == [("open", 1), ("closed", 2)]
    closed = sags[-1]
    assert closed.duration_min_s is not None
    assert closed.duration_max_s is not None
    assert closed.duration_min_s <= len(sag) / S <= closed.duration_max_s
    assert closed.duration_max_s - closed.duration_min_s < 1.0
    # A second's doubt, and no more, about when.
    true_us = BOOTED_US + LEAP_US + sag.start
    assert abs(closed.start_us - true_us) <= S + 200_000
    assert closed.start_us == sags[0].start_us, "what was told stays"
    for entry in entries:
        if isinstance(entry.record, Event):
            json.loads(event_message("x", entry.record).payload)
        elif not isinstance(entry.record, Reading):
            part = json.loads(trace_message("x", entry.record).payload)  # type: ignore[arg-type]
            assert all(a < b for a, b in pairwise(part["t_s"]))
    steps = [one for one in events if one.kind == "clock_step"]
    assert len(steps) == (1 if way is stepped else 0) or (way is held and len(steps) <= 1)
    assert all("-1" in one.evidence[0] or "-0." in one.evidence[0] for one in steps)
