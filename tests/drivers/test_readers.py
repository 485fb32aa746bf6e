"""Many sockets behind one descriptor of the loop."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from drivers.readers import Readers

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Four of ours and who they hear."""
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(4)]
        for pair in made:
            for end in pair:
                stack.enter_context(end)
        yield made


def hears(sock: socket.socket, told: list[str], name: str) -> Callable[[], None]:
    return lambda: told.append(f"{name} {sock.recv(100).decode()}")


async def test_all_that_have_heard_something_are_called_in_one_turn_each_for_its_own(pairs: list[Pair]) -> None:
    readers, told = Readers(), list[str]()
    for n, (ours, _) in enumerate(pairs):
        readers.add(ours.fileno(), hears(ours, told, f"{n}"))
    for n in (2, 0, 3):
        pairs[n][1].send(b"word")
    asyncio.get_running_loop().call_soon(told.append, "this turn")
    asyncio.get_running_loop().call_later(0.02, told.append, "a later turn")
    await asyncio.sleep(0.05)
    assert told[0] == "this turn"
    assert sorted(told[1:4]) == ["0 word", "2 word", "3 word"]
    assert told[4:] == ["a later turn"]


async def test_one_that_is_removed_by_another_in_the_same_turn_is_not_called(pairs: list[Pair]) -> None:
    readers, told, errors = Readers(), list[int](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))

    def first_come(n: int) -> None:
        told.append(n)
        for ours, _ in pairs:
            readers.remove(ours.fileno())

    for n, (ours, theirs) in enumerate(pairs):
        readers.add(ours.fileno(), lambda n=n: first_come(n))
        theirs.send(b"word")
    await asyncio.sleep(0.02)
    assert (len(told), errors) == (1, [])


async def test_one_that_raises_keeps_no_other_from_being_heard(pairs: list[Pair]) -> None:
    readers, told, errors = Readers(), list[str](), list[BaseException]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))

    def fails(sock: socket.socket) -> None:
        sock.recv(100)
        raise ValueError("a defect")

    for n, (ours, theirs) in enumerate(pairs):
        readers.add(ours.fileno(), (lambda ours=ours: fails(ours)) if n == 1 else hears(ours, told, f"{n}"))
        theirs.send(b"word")
    await asyncio.sleep(0.02)
    assert sorted(told) == ["0 word", "2 word", "3 word"]
    assert [str(error) for error in errors] == ["a defect"]


async def test_what_comes_after_all_were_removed_is_heard_by_whoever_is_added_then(pairs: list[Pair]) -> None:
    readers, told = Readers(), list[str]()
    (ours, theirs), (later, _), *_ = pairs
    readers.add(ours.fileno(), hears(ours, told, "first"))
    readers.remove(ours.fileno())
    readers.remove(later.fileno())  # was never added
    theirs.send(b"word")
    await asyncio.sleep(0.01)
    assert told == []
    readers.add(ours.fileno(), hears(ours, told, "second"))
    await asyncio.sleep(0.01)
    assert told == ["second word"]


async def test_the_end_of_a_peer_can_be_read(pairs: list[Pair]) -> None:
    readers, told = Readers(), list[str]()
    ours, theirs = pairs[0]

    def heard() -> None:
        told.append(ours.recv(100).decode())
        readers.remove(ours.fileno())

    readers.add(ours.fileno(), heard)
    theirs.close()
    await asyncio.sleep(0.01)
    assert told == [""]
