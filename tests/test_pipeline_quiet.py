"""The short way that nearly every look takes through the pipeline comes to what the long way comes to."""

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigged import Kept

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.thresholds import PROFILES, Rules
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Miss, Sample
from agent.status.board import Board

SECOND = 1_000_000
WALL = 1_700_000_000 * SECOND
KEYS = ("voltage_l1", "voltage_l2", "voltage_l3")
WATCHED = (*KEYS, "current_l1")
NAN = float("nan")


class Long(MeterPipeline):
    """Never takes the short way."""

    def _quiet(self, sample: Sample) -> bool:
        return False


class Rig:
    """One of two, fed alike."""

    def __init__(self, kind: type[MeterPipeline], profile: str, limits: tuple[float, float] | None = None) -> None:
        self.boot_us, self.offset_us = 100 * SECOND, WALL
        self.clock = Clock(
            lambda: self.boot_us, lambda: self.boot_us + self.offset_us, SyncSource(Path("/nonexistent"))
        )
        rules = Rules(profile, PROFILES[profile], 220.0, KEYS, ("l1", "l2", "l3"), 200_000, 100_000, "ln", limits)
        self.kept, self.board = Kept(), Board()
        facts = MeterFacts(meter="m", rules=rules, config="c", line="a", feeder="F1", customers=(3, 3), watch_s=0.2)
        window = Window("m", 220.0, KEYS, frozenset(WATCHED), 10 * SECOND)
        book = Book(facts, self.clock, id_maker("gw", "e1"))
        self.pipeline = kind("m", rules, KEYS, book, window, self.clock, self.kept, self.board, ("current_l1",))

    def do(self, step: "Step") -> None:
        self.boot_us += step.after_us
        self.offset_us += step.wall_step_us
        self.clock.tick()
        if step.what == "miss":
            sent_us = self.boot_us - 500_000
            self.pipeline.on_miss(Miss("m", sent_us, sent_us, self.boot_us, "silent"))
            return
        if step.what == "full":
            values, full = {"frequency": 50.0}, True
        else:
            values = {key: volts for key, volts in zip(KEYS, step.volts, strict=True) if volts is not None}
            values |= {} if step.amps is None else {"current_l1": step.amps}
            full = False
        sent_us, quality = self.boot_us - step.took_us, "good" if step.good else "questionable"
        self.pipeline.on_sample(Sample("m", sent_us, self.boot_us, values, full, quality, step.lacking))


class Step(NamedTuple):
    what: str = "look"
    after_us: int = 200_000
    volts: tuple[float | None, ...] = (220.0, 220.0, 220.0)
    amps: float | None = 1.0
    good: bool = True
    lacking: bool = False
    took_us: int = 20_000
    wall_step_us: int = 0


CALM = st.floats(205.0, 235.0)
WILD = st.one_of(st.none(), st.just(NAN), st.just(0.0), st.just(-1.0), st.just(1e30), st.floats(0.0, 300.0))
# The edges of the band and of the thresholds, and what lies just beside them.
EDGES = st.sampled_from([k * 220.0 for k in (0.05, 0.9, 0.92, 0.93, 1.07, 1.08, 1.1)]).flatmap(
    lambda volts: st.sampled_from([volts - 1e-9, volts, volts + 1e-9])
)


def steps(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries(parts).map(lambda drawn: Step(**drawn))


def looks(volts: st.SearchStrategy[float | None]) -> st.SearchStrategy[Step]:
    return steps(volts=st.tuples(CALM, CALM, volts), amps=st.floats(0, 100), took_us=st.integers(1, 150_000))


ODD = st.one_of(
    st.just(Step("full")),
    st.just(Step("full", lacking=True)),
    st.just(Step("miss", 500_000)),
    st.just(Step(good=False)),
    st.just(Step(lacking=True)),
    st.just(Step(amps=None)),
    steps(after_us=st.integers(1, 30 * SECOND)),
    steps(wall_step_us=st.sampled_from([-3600, -10, -3, -1, 1, 5, 3600]).map(lambda s: s * SECOND)),
    steps(wall_step_us=st.integers(-12 * SECOND, 12 * SECOND)),
)
RUNS = st.one_of(
    st.lists(looks(CALM), min_size=1, max_size=40),
    st.lists(looks(WILD), min_size=1, max_size=3),
    st.lists(looks(EDGES), min_size=1, max_size=3),
    st.lists(ODD, min_size=1, max_size=3),
)
# What was gathered shows in the reading: the end is always a while later.
FIRST, LAST = (Step(), Step("full")), (Step(after_us=15 * SECOND), Step("full", 15 * SECOND))
SCRIPTS = st.lists(RUNS, max_size=8).map(lambda runs: [*FIRST, *(step for run in runs for step in run), *LAST])


def near(figures: object) -> object:
    return pytest.approx(figures, rel=1e-9)


@pytest.mark.slow
@given(SCRIPTS, st.sampled_from(["gb", "iec", "ieee"]))
@example([*FIRST, Step(), Step(lacking=True), *LAST], "gb")
@example([*FIRST, Step(), Step(good=False), *LAST], "gb")
@example([Step(), Step("full"), Step(), Step(wall_step_us=-3600 * SECOND), *[Step()] * 120], "gb")
def test_both_ways_come_to_the_same(script: list[Step], profile: str) -> None:
    short, long = Rig(MeterPipeline, profile), Rig(Long, profile)
    for step in script:
        short.do(step)
        long.do(step)
        assert short.kept.events == long.kept.events
        assert short.kept.traces == long.kept.traces
        assert short.board.statuses() == long.board.statuses()
        assert short.pipeline.troubled == long.pipeline.troubled
        assert len(short.kept.readings) == len(long.kept.readings)
    for one, other in zip(short.kept.readings, long.kept.readings, strict=True):
        assert (one.time_us, one.window_s, one.quality, one.flags) == (
            other.time_us, other.window_s, other.quality, other.flags,
        )  # fmt: skip
        assert dict(one.values) == near(dict(other.values))
        assert (dict(one.min), dict(one.max)) == (dict(other.min), dict(other.max))


def test_the_short_way_is_taken_at_all() -> None:
    rig = Rig(MeterPipeline, "gb")
    rig.do(Step())
    for _ in range(3):
        rig.do(Step())
    sample = Sample("m", rig.boot_us + 1000, rig.boot_us + 2000, dict.fromkeys(WATCHED, 220.0), False)
    assert rig.pipeline._quiet(sample)
    assert not rig.pipeline._quiet(sample._replace(values=sample.values | {"voltage_l2": 190.0}))


def test_what_follows_a_slow_event_that_a_quiet_look_began_goes_into_its_trace() -> None:
    short, long = (Rig(kind, "gb", limits=(215.0, 225.0)) for kind in (MeterPipeline, Long))
    # The means of a minute begin it: no single look is out of any band.
    for step in (Step(), Step("full"), *[Step()] * 310, *[Step(volts=(220.0, 228.0, 220.0))] * 700):
        short.do(step)
        long.do(step)
    assert [event.kind for event in short.kept.events] == ["overvoltage"]
    assert short.kept.events == long.kept.events
    assert sum(len(trace.rows) for trace in short.kept.traces) > 0
    assert short.kept.traces == long.kept.traces


def test_an_event_after_a_quiet_hour_says_how_often_was_looked() -> None:
    rig = Rig(MeterPipeline, "gb")
    for _ in range(50):
        rig.do(Step())
    rig.do(Step(after_us=250_000, volts=(220.0, 90.0, 220.0)))
    (event,) = rig.kept.events
    assert event.watch_s == 0.25
    last_good_us = 100 * SECOND + 50 * 200_000 - 20_000
    assert event.start_earliest_us == WALL + last_good_us - 300_000
