"""Modes, supply and dark times on a real journal, from one run of the agent to the next."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import skipping_time
from samples import MIDNIGHT_US, event, reading
from timers import Timers
from turned_clock import SECOND, TurnedClock

from agent.clock import boot_id
from agent.errors import SiteError
from agent.gateway import Gateway
from agent.journal.file import FILE_NAME
from agent.journal.journal import Journal
from agent.journal.lives import SKIPPED
from agent.outage import Counters, Looked
from agent.records import ClockState, Event, Mode, Reading, Sample
from agent.site import Site, load_site

SURE, UNSET = ClockState(True, 0.5), ClockState(False, None)
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
time_zone = "Asia/Shanghai"
{calendar}
[lines.l]
tcp = "127.0.0.1:1"
[meters.tx1]
line = "l"
unit = 1
model = "eastron-sdm630"
feeder = "F12"
customers = 182
[meters.tx2]
line = "l"
unit = 2
model = "eastron-sdm630"
{powered_by}
[nodes.tx-17]
kind = "transformer"
parents = ["F12"]
[mains]
sysfs = "{mains}"
node = "tx-17"
"""


class Pipeline:
    def __init__(self) -> None:
        self.modes: list[Mode] = []
        self.held = 0

    def set_mode(self, mode: Mode) -> None:
        self.modes.append(mode)

    def hold_fast(self) -> None:
        self.held += 1


class Witness:
    def __init__(self) -> None:
        self.found: list[Looked] = []

    def looked(self, looked: Looked) -> None:
        self.found.append(looked)

    def resume(self, kept: str | None) -> frozenset[str]:
        """The desk has tests of its own."""
        return frozenset()

    def know(self, events: Iterable[Event], left: frozenset[str]) -> None:
        """Likewise."""

    def recall(self, read: Mapping[str, Counters]) -> None:
        """Likewise."""

    def counted(self, sample: Sample) -> None:
        """Likewise."""


class Run(SimpleNamespace):
    site: Site
    clock: TurnedClock
    journal: Journal
    gateway: Gateway
    pipelines: dict[str, Pipeline]
    told: list[Event]
    witness: Witness

    def of(self, kind: str) -> list[Event]:
        return [one for one in self.told if one.kind == kind]


class House:
    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.mains = tmp / "AC"
        self.mains.mkdir()
        self.supply(there=True)
        self.calendar = self.powered_by = ""

    def supply(self, *, there: bool) -> None:
        (self.mains / "online").write_text(str(int(there)))

    @asynccontextmanager
    async def run(
        self, at_s: float = 0, boot: str = "b1", boot_s: float = 100, clock: ClockState = SURE, wrong_s: float = 0
    ) -> AsyncIterator[Run]:
        """A run of the agent that begins at_s after midnight, boot_s after the machine's boot."""
        file = self.tmp / "site.toml"
        file.write_text(SITE.format(calendar=self.calendar, mains=self.mains, powered_by=self.powered_by))
        site, told = load_site(file), list[Event]()
        turned = TurnedClock(MIDNIGHT_US + round((at_s - wrong_s) * SECOND), boot_s, clock)
        options = {"call_later": Timers().call_later, "now_us": turned.wall_us}
        async with Journal.open(site.state_dir, ["mqtt"], site.gateway, **options) as journal:  # type: ignore[arg-type]

            def tell(one: Event) -> object:
                told.append(one)
                return journal.add_event(one)

            pipelines = {name: Pipeline() for name in site.meters}
            witness = Witness()
            gateway = Gateway(site, turned, journal, tell, pipelines, witness, boot=boot)
            await gateway.resume()
            yield Run(
                site=site, clock=turned, journal=journal, gateway=gateway, pipelines=pipelines, told=told,
                witness=witness,
            )  # fmt: skip

    @asynccontextmanager
    async def cut_off(self, **options: object) -> AsyncIterator[Run]:
        """A run that ends by losing its power: nothing of its end is stored."""
        left = self.tmp / "left"
        async with self.run(**options) as run:  # type: ignore[arg-type]
            yield run
            await run.journal.stats()
            shutil.copytree(run.site.state_dir, left)
        shutil.rmtree(run.site.state_dir)
        left.rename(run.site.state_dir)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# -- modes -----------------------------------------------------------------------------------------------------


async def test_a_mode_set_by_hand_marks_at_once_survives_a_kill_and_ends_by_itself(house: House) -> None:
    async with house.cut_off() as run:
        for _ in range(3):  # what the start stores is stored
            await run.journal.stats()
        standing = run.gateway.set_mode("tx1", "test", MIDNIGHT_US + 3600 * SECOND)
        assert (standing.mode, run.pipelines["tx1"].modes, run.pipelines["tx2"].modes) == ("test", ["test"], [])
        for _ in range(3):
            await run.journal.stats()
    async with house.run(at_s=60) as run:
        assert run.pipelines["tx1"].modes == ["test"], "before the first sample"
        run.clock.advance(3539)
        run.gateway.tick()
        assert run.pipelines["tx1"].modes == ["test"]
        run.clock.advance(1)
        run.gateway.tick()
        run.gateway.tick()
        assert run.pipelines["tx1"].modes == ["test", "normal"]


async def test_a_calendar_names_meters_and_nodes(house: House) -> None:
    house.calendar = 'calendar = "calendar.toml"'
    (house.tmp / "calendar.toml").write_text(
        '[[mode]]\nmeters = ["tx2"]\nmode = "maintenance"\nfrom = "2026-11-23T08:00"\nuntil = "2026-11-23T08:10"\n'
        '[[mode]]\nnodes = ["F12"]\nmode = "test"\nfrom = "2026-11-23T08:05"\nuntil = "2026-11-23T09:00"\n'
    )
    async with house.run() as run:
        assert run.pipelines["tx2"].modes == ["maintenance"]
        assert run.pipelines["tx1"].modes == []
        run.clock.advance(600)
        run.gateway.tick()
        assert (run.pipelines["tx1"].modes, run.pipelines["tx2"].modes) == (["test"], ["maintenance", "normal"])


async def test_a_calendar_that_changes_is_read_again_within_a_minute_and_a_broken_one_changes_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "lamplighter.modes")
    house.calendar = 'calendar = "calendar.toml"'
    file = house.tmp / "calendar.toml"
    entry = '[[mode]]\nmeters = ["tx1"]\nmode = "{}"\nfrom = "2026-11-23T08:00"\nuntil = "2026-11-23T10:00"\n'
    file.write_text(entry.format("maintenance"))
    async with house.run() as run:

        def after(seconds: float) -> list[Mode]:
            run.clock.advance(seconds)
            run.gateway.tick()
            return run.pipelines["tx1"].modes

        file.write_text(entry.format("test"))
        assert after(59) == ["maintenance"]
        assert after(1) == ["maintenance", "test"]
        file.write_text(entry.format("asleep"))
        assert after(60) == after(60) == ["maintenance", "test"]
        file.unlink()
        assert after(60) == after(60) == ["maintenance", "test"]
        file.write_text("")
        assert after(60) == ["maintenance", "test", "normal"]
    assert [record.getMessage().partition(f" file={file}")[::2] for record in caplog.records] == [
        ("calendar.read", " entries=1"),
        ("calendar.wrong", ' what was read before still counts. mode[1].mode: found "asleep"; allowed: test or'
         ' maintenance; name one of these'),
        ("calendar.wrong", " what was read before still counts. the file itself: found no such file or directory;"
         " allowed: a calendar that can be read; check site.calendar and its rights"),
        ("calendar.read", " entries=0"),
    ]  # fmt: skip


async def test_a_wrong_calendar_ends_the_start(house: House) -> None:
    house.calendar = 'calendar = "calendar.toml"'
    (house.tmp / "calendar.toml").write_text('[[mode]]\nnodes = ["F99"]\nmode = "test"\n')
    with pytest.raises(SiteError, match=r'calendar.toml: mode\[1\].nodes: found "F99"'):
        async with house.run():
            raise AssertionError("it began")


# -- mains -----------------------------------------------------------------------------------------------------


async def test_a_lost_supply_is_durable_at_once_and_its_end_is_told_by_the_next_run(house: House) -> None:
    async with house.cut_off() as run:
        run.journal.add_reading(reading())
        run.gateway.mains.looked(False, run.clock.boot_us())
        run.clock.advance(1)
        run.gateway.mains.looked(True, run.clock.boot_us())
        (opened,) = run.of("mains_loss")
        assert (opened.scope, opened.feeder, opened.path[-1], opened.meter) == ("gateway", "F12", "tx-17", None)
        assert [pipeline.held for pipeline in run.pipelines.values()] == [1, 1]
        for _ in range(3):
            await run.journal.stats()
        assert (await run.journal.stats()).uncommitted == 0
    async with house.run(at_s=1000) as run:
        assert [one.id for one in run.journal.open_events()] == [opened.id]
        run.gateway.mains.looked(False, run.clock.boot_us())
        (closed,) = run.of("mains_loss")
        assert (closed.id, closed.revision, closed.state) == (opened.id, 2 + SKIPPED, "closed")
        assert closed.end_us == MIDNIGHT_US + 1000 * SECOND


def test_the_child_asks_the_source_of_the_site(house: House) -> None:
    async def watched() -> list[str]:
        async with house.run() as run:
            task = asyncio.create_task(run.gateway.watch())
            for there in (True, False, True):
                house.supply(there=there)
                await asyncio.sleep(1.3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return [one.state for one in run.of("mains_loss")]

    assert skipping_time.run(watched()) == ["open", "closed"]


# -- the dark site ---------------------------------------------------------------------------------------------


def counts(number: int, meter: str, energy_wh: float) -> Reading:
    values = {"voltage_l1": 230.0, "active_energy_import": energy_wh, "active_power_total": 4000.0}
    return reading(number, meter, values=values)


async def last_readings(run: Run) -> None:
    """Two meters at 4 kW: a reading each 10 s until 60 s after midnight."""
    for number in range(7):
        for meter in ("tx1", "tx2"):
            run.journal.add_reading(counts(number, meter, 1_000_000.0 + number * 11))
    await last_readings_stored(run)


async def last_readings_stored(run: Run) -> None:
    run.clock.advance(62)
    run.gateway.tick()
    run.journal.commit_now()
    for _ in range(3):
        await run.journal.stats()


def answer(run: Run, meter: str, energy_wh: float) -> None:
    now_us = run.clock.boot_us()
    run.gateway.seen(Sample(meter, now_us - 9, now_us, {"active_energy_import": energy_wh}, full=True))


async def test_seven_dark_minutes_with_late_ntp_and_a_cache_that_answers(house: House) -> None:
    """The site dies at 62 s and is back at 482 s; tx1 with it, while tx2 hangs on another feeder and lives on."""
    async with house.cut_off() as run:
        await last_readings(run)
    async with house.run(at_s=62 + 420 + 30, boot="b2", boot_s=25, clock=UNSET, wrong_s=90_000) as run:
        (opened,) = run.of("gateway_outage")
        assert (opened.state, opened.scope) == ("open", "gateway")
        for meter in ("tx1", "tx2"):
            answer(run, meter, 1_000_066.0)  # the cache: the very words of before
        run.clock.advance(10)
        run.gateway.tick()
        answer(run, "tx1", 1_000_106.0)
        assert run.of("supply_loss") == []
        run.clock.set_wall(MIDNIGHT_US + (62 + 420 + 40) * SECOND, SURE)
        run.gateway.tick()
        closed = run.of("gateway_outage")[-1]
        assert (closed.id, closed.state, closed.revision) == (opened.id, "closed", 2)
        assert closed.start_earliest_us < MIDNIGHT_US + 62 * SECOND <= closed.start_us
        assert closed.end_earliest_us < MIDNIGHT_US + 482 * SECOND <= closed.end_us
        assert closed.duration_min_s < 420 < closed.duration_max_s  # type: ignore[operator]
        (loss,) = run.of("supply_loss")
        assert (loss.meter, loss.basis, loss.because, loss.customers) == ("tx1", "inferred", (opened.id,), (182, 182))
        assert (loss.feeder, loss.line, loss.phases) == ("F12", "l", ("l1", "l2", "l3"))
        assert loss.start_earliest_us < MIDNIGHT_US + 62 * SECOND <= loss.start_us
        assert loss.end_earliest_us < MIDNIGHT_US + 482 * SECOND <= loss.end_us
        answer(run, "tx2", 1_000_066.0 + 4000 * 460 / 3600)
        run.gateway.tick()
        assert [one.meter for one in run.of("supply_loss")] == ["tx1"]
        assert not run.gateway.dark.waits
    async with house.run(at_s=600, boot="b2") as run:
        assert run.told == [], "it is told once"


@pytest.mark.parametrize(("silent", "customers"), [((), None), (("tx2",), (0, 182)), (("tx1", "tx2"), (0, 0))])
async def test_a_dark_time_concerns_at_most_those_whom_no_open_event_counts(
    house: House, silent: tuple[str, ...], customers: tuple[int, int] | None
) -> None:
    """Nobody wrote down how many are fed at tx2."""
    async with house.cut_off() as run:
        await last_readings(run)
        for name in silent:
            run.journal.add_event(event(
                id=name, kind="comms_loss", meter=name, state="open", end_us=None, end_earliest_us=None,
                duration_min_s=None, duration_max_s=None,
            ))  # fmt: skip
        run.journal.commit_now()
        await run.journal.stats()
    async with house.run(at_s=62 + 420 + 30, boot="b2", boot_s=25) as run:
        outage = run.of("gateway_outage")[-1]
        assert outage.customers == customers


async def test_counters_that_move_after_the_agent_was_restarted_tell_of_the_dark_time_before_it(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
    async with house.cut_off(at_s=62 + 450, boot="b2", boot_s=25) as run:
        (outage,) = run.of("gateway_outage")
        answer(run, "tx1", 1_000_103.0)
        answer(run, "tx1", 1_000_106.0)
        assert [one.meter for one in run.of("supply_loss")] == ["tx1"]
    async with house.cut_off(at_s=62 + 480, boot="b2", boot_s=55) as run:
        assert run.gateway.dark.waits
        for meter in ("tx1", "tx2"):
            answer(run, meter, 1_000_112.0)
            answer(run, meter, 1_000_123.0)
        (loss,) = run.told
        assert (loss.kind, loss.meter, loss.because) == ("supply_loss", "tx2", (outage.id,))
    async with house.run(at_s=62 + 510, boot="b2", boot_s=85) as run:
        run.gateway.tick()
        assert (run.told, run.gateway.dark.waits) == ([], False)


async def test_who_has_not_counted_between_two_dark_times_is_told_over_both(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
    async with house.cut_off(at_s=62 + 450, boot="b2", boot_s=25) as run:
        (first,) = run.of("gateway_outage")
        answer(run, "tx1", 1_000_103.0)
        answer(run, "tx1", 1_000_106.0)
    async with house.run(at_s=62 + 900, boot="b3", boot_s=25) as run:
        (second,) = run.of("gateway_outage")
        for meter in ("tx1", "tx2"):
            answer(run, meter, 1_000_112.0)
            answer(run, meter, 1_000_123.0)
        loss = next(one for one in run.of("supply_loss") if one.meter == "tx2")
        assert loss.because == (first.id, second.id)
        assert loss.start_earliest_us < MIDNIGHT_US + 62 * SECOND <= loss.start_us
        assert [one.outage for one in run.witness.found if one.meter == "tx2"] == [first.id]


async def test_an_agent_that_was_killed_alone_tells_no_outage(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
    async with house.run(at_s=90, boot="b1") as run:
        assert run.told == []
        answer(run, "tx1", 1_000_070.0)
        assert run.told == []


async def test_the_first_start_of_all_tells_no_outage(house: House) -> None:
    async with house.run() as run:
        assert run.told == []


async def test_a_meter_whose_loss_is_open_keeps_its_own_bounds(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
        await run.journal.add_event(event(id="loss", kind="supply_loss"))
        await run.journal.add_event(event(id="silence", kind="comms_loss", meter="tx2"))
    async with house.run(at_s=62 + 450, boot="b2", boot_s=25) as run:
        for energy_wh in (1_000_104.0, 1_000_106.0):
            answer(run, "tx1", energy_wh)
            answer(run, "tx2", energy_wh)
        (loss,) = run.of("supply_loss")
        assert (loss.meter, loss.because[1:]) == ("tx2", ("silence",))


@pytest.mark.parametrize(("powered_by", "proves"), [("self", True), ("ups", False)])
async def test_hours_that_stood_still_prove_a_loss_only_of_a_meter_that_lives_on_it(
    house: House, powered_by: str, proves: bool
) -> None:
    house.powered_by = f'powered_by = "{powered_by}"'
    async with house.cut_off() as run:
        run.journal.add_reading(reading(0, "tx2", values={"voltage_l1": 230.0, "operating_hours": 100.0}))
        await last_readings_stored(run)
    async with house.run(at_s=62 + 1800, boot="b2", boot_s=25) as run:
        for hours_h in (100.1, 100.2):
            run.clock.advance(1)
            now_us = run.clock.boot_us()
            run.gateway.seen(Sample("tx2", now_us - 9, now_us, {"operating_hours": hours_h}, full=True))
        assert bool(run.of("supply_loss")) == proves


async def test_an_outage_whose_end_was_never_known_is_closed_without_one_by_the_next(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
    async with house.cut_off(at_s=500, boot="b2", clock=UNSET, wrong_s=90_000) as run:
        (opened,) = run.of("gateway_outage")
        for _ in range(3):
            await run.journal.stats()
    async with house.run(at_s=1000, boot="b3", boot_s=25) as run:
        first, second = run.of("gateway_outage")
        assert (first.id, first.state, first.end_us, "not known" in first.evidence[-1]) == (
            opened.id,
            "closed",
            None,
            True,
        )
        assert (second.id != opened.id, second.state) == (True, "closed")


async def test_on_battery_the_end_of_the_gateway_is_known_to_the_second(house: House) -> None:
    async with house.cut_off() as run:
        await last_readings(run)
        for second in range(20):
            run.gateway.mains.looked(second < 1, run.clock.boot_us())
            run.gateway.mains.looked(second > 0, run.clock.boot_us())
            run.clock.advance(1)
            run.gateway.tick()
            for _ in range(3):
                await run.journal.stats()
    async with house.run(at_s=82 + 420, boot="b2", boot_s=25) as run:
        (closed,) = run.of("gateway_outage")
        assert closed.start_us - closed.start_earliest_us == 7 * SECOND
        assert closed.start_earliest_us < MIDNIGHT_US + 82 * SECOND <= closed.start_us


# -- which boot this is ----------------------------------------------------------------------------------------


def test_the_service_manager_names_the_boot_or_else_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("4b2c-5d\n")
    assert boot_id({"LAMPLIGHTER_BOOT_ID": "abc"}, tmp_path / "boot_id") == "abc"
    assert boot_id({}, tmp_path / "boot_id") == "4b2c5d"
    assert boot_id({}, tmp_path / "none") == ""


# -- the store -------------------------------------------------------------------------------------------------


async def test_a_damaged_journal_is_told_as_an_event_of_the_gateway_once(house: House) -> None:
    async with house.run() as run:
        run.journal.add_reading(reading())
        run.gateway.tick()
        assert run.of("store_corrupt") == []
    file = run.site.state_dir / FILE_NAME
    file.write_bytes(bytes(4096))
    async with house.run(at_s=1000) as run:
        run.gateway.tick()
        run.gateway.tick()
        (event_,) = run.of("store_corrupt")
        assert (event_.scope, event_.meter, event_.state, event_.revision) == ("gateway", None, "closed", 1)
        assert event_.start_us == event_.end_us == MIDNIGHT_US + 1000 * SECOND
        assert event_.evidence[0].startswith(f"{FILE_NAME} was moved to {FILE_NAME}.bad-")
        assert event_.evidence[1] == "nothing of it could be taken over; what was still to be sent is gone"
