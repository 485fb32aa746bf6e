"""Limits of demand in a report of one day, its page and its tables: against figures worked out by hand."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from math import inf
from zoneinfo import ZoneInfo

import pytest

from agent.clock import rfc3339
from agent.detect.network import Network
from agent.records import Interval
from agent.report.demand.outlook import NO_AGENT
from agent.report.demand.part import NO_WINDOW, NOTHING_MEASURED, DemandKnown, DemandPart
from agent.report.document import Known, Metered, Report, report
from agent.report.drawn.charts_demand import worst_day
from agent.report.drawn.page import page
from agent.report.drawn.sections.demand import bounds
from agent.report.drawn.words import Words
from agent.report.figures import Bounds, Figure, Span
from agent.report.gathering import as_plain
from agent.report.period import offset_us, period
from agent.report.record.columns import Columns, columns_of
from agent.report.record.demand_blocks import BLOCK_US, OpenBlock
from agent.report.spreadsheet.tables import tables
from agent.report.voltage.quality import Judged, Limits
from agent.sitefile.days import Days, Workdays, read_date, read_dates
from agent.sitefile.demand import DemandLimit, DemandSite

ZONE = "Asia/Shanghai"
# A Monday.
DAY = period("2026-11-23", 0, ZoneInfo(ZONE))
DAY_US = 96 * BLOCK_US
# 09:00 to 10:00
LIMIT = DemandLimit("peak", "works", 800e3, ((540, 600),), Days("workdays"), from_day=read_date("2026-11-23"))
USUAL_W, SHED_W, AFTER_W = 1000e3, 700e3, 1100e3


def watts(at_us: int) -> float:
    """1000 kW by day; on the day of the report 700 kW from 9 to 10, but 900 kW in the third quarter, then 1100 kW
    for an hour."""
    place = (at_us - DAY.from_us) // BLOCK_US
    if 36 <= place < 40:
        return 900e3 if place == 38 else SHED_W
    return AFTER_W if 40 <= place < 44 else USUAL_W


def quarters(meter: str, span: Span, *, lacking: int = -1) -> Iterator[Columns]:
    """Ten kW of doubt on either side; nothing before the 1st of November. lacking: a place that nobody saw"""
    first_us = max(span.from_us, DAY.from_us - 22 * DAY_US)
    found = [at_us for at_us in range(first_us, min(span.to_us, DAY.to_us), BLOCK_US)
             if (at_us - DAY.from_us) // BLOCK_US != lacking]  # fmt: skip
    return columns_of(
        Interval("demand_15min", meter, at_us, 1.0, 0.0, {"active_power_demand": watts(at_us)},
                 {"active_power_demand": watts(at_us) - 10e3}, {"active_power_demand": watts(at_us) + 10e3})
        for at_us in found
    )  # fmt: skip


def made(*limits: DemandLimit, lacking: int = -1, workdays: Workdays | None = None, now_us: int = DAY.to_us,
         open_blocks: dict[str, OpenBlock] | None = None, why: str = "") -> Report:  # fmt: skip
    site = DemandSite(limits or (LIMIT,), workdays or Workdays())
    told = partial(quarters, lacking=lacking)
    demand = DemandKnown(site, told, open_blocks, why) if why else DemandKnown(site, told, open_blocks)
    meter = Metered("works", "works", None, Judged(("voltage_l1",), 220.0, (Limits(198.0, 235.4),)))
    return report(
        Known("dashi", "gw-01", Network(), [meter], lambda name: told(name, Span(DAY.from_us, min(now_us, DAY.to_us))),
              (), (), now_us, partial(offset_us, zone=ZoneInfo(ZONE)), demand=demand), DAY,
    )  # fmt: skip


def only(told: Report) -> DemandPart:
    (part,) = told.demand
    return part


def test_one_window_with_one_block_above_its_limit() -> None:
    part = only(made())
    (window,) = part.windows
    assert (window.verdict, window.violated, window.of) == ("violated", 1, 4)
    assert window.highest_w == Bounds(890e3, 910e3)
    assert window.headroom_w == Bounds(-110e3, -90e3)
    # 700 + 700 + 900 + 700 kW for a quarter of an hour each, give or take 10 kWh.
    assert part.used_wh == Bounds(740e3, 760e3)
    assert part.allowed_wh == 800e3
    assert (part.verdict, part.coverage) == ("violated", 1.0)


def test_what_was_curtailed_and_what_came_after_are_against_five_working_days() -> None:
    part = only(made())
    assert part.curtailed_wh == Figure(250e3, 1.0, "Wh")
    assert part.rebound_w == Figure(100e3, 1.0, "W")


def test_what_was_curtailed_is_added_up_over_windows_and_rebound_is_their_mean() -> None:
    """From 13 to 14 o'clock and after it all was as usual."""
    part = only(made(replace(LIMIT, windows=((540, 600), (780, 840)))))
    assert part.curtailed_wh == Figure(250e3, 1.0, "Wh")
    assert part.rebound_w == Figure(50e3, 1.0, "W")


def test_of_figures_that_some_windows_lack_the_coverage_says_so() -> None:
    part = only(made(replace(LIMIT, windows=((540, 600), (780, 840))), lacking=54))
    assert part.curtailed_wh == Figure(250e3, 0.5, "Wh")
    assert not part.curtailed_wh.is_covered


def test_holidays_are_no_like_days_of_a_working_day() -> None:
    week = read_dates(["2026-11-02..2026-11-20"])
    part = only(made(workdays=Workdays(week)))
    assert part.curtailed_wh.value is None
    assert "five like days" in part.curtailed_wh.why


def test_a_limit_that_always_held_has_no_baseline_and_says_so() -> None:
    part = only(made(replace(LIMIT, from_day=None)))
    assert part.verdict == "violated"
    assert "without the limit" in part.curtailed_wh.why


def test_a_block_that_nobody_saw_leaves_a_window_undecided_and_its_highest_open() -> None:
    part = only(made(replace(LIMIT, limit_w=950e3), lacking=37))
    (window,) = part.windows
    assert (window.verdict, window.coverage, part.coverage) == ("undecided", 0.75, 0.75)
    assert window.highest_w == Bounds(890e3, inf)
    assert "not all blocks of the window" in part.curtailed_wh.why


def test_a_limit_of_no_day_of_the_period_says_so() -> None:
    part = only(made(replace(LIMIT, until_day=read_date("2026-11-22"), from_day=None)))
    assert (part.windows, part.why, part.verdict) == ([], NO_WINDOW, "undecided")


def test_a_meter_of_which_nothing_is_known_says_so() -> None:
    part = only(made(replace(LIMIT, meter="silent", windows=((1380, 1440),)), now_us=DAY.from_us + BLOCK_US * 90))
    assert part.why == NO_WINDOW  # it had not begun
    known = DemandKnown(DemandSite((LIMIT,)))
    told = report(
        Known("dashi", "gw-01", Network(), [], lambda name: iter(()), (), (), DAY.to_us,
              partial(offset_us, zone=ZoneInfo(ZONE)), demand=known), DAY,
    )  # fmt: skip
    assert only(told).why == NOTHING_MEASURED


def test_the_highest_day_is_that_of_the_highest_block_in_a_window() -> None:
    day = only(made()).day
    assert day is not None
    assert day.span == DAY
    assert len(day.blocks) == 96
    assert day.windows == [Span(DAY.from_us + 36 * BLOCK_US, DAY.from_us + 40 * BLOCK_US)]


def test_a_window_that_ends_after_the_period_is_judged_to_its_end() -> None:
    """22:00 to 02:00 on the Sunday before: the blocks after midnight are beyond the period."""
    sunday = Span(DAY.from_us - DAY_US, DAY.from_us)
    night = DemandLimit("night", "works", 800e3, ((1320, 1560),), Days("free"))
    known = DemandKnown(DemandSite((night,)), quarters)
    told = report(
        Known("dashi", "gw-01", Network(), [], lambda name: iter(()), (), (), DAY.to_us,
              partial(offset_us, zone=ZoneInfo(ZONE)), demand=known), sunday,
    )  # fmt: skip
    (window,) = only(told).windows
    assert (window.of, window.violated) == (16, 8)  # those before it are of the report's own meters: none here


def at_nine_twenty(power_w: float = 1200e3, limit: DemandLimit = LIMIT) -> Report:
    """At 9:20 the block from 9:15 used 50 kWh so far."""
    now_us = DAY.from_us + 37 * BLOCK_US + BLOCK_US // 3
    block = OpenBlock("works", now_us - BLOCK_US // 3, now_us, now_us, Bounds(50e3, 51e3), power_w)
    return made(limit, now_us=now_us, open_blocks={"works": block})


def test_a_report_of_a_period_that_goes_on_tells_of_the_block_that_does() -> None:
    part = only(at_nine_twenty())
    assert part.ahead is not None
    # 1200 kW for ten minutes are 200 kWh.
    assert part.ahead.forecast_w == Bounds(1000e3, 1004e3)
    assert part.ahead.verdict == "violated"
    # 200 kWh a block; 149 to 150 of them are left for ten minutes.
    assert part.ahead.may_draw_w == Bounds(894e3, 900e3)
    assert part.verdict == "undecided"  # the window goes on


def test_coverage_is_that_of_windows_that_are_over_where_there_are_any() -> None:
    assert only(at_nine_twenty(limit=replace(LIMIT, windows=((480, 540), (540, 600))))).coverage == 1.0
    assert only(at_nine_twenty()).coverage == 0.5  # two of four blocks have begun


def test_without_an_agent_it_says_why_there_is_no_forecast() -> None:
    told = made(now_us=DAY.from_us + 37 * BLOCK_US, open_blocks={}, why=NO_AGENT)
    part = only(told)
    assert part.ahead is not None
    assert (part.ahead.forecast_w, part.ahead.why) == (None, NO_AGENT)
    assert NO_AGENT in text_of(told)


def test_a_period_that_is_over_has_no_open_block() -> None:
    assert only(made()).ahead is None
    assert "The block that goes on" not in text_of(made())


# -- the page ---------------------------------------------------------------------------------------------------


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def text_of(told: Report, language: str = "en") -> str:
    text = Text()
    text.feed(page(told, ZONE, Words(language)))
    return " ".join(" ".join(text.text).split())


def test_the_page_says_the_figures_of_a_limit() -> None:
    text = text_of(made())
    assert "Demand and peak shifting" in text
    for words in ("peak", "works", "890 – 910", "-110 – -90", "0 / 1 / 0", "250", "100 100.0 %", "09:00-10:00",
                  "days: workdays", "2026-11-23 09:00–10:00", "1 / 4", "from 2026-11-23"):  # fmt: skip
        assert words in text, words


def test_a_day_ends_at_24_h() -> None:
    assert "2026-11-23 00:00–24:00" in text_of(made(replace(LIMIT, windows=((0, 1440),))))


def test_who_was_ordered_is_told_apart_with_what_was_allotted() -> None:
    assert "Ordered curtailment" not in text_of(made())
    text = text_of(made(replace(LIMIT, ordered=True)))
    assert "Ordered curtailment" in text
    assert re.search(r"800 740 – 760 no 100\.0 %", text)
    kept = replace(LIMIT, ordered=True, limit_w=950e3)
    assert re.search(r"950 740 – 760 yes 100\.0 %", text_of(made(kept)))
    assert re.search(r"950 ≥ 567 not known 75\.0 %", text_of(made(kept, lacking=37)))


@pytest.mark.parametrize(
    ("watts", "said"),
    [
        (Bounds(99_940, 100_060), "99 – 101"),
        (Bounds(99_999.9, 100e3), "99 – 100"),
        (Bounds(799_600, 800_400), "799 – 801"),  # never on one side of a limit that lies within
        (Bounds(-50, 50), "-0.1 – 0.1"),
        (Bounds(5e3, 5e3), "5.0"),
        (Bounds(5e3, inf), "≥ 5.0"),
        (Bounds(-inf, 5.01e3), "≤ 5.1"),
    ],
)
def test_bounds_are_rounded_away_from_each_other(watts: Bounds, said: str) -> None:
    assert re.sub(r"<[^>]*>", "", bounds(watts)) == said


def test_the_block_that_goes_on_is_on_the_page() -> None:
    text = text_of(at_nine_twenty())
    for words in (
        "The block that goes on",
        "09:15–09:30",
        "50.0 – 51.0",
        "1,000 – 1,004",
        "894 – 900",
        "goes on",
    ):
        assert words in text, words


def test_what_rests_on_too_little_is_grey() -> None:
    assert 'class="grey"' in row_of(made(replace(LIMIT, limit_w=950e3), lacking=37))
    assert 'class="grey"' not in row_of(made())


def row_of(told: Report) -> str:
    """The limit's."""
    section = page(told, ZONE, Words("en")).split("Demand and peak shifting")[1]
    return next(line for line in section.split("\n") if "works" in line and "<td" in line)


def test_a_site_without_limits_has_no_such_section() -> None:
    told = replace(made(), demand=())
    assert "Demand and peak shifting" not in text_of(told)
    assert not [table for table in tables(told, rfc3339) if table.name.startswith("demand_")]


def test_everything_that_the_section_says_is_known_in_chinese() -> None:
    asked: list[str] = []

    class Asked(Words):
        def __call__(self, text: str) -> str:
            asked.append(text)
            return super().__call__(text)

    limits = (LIMIT, replace(LIMIT, name="b", ordered=True, limit_w=950e3), replace(LIMIT, name="c", from_day=None),
              replace(LIMIT, name="d", until_day=0, from_day=None))  # fmt: skip
    for told in (made(*limits), made(*limits, lacking=37), at_nine_twenty(), made(open_blocks={}, why=NO_AGENT)):
        page(told, ZONE, Asked("zh"))
    assert any("Ordered" in text for text in asked)
    names = re.compile(r"[A-Z0-9 %-]+|.*(?:SAIDI min|CAIDI min|CEMI-1)|.*: (?:peak|b|c|d), works, [0-9-]+")
    assert [text for text in asked if not Words("zh").knows(text) and not names.fullmatch(text)] == []
    assert "需量与错峰" in text_of(made(), "zh")


def test_names_are_escaped() -> None:
    body = page(made(replace(LIMIT, name="<b>")), ZONE, Words("en"))
    assert "<b>," not in body.split("</style>")[1]
    assert "&lt;b&gt;" in body


# -- the chart --------------------------------------------------------------------------------------------------


def test_the_chart_shades_the_window_and_marks_what_was_surely_above() -> None:
    drawn = worst_day(only(made()), "peak")
    assert drawn.count('fill="#fff3d6"') == 1
    assert drawn.count('fill="#d55e00"') == 1  # the third quarter; what is above outside of the window is not
    assert drawn.count('fill="#0072b2"') == 95
    assert "800 kW" in drawn


def test_what_was_not_measured_has_no_bar() -> None:
    assert worst_day(only(made(lacking=60)), "peak").count('fill="#0072b2"') == 94


def test_without_a_day_there_is_no_chart() -> None:
    assert worst_day(only(made(replace(LIMIT, until_day=0, from_day=None))), "peak") == ""


# -- for programs -----------------------------------------------------------------------------------------------


def test_the_part_as_json_has_bounds_as_pairs_and_no_infinity() -> None:
    (told,) = as_plain(made(replace(LIMIT, limit_w=950e3), lacking=37))["demand"]
    json.dumps(told, allow_nan=False)
    assert (told["name"], told["meter"], told["limit_w"], told["verdict"]) == ("peak", "works", 950e3, "undecided")
    (window,) = told["windows"]
    assert window["highest_w"] == [890e3, None]
    assert window["window"]["span"] == {"from": "2026-11-23T01:00:00.000000Z", "to": "2026-11-23T02:00:00.000000Z"}
    assert window["curtailed_wh"]["why"] == "not all blocks of the window are complete"


def test_tables_for_spreadsheets_have_the_same_numbers() -> None:
    told = {table.name: table for table in tables(made(), rfc3339)}

    def rows(name: str) -> list[dict[str, str]]:
        out = io.StringIO()
        csv.writer(out).writerows((told[name].head, *told[name].rows))
        return list(csv.DictReader(io.StringIO(out.getvalue())))

    (limit,) = rows("demand_limits")
    assert (limit["limit"], limit["violated"], float(limit["curtailed_wh"])) == ("peak", "1", 250e3)
    (window,) = rows("demand_windows")
    assert (window["start"], window["verdict"]) == ("2026-11-23T01:00:00.000000Z", "violated")
    assert (float(window["highest_low_w"]), float(window["highest_high_w"])) == (890e3, 910e3)
    assert window["highest_start"] == "2026-11-23T01:30:00.000000Z"


@pytest.mark.parametrize("name", ["demand_limits", "demand_windows"])
def test_what_has_no_end_is_an_empty_cell(name: str) -> None:
    told = next(table for table in tables(made(lacking=37), rfc3339) if table.name == name)
    assert all(len(row) == len(told.head) for row in told.rows)
    assert not any(isinstance(cell, float) and abs(cell) == inf for row in told.rows for cell in row)
