"""Callbacks by their instants, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import virtual_time
from hypothesis import given
from hypothesis import strategies as st

from drivers.wheel import Wheel

SECOND = 1_000_000
START = 1000 * SECOND  # of the virtual loop


def run(main: Callable[[Wheel], Coroutine[None, None, None]]) -> None:
    async def started() -> None:
        await main(Wheel(virtual_time.now_us))

    virtual_time.run(started())


@given(st.lists(st.integers(-SECOND, 60 * SECOND), max_size=40))
def test_everything_is_called_once_in_order_and_never_early(delays: list[int]) -> None:
    called: list[tuple[int, int]] = []

    async def main(wheel: Wheel) -> None:
        for delay_us in delays:
            due_us = START + delay_us
            wheel.at(due_us, lambda due_us=due_us: called.append((due_us, virtual_time.now_us())))
        await asyncio.sleep(61)

    run(main)
    assert [due for due, _ in called] == sorted(START + delay for delay in delays)
    assert all(0 <= at - max(due, START) <= 2 for due, at in called)


def test_what_shares_an_instant_is_called_in_the_order_of_asking_and_in_one_go() -> None:
    called: list[int] = []
    turns: list[int] = []

    async def main(wheel: Wheel) -> None:
        for n in range(5):
            wheel.at(START + SECOND, lambda n=n: called.append(n))
        asyncio.get_running_loop().call_at(1001.0, lambda: turns.append(len(called)))
        await asyncio.sleep(2)

    run(main)
    assert called == [0, 1, 2, 3, 4]
    assert turns[0] in (0, 5)


def test_an_earlier_one_that_is_added_later_comes_first() -> None:
    called: list[str] = []

    async def main(wheel: Wheel) -> None:
        wheel.at(START + 10 * SECOND, lambda: called.append("late"))
        await asyncio.sleep(1)
        wheel.at(START + 2 * SECOND, lambda: called.append("early"))
        await asyncio.sleep(2)
        assert called == ["early"]
        await asyncio.sleep(8)

    run(main)
    assert called == ["early", "late"]


def test_what_is_asked_for_the_past_comes_in_the_next_turn_of_the_loop_not_in_this_one() -> None:
    told: list[str] = []

    async def main(wheel: Wheel) -> None:
        wheel.at(START - SECOND, lambda: told.append("called"))
        told.append("asked")
        asyncio.get_running_loop().call_soon(lambda: told.append("others"))
        await asyncio.sleep(0.001)

    run(main)
    assert sorted(told) == ["asked", "called", "others"]
    assert told[0] == "asked"


def test_one_that_raises_takes_neither_its_own_instant_nor_the_rest_along() -> None:
    called: list[str] = []
    told: list[BaseException] = []

    def fails() -> None:
        raise ValueError("a defect")

    async def main(wheel: Wheel) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        wheel.at(START + SECOND, lambda: called.append("before"))
        wheel.at(START + SECOND, fails)
        wheel.at(START + SECOND, fails)
        wheel.at(START + SECOND, lambda: called.append("after"))
        wheel.at(START + 2 * SECOND, lambda: called.append("next"))
        await asyncio.sleep(3)

    run(main)
    assert called == ["before", "after", "next"]
    assert [str(error) for error in told] == ["a defect"] * 2


@pytest.mark.parametrize("period_us", [20_000, 100_000, 333_333])
def test_an_hour_of_ticks_does_not_drift(period_us: int) -> None:
    called: list[int] = []
    ticks = min(20_000, 3600 * SECOND // period_us)

    async def main(wheel: Wheel) -> None:
        def tick() -> None:
            called.append(virtual_time.now_us())
            if len(called) < ticks:
                wheel.at(START + (len(called) + 1) * period_us, tick)

        wheel.at(START + period_us, tick)
        await asyncio.sleep((ticks + 1) * period_us / 1e6)

    run(main)
    assert len(called) == ticks
    assert max(at - START - n * period_us for n, at in enumerate(called, start=1)) <= 2


def test_a_suspend_in_which_only_the_boot_clock_goes_on_delays_by_no_more_than_what_was_left() -> None:
    called: list[int] = []
    asleep_us = 0

    async def main() -> None:
        nonlocal asleep_us
        wheel = Wheel(lambda: virtual_time.now_us() + asleep_us)
        for n in (1, 2, 3):
            wheel.at(START + n * SECOND, lambda n=n: called.append(n))
        await asyncio.sleep(0.5)
        asleep_us = 3600 * SECOND
        await asyncio.sleep(0.6)

    virtual_time.run(main())
    assert called == [1, 2, 3]
