"""What a page, tables and JSON say of voltages: eight days of three meters, worked out by hand."""

import re
from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from samples import event

from agent.clock import rfc3339
from agent.detect.floor import Paced
from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event, Interval
from agent.report.document import Known, Metered, Report, report
from agent.report.drawn import charts
from agent.report.drawn.page import page
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words import Words
from agent.report.figures import Span
from agent.report.gathering import as_plain
from agent.report.period import offset_us
from agent.report.record.columns import Columns, columns_of
from agent.report.spreadsheet.tables import tables
from agent.report.voltage.limits import rules_for
from agent.report.voltage.quality import Judged, Limits

ZONE = "Asia/Shanghai"
MIN = 60_000_000
DAYS = 8
# 2026-11-01T00:00 in Shanghai
BEGIN_US = 1_793_462_400_000_000
DARK = "#d55e00"
PERIOD = Span(BEGIN_US, BEGIN_US + DAYS * 1440 * MIN)
LIMITS, ASSESSED = Limits(198.0, 235.4), Limits(209.0, 231.0)
NETWORK = Network(
    [Node("F1", "feeder"), Node("tx-1", "transformer", ("F1",), customers=Customers(unsplit=100)),
     Node("tx-2", "transformer", ("F1",), customers=Customers(unsplit=60))],
    [Placed("bus", "tx-1", "tx-1", "a", "self"), Placed("home", "tx-2", "tx-2", "a", "self")],
)  # fmt: skip


def intervals(meter: str) -> Iterator[Columns]:
    return columns_of(one_by_one(meter))


def one_by_one(meter: str) -> Iterator[Interval]:
    """The bus at 10 kV with u2 of 1 %, 3 % for 12 h of a day; at home 220 V, 190 V from 20 to 21 h, not heard on the
    last day but for an hour."""
    for n in range(DAYS * 1440):
        at_us, hour = BEGIN_US + n * MIN, n // 60 % 24
        if meter == "bus" and n % 10 == 0:
            values = {"voltage_l1_l2": 10e3, "voltage_unbalance": 3.0 if hour < 12 else 1.0}
            yield Interval("interval_10min", meter, at_us, 1.0, 0.0, values)
        if meter == "home" and (n < 7 * 1440 or hour == 20):
            volts = {"voltage_l1": 190.0 if hour == 20 else 220.0}
            yield Interval("interval_1min", meter, at_us, 1.0, 0.0, volts)
            if n % 10 == 0:
                yield Interval("interval_10min", meter, at_us, 1.0, 0.0, volts)


def made(*events: Event, paced: Paced | None = None) -> Report:
    """paced: the meter at home"""
    bus = Metered("bus", "tx-1", "F1", Judged(("voltage_l1_l2",), 10e3, (Limits(9.3e3, 10.7e3),)), "A",
                  rules=rules_for("gb", 10e3, 10e3), paced=Paced(1.0, 1.2))  # fmt: skip
    home = Metered("home", "tx-2", "F1", Judged(("voltage_l1",), 220.0, (LIMITS, ASSESSED)), "D",
                   rules=rules_for("gb", 220.0, 381.0), paced=paced)  # fmt: skip
    return report(
        Known("dashi", "gw-01", NETWORK, [bus, home], intervals, events, (), PERIOD.to_us,
              partial(offset_us, zone=ZoneInfo(ZONE))), PERIOD,
    )  # fmt: skip


def sag() -> Event:
    return event(id="sag", meter="bus", state="closed", start_us=BEGIN_US, start_earliest_us=BEGIN_US,
                 end_us=BEGIN_US + 2 * 1_000_000, end_earliest_us=BEGIN_US, duration_min_s=2.0, duration_max_s=2.0,
                 residual_pct=60.0, classes={"itic": "violates"})  # fmt: skip


def said(told: Report, language: str = "en") -> list[str]:
    """The rows and lines of the page, without tags."""
    body = page(told, ZONE, Words(language))
    return [re.sub(r"<[^>]+>", " ", line).replace("\u00a0", " ") for line in re.split("\n|</thead>", body)]


def row(told: Report, *words: str) -> str:
    return next(re.sub(r" +", " ", line).strip() for line in said(told) if all(word in line for word in words))


def test_low_minutes_rates_of_both_pairs_and_customers_stand_on_the_page() -> None:
    told = made()
    # 8 h of 7 days and an hour at 190 V, of 10 140 minutes that were seen
    assert row(told, "home", "198–235.4").startswith("home F1 D 198–235.4 95.27 %")
    assert row(told, "home", "209–231").startswith("home 209–231 95.27 %")
    assert "28,800" in row(told, "home", "20 h (480 min)")


def test_classes_stand_beside_feeders_and_the_composite_says_what_is_missing_in_both_languages() -> None:
    told = made()
    assert row(told, "class D").startswith("class D 1 95.27 %")
    assert row(told, "composite").endswith("composite: not available: no meter of class A, B, C was measured")
    assert any("综合: 不可用: A, B, C 类无测量数据" in line for line in said(told, "zh"))


def test_the_risk_of_complaints_names_whom_it_concerns() -> None:
    assert row(made(), "home", "11-1 (60 min)").startswith("home F1 60 8 480")


def test_ten_minutes_have_their_verdict_and_what_is_not_to_be_had_says_why() -> None:
    told = made()
    # 6 ten minutes of a day of 144 below 198 V are 4.17 %, of the week
    assert "kept (4.17 %)" in row(told, "home", "190.0 V")
    assert "violated (4.17 %)" not in row(told, "bus", "3.00 %")
    assert "violated (50.00 %)" in row(told, "bus", "3.00 %")
    assert "home: not available: no line-line voltages were read" in row(told, "no line-line")
    assert "the 1 d left at its end make none" in row(told, "Weeks are counted")


def test_a_sag_makes_its_ten_minutes_no_part_of_any_verdict() -> None:
    assert "10 min" in row(made(sag()), "bus", "3.00 %")


def test_sag_indices_say_their_floor_and_who_has_none() -> None:
    told = made(sag())
    assert row(told, "1.2 s").startswith("bus 1 s 1.2 s 0 1.00 1.00 1.00 0 0 1.00 customer")
    assert row(told, "not watched") == "home: not available: their voltages are not watched"


def test_a_number_of_events_of_meters_that_see_unlike_is_told_as_no_index() -> None:
    for paced, mixed in ((Paced(1.0, 1.2), False), (Paced(10.0, 10.2), True), (None, False)):
        tile = next(line for line in said(made(sag(), paced=paced)) if "Events by kind" in line)
        assert ("meters of 2 paces together: no index" in tile) is mixed


def test_what_rests_on_too_little_is_grey() -> None:
    body = page(made(), ZONE, Words("en"))
    rows = [line for line in body.split("\n") if "home" in line and "<td" in line]
    assert rows
    # Seen were 7 days and an hour of 8 days.
    assert all('class="grey"' in line for line in rows if "Customers" not in line and "SAIDI" not in line)


def test_a_figure_and_its_unit_stay_together_and_nothing_is_rounded_up_to_a_hundred() -> None:
    sheet = Sheet(Words("en"), ZoneInfo(ZONE))
    assert sheet.pct(99.12) == "99.12\u00a0%"
    assert sheet.pct(99.997) == ">\u00a099.99\u00a0%"
    assert (sheet.pct(100.0), sheet.covered(0.95)) == ("100.00\u00a0%", "95.0\u00a0%")


def test_everything_that_is_said_of_voltages_is_known_in_chinese() -> None:
    asked: list[str] = []

    class Asked(Words):
        def __call__(self, text: str) -> str:
            asked.append(text)
            return super().__call__(text)

    page(made(sag()), ZONE, Asked("zh"))
    mine = [text for text in asked if re.search(r"[a-z]{3}", text) and not re.search(r"SAIDI|CAIDI|: (bus|home)", text)]
    assert {text for text in mine if not Words("zh").knows(text)} == set()


def test_the_tables_have_a_row_for_each_area_rule_level_and_complaint() -> None:
    found = {table.name: table for table in tables(made(sag()), rfc3339)}
    assert all(len(one) == len(table.head) for table in found.values() for one in table.rows)
    areas = [(one[0], one[1], one[2]) for one in found["voltage_areas"].rows]
    assert areas == [("feeder", "F1", 2), ("class", "A", 1), ("class", "D", 1)]
    (home,) = found["assessment"].rows
    assert home[:3] == ("home", 209.0, 231.0)
    assert [(one[0], one[1], one[15]) for one in found["ten_minutes"].rows] == [
        ("bus", "voltage", None), ("bus", "unbalance", "violated"), ("bus", "unbalance", "kept"), ("bus", "thd", None),
        ("home", "voltage", "kept"), ("home", "voltage", "kept"), ("home", "unbalance", None), ("home", "thd", None),
    ]  # fmt: skip
    assert len(found["sarfi"].rows) == 9
    assert [(one[0], one[3], one[8]) for one in found["complaints"].rows] == [("home", 8, 28_800)]


def test_the_report_as_json_has_them_too() -> None:
    body = as_plain(made(sag()))
    assert body["voltage"]["composite"]["lacking"] == ["A", "B", "C"]
    assert body["meters"][0]["tens"]["unbalance"]["ruled"][0]["verdict"] == "violated"
    assert body["voltage"]["sarfi"][0]["by_level"]["70"] == [1, 1]
    assert body["voltage"]["risk"]["listed"][0]["meter"] == "home"


@pytest.mark.parametrize(("volts", "label"), [(0.0, "&lt; 187 V: 40"), (300.0, "&gt; 253 V: 40")])
def test_a_lost_phase_stands_in_a_bar_at_the_end_and_stretches_nothing(volts: float, label: str) -> None:
    per_v = 0.0025 * 220
    drawn = charts.histogram({int(volts / per_v): 40.0, int(220 / per_v): 1000.0}, 220.0, LIMITS, "m")
    assert label in drawn
    assert drawn.count(DARK) == 1
    axis = [float(text) for text in re.findall(r'text-anchor="middle" font-size="12" fill="#222">([0-9.]+) V<', drawn)]
    assert axis
    assert all(180 < at_v < 260 for at_v in axis)


def test_without_such_the_histogram_has_no_end_bars() -> None:
    drawn = charts.histogram({400: 1000.0}, 220.0, LIMITS, "m")
    assert "&lt;" not in drawn
    assert "&gt;" not in drawn
