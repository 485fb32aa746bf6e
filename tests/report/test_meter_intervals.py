"""Readings that are counted together make the same intervals as readings that are counted one by one."""

from collections.abc import Iterable, Iterator
from random import Random

import pytest

from agent.records import Interval, Quality, Reading
from agent.report.record.demand_blocks import DemandBlocks
from agent.report.record.intervals import Intervals
from agent.report.record.meter_intervals import MeterIntervals

MINUTE = 60_000_000
T0 = 1_790_000_100_000_000 // (30 * MINUTE) * 30 * MINUTE


def reading(
    at_us: int,
    values: dict[str, float],
    *,
    window_s: float = 0.1,
    quality: Quality = "good",
    flags: tuple[str, ...] = (),
    seen_s: float | None = None,
    spread: float = 0.0,
) -> Reading:
    low = values if not spread else {"voltage_l1": values["voltage_l1"] - spread}
    high = values if not spread else {"voltage_l1": values["voltage_l1"] + spread}
    return Reading("m", at_us, window_s, quality, flags, values, low, high, seen_s)


def one_by_one(readings: Iterable[Reading]) -> Iterator[Interval]:
    made = Intervals("m", "interval_1min"), Intervals("m", "interval_10min"), DemandBlocks("m")
    for one in readings:
        for each in made:
            yield from each.add(one, one.window_s if one.seen_s is None else one.seen_s)


def together(readings: Iterable[Reading]) -> Iterator[Interval]:
    made = MeterIntervals("m")
    for one in readings:
        if not made.put_by(one):
            yield from made.add(one)


def alike(made: Iterable[Interval], wanted: Iterable[Interval]) -> None:
    """As sets: blocks are told at the end of a minute instead of with any reading."""
    key = lambda one: (one.kind, one.start_us)  # noqa: E731
    pairs = list(zip(sorted(made, key=key), sorted(wanted, key=key), strict=True))
    for found, want in pairs:
        assert (found.kind, found.start_us) == (want.kind, want.start_us)
        assert (found.coverage, found.flagged) == pytest.approx((want.coverage, want.flagged), abs=1e-9)
        for some, others in zip((found.values, found.min, found.max), (want.values, want.min, want.max), strict=True):
            assert dict(some) == pytest.approx(dict(others), rel=1e-12)
    assert len({one.kind for one, _ in pairs}) == 3


def a_day_in_the_field(rng: Random) -> Iterator[Reading]:
    """Ten looks a second with silences, looks lost, flags, full sets, registers, and a clock that is set twice."""
    at_us, energy_wh = T0 + 30 * MINUTE + 47_000, 1000.0
    for n in range(15_000):
        at_us += 100_000 if rng.random() < 0.999 else rng.choice((3_000_000, 70_000_000, -5_000_000))
        energy_wh += 0.2
        values = {"voltage_l1": rng.gauss(230, 3), "current_l1": rng.uniform(0, 40)}
        if n % 100 < 40:
            values["active_power_total"] = rng.uniform(-1e3, 9e3)
        if n % 100 in (7, 8, 9):
            values["active_energy_import"] = energy_wh
        spread = rng.choice((0.0, 0.0, 2.5))
        flagged = rng.random() < 0.01
        yield reading(
            at_us, values, flags=("partial",) * flagged, spread=spread, seen_s=rng.choice((None, None, 0.1, 0.04, 0.0)),
            quality="questionable" if rng.random() < 0.01 else "good", window_s=10.0 if n % 500 == 0 else 0.1,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_is_made_is_the_same_whether_readings_are_counted_together_or_one_by_one(seed: int) -> None:
    readings = list(a_day_in_the_field(Random(seed)))  # noqa: S311 - not for secrets
    alike(together(readings), one_by_one(readings))


def test_nearly_all_of_ten_readings_a_second_are_counted_together() -> None:
    made, added = MeterIntervals("m"), 0
    for n in range(1, 6001):
        one = reading(T0 + n * 100_000, {"voltage_l1": 230.0})
        if not made.put_by(one):
            added += 1
            made.add(one)
    assert added == 11  # the first, and one that ends each of ten minutes


def test_readings_that_wait_are_part_of_an_interval_that_ends_in_silence() -> None:
    made = MeterIntervals("m")
    for n in range(1, 301):
        one = reading(T0 + n * 100_000, {"voltage_l1": 200.0 if n <= 150 else 240.0})
        assert made.put_by(one) or made.add(one) == []
    assert made.flush(T0 + MINUTE - 1) == []
    (minute,) = made.flush(T0 + MINUTE)
    assert minute.coverage == pytest.approx(0.5)
    assert (minute.min["voltage_l1"], minute.max["voltage_l1"]) == (200.0, 240.0)
    assert minute.values["voltage_l1"] == pytest.approx(((200**2 + 240**2) / 2) ** 0.5)


def test_what_comes_after_its_minute_was_told_is_part_of_no_minute() -> None:
    made = MeterIntervals("m")
    made.add(reading(T0 + 100_000, {"voltage_l1": 230.0}))
    assert len(made.flush(T0 + MINUTE)) == 1
    assert made.put_by(reading(T0 + 200_000, {"voltage_l1": 100.0}))
    assert made.flush(T0 + 2 * MINUTE) == []
