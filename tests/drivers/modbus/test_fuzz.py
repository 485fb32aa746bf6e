"""Both framers against streams of broken, foreign and honest frames, judged by oracles that only know the standard:
what is believed must be right, what is right must be believed, and nothing may be raised."""

import random
import struct

from scripted_peer import crc, rtu_exception, rtu_reply, sealed, tcp_exception, tcp_reply

from drivers.modbus.outcome import LineCounters
from drivers.modbus.pdu import Read
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster

READ = Read(3, 10, 4)
CASES = 4_000


def broken(dice: random.Random, frame: bytes) -> bytes:
    """The frame cut, stretched, with a byte or a bit changed, or whole."""
    kind = dice.randrange(6)
    at = dice.randrange(len(frame))
    if kind == 0:
        return frame[:at]
    if kind == 1:
        return frame[:at] + dice.randbytes(dice.randrange(1, 4)) + frame[at:]
    if kind == 2:
        return frame[:at] + frame[at + 1 :]
    if kind == 3:
        return frame[:at] + bytes((dice.choice((0, 1, 2, 255, frame[at] ^ 1)),)) + frame[at + 1 :]
    return frame


def chunks(dice: random.Random, data: bytes) -> list[bytes]:
    cut: list[bytes] = []
    while data:
        size = dice.choice((1, 2, 7, 40, 600))
        cut.append(data[:size])
        data = data[size:]
    return cut


def rtu_believable(stream: bytes) -> set[tuple[str, bytes]]:
    """Every frame at any offset that answers READ of unit 1, by outcome."""
    found: set[tuple[str, bytes]] = set()
    for at in range(len(stream)):
        reply, refusal = stream[at : at + 13], stream[at : at + 5]
        if len(reply) == 13 and reply[:3] == b"\x01\x03\x08" and crc(reply[:-2]) == reply[-2:]:
            found.add(("answered", reply[3:-2]))
        if len(refusal) == 5 and refusal[:2] == b"\x01\x83" and crc(refusal[:3]) == refusal[3:]:
            found.add(("refused", refusal[2:3]))
    return found


def test_rtu_believes_what_the_oracle_believes() -> None:
    dice = random.Random(1)  # noqa: S311 - not a secret
    seen = {"answered": 0, "refused": 0, "none": 0}
    for _ in range(CASES):
        master = RtuMaster(2_000, 573.0, LineCounters())
        request = master.request(1, READ, None, 300_000, 10_000)
        kinds = (
            rtu_reply(request),
            rtu_exception(request, 2),
            sealed(b"\x02" + rtu_reply(request)[1:-2]),
            sealed(b"\x01\x03\x06" + bytes(6)),
            sealed(b"\x01\x03\xfc" + bytes(252)),
            b"\x01\x03\x08",
            dice.randbytes(dice.randrange(1, 30)),
        )
        stream = b"".join(broken(dice, dice.choice(kinds)) for _ in range(dice.randrange(1, 6)))
        result = None
        for number, chunk in enumerate(chunks(dice, stream)):
            result = result or master.receive(chunk, 20_000 + number * 1000)
        believable = rtu_believable(stream)
        if result is None:
            assert not believable
            assert master.expire(400_000).outcome in ("silent", "garbled", "foreign")
        else:
            assert (result.outcome, result.data or bytes((result.code,))) in believable
        seen["none" if result is None else result.outcome] += 1
    assert min(seen.values()) > CASES // 20


def tcp_verdict(stream: bytes, request: bytes, late: bytes) -> str:
    """What a strict reader makes of the stream: the outcome of the request, or open while it is not decided."""
    owed = {late[:2]}
    while len(stream) >= 7:
        transaction, protocol, length, unit = struct.unpack(">2sHHB", stream[:7])
        if protocol != 0 or length < 2 or length > 254:
            return "garbled"
        if unit != 1 or transaction not in (request[:2], *owed):
            return "foreign"
        body, stream = stream[7 : 6 + length], stream[6 + length :]
        if len(body) < length - 1:
            return "open"
        if transaction != request[:2]:
            owed.clear()
        elif body[0] == 0x83:
            return "refused" if len(body) == 2 else "garbled"
        elif body[0] != 3:
            return "foreign"
        else:
            return "answered" if len(body) == 10 and body[1] == 8 else "garbled"
    return "open"


def test_tcp_believes_what_the_oracle_believes() -> None:
    dice = random.Random(2)  # noqa: S311 - not a secret
    seen = dict.fromkeys(("answered", "refused", "garbled", "foreign", "open"), 0)
    for _ in range(CASES):
        master = TcpMaster(0x0FFF, LineCounters())
        late = master.request(1, READ, None, 300_000, 10_000)
        master.expire(20_000)
        request = master.request(1, READ, None, 300_000, 30_000)
        kinds = (
            tcp_reply(request),
            tcp_reply(request),
            tcp_exception(request, 11),
            tcp_reply(late),
            tcp_reply(request)[:6] + b"\x01\x04" + tcp_reply(request)[8:],
            request[:4] + b"\x00\xff" + bytes(20),
        )
        stream = b"".join(broken(dice, dice.choice(kinds)) for _ in range(dice.randrange(1, 4)))
        result = None
        for number, chunk in enumerate(chunks(dice, stream)):
            result = result or master.receive(chunk, 40_000 + number * 1000)
        verdict = tcp_verdict(stream, request, late)
        assert (result.outcome if result is not None else "open") == verdict
        if verdict == "answered":
            assert result is not None
            assert len(result.data) == 8
        seen[verdict] += 1
    assert min(seen.values()) > CASES // 50
