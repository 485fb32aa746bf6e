"""What a meter's faults come to outside the detectors: standing, readings, the facts for the desk, restarts."""

from pathlib import Path
from random import Random

import pytest
from rigged import Kept

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.thresholds import PROFILES, Rules
from agent.detect.tracking import Bounds
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Miss, Sample, VoltageBasis
from agent.status.board import Board

SECOND = 1_000_000
WALL = 1_700_000_000 * SECOND
KEYS = ("voltage_l1", "voltage_l2", "voltage_l3")
LINES = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
AMPS = ("current_l1", "current_l2", "current_l3")


class Rig:
    def __init__(self, basis: VoltageBasis = "ln", *, bus_vt: bool = False, also: tuple[str, ...] = ()) -> None:
        self.boot_us, self.random = 100 * SECOND, Random(3)  # noqa: S311
        self.clock = Clock(lambda: self.boot_us, lambda: self.boot_us + WALL, SyncSource(Path("/nonexistent")))
        rules = Rules("iec", PROFILES["iec"], 230.0, KEYS, ("l1", "l2", "l3"), 200_000, 100_000, basis)
        facts = MeterFacts(meter="m", rules=rules, config="c", customers=(3, 3))
        book = Book(facts, self.clock, id_maker("gw", "e1"))
        self.kept, self.board = Kept(), Board()
        window = Window("m", 230.0, KEYS, frozenset((*KEYS, *AMPS, *also)), 10 * SECOND)
        self.pipeline = MeterPipeline(
            "m", rules, KEYS, book, window, self.clock, self.kept, self.board, (*AMPS, *also), bus_vt=bus_vt
        )

    def answer(self, values: dict[str, float], *, full: bool = False) -> None:
        self.boot_us += 500_000
        self.pipeline.on_sample(Sample("m", self.boot_us - 20_000, self.boot_us, values, full))

    def hold(self, for_s: float, pu: tuple[float, ...] = (1, 1, 1), amps: float = 40.0, **more: float) -> None:
        for _ in range(round(for_s * 2)):
            volts = dict(zip(KEYS, (230 * one * self.random.gauss(1, 0.001) for one in pu), strict=True))
            self.answer(volts | {name: amps * self.random.gauss(1, 0.001) for name in AMPS} | more)

    def kinds(self) -> list[tuple[str, str]]:
        return [(event.kind, event.state) for event in self.kept.events]


def test_a_failed_voltage_circuit_leaves_the_supply_of_its_phase_unknown_and_no_vote() -> None:
    rig = Rig()
    rig.hold(20)
    rig.hold(5, (1, 0.02, 1))
    seen = rig.pipeline.facts()
    assert (seen.supply, seen.by_phase["l2"], seen.vt_failed) == ("live", "unknown", False)
    assert rig.board.statuses()[0].supply_by_phase["l2"] == "unknown"
    assert set(seen.pu) == {"l1", "l3"}
    rig.hold(5, (0.0, 0.0, 0.0))
    seen = rig.pipeline.facts()
    assert (seen.supply, seen.vt_failed, seen.flowing, seen.speaks) == ("unknown", True, True, False)
    assert not [event for event in rig.kept.events if event.kind == "vt_failure" and event.customers]


def test_an_earth_fault_leaves_every_phase_live_and_its_lines_are_read_by_name() -> None:
    rig = Rig("le", also=LINES)
    rig.hold(20, **dict.fromkeys(LINES, 398.4))
    rig.hold(5, (0.01, 1.73, 1.73), **dict.fromkeys(LINES, 398.4))
    assert ("earth_fault", "open") in rig.kinds()
    fault = next(event for event in rig.kept.events if event.kind == "earth_fault")
    assert "line-line 398.4, 398.4, 398.4 V as read" in fault.evidence[0]
    assert set(rig.pipeline.facts().by_phase.values()) == {"live"}
    assert rig.board.statuses()[0].supply == "live"


def test_a_frozen_meter_is_flagged_and_is_not_live() -> None:
    rig = Rig()
    rig.hold(1)
    rig.answer({"frequency": 50.0}, full=True)
    rig.hold(1200)
    assert rig.pipeline.facts().supply == "live"
    frozen = dict.fromkeys((*KEYS, *AMPS), 230.123)
    for _ in range(240):
        rig.answer(frozen)
    assert rig.kinds() == [("stale_data", "open")]
    event, reading, seen = rig.kept.events[0], rig.kept.readings[-1], rig.pipeline.facts()
    assert (event.customers, event.residual_v) == (None, None)
    assert ("stale" in reading.flags, reading.quality) == (True, "questionable")
    assert (seen.supply, seen.stale, seen.speaks) == ("unknown", True, False)
    assert rig.board.statuses()[0].supply == "unknown"
    rig.hold(30)
    assert rig.kinds()[1:] == [("stale_data", "closed")]
    assert rig.pipeline.facts().supply == "live"
    assert rig.kept.readings[-1].quality == "good"
    resumed = Rig()
    resumed.pipeline.resume([event])
    resumed.hold(5)
    assert resumed.kinds() == [("stale_data", "open"), ("stale_data", "closed")]


def test_a_reading_of_the_run_before_is_what_a_cache_says_again() -> None:
    rig = Rig()
    full = {"frequency": 50.02, "active_power_total": 4_321.5, "power_factor_total": 0.93}
    rig.answer(full, full=True)
    cached = dict.fromkeys((*KEYS, *AMPS), 231.7)
    for _ in range(30):
        rig.answer(cached)
        rig.answer(full, full=True)
    after = Rig()
    after.pipeline.resume([], rig.kept.readings[-1:])
    after.answer(cached)
    after.answer(full, full=True)
    assert after.kinds() == [("stale_data", "open")]
    assert after.pipeline.facts().stale


def test_the_facts_of_a_silent_meter_are_those_of_its_silence() -> None:
    rig = Rig()
    rig.hold(10)
    rig.hold(1, (0.3, 0.3, 0.3), 5.0)
    heard_us = rig.boot_us
    for _ in range(4):
        rig.boot_us += 500_000
        sent_us = rig.boot_us - 500_000
        rig.pipeline.on_miss(Miss("m", sent_us, sent_us, rig.boot_us, "silent", 11, "no answer"))
    seen = rig.pipeline.facts()
    assert (seen.comms, seen.outcome, seen.code, seen.detail) == ("lost", "silent", 11, "no answer")
    assert (seen.heard_us, seen.silent_since) == (heard_us, Bounds(heard_us, heard_us + 500_000))
    assert seen.missed_us == rig.boot_us - 500_000
    assert seen.as_of_us == heard_us - 20_000 - 300_000
    assert seen.supply == "unknown"
    assert seen.pu == pytest.approx(dict.fromkeys(("l1", "l2", "l3"), 0.3), rel=0.02)
    assert {event.id for event in rig.kept.events if event.state == "open"} == set(seen.events)


@pytest.mark.parametrize("bus_vt", [True, False])
def test_a_bay_with_the_voltage_of_its_bus_says_when_its_current_is_gone(bus_vt: bool) -> None:
    rig = Rig(bus_vt=bus_vt)
    rig.hold(20)
    assert rig.pipeline.facts().flowing is True
    rig.hold(2, amps=0.0)
    seen = rig.pipeline.facts()
    assert (seen.supply, seen.flowing) == ("live", False)
    assert (seen.current_gone is not None) is bus_vt
    assert rig.kept.events == []


def test_a_measured_loss_comes_first_among_the_open_events() -> None:
    rig = Rig()
    rig.hold(20)
    rig.hold(1, (0.7, 0.7, 0.7), 28.0)
    rig.hold(2, (0.0, 0.0, 0.0), 0.0)
    loss = next(event for event in rig.kept.events if event.kind == "supply_loss")
    assert rig.pipeline.facts().events[0] == loss.id
    assert rig.pipeline.facts().flowing is False
