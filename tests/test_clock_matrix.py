"""A gateway without a clock of its own boots: what it tells a database is true, whenever and however the time comes."""

from dataclasses import replace
from pathlib import Path

import pytest
from set_later import BEGIN_US, SECOND, Database, Run, World, run

from agent.records import ClockState, Event

HOUR = 3600
YEAR = 31_557_600
WRONG_S = {"1970": None, "-2 h": -2 * HOUR, "+2 h": 2 * HOUR, "+2 y": 2 * YEAR}
SYNCED_S = {"0": 0, "10 min": 600, "24 h": 24 * HOUR, "never": 1 << 40}
SLEW_S = 600


def world_of(wrong: str, synced_s: int, *, slewed: bool) -> World:
    """Sure until BEGIN; five minutes later it boots with a wrong clock, which is right from synced_s on."""
    boot_us = BEGIN_US + 300 * SECOND
    wrong_s = WRONG_S[wrong]

    def left(true_us: int) -> float:
        """The part of the error that is left."""
        since_s = (true_us - boot_us) / SECOND - synced_s
        if true_us <= BEGIN_US or (since_s >= 0 and not slewed):
            return 0.0
        return 1.0 if since_s < 0 else max(0.0, 1.0 - since_s / SLEW_S)

    def wrong_us(true_us: int) -> int:
        error_us = -true_us + (true_us - boot_us) if wrong_s is None else wrong_s * SECOND
        return round(error_us * left(true_us))

    def told(true_us: int) -> ClockState:
        if true_us > BEGIN_US and (true_us - boot_us) / SECOND < synced_s:
            return ClockState(False, None)
        return ClockState(True, 0.005 + abs(wrong_us(true_us)) / SECOND)

    return World(wrong_us, told, true_us=BEGIN_US - 60 * SECOND)


async def sure_before(world: World, state_dir: Path, database: Database, rows: dict[int, int]) -> None:
    world.boot()
    async with run(world, state_dir, database, rows) as gateway:
        await gateway.steps(BEGIN_US, 10)
    world.true_us = BEGIN_US + 300 * SECOND
    world.boot()


async def lived(
    gateway: Run, until_us: int, synced_us: int,
) -> None:  # fmt: skip
    """Coarse steps while nothing happens."""
    await gateway.steps(min(until_us, synced_us - 30 * SECOND), 120)
    await gateway.steps(until_us, 5 if until_us < synced_us + 7200 * SECOND else 120)


@pytest.mark.parametrize("how", ["step", "slew", "reboot before sync"])
@pytest.mark.parametrize(
    "synced", [one if one == "10 min" else pytest.param(one, marks=pytest.mark.slow) for one in SYNCED_S]
)
@pytest.mark.parametrize("wrong", WRONG_S)
async def test_the_matrix(tmp_path: Path, wrong: str, synced: str, how: str) -> None:
    synced_s = SYNCED_S[synced]
    world, database, rows = world_of(wrong, synced_s, slewed=how == "slew"), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    sure = len(rows)
    synced_us = world.true_us + synced_s * SECOND
    end_us = min(synced_us + 1800 * SECOND, world.true_us + 25 * HOUR * SECOND)
    if how == "reboot before sync":
        async with run(world, tmp_path, database, rows) as gateway:
            half_us = world.true_us + min(synced_s, 24 * HOUR) * SECOND // 2
            await gateway.steps(half_us, 120)
            assert synced_s == 0 or len(database.told) == sure, "nothing goes out with a guess"
        world.true_us += 30 * SECOND
        world.boot()
    async with run(world, tmp_path, database, rows) as gateway:
        await lived(gateway, min(end_us, synced_us), synced_us)
        if synced == "24 h":
            assert len(database.told) == sure, "nothing goes out with a guess"
        await lived(gateway, end_us, synced_us)
        await gateway.settled()
        for _ in range(5):
            await gateway.step(5)
        shifts = gateway.journal._shifts.known
    assert database.told.keys() == rows.keys(), "all of it arrived"
    for number, (at_ns, flags) in database.told.items():
        if synced == "never" and number >= sure:
            assert "clock" in flags, f"row {number} went out with a guess and does not say so"
            continue
        off_s = abs(at_ns // 1000 - rows[number]) / SECOND
        bound_s = 1.0 if "clock" not in flags else max(one.err_us for one in shifts) / SECOND + 5.0
        assert off_s <= bound_s, f"row {number} is {off_s} s off, said were {bound_s} s"
        assert off_s <= 400, "no false year, no false hour"


def boot_wrong(wrong: str = "+2 h", synced_s: int = 600) -> World:
    return world_of(wrong, synced_s, slewed=False)


async def test_events_of_before_are_told_once_more_with_their_times_right_and_later_revisions_stay_so(
    tmp_path: Path,
) -> None:
    world, database, rows = boot_wrong(), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.step(60)
        began_us = world.true_us
        opened, closed = gateway.tell(), gateway.tell(state="closed", end_us=gateway.clock.wall_us())
        assert opened.start_us - began_us == pytest.approx(7200 * SECOND, abs=SECOND)
        assert opened.clock.synced is False
        await gateway.steps(began_us + 600 * SECOND, 5)
        known = {one.id: one for one in await gateway.journal.events() if one.kind == "sag"}
        for told in (known[opened.id], known[closed.id]):
            assert abs(told.start_us - began_us) < SECOND
            assert (told.revision, told.clock.synced) == (2, True)
            assert told.clock.uncertainty_s is not None
            assert "corrected: by -1 h 59 min 60 s" in told.evidence[-1] or "by -2 h" in told.evidence[-1]
        # Who told it goes on with what it gave out.
        now_us = gateway.clock.wall_us()
        gateway.keeper.door.add_event(replace(opened, revision=2, state="closed", end_us=now_us))
        last = await gateway.journal.event(opened.id)
        assert last is not None
        assert (last.revision, last.state, last.start_us, last.end_us) == (
            3,
            "closed",
            known[opened.id].start_us,
            now_us,
        )
        await gateway.settled()
        lying = [e.record for e in (await gateway.journal.fetch("influxdb", "live", 9999)).entries]
        assert all(abs(one.start_us - began_us) < 3600 * SECOND for one in lying if isinstance(one, Event))


async def test_a_guess_stays_the_same_over_a_restart_and_whatever_the_wall_clock_does(tmp_path: Path) -> None:
    world, database, rows = boot_wrong("-2 h", 1 << 40), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.step(10)
        offset_us = gateway.clock.offset_us
        assert gateway.clock.wall_us() >= BEGIN_US, "never before the last stored row"
    world.wrong_us = lambda true_us: 5 * YEAR * SECOND
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.step(10)
        assert gateway.clock.offset_us == offset_us


@pytest.mark.parametrize("wrong", ["-2 h", "1970", "+2 h"])
async def test_what_began_in_the_boot_before_keeps_its_times_when_it_is_told_by_a_guess(
    tmp_path: Path, wrong: str
) -> None:
    """It is younger than the zero of this boot would be, were the guess no later than the last row."""
    world, database, rows = boot_wrong(wrong), Database(), dict[int, int]()
    world.boot()
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.steps(BEGIN_US, 10)
        opened = gateway.tell()
        await gateway.settled()
    world.true_us = BEGIN_US + 300 * SECOND
    world.boot()
    async with run(world, tmp_path, database, rows) as gateway:
        gateway.keeper.door.add_event(opened)
        gateway.keeper.door.add_event(replace(opened, revision=2, reported_us=gateway.clock.wall_us()))
        await gateway.steps(BEGIN_US + 1200 * SECOND, 5)
        assert gateway.clock.anchor is not None
        known = await gateway.journal.event(opened.id)
        assert known is not None
        assert known.revision > 1
        assert (known.start_us, known.start_earliest_us) == (opened.start_us, opened.start_earliest_us)


async def test_columns_that_events_are_looked_up_by_are_moved_with_the_rows(tmp_path: Path) -> None:
    world, database, rows = boot_wrong("+2 y"), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.step(60)
        gateway.tell(state="closed", end_us=gateway.clock.wall_us())
        await gateway.settled()
        await gateway.steps(world.true_us + 620 * SECOND, 5)
        await gateway.settled()
        since_us = world.true_us + 60 * SECOND
        assert not [one for one in await gateway.journal.events(since_us=since_us) if one.kind == "sag"]


async def test_a_step_while_synchronised_is_an_event_and_changes_no_row_of_before(tmp_path: Path) -> None:
    world, database, rows = boot_wrong("+2 h", 0), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.steps(world.true_us + 60 * SECOND, 10)
        before = dict(database.told)
        world.wrong_us = lambda true_us: -2 * HOUR * SECOND
        for _ in range(800):
            await gateway.step(10)
        (step,) = [one for one in await gateway.journal.events() if one.kind == "clock_step"]
        assert (step.scope, step.state, step.basis) == ("gateway", "closed", "measured")
        assert "-1 h 59 min 60 s" in step.evidence[0] or "-2 h" in step.evidence[0]
        assert "more than an hour" in step.evidence[1]
    assert before.items() <= database.told.items()
    assert len(database.points) == len(rows), "two readings never share a timestamp, though hours were told twice"


async def test_a_clock_that_is_trusted_holds_nothing_and_shifts_nothing(tmp_path: Path) -> None:
    world, database, rows = boot_wrong("+2 h"), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows, trust="trusted") as gateway:
        await gateway.step(10)
        assert len(database.told) == len(rows)
        await gateway.steps(world.true_us + 700 * SECOND, 10)
        assert gateway.journal._shifts.known == ()


async def test_nothing_goes_out_before_what_rows_are_off_by_is_stored(tmp_path: Path) -> None:
    world, database, rows = boot_wrong(), Database(), dict[int, int]()
    await sure_before(world, tmp_path, database, rows)
    async with run(world, tmp_path, database, rows) as gateway:
        await gateway.steps(world.true_us + 605 * SECOND, 5)
        assert gateway.clock.guess
        world.true_us += 9 * SECOND
        gateway.clock.tick()
        gateway.keeper.tick()
        world.true_us += 60 * SECOND
        assert not gateway.clock.guess
        assert "is being stored" in (gateway.hold.reason() or "")
        await gateway.settled()
        assert gateway.hold.reason() is None
    # As it would be after a power cut in this moment: the next start finds it.
    async with run(world, tmp_path, database, rows) as gateway:
        assert len(gateway.journal._shifts.known) == 1
