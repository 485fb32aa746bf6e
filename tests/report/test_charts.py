"""Charts: what is drawn can be told apart."""

import re
from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.records import DAY_US
from agent.report.demand.compliance import Block
from agent.report.demand.part import DemandPart, WorstDay
from agent.report.drawn.charts import WIDTH, Dot, LocalDay, brief, by_days, daily_profile, histogram, scatter, timeline
from agent.report.drawn.charts_demand import worst_day
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words import Words
from agent.report.figures import NOTHING, Bounds, Figure, Span
from agent.report.period import period
from agent.report.record.demand_blocks import BLOCK_US
from agent.report.reliability.outages import Interruption
from agent.report.voltage.quality import BIN, Limits

LIMITS = Limits(198.0, 235.4)
DAY = dict.fromkeys(range(24), (219.0, 220.0, 230.0))


FIRST = [LocalDay(0, 0)]


def heights(drawn: str) -> list[float]:
    return [float(one) for one in re.findall(r'<rect [^>]*height="([0-9.]+)"', drawn)]


def test_a_dead_hour_stands_as_a_number_and_does_not_press_the_others_into_a_line() -> None:
    alone, beside = daily_profile(DAY, LIMITS, "m1"), daily_profile(DAY | {15: (0.0, 110.0, 225.0)}, LIMITS, "m1")
    assert ">0 V</text>" in beside
    assert ">0 V</text>" not in alone
    assert min(heights(beside)) > min(heights(alone)) / 2


def test_an_hour_of_a_broken_neutral_stands_as_a_number_too() -> None:
    assert ">380 V</text>" in daily_profile(DAY | {3: (215.0, 300.0, 380.0)}, LIMITS, "m1")
    assert min(heights(daily_profile(DAY | {3: (300.0, 320.0, 380.0)}, LIMITS, "m1"))) >= 0


def test_no_name_of_an_axis_is_cut_off_by_the_edge() -> None:
    drawn = scatter([Dot(0.1, 0.2, 40.0, "ok")], "ITIC")
    names = re.findall(r'<text x="([0-9.]+)"[^>]*text-anchor="(\w+)"[^>]*>([0-9.]+ s)</text>', drawn)
    assert len(names) == 7
    for x, anchor, name in names:
        half = 8 * len(name) / 2  # a glyph of 12 px is narrower than 8
        assert float(x) + (0 if anchor == "end" else half) <= WIDTH


def names(drawn: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", drawn)


def test_every_number_of_an_axis_has_its_unit() -> None:
    days = by_days({0: Bounds(10.0, 12.0)}, FIRST, "SAIDI by day")
    assert names(days) == ["0 min", "5 min", "10 min", "1-1"]
    minutes = histogram({round(1 / BIN): 60.0}, 220.0, LIMITS, "m1")
    assert all(re.fullmatch(r"[0-9.]+ (min|V)", name) for name in names(minutes))
    profile = daily_profile(DAY, LIMITS, "m1")
    assert all(re.fullmatch(r"[0-9.]+ V|[0-9]{2}:00", name) for name in names(profile))
    dots = scatter([Dot(0.1, 0.2, 40.0, "ok")], "ITIC")
    assert all(re.fullmatch(r"[0-9.]+ (%|s)", name) for name in names(dots))


def test_a_decided_event_is_a_full_circle_and_another_is_hollow() -> None:
    for verdict, fill in (("violates", "#d55e00"), ("ok", "#0072b2"), ("undecided", "none")):
        assert f'r="4" fill="{fill}"' in scatter([Dot(1.2, 1.3, 60.0, verdict)], "ITIC")


def day_of_demand(*windows: tuple[int, int]) -> str:
    """A day of blocks all of which are twice the limit; windows: in hours."""
    blocks = [Block(n * BLOCK_US, 300e3, Bounds(300e3, 300e3), 1.0) for n in range(96)]
    spans = [Span(4 * low * BLOCK_US, 4 * high * BLOCK_US) for low, high in windows]
    none = Figure(None, 0.0, "W")
    day = WorstDay(Span(0, DAY_US), blocks, spans)
    part = DemandPart(
        "peak", "works", 150e3, False, "", "all", "", (), "kept", 1.0, 0.0, NOTHING, none, none, day, None
    )
    return worst_day(part, "peak")


def test_the_name_of_a_limit_lies_across_no_bar_and_on_no_other_name() -> None:
    for windows in (((0, 2),), ((22, 24),), ((9, 12), (18, 21)), ((9, 10), (10, 11))):
        drawn = day_of_demand(*windows)
        named = re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)"[^>]*>150 kW</text>', drawn)
        assert named
        tops = [float(y) for y in re.findall(r'<rect [^>]*y="([0-9.]+)"', drawn)]
        assert all(float(y) < min(tops) for _, y in named)
        places = sorted(float(x) for x, _ in named)
        assert all(after - before >= 60 for before, after in pairwise(places))
        assert 40 <= places[0] <= places[-1] <= WIDTH - 40


def lost(place: str) -> Interruption:
    return Interruption(place, "unsplit", 1, True, 1, False, 0, NOTHING, (Span(0, DAY_US),), (Span(0, DAY_US),))


def test_long_names_of_places_are_told_apart_and_none_is_cut_off() -> None:
    long = [f"transformer-of-the-hospital-{n}-in-the-northern-district-{n}" for n in (1, 2)]
    drawn = timeline([lost(place) for place in (*long, "tx-1")], Span(0, DAY_US), FIRST, "time")
    found = re.findall(r'<text x="([0-9.]+)"[^>]*text-anchor="end"[^>]*>([^<]*)</text>', drawn)
    assert len({name for _, name in found}) == 3
    assert [name for _, name in found] == [brief(place) for place in (*long, "tx-1")]
    assert all(7 * len(name) <= float(x) for x, name in found)


def test_a_short_name_is_left_as_it_is() -> None:
    assert brief("tx-1") == "tx-1"
    assert len(brief("x" * 64)) == 28


BERLIN = Sheet(Words("en"), ZoneInfo("Europe/Berlin"))


def test_days_on_which_clocks_are_turned_stand_at_their_own_midnights() -> None:
    autumn = period("2026-10-24..2026-10-26", 1_800_000_000_000_000, BERLIN.zone)
    local = BERLIN.local_days(autumn)
    assert [one.from_us - autumn.from_us for one in local] == [0, DAY_US, 2 * DAY_US + 3_600_000_000]
    days = by_days({local[1].day: Bounds(60.0, 60.0)}, local, "SAIDI by day")
    assert [name for name in names(days) if "min" not in name] == ["10-24", "10-25", "10-26"]
    drawn = timeline([lost("tx-1")], autumn, local, "time")
    assert names(drawn) == ["tx-1", "10-24", "10-25", "10-26"]
    places = [float(x) for x in re.findall(r'<text x="([0-9.]+)"[^>]*text-anchor="start"', drawn)]
    assert places == [70.0, round(70 + 814 * 24 / 73, 1), round(70 + 814 * 49 / 73, 1)]


def test_a_day_that_is_there_in_part_has_its_name_only_where_there_is_room() -> None:
    parts = period("2026-11-22T23:30..2026-11-24T00:30", 1_800_000_000_000_000, BERLIN.zone)
    drawn = timeline([lost("tx-1")], parts, BERLIN.local_days(parts), "time")
    assert names(drawn) == ["tx-1", "11-22"]


def test_days_of_two_years_have_their_year() -> None:
    year = period("2025-10-20..2026-11-23", 1_800_000_000_000_000, BERLIN.zone)
    local = BERLIN.local_days(year)
    for drawn in (by_days({local[0].day: Bounds(1.0, 1.0)}, local, "days"), timeline([lost("a")], year, local, "time")):
        told = [name for name in names(drawn) if "-" in name]
        assert told[0] == "2025-10-20"
        assert len(told) == len(set(told)) == 10
