"""Looks that wait for their block come back as they were, in their order, in less than half of the memory."""

import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from agent.detect.put_by import TOGETHER, Looks, together
from agent.detect.voltage import Look


def _number(dice: random.Random) -> float | None:
    return dice.choice((None, 0.0, -0.0, 230.0, 5e-324, 1.7976931348623157e308, dice.uniform(0, 400)))


def _look(dice: random.Random, at_us: int) -> Look:
    volts = tuple(_number(dice) for _ in range(dice.choice((1, 2, 3))))
    amps = (_number(dice), _number(dice), _number(dice))
    lines = dice.choice((None, (dice.uniform(0, 400), 400.1, 399.9)))
    return Look(at_us - dice.randrange(10**9), at_us, volts, dice.random() < 0.1, amps, lines)


@pytest.mark.parametrize("seed", range(20))
def test_each_comes_back_to_the_bit_and_in_its_order(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - tests must repeat
    given, looks = [], Looks()
    for _ in range(dice.randrange(200)):
        given.append(_look(dice, dice.randrange(-(2**62), 2**62)))
        dice.choice((looks.add, looks.fresh.append))(given[-1])
        if len(looks.fresh) >= TOGETHER and dice.random() < 0.5:
            assert looks.pack() == len(given)
            assert len(looks.fresh) < TOGETHER
    assert len(looks) == len(given)
    assert list(map(repr, looks.all())) == list(map(repr, given))  # tells -0.0 from 0.0, and None from nan
    assert all(type(look) is Look and type(look.volts) is tuple for look in looks.all())


def test_it_begins_with_what_it_is_given() -> None:
    dice = random.Random(1)  # noqa: S311 - tests must repeat
    given = [_look(dice, at_us) for at_us in range(100)]
    assert Looks(given).all() == given


def _minute() -> Iterator[Look]:
    for at_us in range(10**12, 10**12 + 60 * 10**6, 10**6):
        volts = (230.0 + at_us % 7 / 10, 231.0 + at_us % 11 / 10, 229.0 + at_us % 13 / 10)
        yield Look(at_us - 20_000, at_us, volts, amps=(volts[0] / 23, volts[1] / 23, volts[2] / 23))


def _bytes_of(make: Callable[[], object]) -> int:
    tracemalloc.start()
    kept = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept is not None
    return size


def _packed() -> Looks:
    looks = Looks()
    for look in _minute():
        looks.add(look)
    return looks


@pytest.mark.slow
def test_those_of_a_minute_take_less_than_half_of_what_they_take_as_objects() -> None:
    assert _bytes_of(_packed) * 2 < _bytes_of(lambda: list(_minute()))


@pytest.mark.parametrize(("apart_us", "packs"), [(100_000, False), (500_000, False), (500_001, True), (10**6, True)])
def test_only_looks_that_are_far_apart_are_packed(apart_us: int, packs: bool) -> None:
    earlier = [Look(0, at * apart_us, (230.0,)) for at in range(5)]
    looks = Looks((), together(earlier, 64))
    for look in earlier * 12:
        looks.add(look)
    assert (len(looks), len(looks.fresh)) == (60, 60 % TOGETHER if packs else 60)
    assert looks.all() == earlier * 12
