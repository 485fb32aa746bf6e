"""Everything that reads what others wrote, each with how to make input for it and what must hold of what it says."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from framer_oracles import READ, broken, rtu_believable, tcp_verdict
from mutation import changed_value, mutated
from scripted_peer import rtu_exception, rtu_reply, sealed, tcp_exception, tcp_reply

from agent.errors import SiteError
from agent.publish.influx_rules import Answer, meaning, retry_after_s, words_of
from agent.publish.mqtt_packets import LONGEST_PACKET, Inlet
from agent.site_file import read_site
from drivers.errors import ModelError
from drivers.modbus.outcome import LineCounters
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster
from drivers.model import parse_model

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """feed: says in a word what became of the input; what it raises is a finding. size: the bytes it has to read"""

    name: str
    make: Callable[[random.Random], bytes]
    feed: Callable[[bytes], str]
    size: Callable[[bytes], int] = len


def targets(place: Path) -> list[Target]:
    """place: for the files of those that read files."""
    site = place / "site.toml"
    return [
        Target("inlet", _make_packets, feed_inlet),
        Target("rtu", _make_rtu, feed_rtu),
        Target("tcp", _make_tcp, feed_tcp),
        Target("influx", partial(mutated, corpus=_REPLIES, tokens=_REPLY_TOKENS), feed_influx),
        Target("site", partial(_make_toml, _SITES), partial(feed_site, site), _with_maps),
        Target("map", partial(_make_toml, _MAPS), feed_map),
    ]


def _cuts(data: bytes) -> list[bytes]:
    """The same data is always cut alike, so that a finding repeats."""
    size = (1 if len(data) < 64 else 5, 2 if len(data) < 64 else 9, 7, 40, 600)[sum(data[-3:]) % 5]
    return [data[at : at + size] for at in range(0, len(data), size)]


# --- what a broker sends -----------------------------------------------------------------------------------------

_PACKETS = (
    b"\x40\x02\x00\x01", b"\x40\x03\x01\x02\x87", b"\x40\x04\xff\xff\x10\x00", b"\xd0\x00", b"\x20\x02\x00\x00",
    b"\xe0\x02\x8e\x00", b"\x30\x80\x01" + b"\0\x7d" + b"t" * 126, b"\x40\x00", b"\x40\x01\x07",
    b"\x30\xff\xff\x0f", b"\x30\x81\x80\x10", b"\x40\xff\xff\xff\x7f", b"\x15\x80\x80\x80\x80\x01", b"HTTP/1.1 400\r\n",
)  # fmt: skip


def _make_packets(dice: random.Random) -> bytes:
    stream = b"".join(dice.choices(_PACKETS, k=dice.randrange(1, 8)))
    return mutated(dice, (stream,), _PACKETS) if dice.random() < 0.7 else stream


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


def feed_inlet(data: bytes) -> str:
    stream, acknowledged, others, refused = _packets_of(data)
    wire, told, heard, whys = _Wire(_cuts(stream)), bytearray(), [], list[str]()
    inlet = Inlet(wire, lambda mid, code: heard.append((mid, code)), whys.append)
    while wire.pieces or inlet.pending():
        try:
            came = inlet.recv(5)
        except BlockingIOError:
            continue
        if not came:
            break
        told += came
    assert heard == acknowledged, f"acknowledged {heard}, not {acknowledged}"
    assert bool(whys) == refused, f"refused {whys}"
    # What came before a packet that is too long is paho's only as far as it has read it.
    assert bytes(told) == others if not refused else others.startswith(told)
    return "refused" if refused else "acknowledged" if heard else "passed"


def _packets_of(data: bytes) -> tuple[bytes, list[tuple[int, int]], bytes, bool]:
    """The stream as far as a client reads it, the acknowledgements in it, all else, whether it ends in what is too
    long. MQTT 3.1.1, 2.2.3: a fifth byte of a length is a protocol error, at which paho hangs up."""
    at, acknowledged, others = 0, [], b""
    while at + 1 < len(data):
        ends = [n for n in range(1, 5) if at + n < len(data) and data[at + n] < 128]
        if not ends:
            malformed = len(data) - at >= 5
            return (data[: at + 5], acknowledged, others + data[at : at + 5], False) if malformed else (
                data, acknowledged, others, False
            )  # fmt: skip
        head = 1 + ends[0]
        length = sum((data[at + 1 + n] & 127) * 128**n for n in range(ends[0]))
        if head + length > LONGEST_PACKET:
            return data, acknowledged, others, True
        packet = data[at : at + head + length]
        if len(packet) < head + length:
            break
        if packet[0] == 0x40 and length >= 2:
            acknowledged.append((packet[head] * 256 + packet[head + 1], packet[head + 2] if length > 2 else 0))
        else:
            others += packet
        at += len(packet)
    return data, acknowledged, others, False


# --- what meters send --------------------------------------------------------------------------------------------

_RTU_REQUEST = RtuMaster(2_000, 573.0, LineCounters()).request(1, READ, None, 300_000, 10_000)
_RTU_KINDS = (
    rtu_reply(_RTU_REQUEST), rtu_reply(_RTU_REQUEST), rtu_exception(_RTU_REQUEST, 2),
    sealed(b"\x02" + rtu_reply(_RTU_REQUEST)[1:-2]), sealed(b"\x01\x03\x06" + bytes(6)),
    sealed(b"\x01\x03\xfc" + bytes(252)), b"\x01\x03\x08", _RTU_REQUEST, b"\x01" * 300, b"\x01\x03" * 300,
)  # fmt: skip


def _make_rtu(dice: random.Random) -> bytes:
    return b"".join(broken(dice, dice.choice(_RTU_KINDS)) for _ in range(dice.randrange(1, 6)))


def feed_rtu(stream: bytes) -> str:
    master = RtuMaster(2_000, 573.0, LineCounters())
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


def _tcp_master() -> tuple[TcpMaster, bytes, bytes]:
    master = TcpMaster(0x0FFF, LineCounters())
    late = master.request(1, READ, None, 300_000, 10_000)
    master.expire(20_000)
    return master, late, master.request(1, READ, None, 300_000, 30_000)


_, _LATE, _TCP_REQUEST = _tcp_master()
_TCP_KINDS = (
    tcp_reply(_TCP_REQUEST), tcp_reply(_TCP_REQUEST), tcp_exception(_TCP_REQUEST, 11), tcp_reply(_LATE),
    tcp_reply(_TCP_REQUEST)[:6] + b"\x01\x04" + tcp_reply(_TCP_REQUEST)[8:],
    _TCP_REQUEST[:4] + b"\x00\xff" + bytes(20), _TCP_REQUEST[:4] + b"\x00\xfe\x01\x03" + bytes(252),
)  # fmt: skip


def _make_tcp(dice: random.Random) -> bytes:
    return b"".join(broken(dice, dice.choice(_TCP_KINDS)) for _ in range(dice.randrange(1, 4)))


def feed_tcp(stream: bytes) -> str:
    master, late, request = _tcp_master()
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
_REPLY_TOKENS = (
    b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"', b'"message":"\\udfff"', b"\x00", b"\x1b[2J", b"NaN",
    b"1e999", b"Mon, 23 Nov 99999999999 00:00:00 GMT", b"Mon, 23 Nov 2026 99:00:00 +9999",
    b"Mon, 23 Nov 0000 00:00:00 -0000", b"\xff\xfe", "٣".encode(), b"-1", b"\n", b"\r\n ", b'"', b"}",
    b"message", b"error", b"2026", b"204", b"500",
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


# --- what people write -------------------------------------------------------------------------------------------

_SITES = tuple((ROOT / "config" / f"{name}.toml").read_bytes() for name in ("small", "substation", "reference"))
_NAMED = {path.stem.encode(): path.read_bytes() for path in sorted((ROOT / "drivers" / "models").glob("*.toml"))}
_MAPS = tuple(_NAMED.values())
_TOML_TOKENS = (
    b"9" * 5000, b"[" * 3000, b"{a=" * 1000, b"a." * 3000 + b"b = 1", b"[" + b"a." * 3000 + b"b]", b"nan", b"-inf",
    b"1e999", b"true", b'""', b"[]", b"{}", b"0", b"-1", b"1.5", b"0x7fffffffffffffff",
    b"1979-05-27T07:32:00Z", b"07:32:00",
    b'"\\u0000"', b'"\\U0010ffff"', b'"\\ud800"', b'"' + b"x" * 5000 + b'"', b"[[1]]", b'["a", 1]', b"'''", b'"""',
    b"{unit = 1}", b"{address = 0, type = \"u16\"}", b'"-99999999999999999999 h"', b'"1e9d"', "٣".encode(),
    b"\xff", b"\x00", b'"../../../etc/passwd"', b'"%s%n"', b"unit", b"address", b"line", b"[meters.x]",
    b"[[blocks]]", b"= ", b"\n", b"#", b"'",
)  # fmt: skip


def _make_toml(corpus: tuple[bytes, ...], dice: random.Random) -> bytes:
    if dice.random() < 0.3:
        return mutated(dice, corpus, _TOML_TOKENS)
    data = dice.choice(corpus)
    for _ in range(dice.randrange(1, 4)):
        data = changed_value(dice, data, _TOML_TOKENS)
    return data


def _with_maps(site: bytes) -> int:
    """A site file and the maps that it names."""
    return len(site) + sum(len(text) for name, text in _NAMED.items() if name in site)


def feed_site(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    try:
        read_site(file, file.parent / "state")
    except SiteError as error:
        refusal = error
    else:
        return "read"
    assert refusal.findings, "refused without a finding"
    str(refusal).encode()
    return "refused"


def feed_map(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "no text"
    try:
        parse_model(text, "fuzzed.toml")
    except ModelError as error:
        str(error).encode()
        return "refused"
    return "read"
