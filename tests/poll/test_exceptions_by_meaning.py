"""What exceptions come to on real lines: busy is "later", a gateway speaks of the way to a unit, others are "no"."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
from polled import POLL, WATCH, Polled, holds, polled, unit
from scripted_peer import RTU_REQUEST, TCP_REQUEST, Step, boot_us, on_tcp, sealed

from drivers.line import Line, RtuOverTcpEndpoint, TcpEndpoint

pytestmark = pytest.mark.e2e

# (unit, address) -> the exception it meets now, 0 for none
Says = Callable[[int, int], int]


def replies(request: bytes, says: Says) -> bytes:
    """On either framing."""
    rtu = len(request) == RTU_REQUEST
    who, function, address, count = struct.unpack(">BBHH", request[:6] if rtu else request[6:])
    data = holds(who, address, count)
    code = says(who, address)
    body = bytes((who, function | 0x80, code)) if code else bytes((who, function, len(data))) + data
    return sealed(body) if rtu else request[:4] + len(body).to_bytes(2, "big") + body


@asynccontextmanager
async def asked(kind: str, says: Says) -> AsyncIterator[Polled]:
    """Two units behind one endpoint, watched ten times a second."""

    def script(number: int, request: bytes) -> Iterable[Step]:
        yield replies(request, says)

    rtu = kind == "rtu_over_tcp"
    async with on_tcp(script, RTU_REQUEST if rtu else TCP_REQUEST) as peer:
        line = Line("a", (RtuOverTcpEndpoint if rtu else TcpEndpoint)("127.0.0.1", peer.port), boot_us, listen_s=0)
        async with polled((line, [unit(1), unit(2)])) as (run,):
            yield run
        assert peer.heard.connections == 1  # no exception is a reason to reconnect


kinds = pytest.mark.parametrize("kind", ["tcp", "rtu_over_tcp"])


@kinds
@pytest.mark.parametrize("code", [0x05, 0x06])
async def test_a_busy_meter_lives_says_nothing_for_now_and_is_asked_again(kind: str, code: int) -> None:
    busy = True
    async with asked(kind, lambda who, address: code if busy and (who, address) == (1, WATCH.address) else 0) as run:
        await asyncio.sleep(0.35)
        assert run.misses == []
        assert run.count("m1") == 0  # and above all no sample of zeros
        assert run.count("m2") >= 2
        assert run.poller.mute("m1") == ()
        busy = False
        await run.until("m1", 0.5)
    assert run.wrong() == []


@kinds
async def test_a_unit_that_the_gateway_does_not_reach_is_silent_and_the_others_are_not(kind: str) -> None:
    dead = True
    async with asked(kind, lambda who, address: 0x0B if dead and who == 2 else 0) as run:
        await run.until("m1", 1.0)
        await asyncio.sleep(0.6)
        told = {(miss.meter, miss.code, miss.detail) for miss in run.misses}
        assert told == {("m2", 0x0B, "gateway: unit did not respond")}
        assert len(run.misses) >= 3
        assert run.count("m1") >= 5
        assert run.poller.mute("m2") == ()
        dead = False
        await run.until("m2", 1.5)


@kinds
async def test_a_gateway_without_a_path_is_a_miss_of_each_unit_and_comes_back(kind: str) -> None:
    cut = True
    async with asked(kind, lambda who, address: 0x0A if cut else 0) as run:
        await asyncio.sleep(0.5)
        told = {(miss.meter, miss.code, miss.detail) for miss in run.misses}
        assert told == {(meter, 0x0A, "gateway path unavailable") for meter in ("m1", "m2")}
        assert run.samples == []
        cut = False
        await run.until("m1", 1.5)
        await run.until("m2", 1.5)


@kinds
async def test_a_read_that_a_meter_does_not_have_is_left_out_and_the_meter_lives(kind: str) -> None:
    async with asked(kind, lambda who, address: 0x02 if (who, address) == (1, POLL.address) else 0) as run:
        await run.until("m1", 1.0)
        await asyncio.sleep(0.3)
        assert run.misses == []
        assert run.count("m1") >= 3
        assert run.poller.mute("m1") == (f"{POLL.count} words at {POLL.address}: exception 0x02",)
