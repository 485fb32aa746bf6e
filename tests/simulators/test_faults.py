import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults import FAULTS, Exchange, Framing, Pieces, crc16, spoil
from simulators.steps import FRAME_FAULTS, Step

RTU, TCP = Framing(rtu=True), Framing(rtu=False)
# Modbus application protocol 1.1b3, 6.4: read input register 9, answer 10.
REQUEST, REPLY = bytes.fromhex("04 0008 0001"), bytes.fromhex("04 02 000A")


def step(do: str, **keys: float | int) -> Step:
    return Step(do=do, kind="line", target="bus", start_s=0.0, end_s=9.0, **keys)  # type: ignore[arg-type]


def spoilt(do: str, framing: Framing = RTU, **keys: float | int) -> Pieces:
    exchange = Exchange(framing, framing.close(b"\x00\x07", 17, REQUEST), 1, 1)
    return spoil([step(do, **keys)], exchange, ((0.02, framing.close(b"\x00\x07", 17, REPLY)),))


@pytest.mark.parametrize("frame", ["01 03 00 00 00 0A C5 CD", "11 03 00 6B 00 03 76 87", "01 04 02 FF FF B8 80"])
def test_the_crc_is_that_of_published_frames(frame: str) -> None:
    data = bytes.fromhex(frame)
    assert crc16(data[:-2]) == data[-2:]


@given(st.binary(min_size=2, max_size=2), st.integers(0, 255), st.binary(min_size=2, max_size=253), st.booleans())
def test_a_closed_frame_opens_to_what_it_was(transaction: bytes, unit: int, pdu: bytes, rtu: bool) -> None:
    framing = Framing(rtu)
    assert framing.open(framing.close(transaction, unit, pdu)) == (b"" if rtu else transaction, unit, pdu)


def test_every_fault_a_scenario_may_name_exists() -> None:
    assert set(FAULTS) == set(FRAME_FAULTS)


def test_noise_stands_right_before_the_answer() -> None:
    ((delay_s, data),) = spoilt("noise", count=3)
    assert delay_s == 0.02
    assert data[3:] == RTU.close(b"", 17, REPLY)


def test_a_garbled_answer_fails_its_check_and_is_otherwise_whole() -> None:
    ((_, data),) = spoilt("bad_crc")
    assert len(data) == 7
    assert crc16(data[:-2]) != data[-2:]


def test_a_truncated_answer_lacks_its_end() -> None:
    assert spoilt("truncation", count=4) == ((0.02, b"\x11\x04\x02"),)
    assert spoilt("truncation", count=64) == ((0.02, b"\x11"),)


@pytest.mark.parametrize("framing", [RTU, TCP])
def test_answers_in_a_wrong_name_are_valid_in_themselves(framing: Framing) -> None:
    assert spoilt("wrong_unit", framing) == ((0.02, framing.close(b"\x00\x07", 18, REPLY)),)
    assert [data for _, data in spoilt("foreign", framing)] == [
        framing.close(b"\x00\x07", unit, REPLY) for unit in (18, 17)
    ]


@pytest.mark.parametrize("framing", [RTU, TCP])
def test_a_refusal_carries_function_and_code(framing: Framing) -> None:
    ((_, data),) = spoilt("exception", framing, code=6)
    assert framing.open(data)[1:] == (17, b"\x84\x06")


def test_an_echo_comes_at_once_and_from_silent_units_too() -> None:
    request = RTU.close(b"", 17, REQUEST)
    assert spoilt("echo")[0] == (0.0, request)
    assert spoil([step("echo")], Exchange(RTU, request, 1, 1), ()) == ((0.0, request),)


def test_late_slow_and_lost_answers() -> None:
    assert spoilt("late", late_s=0.5)[0][0] == pytest.approx(0.52)
    slow = spoilt("slow")
    assert b"".join(data for _, data in slow) == RTU.close(b"", 17, REPLY)
    assert [round(delay_s, 3) for delay_s, _ in slow] == [0.02 + at for at in range(7)]
    assert spoilt("lost") == ()


@pytest.mark.parametrize("do", [do for do in FRAME_FAULTS if do != "echo"])
def test_nothing_comes_from_a_silent_unit(do: str) -> None:
    assert spoil([step(do)], Exchange(RTU, RTU.close(b"", 17, REQUEST), 1, 1), ()) == ()


def test_chance_follows_the_probability_and_the_seed() -> None:
    fault = step("lost", probability=0.2)
    request = RTU.close(b"", 17, REQUEST)

    def losses(seed: int) -> list[int]:
        exchanges = [Exchange(RTU, request, seed, number) for number in range(2000)]
        return [each.number for each in exchanges if not spoil([fault], each, ((0.0, request),))]

    assert 330 < len(losses(1)) < 470
    assert losses(1) == losses(1) != losses(2)


@given(st.lists(st.sampled_from(FRAME_FAULTS), max_size=4), st.booleans())
def test_faults_combine_in_any_order(names: list[str], rtu: bool) -> None:
    framing = Framing(rtu)
    exchange = Exchange(framing, framing.close(b"\x00\x07", 17, REQUEST), 1, 1)
    pieces: Pieces = ((0.02, framing.close(b"\x00\x07", 17, REPLY)),)
    steps = [step(name, late_s=0.1) for name in names]
    assert spoil(steps, exchange, pieces) == spoil(steps[::-1], exchange, pieces)
