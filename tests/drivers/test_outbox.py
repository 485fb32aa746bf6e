"""Requests of one turn of the loop leave together, after all that the turn had to do."""

import asyncio

from drivers.outbox import Outbox


async def test_what_is_put_in_one_turn_leaves_in_the_next_in_order_and_with_nothing_in_between() -> None:
    outbox, told = Outbox(), list[str]()
    loop = asyncio.get_running_loop()
    for name in ("a", "b", "c"):
        outbox.put(lambda frame: told.append(f"sent {frame.decode()}"), name.encode())
        loop.call_soon(told.append, f"work {name}")
    assert told == []
    await asyncio.sleep(0)
    assert told == ["sent a", "sent b", "sent c", "work a", "work b", "work c"]


async def test_what_is_put_while_others_leave_waits_for_the_turn_after() -> None:
    outbox, told = Outbox(), list[bytes]()

    def send(frame: bytes) -> None:
        told.append(frame)
        if len(told) == 1:
            outbox.put(send, b"second")

    outbox.put(send, b"first")
    await asyncio.sleep(0)
    assert told == [b"first"]
    await asyncio.sleep(0)
    assert told == [b"first", b"second"]
