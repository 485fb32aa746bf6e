"""How things stood, in chunks of their own."""

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, health, interval, reading

from agent.journal.codec import CHUNKED, ChunkError, decode, encode, glance, runs
from agent.journal.delta import encode_readings
from agent.journal.entries import Entry
from agent.journal.figures import time_us
from agent.journal.health_rows import WORDS, to_row
from agent.journal.shifts import Shift, Shifts
from agent.records import Health
from agent.status.health import known, meter_health

_NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
_FIELDS = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
_INSTANTS = st.dictionaries(_FIELDS.map(lambda name: f"{name}_us"), st.integers(0, 1 << 53), max_size=2)
_HEALTH = st.builds(
    Health, st.sampled_from(["meter", "line", "sink", "gateway"]), _NAMES | st.just(""), st.integers(0, 1 << 52),
    st.dictionaries(_FIELDS, st.floats(allow_nan=False), max_size=4),
    st.dictionaries(_FIELDS, st.text(max_size=12), max_size=3), _INSTANTS,
)  # fmt: skip


@given(st.lists(_HEALTH, min_size=1, max_size=5))
def test_what_was_told_comes_back(told: list[Health]) -> None:
    entries = tuple(Entry(7 + n, one) for n, one in enumerate(told))
    assert decode(encode(entries)) == entries


def test_readings_and_intervals_share_a_chunk_with_it() -> None:
    told = [reading(), interval(), health(), health(1), reading(1)]
    entries = tuple(Entry(seq, record) for seq, record in enumerate(told, start=1))
    (run,) = runs(entries, CHUNKED)
    chunk = encode(run)
    assert chunk.codec == 4
    assert decode(chunk) == entries


def test_a_glance_tells_of_which_meters_it_is_and_from_when_to_when() -> None:
    chunk = encode([Entry(1, health()), Entry(2, health(1, "tx2")), Entry(3, health(2, "room", of="line"))])
    seen = glance(chunk)
    assert seen is not None
    meters, first_us, last_us = seen
    assert {"tx1", "tx2"} <= meters
    assert "room" not in meters
    assert (first_us, last_us - 900_000_000) == (MIDNIGHT_US, MIDNIGHT_US + 120_000_000)


def test_a_glance_at_an_interval_reaches_to_its_end_which_is_when_it_was_made() -> None:
    block = interval(kind="demand_15min")
    seen = glance(encode([Entry(1, block)]))
    assert seen is not None
    assert "tx1" in seen[0]
    assert seen[1] <= time_us(block) <= seen[2]


def test_what_is_of_no_kind_that_is_known_here_is_damage() -> None:
    body = encode_readings([replace(to_row(health()), meter="tx1:planet")], WORDS)
    chunk = replace(encode([Entry(1, health())]), body=body, crc32=zlib.crc32(body))
    with pytest.raises(ChunkError, match="planet"):
        decode(chunk)
    assert glance(chunk) is not None


def test_words_that_lie_in_files_out_there_stay_as_they_are() -> None:
    assert zlib.crc32(WORDS) == 1011177409


def test_what_a_clock_told_that_was_not_set_is_handed_out_right() -> None:
    shifts = Shifts([Shift(1, 9, 0, 3_600_000_000, 0, 0)])
    right = shifts.entry(Entry(1, health())).record
    assert right == health(time_us=MIDNIGHT_US + 3_600_000_000, instants={"last_good_us": MIDNIGHT_US + 3_599_999_999})


def test_a_minute_of_a_hundred_meters_takes_a_few_bytes_of_each(quiet_minute: list[Health]) -> None:
    chunk = encode([Entry(seq, one) for seq, one in enumerate(quiet_minute, start=1)])
    assert len(chunk.body) / len(quiet_minute) < 16


@pytest.fixture
def quiet_minute() -> list[Health]:
    from samples import status

    found = []
    for n in range(100):
        at_us = MIDNIGHT_US + n * 17
        more = {"watch_hz": 4.983 + n % 7 / 1000, "refresh_s": 0.2, "mute": 0.0, "missed_ticks": float(n % 3 == 0)}
        found.append(meter_health(status(f"meter-{n}", last_good_us=at_us - n * 1913), at_us, known(more)))
    return found
