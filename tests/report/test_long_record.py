"""The record of 400 days: what it gives back, and what cannot harm it."""

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from samples import MIDNIGHT_US, interval

from agent.records import HOUR_US, Interval
from agent.report.figures import Span
from agent.report.record.history import History, Past, past
from agent.report.record.history_file import FILE_NAME

ALL = Span(0, 1 << 62)
MINUTE_US = 60_000_000


class Time:
    def __init__(self) -> None:
        self.us = MIDNIGHT_US

    def __call__(self) -> int:
        return self.us


def rows(found: Past, meter: str, span: Span) -> list[Interval]:
    return [one for columns in found.of_meter(meter, span) for one in columns.rows()]


def kept(state_dir: Path, meter: str = "tx1", span: Span = ALL) -> list[Interval]:
    with past(state_dir) as found:
        return [] if found is None else rows(found, meter, span)


def minutes(count: int, meter: str = "tx1", first: int = 0) -> Iterator[Interval]:
    for n in range(first, first + count):
        yield interval(n, meter, min={}, max={}, values={"voltage_l1": 230.0 + n % 7})


async def test_what_was_told_comes_back_of_each_kind_in_order(tmp_path: Path) -> None:
    told = [*minutes(150), interval(kind="demand_15min", values={"active_power_demand": 5e4})]
    async with History.open(tmp_path, Time()) as history:
        for one in told:
            history.add(one)
    found = kept(tmp_path)
    assert {repr(one) for one in found} == {repr(one) for one in told}
    assert [one.start_us for one in found] == [one.start_us for one in told]


async def test_of_minutes_it_keeps_voltages_and_the_frequency_and_of_ten_minutes_everything(tmp_path: Path) -> None:
    values = {"voltage_l1": 229.98765, "frequency": 50.01234, "current_l1": 12.5}
    async with History.open(tmp_path, Time()) as history:
        history.add(interval(values=values))
        history.add(interval(kind="interval_10min", values=values))
    minute, ten = kept(tmp_path)
    assert (minute.values, minute.min, minute.max) == ({"voltage_l1": 229.99, "frequency": 50.012}, {}, {})
    assert (ten.values, ten.min) == (values, {"voltage_l1": 229.5})


async def test_another_run_goes_on_with_the_hour_of_the_one_before(tmp_path: Path) -> None:
    for first in (0, 20):
        async with History.open(tmp_path, Time()) as history:
            for one in minutes(20, first=first):
                history.add(one)
    assert [one.start_us for one in kept(tmp_path)] == [one.start_us for one in minutes(40)]


async def test_it_is_written_every_ten_minutes_so_that_a_kill_costs_no_more(tmp_path: Path) -> None:
    now = Time()
    async with History.open(tmp_path, now) as history:
        for one in minutes(9):
            history.add(one)
        now.us += 9 * MINUTE_US
        await history.tick()
        assert kept(tmp_path) == []
        now.us += MINUTE_US
        await history.tick()
        assert len(kept(tmp_path)) == 9


async def test_a_span_is_asked_for_and_other_meters_stay_apart(tmp_path: Path) -> None:
    async with History.open(tmp_path, Time()) as history:
        for one in (*minutes(200), *minutes(200, "tx2")):
            history.add(one)
    span = Span(MIDNIGHT_US + 50 * MINUTE_US, MIDNIGHT_US + 130 * MINUTE_US)
    found = kept(tmp_path, "tx2", span)
    assert [one.start_us for one in found] == [MIDNIGHT_US + n * MINUTE_US for n in range(50, 130)]
    assert {one.meter for one in found} == {"tx2"}


async def test_after_400_days_it_goes(tmp_path: Path) -> None:
    now = Time()
    async with History.open(tmp_path, now) as history:
        history.add(interval())
    now.us += 401 * 24 * HOUR_US
    async with History.open(tmp_path, now) as history:
        history.add(interval(start_us=now.us))
    assert [one.start_us for one in kept(tmp_path)] == [now.us]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    async with History.open(tmp_path, Time()) as history:
        history.add(interval())
    assert len(kept(tmp_path)) == 1
    assert (tmp_path / f"{FILE_NAME}.bad").read_bytes() == content


async def test_a_file_of_another_program_is_put_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("CREATE TABLE t (a)")
    async with History.open(tmp_path, Time()) as history:
        history.add(interval())
    assert len(kept(tmp_path)) == 1


async def test_a_row_that_is_damaged_is_passed_over_and_counted(tmp_path: Path) -> None:
    async with History.open(tmp_path, Time()) as history:
        for one in minutes(120):
            history.add(one)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE hour SET body = x'00ff' WHERE at = (SELECT min(at) FROM hour)")
    with past(tmp_path) as found:
        assert found is not None
        assert len(rows(found, "tx1", ALL)) == 60
        assert found.damaged == 1


async def test_a_card_that_takes_nothing_is_said_once_and_what_waits_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_dir, now = tmp_path / "gone", Time()
    async with History.open(state_dir, now) as history:
        for n in range(6):
            history.add(interval(n * 10))
            now.us += 600_000_000
            await history.tick()
        assert caplog.text.count("history.failed") == 1
        state_dir.mkdir()
        now.us += 600_000_000
        await history.tick()
    assert len(kept(state_dir)) == 6


@pytest.mark.parametrize("there", [True, False], ids=["a card that takes it", "a card that takes nothing"])
async def test_what_waits_in_memory_does_not_grow_with_the_hours(tmp_path: Path, there: bool) -> None:
    """As objects two days of 200 meters are half a gigabyte."""
    before = intervals()
    state_dir, now = tmp_path / "state", Time()
    if there:
        state_dir.mkdir()
    async with History.open(state_dir, now) as history:
        for n in range(180):
            now.us = MIDNIGHT_US + n * MINUTE_US
            for one in minutes(1, first=n):
                history.add(one)
            await history.tick()
        # Those since the last write; and those of that write, which its thread lets go of a moment later.
        assert intervals() - before <= 20
        state_dir.mkdir(exist_ok=True)
    assert [one.start_us for one in kept(state_dir)] == [one.start_us for one in minutes(180)]


def intervals() -> int:
    """How many there are."""
    gc.collect()
    return sum(isinstance(one, Interval) for one in gc.get_objects())


async def test_a_card_that_takes_nothing_for_days_costs_what_is_older_than_two(tmp_path: Path) -> None:
    state_dir, now = tmp_path / "gone", Time()
    async with History.open(state_dir, now) as history:
        for hour in range(60):
            now.us = MIDNIGHT_US + hour * HOUR_US
            history.add(interval(start_us=now.us))
            await history.tick()
        state_dir.mkdir()
    first = MIDNIGHT_US // HOUR_US + 59 - 48
    assert [one.start_us // HOUR_US for one in kept(state_dir)] == list(range(first, first + 49))


def test_where_there_is_no_record_nothing_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path) == []


@pytest.mark.slow
async def test_a_meter_takes_so_many_bytes_a_day(tmp_path: Path) -> None:
    """As docs/reports.md says, for twelve noisy quantities."""
    dice, now = Random(3), Time()  # noqa: S311 - not for secrets
    async with History.open(tmp_path, now) as history:
        for n in range(1440):
            now.us = MIDNIGHT_US + n * MINUTE_US
            for one in _of_minute(n, dice):
                history.add(one)
            await history.tick()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        size = db.execute("SELECT sum(length(body) + 40) FROM hour").fetchone()[0]
    assert 15_000 < size < 25_000  # with its pages 11 MiB in 400 days


def _of_minute(n: int, dice: Random) -> Iterator[Interval]:
    names = [f"{what}_{phase}" for what in ("voltage", "current", "active_power", "reactive_power") for phase in
             ("l1", "l2", "l3")]  # fmt: skip
    values = {name: round(dice.gauss(230, 2), 3) for name in names} | {"frequency": round(dice.gauss(50, 0.01), 4)}
    yield interval(n, values=values, min=values, max=values, coverage=1.0)
    if n % 10 == 0:
        yield interval(n, kind="interval_10min", values=values, min=values, max=values, coverage=1.0)
    if n % 15 == 0:
        energies = {"active_energy_import": 12e3 + n, "active_energy_import_register": 1e8 + 12e3 * n}
        yield interval(n, kind="demand_15min", values=energies, min=energies, max=energies, coverage=1.0)
