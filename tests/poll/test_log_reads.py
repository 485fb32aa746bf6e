"""When the meter's own registers are read: rarely, at once after trouble, never at the cost of the watching."""

from collections.abc import Iterator
from itertools import pairwise

import virtual_time
from virtual_meters import SECOND, FakeDecoder, FakeLine, Rig, unit

from agent.poll.schedule import Job, Schedule, Turn
from agent.poll.unit import Unit
from drivers.modbus.pdu import Read

START_US = 1000 * SECOND
LOG = Job("a", "log", 60 * SECOND, 2)
WATCH = Job("a", "watch", SECOND, 1)


def served(schedule: Schedule, start_us: int, end_us: int, cost_us: int = 20_000) -> Iterator[tuple[int, Turn]]:
    now_us = start_us
    while now_us < end_us:
        turn = schedule.turn(now_us)
        if turn is None:
            now_us = schedule.next_due_us() or end_us
            continue
        yield now_us, turn
        now_us += cost_us
        schedule.done(turn, now_us)


def sets(turns: Iterator[tuple[int, Turn]]) -> list[int]:
    """When a log was begun."""
    return [at for at, turn in turns if turn.job is LOG and turn.nth == 0]


def test_the_log_has_its_own_long_period():
    schedule = Schedule.starting([WATCH, LOG], 0)
    assert [round(at / SECOND) for at in sets(served(schedule, 0, 200 * SECOND))] == [0, 60, 120, 180]


def test_trouble_makes_it_due_at_once_and_the_period_stays():
    schedule = Schedule.starting([WATCH, LOG], 0)
    list(served(schedule, 0, 25 * SECOND))
    schedule.hasten("a", 25 * SECOND)
    schedule.hasten("b", 25 * SECOND)
    assert [round(at / SECOND) for at in sets(served(schedule, 25 * SECOND, 130 * SECOND))] == [25, 60, 120]


def test_what_is_wanted_later_does_not_lose_to_a_tick_that_comes_before():
    schedule = Schedule.starting([WATCH, LOG], 0)
    list(served(schedule, 0, 59 * SECOND))
    schedule.hasten("a", 61 * SECOND)
    assert [round(at / SECOND) for at in sets(served(schedule, 59 * SECOND, 130 * SECOND))] == [60, 61, 120]


def test_what_is_wanted_while_it_is_read_is_read_again():
    schedule = Schedule.starting([LOG], 0)
    turn = schedule.turn(0)
    assert turn is not None
    schedule.done(turn, 20_000)
    schedule.hasten("a", 20_000)
    assert [round(at / SECOND, 2) for at in sets(served(schedule, 20_000, 10 * SECOND))] == [0.04]


def test_on_a_busy_line_it_is_read_soon_and_no_watch_waits_for_more_than_one_read():
    log = Job("a", "log", 60 * SECOND, 3)
    schedule = Schedule.starting([*(Job(f"m{n}", "watch", 200_000, 1) for n in range(9)), log], 0)
    list(served(schedule, 0, 20 * SECOND))
    schedule.hasten("a", 20 * SECOND)
    turns = list(served(schedule, 20 * SECOND, 23 * SECOND))
    done = [at for at, turn in turns if turn.job is log]
    assert len(done) == 3
    assert done[-1] <= 21.2 * SECOND
    watched = [at for at, turn in turns if turn.job.meter == "m4"]
    assert max(two - one for one, two in pairwise(watched)) <= 220_000


def latching(number: int, reads: int = 2) -> Unit:
    log = FakeDecoder(tuple(Read(4, 80 + 2 * n, 2) for n in range(reads)))
    return unit(number, log=log, log_us=60 * SECOND)


def test_the_first_full_set_does_not_wait_for_it():
    rig = Rig(FakeLine(), [latching(1)])
    virtual_time.run(rig.run(70))
    first = next(sample for sample in rig.samples if sample.full)
    logs = [sample for sample in rig.samples if "read_80" in sample.values]
    assert set(first.values) == {"read_10", "read_12"}
    assert [set(sample.values) for sample in logs] == [{"read_80", "read_82"}] * 2
    assert all(sample.full for sample in logs)


def test_the_poller_hurries_for_it_out_of_its_sleep():
    for reads in (1, 2):
        rig = Rig(FakeLine(), [latching(1, reads)])
        virtual_time.run(rig.run(12, (5.3, lambda rig=rig: rig.poller.hasten("m1", START_US + 5_300_000))))
        logs = [sample.sent_boot_us - START_US for sample in rig.samples if "read_80" in sample.values]
        assert len(logs) == 2
        assert 5_300_000 <= logs[1] <= 5_500_000


def test_a_meter_that_is_back_is_asked_for_it_at_once():
    line = FakeLine(dead={1})
    rig = Rig(line, [latching(1)])
    virtual_time.run(rig.run(60, (30.0, line.dead.clear)))
    back = rig.watches("m1")[0].received_boot_us
    log = next(sample for sample in rig.samples if "read_80" in sample.values)
    assert log.sent_boot_us - back <= SECOND


def test_a_log_without_anything_in_it_is_no_sample():
    class Nothing(FakeDecoder):
        def decode_round(self, replies: object) -> dict[str, float]:
            return {}

    for reads in (1, 2):
        log = Nothing(tuple(Read(4, 80 + 2 * n, 2) for n in range(reads)))
        rig = Rig(FakeLine(), [unit(1, log=log, log_us=60 * SECOND)])
        virtual_time.run(rig.run(5))
        assert not [sample for sample in rig.samples if not sample.values]
