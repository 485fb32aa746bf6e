"""What the desk remembers of events that are over: enough for a storm, and no more for each day that goes by."""

import gc

from samples import MIDNIGHT_US, event

from agent.detect.register import Register
from agent.records import Event

SECOND_US = 1_000_000


def told(count: int, apart_us: int) -> Register:
    """So many sags, one after the other, each of which is over at once."""
    register = Register(lambda wall_us: wall_us)
    for n in range(count):
        at_us = MIDNIGHT_US + n * apart_us
        ended = {"end_us": at_us + 20, "end_earliest_us": at_us + 10}
        register.note(event(id=f"ev-{n}", start_us=at_us, start_earliest_us=at_us, reported_us=at_us))
        register.note(event(id=f"ev-{n}", start_us=at_us, start_earliest_us=at_us, reported_us=at_us, revision=2,
                            state="closed", **ended))  # fmt: skip
    return register


def test_all_of_a_storm_is_remembered() -> None:
    register = told(2000, SECOND_US // 3)
    assert all(register.event(f"ev-{n}") is not None for n in range(2000))
    assert len(register.losses(MIDNIGHT_US + 670 * SECOND_US)["tx1"]) == 2000


def test_day_by_day_it_remembers_the_last_five_hundred() -> None:
    before = events()
    register = told(3000, 20 * SECOND_US)
    assert [n for n in range(3000) if register.event(f"ev-{n}") is not None] == list(range(2488, 3000))
    assert events() - before <= 50  # of the last quarter of an hour; those before are packed


def events() -> int:
    """How many there are."""
    gc.collect()
    return sum(isinstance(one, Event) for one in gc.get_objects())


def test_a_storm_that_does_not_end_fills_no_memory() -> None:
    register = told(5000, SECOND_US // 100)
    assert sum(register.event(f"ev-{n}") is not None for n in range(5000)) == 2048
