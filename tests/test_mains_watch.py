import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from samples import MIDNIGHT_US, event
from turned_clock import SECOND, TurnedClock
from virtual_time import now_us, run

from agent.clock import Clock
from agent.detect.tracking import Bounds
from agent.mains_watch import KEPT, MainsWatch, watch_mains
from agent.outage import Sign, sign_of
from agent.records import ClockState, Event


class Kept:
    """What the journal would have stored: signs, commits, readings held fast, in their order."""

    def __init__(self) -> None:
        self.head = 1
        self.done: list[str] = []
        self.signs: list[Sign] = []

    def commit_now(self) -> None:
        self.done.append("commit")

    def keep(self, name: str, text: str) -> None:
        assert name == KEPT
        sign = sign_of(text, None)
        assert sign is not None
        self.signs.append(sign)
        self.done.append("sign")


class Rig:
    def __init__(self, age_us: int = 0, **clock: object) -> None:
        self.clock = TurnedClock(MIDNIGHT_US, **clock)  # type: ignore[arg-type]
        self.kept, self.told = Kept(), list[Event]()
        ids: Iterator[str] = map("gw-{}".format, range(1, 99))
        self.watch = MainsWatch(
            self.clock, self.kept, self.tell, lambda: event(id=next(ids), kind="mains_loss", scope="gateway"),
            boot_id="b1", hold_fast=lambda: self.kept.done.append("held fast"), age_us=age_us,
        )  # fmt: skip

    def tell(self, told: Event) -> None:
        self.told.append(told)
        self.kept.done.append(told.state)

    def looks(self, *said: bool | None) -> None:
        """One look a second; each is answered 10 ms later."""
        for lost in said:
            asked_us = self.clock.boot_us()
            self.clock.advance(0.01)
            self.watch.looked(lost, asked_us)
            self.watch.sign()
            self.clock.advance(0.99)


def at(seconds: float) -> int:
    return MIDNIGHT_US + round(seconds * SECOND)


def test_a_loss_is_told_at_once_with_everything_stored() -> None:
    rig = Rig()
    rig.looks(False, False, False)
    rig.kept.done.clear()
    rig.looks(True)
    assert rig.kept.done == ["held fast", "open", "sign", "commit"]
    (told,) = rig.told
    assert (told.kind, told.scope, told.revision, told.state, told.basis) == (
        "mains_loss",
        "gateway",
        1,
        "open",
        "measured",
    )
    assert (told.start_earliest_us, told.start_us, told.open_at_start) == (at(2.0), at(3.01), False)
    assert rig.watch.lost_since == Bounds(102 * SECOND, 103 * SECOND + 10_000)


def test_it_closes_on_return_with_bounds_on_both_sides() -> None:
    rig = Rig()
    rig.looks(False, True, True, True, False, False)
    opened, closed = rig.told
    assert (closed.id, closed.revision, closed.state) == (opened.id, 2, "closed")
    assert (closed.end_earliest_us, closed.end_us) == (at(3.0), at(4.01))
    assert (closed.duration_min_s, closed.duration_max_s) == (pytest.approx(1.99), pytest.approx(4.01))
    assert rig.watch.lost_since is None
    rig.looks(True)
    assert [one.id for one in rig.told] == ["gw-1", "gw-1", "gw-2"]


def test_what_its_source_says_may_be_old() -> None:
    rig = Rig(age_us=15 * SECOND)
    rig.looks(*[False] * 20, True, True, False)
    opened, closed = rig.told
    assert (opened.start_earliest_us, opened.start_us) == (at(19 - 15), at(20.01))
    assert closed.end_earliest_us == at(19 - 15) or closed.end_earliest_us >= opened.start_earliest_us
    assert closed.duration_min_s == 0.0


def test_while_nobody_can_tell_nothing_changes() -> None:
    rig = Rig()
    rig.looks(None, None, False, None, None)
    assert rig.told == []
    rig.looks(True)
    assert rig.told[0].start_earliest_us == at(2.0)
    rig.looks(None, None)
    assert [one.state for one in rig.told] == ["open"]
    rig.looks(False)
    assert rig.told[1].end_earliest_us == at(5.0), "lost for certain when it was last said"


def test_a_supply_that_was_never_seen_was_lost_before() -> None:
    rig = Rig()
    rig.looks(True)
    assert rig.told[0].open_at_start


# -- signs of life ---------------------------------------------------------------------------------------------


def test_the_first_sign_names_the_boot_and_is_stored_at_once() -> None:
    rig = Rig()
    rig.looks(False)
    assert rig.kept.done == ["sign", "commit"]
    assert rig.kept.signs == [Sign(at(0.01), 65 * SECOND, "b1", ClockState(True, 0.0))]


def test_while_readings_are_stored_no_sign_is_needed() -> None:
    rig = Rig()
    for _ in range(120):
        rig.kept.head += 1
        rig.looks(False)
    assert len(rig.kept.signs) == 1


def test_while_all_is_silent_signs_keep_the_promise() -> None:
    rig = Rig()
    rig.looks(*[False] * 120)
    times = [sign.at_us for sign in rig.kept.signs]
    assert len(times) == 8
    assert max(b - a for a, b in pairwise(times)) <= 16 * SECOND
    assert rig.kept.done.count("commit") == 1, "they wait for a commit that comes anyway"


def test_from_the_last_reading_to_the_next_sign_the_promise_holds() -> None:
    rig = Rig()
    rig.looks(False, False)
    rig.kept.head += 1
    stored_us = rig.clock.wall_us()
    rig.looks(*[False] * 60)
    durable_30_s_later = rig.kept.signs[1].at_us + 30 * SECOND
    assert durable_30_s_later - stored_us <= rig.kept.signs[0].within_us


def test_on_battery_a_sign_every_few_seconds_each_stored_at_once() -> None:
    rig = Rig()
    rig.looks(False, *[True] * 60)
    signs = rig.kept.signs[1:]
    assert 10 <= len(signs) <= 15
    assert {sign.within_us for sign in signs} == {7 * SECOND}
    assert max(b.at_us - a.at_us for a, b in pairwise(signs)) <= 6 * SECOND
    assert rig.kept.done.count("commit") == len(rig.kept.signs)
    rig.looks(False)
    assert rig.kept.signs[-1].within_us == 65 * SECOND, "the promise of before holds again"


# -- across a restart ------------------------------------------------------------------------------------------

LEFT = event(
    id="old", kind="mains_loss", scope="gateway", start_us=at(-600), start_earliest_us=at(-601),
    clock=ClockState(True, 0.5),
)  # fmt: skip


def test_one_that_another_run_left_open_closes_when_the_supply_is_there() -> None:
    rig = Rig()
    rig.watch.resume(LEFT, Sign(at(-540), 7 * SECOND, "b0", ClockState(True, 0.5)))
    rig.looks(False)
    (closed,) = rig.told
    assert (closed.id, closed.revision, closed.state) == ("old", 2, "closed")
    assert (closed.end_earliest_us, closed.end_us) == (at(-540), at(0.01)), "its last sign on battery counts"
    assert (closed.duration_min_s, closed.duration_max_s) == (pytest.approx(59.5), pytest.approx(601.51))
    assert "restarted inside it" in closed.evidence[-1]


def test_a_sign_of_a_gateway_with_supply_says_nothing_of_a_loss() -> None:
    rig = Rig()
    rig.watch.resume(LEFT, Sign(at(-10), 65 * SECOND, "b0", ClockState(True, 0.5)))
    rig.looks(False)
    assert rig.told[0].end_earliest_us == LEFT.start_us


def test_one_that_goes_on_across_a_restart_is_not_told_anew() -> None:
    rig = Rig()
    rig.watch.resume(LEFT, None)
    rig.looks(True, True)
    assert rig.told == []
    rig.looks(False)
    assert (rig.told[0].id, rig.told[0].end_earliest_us) == ("old", at(1.0))


def test_how_long_it_lasted_waits_for_a_clock_that_is_right() -> None:
    rig = Rig(state=ClockState(False, None))
    rig.clock.set_wall(at(-580), ClockState(False, None))  # a gateway that boots in the past
    rig.watch.resume(LEFT, None)
    rig.looks(False, False, False)
    assert rig.told == []
    rig.clock.set_wall(at(300), ClockState(True, 0.5))
    rig.looks(False)
    (closed,) = rig.told
    assert closed.end_us == at(300 - 3 + 0.01), "the first look that saw it, on the wall clock that is right"
    assert closed.duration_max_s == pytest.approx(898.01 + 1.0)


# -- the child -------------------------------------------------------------------------------------------------


class Source:
    def __init__(self) -> None:
        self.age_us, self.trouble, self.words, self.closed = 0, "", "", False
        self.says: bool | None = False
        self.asked_s: list[float] = []

    async def lost(self) -> bool | None:
        self.asked_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.2)
        self.trouble = "" if self.says is not None else "no answer"
        return self.says

    async def close(self) -> None:
        self.closed = True


def test_it_asks_once_a_second_and_says_trouble_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lamplighter.mains")
    source, rig = Source(), Rig()

    async def main() -> None:
        clock = Clock(now_us, lambda: MIDNIGHT_US)
        task = asyncio.create_task(watch_mains(source, rig.watch, clock))
        for says in (False, None, False):
            source.says = says
            await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())
    gaps = {round(b - a, 3) for a, b in pairwise(source.asked_s)}
    assert gaps == {1.0}
    assert [record.getMessage() for record in caplog.records] == ["mains.unknown no answer", "mains.known "]
    assert source.closed


def test_a_sign_survives_its_text() -> None:
    sign = Sign(5, 6, "b", ClockState(False, 1.5))
    assert sign_of(sign.text(), None) == sign
    assert sign_of(sign.text(), 9) == replace(sign, at_us=9)
    assert json.loads(sign.text()) == [5, 6, "b", False, 1.5]
