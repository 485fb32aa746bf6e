"""An hour of a meter as bytes: what comes back is what went in, bit for bit, and what is no hour says so."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import HOUR_US, LENGTH_US, Interval, IntervalKind
from agent.report.figures import Span
from agent.report.record.hour_codec import HourError, decode, encode

HOUR = 498_720
KINDS: tuple[IntervalKind, ...] = ("interval_1min", "interval_10min", "demand_15min")


def minute(n: int, values: dict[str, float], kind: IntervalKind = "interval_1min", **more: float) -> Interval:
    at_us = HOUR * HOUR_US + n * LENGTH_US[kind]
    return Interval(kind, "tx1", at_us, more.get("coverage", 1.0), more.get("flagged", 0.0), values)


def back(intervals: Sequence[Interval]) -> list[Interval]:
    return [one for columns in decode(HOUR, "tx1", encode(HOUR, intervals)) for one in columns.rows()]


names = st.sampled_from(("voltage_l1", "current_n", "active_energy_import_register"))
numbers = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(0, 10**12).map(lambda n: n / 1000)
    | st.integers(22_000, 24_000).map(lambda n: n / 100)
)
readings = st.dictionaries(names, numbers, max_size=3)


@st.composite
def hours(draw: st.DrawFn) -> list[Interval]:
    found = []
    for kind in KINDS:
        count = HOUR_US // LENGTH_US[kind]
        for n in sorted(draw(st.sets(st.integers(0, count - 1), max_size=6))):
            share = draw(st.integers(0, 10_000)) / 10_000
            found.append(
                Interval(kind, "tx1", HOUR * HOUR_US + n * LENGTH_US[kind], share, 1 - share, draw(readings),
                         draw(readings), draw(readings))
            )  # fmt: skip
    return found


@pytest.mark.slow
@given(hours())
def test_what_comes_back_is_what_went_in(intervals: list[Interval]) -> None:
    assert back(intervals) == intervals


def test_whole_hours_with_gaps_and_numbers_of_every_width() -> None:
    rows = [
        minute(n, {"voltage_l1": 230.0 + n / 100, "narrow": n / 10, "wide": n * 1e9, "none": 1 / 3, "same": 5.25}
               | ({"now_and_then": float(n)} if n % 3 == 0 else {}))
        for n in range(60)
    ]  # fmt: skip
    assert back(rows) == rows


def test_minutes_come_before_ten_minutes_and_blocks_whatever_order_they_came_in() -> None:
    told = [
        minute(0, {}, "demand_15min"),
        minute(1, {"a": 1.0}),
        minute(0, {}, "interval_10min"),
        minute(0, {"a": 2.0}),
    ]
    assert [(one.kind, one.start_us) for one in back(told)] == [(told[n].kind, told[n].start_us) for n in (3, 1, 2, 0)]


def test_columns_are_read_one_by_one_and_cut_to_a_span() -> None:
    (columns,) = decode(HOUR, "tx1", encode(HOUR, [minute(n, {"a": float(n), "b": 1.5}) for n in range(60)]))
    assert list(columns.values["a"]) == [float(n) for n in range(60)]
    assert "c" not in columns.values
    begin = HOUR * HOUR_US
    some = columns.within(Span(begin + 10 * 60_000_000 + 1, begin + 13 * 60_000_000))
    assert (list(some.start_us), list(some.values["a"])) == (
        [begin + 11 * 60_000_000, begin + 12 * 60_000_000], [11.0, 12.0],
    )  # fmt: skip
    assert columns.within(Span(0, 1 << 62)) is columns
    assert [one.values for one in some.only(["b", "c"]).rows()] == [{"b": 1.5}, {"b": 1.5}]


def test_infinity_is_kept_as_it_is() -> None:
    assert back([minute(0, {"a": inf}), minute(1, {"a": 1.0})])[0].values == {"a": inf}


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_what_is_no_hour_says_so(cut: int) -> None:
    import zlib

    whole = zlib.decompress(encode(HOUR, [minute(n, {"a": n / 10}) for n in range(20)]))
    for bad in (b"", b"nothing of the kind", zlib.compress(whole[: len(whole) - 1 - cut]), zlib.compress(b"\xff\xff")):
        with pytest.raises(HourError):
            decode(HOUR, "tx1", bad)
