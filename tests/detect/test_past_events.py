"""Events that are over come back equal to what was told, packed or not, in the order in which they were noted."""

import gc
import tracemalloc
from collections import OrderedDict
from dataclasses import fields, replace
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from samples import MIDNIGHT_US, event

from agent.detect.past_events import PastEvents, packed, unpacked
from agent.records import ClockState, Event

SECOND_US = 1_000_000
ALWAYS = 2**63


def full(dice: Random, n: int, **changes: Any) -> Event:
    """With a number, text or list wherever an event has one."""
    volts = {f"voltage_l{k}": dice.gauss(230, 20) for k in range(1, 1 + dice.randrange(4))}
    told: dict[str, Any] = {
        one.name: dice.choice((None, dice.gauss(0, 1e3), 0.1 + 0.2, 5e-324, -0.0, 1e300, 7))
        for one in fields(Event)
        if one.type in ("float | None", float | None)
    }
    told |= {
        "id": f"ev-{n}", "end_us": dice.choice((None, MIDNIGHT_US + n)), "meter": dice.choice((None, "m1", "umlaut ä")),
        "evidence": dice.choice(((), ("L1 at 40 %",), ("\ud800 \x00\"'", "zwei"))), "because": ("ev-a", "ev-b"),
        "extreme_by_channel": volts, "classes": MappingProxyType({"itic": "b2"}), "customers": (3, 2**70),
        "clock": ClockState(dice.choice((None, True, False)), dice.choice((None, 0.25))), "path": (),
        "open_at_start": dice.random() < 0.5, "state": "closed",
    }  # fmt: skip
    one: Event = event(**told | changes)
    return one


@pytest.mark.parametrize("seed", range(50))
def test_an_event_comes_back_equal_with_the_types_it_had(seed: int) -> None:
    one = full(Random(seed), seed)  # noqa: S311 - no secret
    back = unpacked(packed(one))
    assert back == one
    assert repr(back) == repr(replace(one, classes=dict(one.classes)))


def test_an_event_of_which_nothing_is_known_comes_back() -> None:
    one = Event(id="", kind="clock_step", revision=1, state="closed", scope="gateway", basis="measured", reported_us=-5,
                start_us=0, start_earliest_us=0)  # fmt: skip
    assert repr(unpacked(packed(one))) == repr(one)


class Plain:
    """As objects: what it stands for."""

    def __init__(self) -> None:
        self.over: OrderedDict[str, tuple[Event, int]] = OrderedDict()

    def note(self, one: Event, over_us: int) -> None:
        self.over[one.id] = one, over_us
        self.over.move_to_end(one.id)

    def successor(self, id_: str) -> Event | None:
        return next((one for one, _ in self.over.values() if id_ in one.supersedes), None)

    def since(self, since_us: int) -> list[Event]:
        return [one for one, over_us in self.over.values() if over_us >= since_us]


@pytest.mark.parametrize("seed", range(10))
def test_packed_or_not_each_question_has_the_answer_that_plain_objects_give(seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - no secret
    plain, past = Plain(), PastEvents()
    now_us = MIDNIGHT_US
    for _ in range(400):
        # Clocks step, both ways; ids come again with later revisions, and some are taken back.
        now_us += dice.choice((1, 5, 60, 1000, -300)) * SECOND_US
        n = dice.randrange(120)
        state = "retracted" if dice.random() < 0.1 else "closed"
        one = full(dice, n, reported_us=now_us, state=state, supersedes=(f"ev-{dice.randrange(120)}",))
        over_us = ALWAYS if state == "retracted" else now_us - dice.randrange(2000) * SECOND_US
        plain.note(one, over_us)
        past.note(one, over_us, now_us - dice.choice((0, 0, 3600)) * SECOND_US)
        if len(plain.over) > 80:
            assert past.first_told_us() == next(iter(plain.over.values()))[0].reported_us
            assert past.pop_first() == plain.over.popitem(last=False)[0]
        asked = f"ev-{dice.randrange(120)}"
        assert len(past) == len(plain.over)
        assert past.get(asked) == plain.over.get(asked, (None, 0))[0]
        assert past.successor(asked) == plain.successor(asked)
        since_us = now_us - dice.choice((0, 720, 2000)) * SECOND_US
        assert list(past.since(since_us)) == plain.since(since_us)


def test_it_says_which_it_packed_and_the_latest_are_the_objects_that_were_told() -> None:
    past = PastEvents()
    told = [event(id=f"ev-{n}", state="closed", reported_us=MIDNIGHT_US + n * 600 * SECOND_US) for n in range(4)]
    assert [past.note(one, one.reported_us, one.reported_us) for one in told] == [(), (), ("ev-0",), ("ev-1",)]
    assert [past.get(one.id) is one for one in told] == [False, False, True, True]


@pytest.mark.parametrize("step_s", [86_400, -86_400])
def test_a_storm_in_which_the_wall_clock_is_set_is_not_packed(step_s: int) -> None:
    """On the boot clock it goes on: each of them is asked for many times a second."""
    past = PastEvents()
    storm = [event(id=f"ev-{n}", state="closed", reported_us=MIDNIGHT_US + n * SECOND_US) for n in range(100)]
    for n, one in enumerate(storm):
        past.note(one, n * SECOND_US, n * SECOND_US)
    after = event(id="ev-100", state="closed", reported_us=MIDNIGHT_US + step_s * SECOND_US)
    assert past.note(after, 100 * SECOND_US, 100 * SECOND_US) == ()
    assert all(found is one for found, one in zip(past.since(0), [*storm, after], strict=True))


def test_what_was_taken_back_stays_as_it_is() -> None:
    past = PastEvents()
    back = event(id="ev-0", state="retracted", reported_us=MIDNIGHT_US)
    hour_us = MIDNIGHT_US + 3600 * SECOND_US
    past.note(back, ALWAYS, MIDNIGHT_US)
    assert past.note(event(id="ev-1", state="closed", reported_us=hour_us), MIDNIGHT_US, hour_us) == ("ev-0",)
    assert next(past.since(0)) is back


def test_five_hundred_of_a_quiet_week_take_less_than_four_hundred_kilobytes() -> None:
    dice = Random(5)  # noqa: S311 - no secret
    past = PastEvents()
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(500):
            told_us = MIDNIGHT_US + n * 1200 * SECOND_US
            past.note(full(dice, n, reported_us=told_us, evidence=(f"L1 at {dice.random()} %",)), told_us, told_us)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 400_000
