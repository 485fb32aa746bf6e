"""What waits for the long record comes back as it was told, and takes a seventh of the room that objects take."""

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from samples import MIDNIGHT_US, interval

from agent.records import HOUR_US, LENGTH_US, MINUTE_US, Interval
from agent.report.record.waiting import Told, Waiting

KINDS = tuple(LENGTH_US)
NAMES = ("voltage_l1", "voltage_l2", "frequency", "current_l1", "active_energy_import")
ODD = (-0.0, 0.1 + 0.2, 5e-324, 1.7e308, float("inf"), 2.0**53 + 2)


def drawn(dice: Random) -> Interval:
    def numbers() -> dict[str, float]:
        some = dice.sample(NAMES, dice.randrange(len(NAMES) + 1))
        return {name: dice.choice((dice.uniform(-1e9, 1e9), *ODD)) for name in some}

    plain = dice.random() < 0.6  # most have what the one before them had
    values = {"voltage_l1": dice.gauss(230, 5), "voltage_l2": dice.gauss(230, 5)} if plain else numbers()
    start_us = MIDNIGHT_US + dice.randrange(180) * MINUTE_US
    low, high = ({}, {}) if plain else (numbers(), numbers())
    kind = "interval_1min" if plain else dice.choice(KINDS)
    return Interval(kind, f"m{dice.randrange(3)}", start_us, dice.random(), dice.random(), values, low, high)


def by_hour(told: list[Interval]) -> dict[tuple[int, str], list[Interval]]:
    """As lists of objects, in order: what it stands for."""
    hours: dict[tuple[int, str], list[Interval]] = {}
    for one in told:
        hours.setdefault((one.start_us // HOUR_US, one.meter), []).append(one)
    return hours


def back(waiting: Waiting) -> dict[tuple[int, str], list[Interval]]:
    return {key: list(one.rows()) for key, one in waiting.hours().items()}


@pytest.mark.parametrize("seed", range(20))
def test_all_that_was_told_comes_back_in_its_order_bit_for_bit(seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - no secret
    told = [drawn(dice) for _ in range(150)]
    earlier, later = Waiting(), Waiting()
    cut = dice.randrange(150)
    for one in told[:cut]:
        earlier.add(one)
    for one in told[cut:]:
        later.add(one)
    later.put_before(earlier)
    assert repr(sorted(back(later).items())) == repr(sorted(by_hour(told).items()))


def test_what_a_write_that_was_given_up_still_reads_does_not_change_under_it() -> None:
    first, then = Waiting(), Waiting()
    first.add(interval(0))
    read = first.hours()[MIDNIGHT_US // HOUR_US, "tx1"].rows()
    then.put_before(first)
    then.add(interval(1))
    assert list(read) == [interval(0)]
    assert back(then) == by_hour([interval(0), interval(1)])


def test_of_nothing_nothing_waits() -> None:
    assert not Told()
    assert list(Told().rows()) == []
    assert Waiting().hours() == {}


def ten_minutes(meters: int) -> Iterator[Interval]:
    """What 200 meters tell in ten minutes: each with 12 quantities and their extremes."""
    dice = Random(7)  # noqa: S311 - no secret
    for minute in range(10):
        for n in range(meters):
            numbers = {f"voltage_l{k}": round(dice.gauss(230, 5), 2) for k in (1, 2, 3)} | {"frequency": dice.random()}
            yield interval(minute, f"m{n}", values=numbers, min={}, max={})
    for n in range(meters):
        low, mean, high = ({f"quantity_{k}": dice.random() for k in range(12)} for _ in range(3))
        yield replace(interval(0, f"m{n}", values=mean, min=low, max=high), kind="interval_10min")


def test_ten_minutes_of_200_meters_take_less_than_half_a_megabyte() -> None:
    waiting = Waiting()
    gc.collect()
    tracemalloc.start()
    try:
        for one in ten_minutes(200):
            waiting.add(one)
        del one
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(list(one.rows())) for one in waiting.hours().values()) == 2200
    assert taken < 500_000
