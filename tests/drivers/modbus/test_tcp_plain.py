"""The whole reply in one piece, looked at in one go: it comes to what the frame by frame way comes to."""

import itertools
import struct
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st
from scripted_peer import tcp_exception, tcp_reply

from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.pdu import Read, Request
from drivers.modbus.tcp import TcpMaster

READS = [Read(3, 10, 4), Read(3, 10, 4), Read(4, 10, 4), Read(3, 10, 1), Read(3, 99, 4), Read(3, 0, 125)]
SECOND = 1_000_000


class Watched(TcpMaster):
    """Never takes the short way."""

    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes:
        frame = super().request(unit, wanted, spare, timeout_us, now_us)
        assert self._waiting is not None
        self._waiting = self._waiting._replace(size=-1)
        return frame


def fresh(kind: type[TcpMaster]) -> tuple[TcpMaster, LineCounters]:
    counters = LineCounters()
    master = kind(0xFFFD, counters)
    master.opened(0, False)
    return master, counters


@st.composite
def rounds(draw: st.DrawFn) -> tuple[int, Read, str, int, int, list[int], bool]:
    """unit, read, what the peer does, where and by what it is spoilt, where it is cut, whether to wait for it"""
    what = draw(
        st.sampled_from(["reply"] * 6 + ["spoilt", "exception", "short", "late", "twice", "unasked", "nothing"])
    )
    cuts = draw(st.lists(st.integers(0, 300), max_size=3))
    at, mask = draw(st.integers(0, 16)), draw(st.integers(1, 255))
    return draw(st.sampled_from([1, 1, 1, 2])), draw(st.sampled_from(READS)), what, at, mask, cuts, draw(st.booleans())


def answer(what: str, request: bytes, before: bytes, at: int, mask: int) -> bytes:
    """What the peer sends. before: the request before this one."""
    reply = tcp_reply(request)
    if what == "spoilt":
        spoilt = bytearray(reply)
        spoilt[at % len(reply)] ^= mask
        return bytes(spoilt)
    parts = {
        "reply": reply,
        "exception": tcp_exception(request, 1 + mask % 11),
        "short": reply[:-1],
        "late": (tcp_reply(before) if before else b"") + reply,
        "twice": reply + reply,
        "unasked": reply + struct.pack(">HHHBBB", 7, 0, 3, 1, 3, 0),
        "nothing": b"",
    }
    return parts[what]


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@given(st.lists(rounds(), min_size=1, max_size=12))
def test_the_short_way_comes_to_the_same(script: list[tuple[int, Read, str, int, int, list[int], bool]]) -> None:
    (short, short_counts), (long, long_counts) = fresh(TcpMaster), fresh(Watched)
    now_us, before = 0, b""
    for unit, read, what, at, mask, cuts, waited in script:
        now_us += SECOND
        requests = [master.request(unit, read, None, SECOND, now_us) for master in (short, long)]
        assert requests[0] == requests[1]
        results: list[list[Exchange | None]] = [[], []]
        for chunk in chunks(answer(what, requests[0], before, at, mask), cuts):
            now_us += 1000
            for master, told in zip((short, long), results, strict=True):
                told.append(master.receive(memoryview(chunk), now_us))
        assert results[0] == results[1]
        assert short.broken == long.broken
        if not any(results[0]) and not short.broken:
            ended = [master.expire(now_us) if waited else master.lost(now_us) for master in (short, long)]
            assert ended[0] == ended[1]
        if short.broken or not (waited or any(results[0])):
            for master in (short, long):
                master.opened(now_us, False)
            requests[0] = b""
        before = requests[0]
    assert asdict(short_counts) == asdict(long_counts)


@given(st.sampled_from(READS), st.integers(1, 255), st.booleans())
def test_what_it_hands_on_stays_as_it_was_when_the_buffer_is_written_again(read: Read, unit: int, whole: bool) -> None:
    master, _ = fresh(TcpMaster)
    reply = bytearray(tcp_reply(master.request(unit, read, None, SECOND, 0)))
    kept = bytes(reply[9:])
    for part in [memoryview(reply)] if whole else [memoryview(reply)[:5], memoryview(reply)[5:]]:
        result = master.receive(part, 5)
    reply[:] = bytes(len(reply))
    assert result is not None
    assert (result.outcome, result.data, result.sent_boot_us, result.received_boot_us) == ("answered", kept, 0, 5)


def test_the_same_reply_twice_is_believed_once() -> None:
    master, _ = fresh(TcpMaster)
    reply = tcp_reply(master.request(1, READS[0], None, SECOND, 0))
    assert master.receive(reply, 1) is not None
    assert master.receive(reply, 2) is None
    assert "never asked" in master.broken


def test_another_read_of_the_same_size_gets_its_own_head() -> None:
    master, _ = fresh(TcpMaster)
    for unit, read in ((1, Read(3, 10, 4)), (1, Read(4, 10, 4)), (2, Read(4, 10, 4)), (2, Read(4, 10, 4))):
        request = master.request(unit, read, None, SECOND, 0)
        assert request[6:8] == bytes((unit, read.function))
        assert master.receive(tcp_reply(request), 1) is not None
    assert not master.broken
