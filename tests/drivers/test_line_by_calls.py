"""A Modbus TCP line asked by calls: `ask` and `forget`, against peers on real sockets."""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict

import pytest
from scripted_peer import Step, boot_us, on_tcp, tcp_exception, tcp_reply, words

from drivers.line import Exchange, Line, TcpEndpoint
from drivers.modbus.pdu import Read

READ = Read(3, 10, 4)
DATA = words(10, 4)


def line_to(port: int, now_us: Callable[[], int] = boot_us) -> Line:
    return Line("hall", TcpEndpoint("127.0.0.1", port), now_us, jitter=lambda: 0.0)


def answers(number: int, request: bytes) -> Iterable[Step]:
    yield tcp_reply(request)


class Told:
    """What `heard` was told, each once."""

    def __init__(self) -> None:
        self.results: list[Exchange] = []
        self.heard = self._heard
        self._came = asyncio.Event()

    def _heard(self, result: Exchange) -> None:
        self.results.append(result)
        self._came.set()

    async def next(self) -> Exchange:
        async with asyncio.timeout(3.0):
            await self._came.wait()
        self._came.clear()
        return self.results[-1]


async def asked(line: Line, told: Told, read: Read = READ, timeout_s: float = 1.0, unit: int = 1) -> Exchange:
    """By calls; a line that is not open is opened by an exchange, as the poller does."""
    if not line.prompt:
        return await line.exchange(unit, read, timeout_s)
    line.ask(unit, read, round(timeout_s * 1e6), told.heard)
    return await told.next()


async def test_it_is_prompt_only_while_open_and_idle() -> None:
    async with on_tcp(lambda number, request: [0.02, tcp_reply(request)]) as peer, line_to(peer.port) as line:
        assert not line.prompt
        exchange = asyncio.create_task(line.exchange(1, READ, 1.0))
        await asyncio.sleep(0.01)
        assert not line.prompt
        await exchange
        told = Told()
        assert line.prompt
        line.ask(1, READ, 1_000_000, told.heard)
        assert not line.prompt
        assert (await told.next()).data == DATA
        assert line.prompt
    assert not line.prompt


async def test_the_next_request_may_leave_from_the_answer_of_the_last() -> None:
    async with on_tcp(answers) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        done = asyncio.get_running_loop().create_future()
        results: list[Exchange] = []

        def heard(result: Exchange) -> None:
            results.append(result)
            if len(results) < 50:
                line.ask(1, READ, 1_000_000, heard)
            else:
                done.set_result(None)

        line.ask(1, READ, 1_000_000, heard)
        async with asyncio.timeout(5.0):
            await done
        assert {result.data for result in results} == {DATA}
        assert (line.counters.answered, peer.heard.connections) == (51, 1)


async def test_asking_twice_at_once_is_a_defect_that_is_said_and_harms_nobody() -> None:
    async with on_tcp(lambda number, request: [0.02, tcp_reply(request)]) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        told, other = Told(), Told()
        line.ask(1, READ, 1_000_000, told.heard)
        with pytest.raises(RuntimeError, match="outstanding"):
            line.ask(1, READ, 1_000_000, other.heard)
        with pytest.raises(RuntimeError, match="outstanding"):
            await line.exchange(1, READ, 1.0)
        assert (await told.next()).data == DATA
        assert not other.results


async def test_a_silence_is_told_at_its_deadline_and_a_late_reply_is_dropped() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield 0.3 if number == 1 else 0.0
        yield tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        told = Told()
        before_us = boot_us()
        result = await asked(line, told, Read(3, 100, 4), 0.05)
        assert (result.outcome, result.sent_boot_us >= before_us) == ("silent", True)
        assert 50_000 <= boot_us() - before_us < 200_000
        await asyncio.sleep(0.3)
        assert (await asked(line, told)).data == DATA
        assert (line.counters.late, line.counters.silent, len(told.results)) == (1, 1, 2)


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_peer_that_goes_in_the_middle_of_its_reply_is_told_once_as_down(ending: str) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number == 1:
            yield tcp_reply(request)[:9]
            yield 0.01
            yield ending
        else:
            yield tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        told = Told()
        prompt: list[bool] = []

        def heard(result: Exchange) -> None:
            prompt.append(line.prompt)
            told.heard(result)

        line.ask(1, READ, 200_000, heard)
        result = await told.next()
        assert (result.outcome, result.sent_boot_us > 0, prompt) == ("down", True, [False])
        await asyncio.sleep(0.25)  # its deadline passes
        assert len(told.results) == 1
        assert (await line.exchange(1, READ, 1.0)).data == DATA


async def test_what_is_not_trusted_is_told_once_after_the_connection_has_gone() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield tcp_reply(request) if number != 1 else tcp_reply(bytes((request[0] ^ 0x55,)) + request[1:])

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        told = Told()
        states: list[str] = []

        def heard(result: Exchange) -> None:
            states.append(line.state)
            told.heard(result)

        line.ask(1, READ, 200_000, heard)
        assert (await told.next()).outcome == "foreign"
        await asyncio.sleep(0.25)
        assert (states, len(told.results), line.counters.foreign) == (["closed"], 1, 1)


async def test_a_forgotten_request_is_told_to_nobody_and_its_reply_to_nobody_else() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield 0.03 if number == 1 else 0.0
        yield tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 1.0)
        first, second = Told(), Told()
        line.ask(1, Read(3, 100, 4), 50_000, first.heard)
        line.forget(second.heard)  # somebody else's: nothing happens
        assert not line.prompt
        line.forget(first.heard)
        line.forget(first.heard)
        assert line.prompt
        assert (await asked(line, second)).data == DATA
        await asyncio.sleep(0.06)
        assert (first.results, len(second.results), line.counters.late) == ([], 1, 1)


async def test_closing_the_line_tells_whoever_waits() -> None:
    async with on_tcp(lambda number, request: answers(number, request) if number == 0 else []) as peer:
        told = Told()
        async with line_to(peer.port) as line:
            await line.exchange(1, READ, 1.0)
            line.ask(1, READ, 5_000_000, told.heard)
        assert [result.outcome for result in told.results] == ["down"]


async def test_many_deadlines_of_changing_length_are_all_kept() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        return answers(number, request) if number % 2 == 0 else []

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        told = Told()
        await line.exchange(1, READ, 1.0)
        for timeout_s in (0.06, 5.0, 0.02, 5.0, 0.01):
            started_us = boot_us()
            result = await asked(line, told, timeout_s=timeout_s)
            assert result.outcome == ("answered" if timeout_s == 5.0 else "silent")
            assert timeout_s == 5.0 or timeout_s <= (boot_us() - started_us) / 1e6 < timeout_s + 0.15
        assert len(told.results) == 5


# --- the same peer, asked in both ways


def misbehaves(seed: int) -> Callable[[int, bytes], Iterable[Step]]:
    """A peer whose every deed follows from the seed and the number of the request."""

    def script(number: int, request: bytes) -> Iterable[Step]:
        draw = random.Random(f"{seed} {number}")  # noqa: S311 - a script, no secret
        deed = draw.choice(["reply"] * 5 + ["silence", "refusal", "garbage", "pieces", "late", "cut", "other unit"])
        reply = tcp_reply(request)
        cut = draw.randrange(1, len(reply))
        steps: dict[str, list[Step]] = {
            "reply": [reply],
            "silence": [],
            "refusal": [tcp_exception(request, draw.choice([2, 6, 11]))],
            "garbage": [draw.randbytes(cut + 8)],
            "pieces": [reply[:cut], 0.002, reply[cut:]],
            "late": [LATE_S, reply],
            "cut": [reply[:cut], 0.002, "close"],
            "other unit": [reply[:6] + b"\x09" + reply[7:]],
        }
        return steps[deed]

    return script


# Far enough apart for a busy machine: a reply that is not late is there in time, one that is late is there before the
# next request.
PATIENCE_S, LATE_S = 0.1, 0.15


async def outcomes(seed: int, *, by_calls: bool) -> tuple[list[tuple[str, bytes, int]], dict[str, int]]:
    ahead_us = 0
    results: list[tuple[str, bytes, int]] = []
    async with on_tcp(misbehaves(seed)) as peer, line_to(peer.port, lambda: boot_us() + ahead_us) as line:
        told = Told()
        for number in range(14):
            read = Read(3, 10 * number, 1 + number % 5)
            way = asked(line, told, read, PATIENCE_S) if by_calls else line.exchange(1, read, PATIENCE_S)
            result = await way
            results.append((result.outcome, result.data, result.code))
            await asyncio.sleep(2 * LATE_S - PATIENCE_S if result.outcome == "silent" else 0.003)
            ahead_us += 3_000_000 if line.state == "closed" else 0  # never in a back-off
    counted = asdict(line.counters)
    return results, counted


@pytest.mark.e2e
@pytest.mark.parametrize("seed", range(6))
async def test_both_ways_come_to_the_same(seed: int) -> None:
    by_task, by_calls = await outcomes(seed, by_calls=False), await outcomes(seed, by_calls=True)
    assert by_task == by_calls
