"""Everything that reads what others wrote, each with how to make input for it and what must hold of what it says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from framer_oracles import READ, broken, rtu_believable, tcp_verdict
from fuzz_dice import Dice
from fuzz_toml import feed_map, feed_site, make_map, make_site, put_beside, read_bytes
from mutation import Tokens, mutated
from scripted_peer import rtu_exception, rtu_reply, sealed, tcp_exception, tcp_reply

from agent.publish.influx_rules import Answer, meaning, retry_after_s, words_of
from agent.publish.mqtt_packets import LONGEST_PACKET, Inlet
from drivers.modbus.outcome import LineCounters
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster

# Of the streams: in those that are long it shows whether a reader takes time with the square of what it holds.
_BYTEWISE_ONE_IN, _LONG_BYTEWISE_ONE_IN = 16, 4
_LONG = 256
_NEAR_THE_END = 32


@dataclass(frozen=True, slots=True)
class Target:
    """feed: says in a word what became of the input; what it raises is a finding. size: the bytes it has to read;
    batch: of how many inputs the time is taken at once, some tenths of a millisecond"""

    name: str
    make: Callable[[Dice], bytes]
    feed: Callable[[bytes], str]
    size: Callable[[bytes], int] = len
    batch: int = 1


def targets(place: Path) -> list[Target]:
    """place: for the files of those that read files."""
    put_beside(place)
    return [
        Target("inlet", _make_packets, feed_inlet, batch=16),
        Target("rtu", _make_rtu, feed_rtu, batch=8),
        Target("tcp", _make_tcp, feed_tcp, batch=16),
        Target("influx", partial(mutated, corpus=_REPLIES, tokens=_REPLY_TOKENS), feed_influx, batch=16),
        Target("site", make_site, partial(feed_site, place / "site.toml"), read_bytes),
        Target("map", make_map, feed_map),
    ]


def _cuts(data: bytes) -> list[bytes]:
    """Up to five pieces, of which one begins near the end; or byte by byte. The same data is always cut alike, so that
    a finding repeats."""
    drawn, size = crc32(data), len(data)
    if drawn % (_BYTEWISE_ONE_IN if size < _LONG else _LONG_BYTEWISE_ONE_IN) == 0:
        return [data[at : at + 1] for at in range(size)]
    near = min(size, _NEAR_THE_END)
    ends = [size - (drawn >> 4) % (near + 1), size]
    ends = sorted(ends + [(drawn >> 8 * n) % (size + 1) for n in range(1, drawn % 4)])
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


# --- what a broker sends -----------------------------------------------------------------------------------------

_PACKETS = (
    b"\x40\x02\x00\x01", b"\x40\x03\x01\x02\x87", b"\x40\x04\xff\xff\x10\x00", b"\xd0\x00", b"\x20\x02\x00\x00",
    b"\xe0\x02\x8e\x00", b"\x30\x80\x01" + b"\0\x7d" + b"t" * 126, b"\x40\x00", b"\x40\x01\x07",
    b"\x30\xff\xff\x0f", b"\x30\x81\x80\x10", b"\x40\xff\xff\xff\x7f", b"\x15\x80\x80\x80\x80\x01", b"HTTP/1.1 400\r\n",
)  # fmt: skip


_PACKET_TOKENS = Tokens(_PACKETS, _PACKETS, 2)
# A packet's type and its remaining length: MQTT 3.1.1, 2.2.3.
_PACKET = re.compile(rb"(.)([\x80-\xff]{0,3}[\0-\x7f])", re.DOTALL)


def _make_packets(dice: Dice) -> bytes:
    stream = b"".join([dice.one_of(_PACKETS) for _ in range(1 + dice.below(7))])
    return mutated(dice, (stream,), _PACKET_TOKENS) if dice.below(10) < 7 else stream


class _Wire:
    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def recv(self, _: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)

    def send(self, buffer: bytes | bytearray) -> int:
        return len(buffer)

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None: ...


def feed_inlet(data: bytes, reader: type[Inlet] = Inlet) -> str:
    stream, acknowledged, others, refused = _packets_of(data)
    wire, told, heard, whys = _Wire(_cuts(stream)), bytearray(), list[tuple[int, int]](), list[str]()
    inlet = reader(wire, lambda mid, code: heard.append((mid, code)), whys.append)
    size = 1 + sum(data[:3]) % 64
    while wire.pieces or inlet.pending():
        try:
            came = inlet.recv(size)
        except BlockingIOError:
            continue
        if not came:
            break
        told += came
    assert heard == acknowledged, f"acknowledged {heard}, not {acknowledged}"
    assert bool(whys) == refused, f"refused {whys}"
    # What came before a packet that is too long is paho's only as far as it has read it.
    assert told == others if not refused else others.startswith(told), f"told {told!r}, not {others!r}"
    return "refused" if refused else "acknowledged" if heard else "passed"


def _packets_of(data: bytes) -> tuple[bytes, list[tuple[int, int]], bytearray, bool]:
    """The stream as far as a client reads it, the acknowledgements in it, all else, whether it ends in what is too
    long. MQTT 3.1.1, 2.2.3: a fifth byte of a length is a protocol error, at which paho hangs up."""
    at, acknowledged, others = 0, [], bytearray()
    while (head := _PACKET.match(data, at)) is not None:
        length = sum((byte & 127) << 7 * n for n, byte in enumerate(head[2]))
        body, end = head.end(), head.end() + length
        if end - at > LONGEST_PACKET:
            return data, acknowledged, others, True
        if end > len(data):
            return data, acknowledged, others, False
        if head[1] == b"\x40" and length >= 2:
            acknowledged.append((data[body] * 256 + data[body + 1], data[body + 2] if length > 2 else 0))
        else:
            others += data[at:end]
        at = end
    if len(data) - at >= 5:
        return data[: at + 5], acknowledged, others + data[at : at + 5], False
    return data, acknowledged, others, False


# --- what meters send --------------------------------------------------------------------------------------------

_RTU_REQUEST = RtuMaster(2_000, 573.0, LineCounters()).request(1, READ, None, 300_000, 10_000)
_RTU_KINDS = (
    rtu_reply(_RTU_REQUEST), rtu_reply(_RTU_REQUEST), rtu_exception(_RTU_REQUEST, 2),
    sealed(b"\x02" + rtu_reply(_RTU_REQUEST)[1:-2]), sealed(b"\x01\x03\x06" + bytes(6)),
    b"\x01\x03\x08", _RTU_REQUEST,
)  # fmt: skip
# Before the rest, up to where the reader's buffer of 512 bytes is full and a little beyond.
_STUFFING = (bytes(1), b"\x01", b"\x01\x03", sealed(b"\x01\x03\xfc" + bytes(252)))
_STUFFED_ONE_IN = 64


def _make_rtu(dice: Dice) -> bytes:
    stuffing = b"" if dice.below(_STUFFED_ONE_IN) else dice.one_of(_STUFFING) * 560
    frames = [broken(dice, dice.one_of(_RTU_KINDS)) for _ in range(1 + dice.below(5))]
    return stuffing[: 440 + dice.below(120)] + b"".join(frames)


def feed_rtu(stream: bytes, reader: type[RtuMaster] = RtuMaster) -> str:
    master = reader(2_000, 573.0, LineCounters())
    request = master.request(1, READ, None, 300_000, 10_000)
    # An echo is stripped once: what is believable without it may be made up of both its sides.
    echo = stream.find(request)
    result = None
    for number, chunk in enumerate(_cuts(stream)):
        result = result or master.receive(chunk, 20_000 + number * 1000)
    believable = rtu_believable(stream)
    if echo >= 0:
        believable |= rtu_believable(stream[:echo] + stream[echo + len(request) :])
    if result is None:
        assert not believable or echo >= 0, f"not believed: {believable}"
        return master.expire(10_000_000).outcome
    if master.broken:
        return "broken"
    assert (result.outcome, result.data or bytes((result.code,))) in believable, f"believed: {result}"
    return result.outcome


def _tcp_master(reader: type[TcpMaster] = TcpMaster) -> tuple[TcpMaster, bytes, bytes]:
    master = reader(0x0FFF, LineCounters())
    late = master.request(1, READ, None, 300_000, 10_000)
    master.expire(20_000)
    return master, late, master.request(1, READ, None, 300_000, 30_000)


_, _LATE, _TCP_REQUEST = _tcp_master()
_TCP_KINDS = (
    tcp_reply(_TCP_REQUEST), tcp_reply(_TCP_REQUEST), tcp_exception(_TCP_REQUEST, 11), tcp_reply(_LATE),
    tcp_reply(_TCP_REQUEST)[:6] + b"\x01\x04" + tcp_reply(_TCP_REQUEST)[8:],
    _TCP_REQUEST[:4] + b"\x00\xff" + bytes(20), _TCP_REQUEST[:4] + b"\x00\xfe\x01\x03" + bytes(252),
)  # fmt: skip


def _make_tcp(dice: Dice) -> bytes:
    return b"".join([broken(dice, dice.one_of(_TCP_KINDS)) for _ in range(1 + dice.below(3))])


def feed_tcp(stream: bytes, reader: type[TcpMaster] = TcpMaster) -> str:
    master, late, request = _tcp_master(reader)
    result = None
    for number, chunk in enumerate(_cuts(stream)):
        result = result or master.receive(chunk, 40_000 + number * 1000)
    verdict = tcp_verdict(stream, request, late)
    said = result.outcome if result is not None else "open"
    assert said == verdict, f"{said}, not {verdict}"
    return verdict


# --- what a database answers -------------------------------------------------------------------------------------

_REPLIES = (
    b'204\n\n\n', b'400\n\n\n{"error":"partial write: points beyond retention policy dropped=1"}',
    b'422\n\n\n{"code":"invalid","message":"unable to parse: missing fields"}', b"502\n7\n\n<html><b>Bad Gateway</b>",
    b"429\nMon, 23 Nov 2026 00:00:30 GMT\nMon, 23 Nov 2026 00:00:00 GMT\n", b'401\n\n\n{"message":[1,{"a":null}]}',
    b"503\n120\n\n[]",
)  # fmt: skip
_REPLY_TOKENS = Tokens(
    (
        b'"\\ud800"', b'"message":"\\udfff"', b"\x00", b"\x1b[2J", b"NaN", b"1e999", b"-1", b"\n", b"\r\n ", b'"', b"}",
        b"Mon, 23 Nov 99999999999 00:00:00 GMT", b"Mon, 23 Nov 2026 99:00:00 +9999", "٣".encode(), b"\xff\xfe",
        b"Mon, 23 Nov 0000 00:00:00 -0000", b"message", b"error", b"2026", b"204", b"500",
    ),
    (b"9" * 5000, b"[" * 3000, b'{"a":' * 3000),
    32,
)  # fmt: skip


def feed_influx(data: bytes) -> str:
    status, asked, date, body = (*data.decode("utf-8", "replace").split("\n", 3), "", "", "")[:4]
    number = int(status[:3]) if status[:3].isascii() and status[:3].isdecimal() else 0
    wait_s = retry_after_s({"Retry-After": asked, "Date": date})
    assert 0 <= wait_s <= 900, f"a wait of {wait_s} s"
    words = words_of(body)
    assert len(words) <= 300, f"{len(words)} letters"
    assert words.isprintable(), f"not to be shown: {words!r}"
    what, why = meaning(Answer(number, words, wait_s))
    assert (what == "stored") is (number == 204), f"{number} is {what}"
    why.encode()
    return what
