import json
import math
import random
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, reading

from agent.journal.delta import decode_readings, encode_readings
from agent.records import Reading
from agent.tidied import tidied_reading

# Any float64 by its bits: hypothesis' own floats know one nan.
BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
TENTHS = st.integers(-(10**6), 10**6).map(lambda tenths: tenths / 10)
FLOAT_32 = st.floats(width=32)
NAMES = st.one_of(st.sampled_from(["voltage_l1", "voltage_l2", "active_energy_import", "frequency"]), st.text())
VALUES = st.dictionaries(NAMES, st.one_of(TENTHS, FLOAT_32, BITS), max_size=4)
READINGS = st.builds(
    Reading,
    meter=st.one_of(st.sampled_from(["tx1", "tx2"]), st.text()),
    time_us=st.integers(-(2**70), 2**70),
    window_s=st.floats(min_value=0, max_value=3600),
    quality=st.sampled_from(["good", "questionable", "invalid"]),
    flags=st.lists(st.text(st.characters(blacklist_categories=())), max_size=2).map(tuple),  # lone surrogates too
    values=VALUES,
    min=VALUES,
    max=VALUES,
)


def bits_of(found: Reading) -> Any:
    """All that a reading says, with the bits of its numbers and the order of its quantities."""
    parts = [
        [(name, struct.pack("<d", value)) for name, value in p.items()] for p in (found.values, found.min, found.max)
    ]
    return (found.meter, found.time_us, found.window_s, found.quality, found.flags, parts)


@pytest.mark.slow
@given(st.lists(READINGS, max_size=12))
def test_readings_come_back_bit_for_bit(readings: list[Reading]) -> None:
    assert list(map(bits_of, decode_readings(encode_readings(readings)))) == list(map(bits_of, readings))


@pytest.mark.parametrize(
    "column",
    [
        [0.1, 0.2, 0.30000000000000004],
        [0.0, -0.0, 0.0],
        [-0.0],
        [math.nan, 230.1],
        [struct.unpack("<d", bytes.fromhex("0100000000f8ff7f"))[0]],
        [math.inf, -math.inf, 1.0],
        [5e-324, 1.7976931348623157e308],
        [12345678.9, 12345679.1],
        [123456.78125, 0.000244140625],
        [1e22, 1e-22],
        [2.0**53 + 2, 1.0],
        [struct.unpack("<f", struct.pack("<f", 229.73))[0]] * 3,
        [1e-7, 230.0],
    ],
)
def test_numbers_that_are_hard_to_say_come_back_bit_for_bit(column: list[float]) -> None:
    readings = [reading(n, values={"voltage_l1": value}, min={}, max={}) for n, value in enumerate(column)]
    assert list(map(bits_of, decode_readings(encode_readings(readings)))) == list(map(bits_of, readings))


def test_what_is_no_float_comes_back_as_it_was() -> None:
    odd: Any = {"input_1": 1, "operating_hours": 2**80, "power_failures": True}
    (found,) = decode_readings(encode_readings([reading(values=odd)]))
    assert repr(found.values) == repr(odd)


def test_the_place_of_each_reading_survives_whatever_meters_lie_between() -> None:
    chance = random.Random(5)  # noqa: S311
    readings = [
        reading(
            chance.randrange(9),
            meter=f"tx{chance.randrange(5)}",
            values={"voltage_l1": chance.random()} if n % 3 else {},
        )
        for n in range(100)
    ]
    assert decode_readings(encode_readings(readings)) == readings


def test_nothing_comes_back_as_nothing() -> None:
    assert decode_readings(encode_readings([])) == []


def realistic(chance: random.Random, meter: int, second: int, *, whole: bool) -> Reading:
    """What a meter of class 0.5 gives in 5 s of 10 looks each, mean, least and most."""
    values, low, high = {}, {}, {}
    for name, size, step in (("voltage", 230.0, 0.1), ("current", 10.0 + meter, 0.001)):
        for phase in (1, 2, 3):
            looks = [size * (1 + chance.gauss(0, 0.0003)) for _ in range(50)]
            looks = [round(look / step) * step if whole else look for look in looks]
            quantity = f"{name}_l{phase}"
            values[quantity], low[quantity], high[quantity] = sum(looks) / 50, min(looks), max(looks)
    for quantity, size in (
        ("active_power_total", 5000.0),
        ("reactive_power_total", 900.0),
        ("power_factor_total", 0.98),
    ):
        step = 0.001 if size < 1 else 1.0
        value = size * (1 + chance.gauss(0, 0.001))
        values[quantity] = round(value / step) * step if whole else value
    values |= {"frequency": 50.0 + chance.randrange(5) / 100, "active_energy_import": 12_345_670.0 + 10 * second}
    return tidied_reading(
        reading(0, f"tx{meter}-incomer", time_us=MIDNIGHT_US + second * 10**6, values=values, min=low, max=high)
    )


@pytest.mark.parametrize(("whole", "most"), [(True, 34), (False, 46)], ids=["0.1 V and 1 mA", "float32"])
def test_a_row_takes_a_fraction_of_its_json(whole: bool, most: int) -> None:
    chance = random.Random(7)  # noqa: S311
    rows = [realistic(chance, meter, second, whole=whole) for second in (5, 10) for meter in range(40)]
    found = encode_readings(rows)
    text = json.dumps(
        [[row.meter, dict(row.values), dict(row.min), dict(row.max)] for row in rows], separators=(",", ":")
    )
    assert len(found) / len(rows) <= most
    assert len(found) < 0.45 * len(zlib.compress(text.encode(), 1))


@given(st.binary(max_size=200))
def test_bytes_that_nobody_wrote_raise_what_parsing_raises(body: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, zlib.error)):
        decode_readings(body)


def test_a_body_cut_anywhere_is_not_taken_for_a_shorter_one() -> None:
    body = encode_readings([reading(n) for n in range(20)])
    for end in range(len(body)):
        with pytest.raises((ValueError, TypeError, LookupError, zlib.error)):
            decode_readings(body[:end])


# A chunk of the first dense code, as it lies in files that are out there.
GOLDEN = (
    "5e783fb8273b288b8e8e562aa930001b8d9c98512c2ea900ba166837a90a94c03909e81db00f80ae055a06f7262800a09184"
    "9af241be425285ce8d050a18003da66ba86304641a9a5b9a1a5b1a19c000d02e08c0640055c7c602006c85472504c413b00e"
    "030420000404084c0904084c03b4b8f0fe2d02000000"
)


def test_the_words_that_heads_are_made_of_stay_as_they_are() -> None:
    rows = [reading(n, f"tx{n % 2}", flags=("clock",) * (n == 3), quality="questionable") for n in range(4)]
    assert decode_readings(bytes.fromhex(GOLDEN)) == rows
