"""Whose refresh is tried when, and what becomes of a trial."""

from types import SimpleNamespace

import pytest

from agent.poll.learning import Learning
from agent.poll.unit import Unit

SECOND = 1_000_000
PLAN = SimpleNamespace(plan=SimpleNamespace(reads=()))


def unit(meter: str, watch_us: int = SECOND, *, auto: bool = True) -> Unit:
    return Unit(
        meter=meter, unit=1, watch=PLAN, poll=PLAN, watch_us=watch_us, hurry_us=200_000, poll_us=10 * SECOND,
        wire_s=lambda planned: 0.0, floor_s=0.05, ceiling_s=0.5, auto=auto,
    )  # fmt: skip


class Rig:
    """A line whose meters are looked at exactly at the pace they are given."""

    def __init__(self, *units: Unit, taken_us: int = 2000) -> None:
        self.paces: dict[str, int] = {each.meter: each.watch_us for each in units}
        self.found: dict[str, tuple[int | None, int]] = {}
        self._units = {each.meter: each for each in units}
        self.learning = Learning(units, self._pace, self._found)
        self.at_us, self.taken_us = 0, taken_us
        self.slowest_us = dict(self.paces)

    def unit(self, meter: str) -> Unit:
        return self._units[meter]

    def _pace(self, meter: str, pace_us: int) -> None:
        self.paces[meter] = pace_us
        self.slowest_us[meter] = max(self.slowest_us[meter], pace_us)

    def _found(self, meter: str, refresh_us: int | None, pace_us: int) -> None:
        self.found[meter] = refresh_us, pace_us

    def look(self, times: int = 1, refresh_us: int = SECOND, replies: tuple[int, ...] = (0,)) -> None:
        """At the meter on trial, which renews so often; it ends with the trial."""
        for _ in range(times):
            meter = self.learning.meter
            if meter is None:
                return
            self.at_us += self.paces[meter]
            words = (self.at_us // refresh_us).to_bytes(8, "big")
            self.learning.look(meter, self.at_us, dict.fromkeys(replies, words), self.at_us, self.at_us + self.taken_us)


def test_a_slower_meter_is_told_and_never_watched_more_slowly() -> None:
    rig = Rig(unit("a"))
    rig.learning.begin(())
    rig.look(1000, refresh_us=4 * SECOND)
    assert rig.found == {"a": (4 * SECOND, SECOND)}
    assert (rig.paces["a"], rig.learning.learnt) == (SECOND, {"a": 4 * SECOND})
    rig.learning.anew(rig.unit("a"))
    rig.learning.begin(())
    rig.look(1000, refresh_us=4 * SECOND)
    assert (rig.learning.learnt, rig.slowest_us["a"]) == ({"a": 4 * SECOND}, SECOND)


def test_a_faster_meter_is_watched_as_often_as_it_renews_down_to_the_floor() -> None:
    for refresh_us, pace_us in ((200_000, 200_000), (10_000, 50_000)):
        rig = Rig(unit("a"))
        rig.learning.begin(())
        rig.look(1000, refresh_us=refresh_us)
        assert rig.paces["a"] == rig.found["a"][1] == pace_us >= 50_000


def test_meters_of_a_slow_line_share_half_of_it() -> None:
    units = [unit(f"m{n}") for n in range(8)]
    rig = Rig(*units, taken_us=30_000)
    while rig.learning.idle:
        rig.learning.begin(())
        rig.look(1000, refresh_us=50_000)
    assert sum(rig.taken_us / pace_us for pace_us in rig.paces.values()) <= 0.51
    assert max(rig.paces.values()) < SECOND


def test_one_at_a_time_and_those_that_speak() -> None:
    rig = Rig(unit("a"), unit("b"), unit("c"))
    rig.learning.begin(("a",))
    assert (rig.learning.meter, rig.learning.idle) == ("b", False)
    assert rig.paces == {"a": SECOND, "b": SECOND // 2, "c": SECOND}
    rig.look(1000)
    rig.learning.begin(("a",))
    assert rig.learning.meter == "c"
    rig.look(1000)
    assert rig.learning.idle
    rig.learning.begin(("a",))
    assert rig.learning.meter is None
    rig.learning.begin(())
    assert rig.learning.meter == "a"


def test_nothing_is_tried_where_the_pace_was_asked_for() -> None:
    rig = Rig(unit("a", auto=False), unit("b", 0))
    assert not rig.learning.idle
    rig.learning.anew(unit("a", auto=False))
    assert not rig.learning.idle


def test_an_abandoned_trial_gives_the_pace_back_and_is_made_again() -> None:
    rig = Rig(unit("a"), unit("b"))
    rig.learning.begin(())
    rig.look(30)
    rig.learning.abandon()
    assert (rig.learning.meter, rig.paces["a"]) == (None, SECOND)
    rig.learning.begin(())
    assert rig.learning.meter == "b"
    rig.learning.abandon()
    rig.learning.begin(())
    rig.look(1000, refresh_us=500_000)
    assert rig.found["a"][0] == 500_000
    rig.learning.abandon()
    assert rig.paces["a"] == 500_000


def test_a_frozen_meter_goes_back_to_its_map_and_it_is_told() -> None:
    rig = Rig(unit("a"))
    rig.learning.begin(())
    rig.look(10_000, refresh_us=1 << 60)
    assert (rig.learning.meter, rig.paces["a"], rig.learning.idle) == (None, SECOND, False)
    assert (rig.found, rig.learning.learnt) == ({"a": (None, SECOND)}, {})


def test_a_meter_that_comes_back_as_another_one_is_tried_again_at_the_pace_it_had() -> None:
    same = unit("a")
    rig = Rig(same)
    rig.learning.begin(())
    rig.look(1000, refresh_us=200_000)
    assert rig.paces["a"] == 200_000
    rig.learning.anew(same)
    assert (rig.learning.idle, rig.paces["a"]) == (True, 200_000)
    rig.learning.begin(())
    rig.look(1000, refresh_us=2 * SECOND)
    assert rig.paces["a"] == SECOND
    assert rig.learning.learnt["a"] == pytest.approx(2 * SECOND, rel=0.01)


def test_one_that_is_read_in_another_way_starts_from_its_new_map() -> None:
    rig = Rig(unit("a"))
    rig.learning.begin(())
    rig.look(10)
    rig.learning.anew(unit("a", 400_000))
    assert rig.paces["a"] == 400_000
    rig.learning.begin(())
    assert rig.paces["a"] == 200_000


def test_looks_without_the_first_read_tell_nothing_and_do_not_stop_the_trial_for_ever() -> None:
    rig = Rig(unit("a"))
    rig.learning.begin(())
    rig.look(20, replies=(1,))
    assert rig.learning.meter == "a"
    for _ in range(2000):
        rig.at_us += 7  # never on a tick
        rig.look()
    assert (rig.learning.meter, rig.paces["a"]) == (None, SECOND)
