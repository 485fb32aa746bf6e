import asyncio
import itertools

import pytest
import virtual_time

from agent.supervisor import supervise


def test_a_failing_child_is_restarted_with_a_growing_capped_wait():
    starts: list[float] = []

    async def child() -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) < 12:
            raise OSError("gone")

    virtual_time.run(supervise("line:a", child, jitter=lambda: 1.0))
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_a_calm_minute_resets_the_wait():
    starts: list[float] = []

    async def child() -> None:
        starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(100.0 if len(starts) == 5 else 0)
        if len(starts) < 7:
            raise ValueError("defect")

    virtual_time.run(supervise("sink:mqtt", child, jitter=lambda: 1.0))
    assert starts[5] - starts[4] == 100.5


def test_a_sibling_goes_on_while_one_child_fails():
    done: list[str] = []

    async def failing() -> None:
        raise RuntimeError("defect")

    async def sibling() -> None:
        await asyncio.sleep(60)
        done.append("sibling")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(supervise("bad", failing))
            await group.create_task(supervise("good", sibling))
            task.cancel()

    virtual_time.run(main())
    assert done == ["sibling"]


def test_cancellation_passes_through():
    async def forever() -> None:
        await asyncio.sleep(1e9)

    async def main() -> None:
        task = asyncio.create_task(supervise("line:a", forever))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(main())
