"""When a meter is asked who it is: after everything else, each time it was away, hourly, and late in trouble."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import virtual_time
from virtual_meters import SECOND, FakeLine, Rig, unit

from agent.poll.schedule import Job, Schedule
from agent.poll.unit import Unit
from drivers.identity import IdField, IdRead
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.nameplate import SERIAL, Nameplate

START_US = 1000 * SECOND
HOUR = 3600 * SECOND
PLACE = Read(3, 0x5000, 2)
PLATE = IdRead("Serial number", PLACE, (IdField(SERIAL, 0, 2, "u32"),), "A", "here")
TYPE = IdRead("Firmware", Read(3, 0x6000, 1), (IdField("firmware", 0, 1, "u16"),), "A", "here")


def named(number: int) -> Unit:
    return unit(number, plate=(PLATE, TYPE), plate_us=HOUR)


@dataclass
class PlateLine(FakeLine):
    """Answers with the serial number that it has; `mute`: not at all to that."""

    serial: int = 77
    mute: bool = False
    plates: list[float] = field(default_factory=list)

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        plate = read.function == 3
        silenced = self.mute and plate and unit not in self.dead
        if silenced:
            self.dead.add(unit)
        exchange = await super().exchange(unit, read, timeout_s, spare)
        if silenced:
            self.dead.discard(unit)
        if plate:
            self.plates.append(exchange.sent_boot_us - START_US)
        if exchange.outcome != "answered" or not plate:
            return exchange
        return exchange._replace(data=self.serial.to_bytes(2 * read.count, "big"))


def told(rig: Rig, for_s: float, *script: tuple[float, object]) -> list[tuple[str, Nameplate, int, int]]:
    plates: list[tuple[str, Nameplate, int, int]] = []
    virtual_time.run(rig.run(for_s, *script, on_plate=lambda *said: plates.append(said)))
    return plates


def test_it_is_read_once_after_the_start_behind_the_first_full_set():
    rig = Rig(line := PlateLine(), [named(1)])
    ((meter, plate, sent_us, at_us),) = told(rig, 60)
    assert (meter, plate) == ("m1", Nameplate("77", "77"))
    assert START_US < sent_us < at_us
    first = next(sample for sample in rig.samples if sample.full)
    assert START_US + min(line.plates) >= first.received_boot_us
    assert len(line.plates) == 2


@pytest.mark.slow
def test_it_comes_every_hour_and_costs_no_watch():
    rig = Rig(line := PlateLine(), [named(1)])
    assert len(told(rig, 2.5 * 3600)) == 3
    assert len(line.plates) == 6
    assert rig.poller.missed_ticks("m1") == 0


def test_it_is_read_again_when_the_meter_was_away():
    rig = Rig(line := PlateLine(), [named(1)])

    def swap() -> None:
        line.dead.clear()
        line.serial = 78

    plates = told(rig, 120, (30.0, lambda: line.dead.add(1)), (60.0, swap))
    assert [plate.serial for _, plate, *_ in plates] == ["77", "78"]
    assert plates[1][2] >= START_US + 60 * SECOND


def test_a_meter_that_leaves_it_unanswered_or_refuses_is_neither_silent_nor_mute():
    for line in (PlateLine(mute=True), PlateLine(refusing={(1, 0x5000), (1, 0x6000)})):
        rig = Rig(line, [named(1)])
        ((_, plate, *_),) = told(rig, 60)
        assert plate == Nameplate()
        assert rig.misses == []
        assert rig.poller.mute("m1") == ()
        assert len(rig.watches("m1")) >= 58


def test_one_that_failed_can_be_asked_for_again_at_once():
    rig = Rig(line := PlateLine(mute=True), [named(1)])
    heard: list[int] = []

    def again(meter: str, plate: Nameplate, sent_us: int, at_us: int) -> None:
        heard.append(at_us)
        line.mute = len(heard) < 3
        if plate.serial is None:
            rig.poller.hasten(meter, at_us + 20 * SECOND, "plate")

    virtual_time.run(rig.run(120, on_plate=again))
    assert len(heard) == 4
    assert [round((b - a) / SECOND) for a, b in pairwise(heard)] == [20, 20, 20]


def test_bytes_that_may_be_anothers_say_nothing():
    rig = Rig(PlateLine(questionable=True), [named(1)])
    ((_, plate, *_),) = told(rig, 30)
    assert plate == Nameplate()


def test_it_waits_until_no_meter_has_the_lines_attention():
    plate, watch = Job("a", "plate", HOUR, 1), Job("b", "watch", SECOND, 1)
    schedule = Schedule.starting([plate, watch], 0)
    schedule.attend("b", 0, 5 * SECOND)
    now_us, asked = 0, []
    for _ in range(1000):
        if (turn := schedule.turn(now_us)) is None:
            due_us = schedule.next_due_us()
            assert due_us is not None
            assert due_us > now_us, "it would be asked for ever"
            now_us = due_us
            continue
        asked.append((now_us, turn.job.work))
        now_us += 20_000
        schedule.done(turn, now_us)
    assert [at for at, work in asked if work == "plate"] == [5 * SECOND]


@pytest.mark.parametrize("exchange_us", [20_000, 400_000])
def test_after_a_silence_it_is_read_within_seconds_whatever_goes_on_at_other_meters(exchange_us: int):
    jobs = [Job(meter, "watch", SECOND, 1, hurry_us=100_000) for meter in ("a", "b")]
    schedule = Schedule.starting([*jobs, Job("a", "plate", HOUR, 2), Job("a", "log", 60 * SECOND, 1)], 0)
    schedule.paused["a"] = None
    now_us, asked = 0, []
    while now_us < 200 * SECOND:
        schedule.attend("b", now_us, now_us + 30 * SECOND)
        if now_us >= 100 * SECOND and "a" in schedule.paused:
            schedule.resume("a", now_us)
        turn = schedule.turn(now_us)
        if turn is None:
            due_us = schedule.next_due_us()
            assert due_us is not None
            assert due_us > now_us
            now_us = due_us
            continue
        asked += [now_us] * (turn.job.work == "plate")
        now_us += exchange_us
        schedule.done(turn, now_us)
    assert len(asked) == 2
    assert 110 * SECOND <= asked[0] < asked[1] < 112 * SECOND


def test_it_can_be_wanted_again_soon():
    schedule = Schedule.starting([Job("a", "plate", HOUR, 1), Job("a", "log", 60 * SECOND, 1)], 0)
    for work in ("plate", "log"):
        turn = schedule.turn(0)
        assert turn is not None
        assert turn.job.work in ("plate", "log"), work
        schedule.done(turn, 1)
    schedule.hasten("a", 2 * SECOND, "plate")
    assert schedule.turn(SECOND) is None
    turn = schedule.turn(2 * SECOND)
    assert turn is not None
    assert turn.job.work == "plate"


def test_a_map_without_it_asks_for_nothing():
    rig = Rig(line := PlateLine(), [unit(1)])
    assert told(rig, 30) == []
    assert line.plates == []
