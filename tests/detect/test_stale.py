"""Values that are no longer measured; and meters of coarse steps, which may rightly say the same for minutes."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from looks import U, rules, s

from agent.detect.changes import Change
from agent.detect.counters import Counters
from agent.detect.meter import MeterDetector
from agent.detect.residual import Residual
from agent.detect.voltage import Look
from agent.records import Reading

DEAD = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
Row = tuple[tuple[float, ...], tuple[float, float, float]]


class Live:
    """A network with its meter: voltages that swing slowly about their mean, read in steps."""

    def __init__(self, seed: int = 1, step_v: float = 0.01, step_a: float = 0.01, load_a: float = 40.0) -> None:
        self.random = Random(seed)  # noqa: S311
        self.step_v, self.step_a, self.load_a = step_v, step_a, load_a
        self.swing = [0.0] * 6

    def now(self, seconds: float) -> Row:
        keep = 0.5 ** (seconds / 120)
        self.swing = [one * keep + self.random.gauss(0, 1) * (1 - keep * keep) ** 0.5 for one in self.swing]
        volts = tuple(_stepped(U + 1.5 * one, self.step_v) for one in self.swing[:3])
        amps = [_stepped(self.load_a * (1 + 0.05 * one), self.step_a) for one in self.swing[3:]]
        return volts, (amps[0], amps[1], amps[2])


def _stepped(value: float, step: float) -> float:
    return round(value / step) * step


class Meter:
    def __init__(self, period_s: float = 1.0) -> None:
        self.detector, self.period_s, self.at_s = MeterDetector(rules()), period_s, 0.0
        self.changes: list[Change] = []

    def look(self, row: Row) -> None:
        at_us = s(self.at_s)
        self.at_s += self.period_s
        self.changes += self.detector.look(Look(at_us, at_us + 20_000, row[0], False, row[1]), at_us)

    def run(self, for_s: float, now: Callable[[float], Row]) -> None:
        for _ in range(round(for_s / self.period_s)):
            self.look(now(self.period_s))

    def full(self, **values: float) -> None:
        self.changes += self.detector.full_values(values, s(self.at_s))

    def told(self) -> list[tuple[str, str]]:
        return [(one.action, one.kind) for one in self.changes if one.kind == "stale_data"]


@pytest.mark.parametrize("period_s", [0.1, 0.5, 1.0, 2.0])
def test_a_frozen_meter_is_stale_after_a_minute_and_until_its_next_word(period_s: float) -> None:
    meter, live = Meter(period_s), Live()
    meter.run(1200, live.now)
    frozen_s, last = meter.at_s, live.now(period_s)
    meter.run(55, lambda _: last)
    assert meter.told() == []
    meter.run(80, lambda _: last)
    assert meter.told() == [("open", "stale_data")]
    opened = meter.changes[-1]
    assert opened.span.start_earliest_boot_us <= s(frozen_s) <= opened.span.start_boot_us + s(0.1)
    assert opened.span.start_boot_us - s(frozen_s) < s(60)
    assert not meter.detector.is_ordinary
    assert meter.detector.stale.voiceless
    back_s = meter.at_s
    meter.run(2, live.now)
    assert meter.told() == [("open", "stale_data"), ("close", "stale_data")]
    closed = next(one for one in meter.changes if one.action == "close")
    assert closed.span.end_boot_us == s(back_s + 0.02)
    assert closed.span.end_earliest_boot_us is not None
    assert closed.span.end_earliest_boot_us >= s(back_s - period_s - 0.4)
    meter.run(60, live.now)
    assert meter.detector.is_ordinary


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_a_meter_of_coarse_steps_with_a_quiet_load_is_never_stale(seed: int) -> None:
    """1 V and 1 A, a whole day: an evening with load, then a night with next to none, when hardly a digit moves."""
    meter, live = Meter(5.0), Live(seed, 1.0, 1.0)
    meter.run(6 * 3600, live.now)
    live.load_a = 0.3
    calm = Live(seed + 100, 1.0, 1.0, 0.3)
    meter.run(3 * 3600, lambda seconds: live.now(seconds / 3))
    meter.run(6 * 3600, lambda seconds: calm.now(seconds / 8))
    assert meter.told() == []


def test_what_was_never_seen_to_jitter_is_not_stale() -> None:
    meter = Meter()
    meter.run(7200, lambda _: ((U, U, U), (1.0, 1.0, 1.0)))
    assert meter.told() == []


@pytest.mark.slow
def test_a_dead_feeder_says_0_for_hours_and_is_not_stale() -> None:
    meter, live = Meter(), Live()
    meter.run(1200, live.now)
    meter.run(3600, lambda _: ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
    assert meter.told() == []
    assert "supply_loss" in meter.detector.open_kinds


def test_a_full_set_that_moves_proves_the_meter_alive() -> None:
    meter, live = Meter(), Live()
    meter.run(1200, live.now)
    last = live.now(1.0)
    for minute in range(30):
        meter.full(frequency=50 + 0.01 * (minute % 3))
        meter.run(30, lambda _: last)
    assert meter.told() == []


def test_the_very_words_of_before_a_silence_are_an_echo() -> None:
    meter, live = Meter(), Live()
    meter.run(600, live.now)
    last = (meter.detector.last_look.volts, meter.detector.last_look.amps)  # type: ignore[union-attr]
    meter.at_s += 120
    meter.detector.after_silence(s(120))
    meter.look(last)
    assert meter.told() == []
    meter.look(last)
    assert meter.told() == [("open", "stale_data")]
    meter.run(3, live.now)
    assert meter.told()[1:] == [("close", "stale_data")]


def test_other_words_after_a_silence_are_none() -> None:
    meter, live = Meter(), Live()
    meter.run(600, live.now)
    meter.at_s += 120
    meter.detector.after_silence(s(120))
    meter.run(120, live.now)
    assert meter.told() == []
    assert meter.detector.is_ordinary


SAID = {"frequency": 50.02, "active_power_total": 4_321.5, "power_factor_total": 0.93, "active_energy_import": 1e6}


def _before(**more: float) -> Reading:
    volts = {f"voltage_l{i}": U for i in (1, 2, 3)}
    return Reading("m", 0, 10.0, "good", (), {**SAID, **volts, **more}, volts, volts)


def test_the_very_values_of_before_a_restart_are_an_echo() -> None:
    meter = Meter()
    meter.detector.stale.after_restart(_before())
    meter.run(3, lambda _: ((U, U, U), (9.0, 9.0, 9.0)))
    meter.full(**SAID)
    assert meter.told() == [("open", "stale_data")]
    assert meter.detector.stale.voiceless
    meter.run(3, Live().now)
    assert meter.told()[1:] == [("close", "stale_data")]


def test_one_other_value_after_a_restart_is_enough_to_be_alive() -> None:
    for name in SAID:
        meter = Meter()
        meter.detector.stale.after_restart(_before(**{name: SAID[name] * 1.001}))
        meter.run(3, lambda _: ((U, U, U), (9.0, 9.0, 9.0)))
        meter.full(**SAID)
        assert meter.told() == []


def test_an_energy_counter_that_stands_still_while_power_flows() -> None:
    """10 Wh a step, 36 kW: a step a second."""
    meter, live, energy_wh = Meter(), Live(), 5_000_000.0
    for _ in range(12):
        meter.run(10, live.now)
        energy_wh += 100
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    assert meter.told() == []
    for _ in range(8):
        meter.run(10, live.now)
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    assert meter.told() == [("open", "stale_data")]
    assert not meter.detector.stale.voiceless, "the voltages move"
    assert meter.detector.is_ordinary
    meter.run(10, live.now)
    meter.full(active_power_total=36_000.0, active_energy_import=energy_wh + 10)
    assert meter.told()[1:] == [("close", "stale_data")]


def test_counter_and_voltages_standing_still_have_no_voice() -> None:
    meter, live, energy_wh = Meter(), Live(), 5_000_000.0
    for _ in range(12):
        meter.run(10, live.now)
        energy_wh += 100
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    last = live.now(1.0)
    meter.run(60, lambda _: last)
    for _ in range(12):
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
        meter.run(10, lambda _: last)
    assert meter.told() == [("open", "stale_data")]
    assert meter.detector.stale.voiceless


def undead(meter: Meter, live: Live) -> float:
    """A minute of supply, then none; the full sets come from a cache. Returns the counter."""
    energy_wh = 5_000_000.0
    for _ in range(12):
        meter.run(10, live.now)
        energy_wh += 100
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    for _ in range(8):
        meter.run(10, lambda _: DEAD)
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    return energy_wh


def test_no_voltage_while_power_flows_past_a_counter_is_old_and_its_loss_may_have_ended_any_time_since() -> None:
    meter, live = Meter(), Live()
    undead(meter, live)
    assert meter.told() == [("open", "stale_data")]
    assert "not values of one time" in meter.changes[-1].evidence[0]
    assert meter.detector.stale.voiceless
    meter.run(600, lambda _: DEAD)
    assert meter.told() == [("open", "stale_data")]
    meter.run(5, live.now)
    assert meter.told()[1:] == [("close", "stale_data")]
    (loss,) = (one for one in meter.changes if one.kind == "supply_loss" and one.action == "close")
    assert loss.span.end_boot_us == s(800 + 0.02)
    assert loss.span.end_earliest_boot_us is not None
    assert loss.span.end_earliest_boot_us <= s(130)
    assert loss.watched_us is not None
    assert loss.watched_us <= s(11)


def test_no_voltage_counts_again_once_the_power_is_gone_from_the_full_set() -> None:
    meter, live = Meter(), Live()
    energy_wh = undead(meter, live)
    meter.run(10, lambda _: DEAD)
    meter.full(active_power_total=0.0, active_energy_import=energy_wh)
    assert meter.told() == [("open", "stale_data"), ("close", "stale_data")]
    assert not meter.detector.stale.voiceless
    meter.run(60, lambda _: DEAD)
    meter.run(5, live.now)
    (loss,) = (one for one in meter.changes if one.kind == "supply_loss" and one.action == "close")
    assert loss.span.end_earliest_boot_us is not None
    assert loss.span.end_earliest_boot_us >= s(265)


def test_a_power_that_is_not_read_any_more_makes_no_dead_feeder_old() -> None:
    meter, live, energy_wh = Meter(), Live(), 5_000_000.0
    for _ in range(12):
        meter.run(10, live.now)
        energy_wh += 100
        meter.full(active_power_total=36_000.0, active_energy_import=energy_wh)
    for _ in range(20):
        meter.run(10, lambda _: DEAD)
        meter.full(active_energy_import=energy_wh)
    assert meter.told() == []


@pytest.mark.parametrize(
    ("watts", "name"),
    [(36_000.0, "active_energy_export"), (-36_000.0, "active_energy_import"), (20.0, "active_energy_import")],
)
def test_a_counter_that_has_nothing_to_count_may_stand_still(watts: float, name: str) -> None:
    counters = Counters(230.0)
    for i in range(10):
        counters.read({"active_power_total": watts, name: 1e6 + 10 * i}, s(10 * i))
    for i in range(10, 500):
        assert counters.read({"active_power_total": watts, name: 1e6 + 100}, s(10 * i)) is None


def test_a_counter_of_large_steps_is_given_its_time() -> None:
    """1 kWh a step at 2 kW: a step in half an hour."""
    counters = Counters(230.0)
    for i in range(2000):
        energy_wh = 2000 * (10 * i) / 3600 // 1000 * 1000
        assert counters.read({"active_power_total": 2000.0, "active_energy_import": energy_wh}, s(10 * i)) is None


def test_a_residual_voltage_tells_an_earth_fault_where_lines_are_judged() -> None:
    by = replace(
        rules(),
        basis="ll",
        channels=("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"),
        phases=("l1_l2", "l2_l3", "l3_l1"),
    )
    residual, seen, keys = Residual(), Look(0, 20_000, (U, U, U)), iter(range(1, 9))
    phase_v = U / 3**0.5

    def read(at_s: float, pu: float, look: Look = seen) -> list[tuple[str, str]]:
        changes = residual.read(pu * phase_v, look, s(at_s), by, lambda: next(keys))
        return [(one.action, one.kind) for one in changes]

    assert [read(0, 0.05), read(10, 0.9)] == [[], []]
    assert read(20, 0.9) == [("open", "earth_fault")]
    assert read(30, 0.4) == []
    assert read(40, 0.3) == [("close", "earth_fault")]
    sagging = Look(0, 20_000, (0.8 * U, U, U))
    assert [read(50, 0.9, sagging), read(60, 0.9, sagging)] == [[], []]
