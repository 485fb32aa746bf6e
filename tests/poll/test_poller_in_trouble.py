"""The poller when what it calls fails, when it is cancelled, when its line goes: by task and by calls."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
import virtual_time
from asked_lines import AskedLine
from virtual_meters import SECOND, FakeDecoder, FakeLine, Rig, unit

from agent.poll.poller import LinePoller
from agent.poll.unit import Unit
from agent.records import Sample
from agent.supervisor import supervise
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.wheel import Wheel

START_US = 1000 * SECOND


@pytest.fixture(autouse=True, params=[False, True], ids=["by task", "by calls"])
def _both_ways(request, monkeypatch):
    monkeypatch.setattr(AskedLine, "by_calls", request.param)


def test_what_a_sample_raises_reaches_the_supervisor_which_starts_the_line_again():
    line, samples = FakeLine(), []

    def on_sample(sample: Sample) -> None:
        samples.append(sample)
        if len(samples) in (3, 9):
            raise ValueError("a defect in detection")

    waits: list[float] = []

    async def pause(delay_s: float) -> None:
        waits.append(delay_s)
        await asyncio.sleep(delay_s)

    async def main() -> None:
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        poller = LinePoller(line, [unit(1), unit(2)], virtual_time.now_us, on_sample, lambda miss: None)
        task = asyncio.create_task(supervise("line:a", poller.run, sleep=pause))
        await asyncio.sleep(30)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not told, "nothing is left to the loop's own handler"

    virtual_time.run(main())
    assert len(waits) == 2
    assert {sample.meter for sample in samples if sample.received_boot_us > START_US + 10 * SECOND} == {"m1", "m2"}
    assert len(samples) >= 50


def test_what_a_miss_raises_does_so_too():
    line = FakeLine(dead={1})

    def on_miss(miss: object) -> None:
        raise ValueError("a defect in detection")

    async def main() -> None:
        poller = LinePoller(line, [unit(1)], virtual_time.now_us, lambda sample: None, on_miss)
        with pytest.raises(ValueError, match="a defect"):
            await asyncio.wait_for(poller.run(), 10)
        assert not line.busy

    virtual_time.run(main())


@pytest.mark.parametrize("after_ms", range(0, 2300, 131))
def test_a_cancelled_poller_asks_no_more_and_may_be_run_again(after_ms: int):
    line = FakeLine(cost_s=0.07)

    async def main() -> tuple[int, int]:
        rig = Rig(line, [unit(1, 0.5), unit(2, 0.5)])
        poller = rig.make()
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(after_ms / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        line.busy = False
        asked = len(line.asked)
        await asyncio.sleep(5)
        idle = len(line.asked)
        again = asyncio.create_task(poller.run())
        await asyncio.sleep(5)
        again.cancel()
        assert len(rig.watches("m2")) >= 9
        return asked, idle

    before, after = virtual_time.run(main())
    assert before == after


def test_a_line_that_goes_and_comes_back_is_polled_as_before():
    line = FakeLine()
    rig = Rig(line, [unit(1), unit(2)])

    def cut() -> None:
        line.down = True

    def mend() -> None:
        line.down = False

    virtual_time.run(rig.run(60, (10.0, cut), (20.0, mend), (30.0, cut), (31.0, mend)))
    assert {miss.outcome for miss in rig.misses} == {"down"}
    for start, end in ((2, 10), (22, 30), (33, 59)):
        got = [each for each in rig.watches("m1") if start * SECOND <= each.sent_boot_us - START_US <= end * SECOND]
        assert end - start - 1 <= len(got) <= end - start + 1


def test_the_living_keep_their_pace_beside_the_dead_and_each_of_those_is_probed():
    dead = {2, 4, 6}
    rig = Rig(FakeLine(cost_s=0.03, dead=dead), [unit(n) for n in range(1, 8)])
    virtual_time.run(rig.run(120))
    for number in (1, 3, 5, 7):
        gaps = [b.sent_boot_us - a.sent_boot_us for a, b in pairwise(rig.watches(f"m{number}"))]
        assert len(gaps) >= 0.95 * 118
        assert max(gaps[3:]) <= 2 * SECOND, "but for the start, when the dead are waited for in full"
    probes = Counter(number for at, number, _ in rig.line.asked if number in dead and at > START_US + 60 * SECOND)
    assert set(probes) == dead
    assert min(probes.values()) >= 2


def test_a_refused_watch_that_is_flat_out_does_not_take_the_loop_for_itself():
    """The wrong model with watch = "max": nothing of it is asked for five minutes, and time goes on."""
    rig = Rig(FakeLine(refusing={(1, 0)}), [unit(1, 0.0), unit(2)])
    virtual_time.run(rig.run(30))
    assert len(rig.watches("m2")) >= 29
    assert sum(number == 1 and address == 0 for _, number, address in rig.line.asked) == 1
    assert [sample for sample in rig.samples if sample.full and sample.meter == "m1"]


@pytest.mark.parametrize("watch_s", [1.0, 300.0])
def test_the_watchdog_sees_a_line_on_which_nothing_is_due_for_long(watch_s: float):
    async def main() -> None:
        rig = Rig(FakeLine(), [unit(1, watch_s, poll_s=600.0)])
        poller = rig.make()
        task = asyncio.create_task(poller.run())
        for _ in range(20):
            await asyncio.sleep(7.3)
            assert virtual_time.now_us() - poller.last_round_us <= 1.5 * SECOND
        task.cancel()

    virtual_time.run(main())


def test_a_suspended_machine_goes_on_within_a_second_of_its_return():
    asleep_us = 0

    async def main() -> None:
        nonlocal asleep_us

        def now_us() -> int:
            return virtual_time.now_us() + asleep_us

        line = FakeLine()
        poller = LinePoller(line, [unit(1, 20.0, poll_s=600.0)], now_us, lambda sample: None, lambda miss: None)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(5)
        asked = len(line.asked)
        asleep_us = 3600 * SECOND
        await asyncio.sleep(1.2)
        assert len(line.asked) > asked
        task.cancel()

    virtual_time.run(main())


def test_a_pace_that_changes_while_a_request_is_out_harms_nothing():
    line = FakeLine(cost_s=0.3)
    rig = Rig(line, [unit(1, auto=True)])

    async def main() -> None:
        poller = rig.make()
        task = asyncio.create_task(poller.run())
        for _ in range(400):
            await asyncio.sleep(0.137)
            poller.tick()
            if not _ % 7:
                poller.attend("m1", virtual_time.now_us() + 50_000)
        assert not task.done()
        task.cancel()

    virtual_time.run(main())
    assert len(rig.watches("m1")) >= 40


# --- sets of several reads


def several(number: int) -> Unit:
    """An EM24: its watched set takes three requests."""
    return unit(number, watch=FakeDecoder(tuple(Read(4, 2 * n, 2) for n in range(3))))


class Late(FakeLine):
    """One read stays unanswered between two instants."""

    quiet: tuple[int, float, float] = (-1, 0.0, 0.0)

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        address, start_s, end_s = self.quiet
        muted = read.address == address or address == -2
        if not (muted and start_s <= asyncio.get_running_loop().time() - 1000 < end_s):
            return await super().exchange(unit, read, timeout_s, spare)
        self.dead.add(unit)
        try:
            return await super().exchange(unit, read, timeout_s, spare)
        finally:
            self.dead.discard(unit)


def test_a_set_that_was_doubted_half_way_begins_anew_and_is_whole():
    line = Late()
    line.quiet = (2, 5.0, 5.4)
    rig = Rig(line, [several(1)])
    virtual_time.run(rig.run(20))
    assert rig.misses
    assert not [each for each in rig.watches("m1") if each.lacking]
    assert max(each.received_boot_us - each.sent_boot_us for each in rig.watches("m1")) <= 0.5 * SECOND


def test_no_set_reaches_back_before_a_silence():
    line = Late()
    line.quiet = (-2, 5.06, 60.0)
    rig = Rig(line, [several(1)])
    virtual_time.run(rig.run(120))
    back = [each for each in rig.watches("m1") if each.received_boot_us > START_US + 30 * SECOND]
    assert len(back) >= 50
    assert min(each.sent_boot_us for each in back) >= START_US + 60 * SECOND


# --- what only counts up


def with_counters(number: int, watch_s: float = 1.0, poll_s: float = 1.0) -> Unit:
    return unit(number, watch_s, poll_s=poll_s, slow=FakeDecoder((Read(4, 40, 2), Read(4, 42, 2))))


def test_the_first_full_sample_holds_everything_and_counters_then_come_every_ten_seconds():
    rig = Rig(FakeLine(cost_s=0.02), [with_counters(1), with_counters(2)])
    virtual_time.run(rig.run(65))
    for meter in ("m1", "m2"):
        full = [each for each in rig.samples if each.full and each.meter == meter]
        assert set(full[0].values) == {"read_10", "read_12", "read_40", "read_42"}
        assert full[0].received_boot_us <= START_US + 1.5 * SECOND
        slow = [each for each in full[1:] if "read_40" in each.values]
        assert 6 <= len(slow) <= 7
        assert len(full) - len(slow) >= 60


@pytest.mark.parametrize("refusing", [{(1, 40), (1, 42)}, {(1, 10), (1, 12)}])
def test_what_is_refused_does_not_hold_up_the_first_full_sample(refusing):
    rig = Rig(FakeLine(refusing=refusing), [with_counters(1)])
    virtual_time.run(rig.run(15))
    full = [each for each in rig.samples if each.full]
    assert full[0].received_boot_us <= START_US + 3 * SECOND


def test_counters_that_were_put_by_do_not_outlive_a_silence():
    line = FakeLine(cost_s=0.05)
    rig = Rig(line, [with_counters(1)])

    def die() -> None:
        line.dead.add(1)

    virtual_time.run(rig.run(200, (0.22, die), (100.0, line.dead.clear)))
    early = {address for at, _, address in line.asked if at < START_US + 220_000}
    assert early & {10, 12, 40, 42}, "part of it had come"
    full = [each for each in rig.samples if each.full]
    assert full
    assert max(each.received_boot_us - each.sent_boot_us for each in full) <= 3 * SECOND


# --- attention


def test_attention_wakes_a_line_that_sleeps():
    """It was seen on another line, while this one waits for the next tick of its slow meters."""
    rig = Rig(FakeLine(), [unit(1, 30.0, poll_s=600.0)])
    virtual_time.run(rig.run(20, (10.55, lambda: rig.poller.attend("m1", virtual_time.now_us() + 5 * SECOND))))
    during = [each.sent_boot_us - START_US for each in rig.watches("m1") if each.sent_boot_us > START_US + 5 * SECOND]
    assert 10.55 * SECOND <= during[0] <= 10.8 * SECOND
    assert len(during) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("watch_s", [1.0, 0.0], ids=["watched every second", "flat out"])
def test_thirty_two_units_on_one_line_while_something_happens_at_one(watch_s: float):
    """30 ms an exchange, as on RTU at 19200 baud: the one is seen more often, each of the others every two seconds."""
    rig = Rig(FakeLine(cost_s=0.03), [unit(n, watch_s) for n in range(1, 33)])
    script = [(20 + n / 10, lambda: rig.poller.attend("m7", virtual_time.now_us() + 2 * SECOND)) for n in range(200)]
    virtual_time.run(rig.run(60, *script))

    def longest_us(number: int, start_s: int, end_s: int) -> int:
        sent = [each.sent_boot_us - START_US for each in rig.watches(f"m{number}")]
        return max(b - a for a, b in pairwise(at for at in sent if start_s * SECOND <= at <= end_s * SECOND))

    assert longest_us(7, 22, 40) <= 0.65 * longest_us(7, 5, 19)
    assert max(longest_us(number, 20, 42) for number in range(1, 33)) <= 2 * SECOND
    after = len([at for at in rig.watches("m7") if START_US + 45 * SECOND < at.sent_boot_us < START_US + 55 * SECOND])
    before = len([at for at in rig.watches("m7") if START_US + 8 * SECOND < at.sent_boot_us < START_US + 18 * SECOND])
    assert abs(after - before) <= 2


# --- learning at the line


class Renewing(FakeLine):
    """A meter that renews its values every refresh_s."""

    refresh_s = 1.0

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        at_s = asyncio.get_running_loop().time()
        answer = await super().exchange(unit, read, timeout_s, spare)
        return answer._replace(data=bytes((int(at_s / self.refresh_s) % 251,))) if answer.data else answer


def learnt(line: FakeLine, units: list[Unit], for_s: int) -> tuple[Rig, dict[str, int]]:
    rig = Rig(line, units)
    found: dict[str, int] = {}

    async def main() -> None:
        poller = rig.make(on_refresh=lambda meter, us: found.__setitem__(meter, us), wheel=Wheel(virtual_time.now_us))
        task = asyncio.create_task(poller.run())
        for _ in range(for_s):
            await asyncio.sleep(1)
            poller.tick()
        task.cancel()

    virtual_time.run(main())
    return rig, found


@pytest.mark.parametrize(("refresh_s", "hz"), [(0.25, 4.0), (1.0, 1.0), (3.0, 1.0)])
def test_a_meter_is_watched_as_often_as_it_renews_and_never_less_than_its_map_says(refresh_s: float, hz: float):
    line = Renewing(cost_s=0.005)
    line.refresh_s = refresh_s
    rig, found = learnt(line, [unit(1, auto=True), unit(2)], 200)
    assert found == {"m1": pytest.approx(refresh_s * SECOND, rel=0.2)}
    assert rig.poller.refresh_us("m1") == found["m1"]
    last = [each for each in rig.watches("m1") if each.sent_boot_us > START_US + 150 * SECOND]
    assert len(last) == pytest.approx(50 * hz, rel=0.05)
    assert len(rig.watches("m2")) == pytest.approx(200, abs=3)


def test_a_busy_line_learns_nothing():
    _, found = learnt(Renewing(cost_s=0.06), [unit(n, auto=True) for n in range(1, 11)], 100)
    assert found == {}


# --- figures


def test_the_figures_of_the_last_minute():
    rig, _ = learnt(FakeLine(cost_s=0.1), [unit(1), unit(2, 0.5)], 130)
    figures = rig.poller.recent.figures()
    assert figures is not None
    assert figures.over_s == pytest.approx(60, abs=1)
    assert figures.utilisation == pytest.approx(0.34, abs=0.03)
    assert figures.watch_hz == pytest.approx({"m1": 1.0, "m2": 2.0}, rel=0.05)
    assert 0 <= figures.lag_s <= figures.worst_lag_s <= 0.3
    assert figures.overruns == 0


def test_a_stranger_who_floods_a_line_that_goes_again_and_again_is_no_return_of_its_meters(caplog):
    class Flooded(FakeLine):
        """Every two seconds it is open for one request, and what comes is not for us."""

        async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
            self.down = int(asyncio.get_running_loop().time() * 10) % 20 != 0
            answer = await super().exchange(unit, read, timeout_s, spare)
            return answer if self.down else answer._replace(outcome="garbled", data=b"")

    caplog.set_level("INFO")
    rig = Rig(Flooded(), [unit(1), unit(2)])
    virtual_time.run(rig.run(60))
    assert {miss.outcome for miss in rig.misses} == {"down", "garbled"}
    said = Counter(record.getMessage().split()[0] for record in caplog.records)
    assert said == {"line.silent": 1}


def test_a_trial_that_tells_nothing_is_said_once_until_one_tells_something(caplog):
    """A frozen meter, tried a second time after a silence."""
    caplog.set_level("INFO")
    line, found = FakeLine(), list[tuple[str, int]]()
    rig = Rig(line, [unit(1, auto=True), unit(2)])

    async def main() -> None:
        poller = rig.make(on_refresh=lambda *told: found.append(told))
        task = asyncio.create_task(poller.run())
        for second in range(480):
            line.dead = {1} if 230 <= second < 235 else set()
            await asyncio.sleep(1)
            poller.tick()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert poller.refresh_us("m1") is None

    virtual_time.run(main())
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "meter.refresh_unclear meter=m1 watch_s=1.000: as the map says"
    assert [text.split()[0] for text in said] == ["meter.refresh_unclear", "meter.silent", "meter.recovered"]
    assert not found


def lines_said(caplog: pytest.LogCaptureFixture, line: FakeLine, meters: int, for_s: float) -> list[str]:
    caplog.set_level("INFO")
    virtual_time.run(Rig(line, [unit(n) for n in range(1, meters + 1)]).run(for_s))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.slow
def test_a_line_that_is_down_is_asked_ten_times_a_second_however_many_meters_it_has_and_all_are_asked_once_it_is_back():
    line = FakeLine(down=True, cost_s=0.001)
    rig = Rig(line, [unit(number, poll_s=60.0) for number in range(1, 101)])
    back = (60.0, lambda: setattr(line, "down", False))
    virtual_time.run(rig.run(61.4, back))
    while_down = [at_us for at_us, *_ in line.asked if START_US + 10 * SECOND <= at_us < START_US + 60 * SECOND]
    assert 450 <= len(while_down) <= 520
    first = {sample.meter: sample.received_boot_us for sample in reversed(rig.samples)}
    assert len(first) == 100
    assert min(first.values()) <= START_US + 60.2 * SECOND


def test_a_hundred_meters_on_a_line_that_is_down_are_one_line_in_the_log(caplog):
    said = lines_said(caplog, FakeLine(down=True), 100, 5)
    assert said == ["line.silent line=a meters=100 outcome=down"]


def test_a_dead_meter_is_said_by_name_and_so_is_the_only_one_of_a_line(caplog):
    said = lines_said(caplog, FakeLine(dead={2}), 3, 60)
    assert said == ["meter.silent line=a meter=m2 outcome=silent"]
    caplog.clear()
    assert lines_said(caplog, FakeLine(down=True), 1, 60) == ["meter.silent line=a meter=m1 outcome=down"]
