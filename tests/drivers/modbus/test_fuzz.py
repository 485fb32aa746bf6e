"""Both framers against streams of broken, foreign and honest frames, judged by oracles that only know the standard:
what is believed must be right, what is right must be believed, and nothing may be raised."""

from drawn import part
from framer_oracles import READ, broken, rtu_believable, tcp_verdict
from fuzz_dice import Dice
from scripted_peer import rtu_exception, rtu_reply, sealed, tcp_exception, tcp_reply

from drivers.modbus.outcome import LineCounters
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster

CASES = part(4_000)


def chunks(dice: Dice, data: bytes) -> list[bytes]:
    cut: list[bytes] = []
    while data:
        size = dice.one_of((1, 2, 7, 40, 600))
        cut.append(data[:size])
        data = data[size:]
    return cut


def test_rtu_believes_what_the_oracle_believes() -> None:
    dice = Dice(b"rtu", 1)
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
            dice.some(1 + dice.below(29)),
        )
        stream = b"".join(broken(dice, dice.one_of(kinds)) for _ in range(1 + dice.below(5)))
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


def test_tcp_believes_what_the_oracle_believes() -> None:
    dice = Dice(b"tcp", 2)
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
        stream = b"".join(broken(dice, dice.one_of(kinds)) for _ in range(1 + dice.below(3)))
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
