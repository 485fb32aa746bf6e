import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event, interval, reading

from agent.journal.codec import CHUNK_ROWS, Chunk, ChunkError, decode, decode_event, encode, encode_event, runs
from agent.journal.entries import Entry
from agent.records import Gap, Interval, Reading

# Written by hand: what lies in files that are out there must stay readable.
BODY = zlib.compress(
    b'[{"meter":"tx1","time":"2026-11-23T00:00:00.000001Z","window_s":10.0,"quality":"good","flags":["clock"],'
    b'"values":{"voltage_l1":229.7},"min":{},"max":{"voltage_l1":231.0}}]',
    9,
)


def test_a_chunk_of_the_first_codec_reads_back() -> None:
    (entry,) = decode(Chunk(41, 41, 1, zlib.crc32(BODY), BODY))
    assert entry == Entry(
        41,
        Reading(
            "tx1", 1_795_392_000_000_001, 10.0, "good", ("clock",), {"voltage_l1": 229.7}, {}, {"voltage_l1": 231.0}
        ),
    )


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["voltage_l1", "frequency", "active_energy_import"]), st.floats(width=64)),
        min_size=1,
        max_size=5,
    )
)
def test_readings_come_back_as_they_were(values: list[dict[str, float]]) -> None:
    entries = [Entry(7 + i, reading(i, values=found)) for i, found in enumerate(values)]
    assert repr(decode(encode(entries))) == repr(tuple(entries))  # repr: nan is not equal to itself


def test_a_damaged_chunk_is_found_out() -> None:
    chunk = encode([Entry(1, reading())])
    body = bytes([chunk.body[0], chunk.body[1] ^ 0x10, *chunk.body[2:]])
    with pytest.raises(ChunkError, match="checksum"):
        decode(replace(chunk, body=body))


def test_a_sound_body_under_the_wrong_codec_is_a_damaged_chunk() -> None:
    chunk = encode([Entry(1, reading())])
    with pytest.raises(ChunkError, match="codec 1 cannot have written it"):
        decode(replace(chunk, codec=1))


def test_a_chunk_with_fewer_readings_than_it_stands_for_is_damaged() -> None:
    with pytest.raises(ChunkError, match="1 readings, up to 3 were stored"):
        decode(replace(encode([Entry(1, reading())]), seq_hi=3))


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ChunkError, match=r"codec 9, known are \[1, 2, 3, 4\]"):
        decode(replace(encode([Entry(1, reading())]), codec=9))


def test_an_event_comes_back_and_a_damaged_one_is_found_out() -> None:
    body = encode_event(event())
    assert decode_event(body, zlib.crc32(body)) == event()
    with pytest.raises(ChunkError):
        decode_event(body.replace(b"sag", b"\xffag"), zlib.crc32(body))


def test_readings_are_cut_where_an_event_or_a_gap_lies_between() -> None:
    entries = [
        Entry(1, reading()),
        Entry(2, event()),
        Entry(3, reading()),
        Entry(4, reading()),
        Entry(5, Gap(1, 1, "", 0)),
    ]
    assert [[entry.seq for entry in run] for run in runs(entries, (Reading,))] == [[1], [3, 4]]


def test_long_runs_are_cut_so_that_a_chunk_stays_small() -> None:
    entries = [Entry(seq, reading()) for seq in range(2 * CHUNK_ROWS + 1)]
    assert [len(run) for run in runs(entries, (Reading,))] == [CHUNK_ROWS, CHUNK_ROWS, 1]


def test_intervals_among_readings_come_back_as_they_were() -> None:
    block = interval(
        meter="tx-2", kind="demand_15min", min={}, max={}, values={"active_power_demand": 1e4}, flagged=0.5
    )
    told = [Entry(1, reading()), Entry(2, interval()), Entry(3, reading(1)), Entry(4, block)]
    chunk = encode(told)
    assert chunk.codec == 3
    assert decode(chunk) == tuple(told)


def test_readings_alone_are_coded_as_before_so_that_nothing_changes_for_them() -> None:
    assert encode([Entry(1, reading())]).codec == 2


def test_intervals_and_readings_share_a_run() -> None:
    told = [Entry(1, reading()), Entry(2, interval()), Entry(3, event()), Entry(4, interval(1))]
    assert [[entry.seq for entry in run] for run in runs(told, (Reading, Interval))] == [[1, 2], [4]]


def test_an_interval_of_a_kind_that_is_not_known_is_damage() -> None:
    chunk = encode([Entry(1, reading(meter="tx1:interval_7min")), Entry(2, interval())])
    with pytest.raises(ChunkError, match="interval_7min"):
        decode(chunk)
