import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encodings import (
    ENCODINGS,
    ORDERS,
    decode_words,
    encode_words,
    integer_range,
    sentinel_number,
    sentinel_words,
    shortest_float32,
    unfold_power_factor,
)

INTEGERS = [encoding for encoding in ENCODINGS.values() if encoding.integer]


def words(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


# Numbers and their bits by hand: two's complement and IEEE 754.
@pytest.mark.parametrize(
    ("name", "order", "raw", "number"),
    [
        ("u16", "msw", "FFFE", 65534),
        ("i16", "msw", "FFFE", -2),
        ("i16", "lsw", "FFFE", -2),
        ("u32", "msw", "0001 0002", 65538),
        ("u32", "lsw", "0002 0001", 65538),
        ("i32", "msw", "FFFF FFFE", -2),
        ("i32", "lsw", "FFFE FFFF", -2),
        ("u64", "msw", "0000 0000 0001 0002", 65538),
        ("u64", "lsw", "0002 0001 0000 0000", 65538),
        ("i64", "msw", "FFFF FFFF FFFF FFFE", -2),
        ("f32", "msw", "3FC0 0000", 1.5),
        ("f32", "lsw", "0000 3FC0", 1.5),
        ("f64", "msw", "3FF8 0000 0000 0000", 1.5),
        ("f64", "lsw", "0000 0000 0000 3FF8", 1.5),
    ],
)
def test_words_and_numbers_match_in_both_directions(name: str, order: str, raw: str, number: float) -> None:
    assert decode_words(ENCODINGS[name], order, words(raw)) == number
    assert encode_words(ENCODINGS[name], order, number) == words(raw)


@given(st.sampled_from(INTEGERS), st.sampled_from(ORDERS), st.data())
def test_integers_come_back_over_their_whole_range(encoding, order, data) -> None:
    number = data.draw(st.integers(*integer_range(encoding)))
    assert decode_words(encoding, order, encode_words(encoding, order, number)) == number


@pytest.mark.parametrize("encoding", INTEGERS, ids=lambda encoding: encoding.name)
def test_integers_out_of_range_are_held_at_the_end(encoding) -> None:
    low, high = integer_range(encoding)
    assert decode_words(encoding, "msw", encode_words(encoding, "msw", high + 10)) == high
    assert decode_words(encoding, "msw", encode_words(encoding, "msw", low - 10)) == low


# P and Q of each quadrant, and the register that Schneider's coding gives them.
@pytest.mark.parametrize(
    ("quadrant", "register", "power_factor"),
    [
        ("P > 0, lagging", 0.8, 0.8),
        ("P > 0, leading", 1.2, 0.8),
        ("P < 0, lagging", -0.8, -0.8),
        ("P < 0, leading", -1.2, -0.8),
        ("purely active", 1.0, 1.0),
        ("purely active, backwards", -1.0, -1.0),
        ("purely capacitive", 2.0, 0.0),
        ("purely inductive", 0.0, 0.0),
    ],
)
def test_a_four_quadrant_power_factor_keeps_the_sign_of_p(quadrant: str, register: float, power_factor: float) -> None:
    assert unfold_power_factor(register) == pytest.approx(power_factor)


@given(st.floats(min_value=-2, max_value=2))
def test_a_power_factor_is_never_larger_than_one(register: float) -> None:
    assert abs(unfold_power_factor(register)) <= 1


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("42C775C3", "99.73"),
        ("43663334", "230.20001"),
        ("3DCCCCCD", "0.1"),
        ("4B800001", "16777218"),
        ("00000000", "0"),
    ],
)
def test_float32_has_a_short_decimal(bits: str, text: str) -> None:
    value = struct.unpack(">f", bytes.fromhex(bits))[0]
    assert shortest_float32(value) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_short_decimal_is_still_the_same_float32(value: float) -> None:
    text = shortest_float32(value)
    assert struct.pack(">f", float(text)) == struct.pack(">f", value)
    assert len(text) <= len(f"{value:.9g}")


def test_sentinels_are_bits_of_the_whole_value() -> None:
    assert sentinel_number(ENCODINGS["i16"], 0x8000) == -32768
    assert sentinel_number(ENCODINGS["i32"], 0x7FFFFFFF) == 2147483647
    assert math.isnan(sentinel_number(ENCODINGS["f32"], 0xFFC00000))
    assert sentinel_words(ENCODINGS["i32"], "lsw", 0x7FFFFFFF) == (0xFFFF, 0x7FFF)
