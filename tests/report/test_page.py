"""A report of one day of two meters: its figures against a truth worked out by hand, and the page of them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from samples import event, incident

from agent.detect.joining import DANGER
from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event, Incident, Interval
from agent.report.document import Known, Metered, Report, report
from agent.report.drawn.page import page
from agent.report.drawn.words import Words
from agent.report.figures import Bounds
from agent.report.gathering import as_plain
from agent.report.period import offset_us, period
from agent.report.record.columns import Columns, columns_of
from agent.report.voltage.quality import Judged, Limits

ZONE = "Asia/Shanghai"
MIN = 60_000_000
# 2026-11-25T02:00 in Shanghai
NOW_US = 1_795_600_800_000_000 // MIN * MIN
DAY = period("day", NOW_US, ZoneInfo(ZONE))
LN = ("voltage_l1",)
NETWORK = Network(
    [Node("F1", "feeder"), Node("tx-1", "transformer", ("F1",), customers=Customers(unsplit=100)),
     Node("tx-2", "transformer", ("F1",), customers=Customers(unsplit=60))],
    [Placed("head", "tx-1", "tx-1", "a", "self"), Placed("tail<1>", "tx-2", "tx-2", "a", "self")],
)  # fmt: skip


def intervals(meter: str) -> Iterator[Columns]:
    return columns_of(one_by_one(meter))


def one_by_one(meter: str) -> Iterator[Interval]:
    """220 V, but at the tail 190 V from 20:00 to 21:00; no minutes of the tail from 04:00 to 06:00."""
    for n in range(1440):
        tail = meter != "head"
        if tail and 240 <= n < 360:
            continue
        volts = 190.0 if tail and 1200 <= n < 1260 else 220.0
        at_us = DAY.from_us + n * MIN
        yield Interval("interval_1min", meter, at_us, 1.0, 0.0, {"voltage_l1": volts})
        if n % 10 == 0:
            yield Interval("interval_10min", meter, at_us, 1.0, 0.0, {"voltage_l1": volts})
        if n % 15 == 0 and not tail:
            said = {"active_power_demand": 10e3, "active_energy_import_register": n * 10e3 / 60,
                    "reactive_energy_import_register": n * 5e3 / 60}  # fmt: skip
            yield Interval("demand_15min", meter, at_us, 1.0, 0.0, said, said, said)


def lost(id_: str, meter: str, from_min: float, to_min: float, **more: object) -> Event:
    """An outage known to the second."""
    from_us, to_us = (DAY.from_us + round(at * MIN) for at in (from_min, to_min))
    known = event(id=id_, kind="supply_loss", state="closed", meter=meter, start_us=from_us, start_earliest_us=from_us,
                  end_us=to_us, end_earliest_us=to_us, duration_min_s=60 * (to_min - from_min),
                  duration_max_s=60 * (to_min - from_min))  # fmt: skip
    return replace(known, **more)  # type: ignore[arg-type]


def made(*events: Event, incidents: tuple[Incident, ...] = ()) -> Report:
    limits = (Limits(198.0, 235.4),)
    meters = [Metered("head", "tx-1", "F1", Judged(LN, 220.0, limits), "D", rated_kva=100.0),
              Metered("tail<1>", "tx-2", "F1", Judged(LN, 220.0, limits), "D")]  # fmt: skip
    return report(
        Known("dashi", "gw-01", NETWORK, meters, intervals, events, incidents, NOW_US,
              partial(offset_us, zone=ZoneInfo(ZONE))), DAY,
    )  # fmt: skip


def test_the_day_as_it_was() -> None:
    told = made(lost("1", "head", 600, 630))
    # 100 customers for 30 minutes, of 160: 3000 customer-minutes, SAIDI 18.75; perhaps 60 for the 120 that are missing
    indices = told.reliability.unplanned()
    assert indices is not None
    assert indices.customer_min == Bounds(3000, 10_200)
    assert indices.saidi_min == Bounds(18.75, 63.75)
    head, tail = told.meters
    assert (head.quality.outage_min, head.quality.monitored_min) == (30, 1410)
    assert (tail.quality.unknown_min, tail.quality.beyond[0].low_min) == (120, 60)
    assert tail.low_customer_min == 3600
    assert tail.quality.low_by_hour == {20: 60}
    # 1410 + 1320 monitored of 1410 + 1440
    assert told.coverage == pytest.approx(2730 / 2850)
    mv = told.reliability.unplanned("medium_voltage")
    assert mv is not None
    assert mv.customer_min == Bounds(30, 150)
    assert [(area.name, area.served) for area in told.reliability.areas[:2]] == [("", 160), ("F1", 160)]


def test_a_load_of_ten_kilowatts_is_told_as_such() -> None:
    head = made().meters[0]
    assert head.load is not None
    assert (head.load.mean_w, head.load.load_factor) == (10e3, 1.0)
    assert head.power_factor is not None
    assert head.power_factor.pf == 0.89  # 10 kW with 5 kvar: 1 / sqrt(1.25)
    assert made().meters[1].load is None


def test_the_cause_of_low_voltage_is_said_in_both_languages() -> None:
    told = made()
    assert "tail<1>: low for 60 min, 100 % of them from 20 h on" in printed(told)[1]
    assert "tail<1>：低电压 60 分钟，其中 100 % 在 20 时起" in printed(told, "zh")[1]


def test_maintenance_is_planned_and_no_part_of_the_indices() -> None:
    told = made(lost("1", "head", 600, 630, mode="maintenance"))
    whole = told.reliability.area()
    assert whole is not None
    assert whole.planned.customer_min == Bounds(3000, 3000)
    indices = told.reliability.unplanned()
    assert indices is not None
    assert indices.customer_min == Bounds(0, 7200)  # 120 minutes of the tail are missing


def test_a_report_of_a_day_that_goes_on_ends_now() -> None:
    head = Metered("head", "tx-1", "F1", Judged(LN, 220.0, (Limits(198.0, 235.4),)))
    known = Known("dashi", "gw-01", NETWORK, [head], intervals, (), (),
                  DAY.from_us + 60 * MIN, partial(offset_us, zone=ZoneInfo(ZONE)))  # fmt: skip
    told = report(known, DAY)
    assert told.period.to_us == DAY.from_us + 60 * MIN
    assert told.coverage == 1.0


class Tags(HTMLParser):
    """Whether every tag that is opened is closed, in order."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def printed(told: Report, language: str = "en") -> tuple[str, str]:
    body = page(told, ZONE, Words(language))
    tags = Tags()
    tags.feed(body)
    assert tags.open == []
    return body, " ".join(tags.text).replace("\u00a0", " ")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_asks_no_network_and_escapes_what_it_prints(language: str) -> None:
    body, text = printed(made(lost("1", "head", 600, 630)), language)
    assert "tail<1>" in text
    assert not re.findall(r"(?:src|href)=", body)
    assert "http" not in body.replace("http://www.w3.org/2000/svg", "")


def test_the_page_says_the_figures() -> None:
    _, text = printed(made(lost("1", "head", 600, 630)))
    for words in (
        "18.7 – 63.8 min",
        "3,000 – 10,200",
        "2026-11-24 00:00",
        "10.0 kW",
        "0.89",
        "20 h (60 min)",
        "supply loss",
    ):
        assert words in text


def test_what_rests_on_too_little_is_grey() -> None:
    body, _ = printed(made())
    row = next(line for line in body.split("\n") if "tail&lt;1&gt;" in line and "<td>" in line)
    assert 'class="grey"' in row  # 1320 of 1440 minutes
    head = next(line for line in body.split("\n") if "<td>head</td>" in line)
    assert 'class="grey"' not in head


def test_the_number_of_events_has_the_coverage_of_the_site() -> None:
    body, _ = printed(made())  # 1440 + 1320 of 2880 minutes
    tile = body.split("Events by kind")[1].split("</div>")[0]
    assert "Coverage 95.8" in tile


def test_a_dead_feeder_is_not_told_without_the_warning() -> None:
    still_dead = lost("1", "head", 600, 630, state="open", end_us=None, end_earliest_us=None)
    assert "alarm" in printed(made(still_dead))[0].split("</style>")[1]
    assert "alarm" not in printed(made())[0].split("</style>")[1]


def test_everything_that_a_page_says_is_known_in_chinese() -> None:
    asked: list[str] = []

    class Asked(Words):
        def __call__(self, text: str) -> str:
            asked.append(text)
            return super().__call__(text)

    told = made(lost("1", "head", 600, 630), lost("2", "tail<1>", 700, 701, kind="sag", residual_pct=50.0))
    page(told, ZONE, Asked("zh"))
    names = re.compile(r"[A-Z0-9_ %-]+|.*: (?:head|tail<1>)")
    assert [text for text in asked if not Words("zh").knows(text) and not names.fullmatch(text)] == []


def test_a_site_where_nothing_was_measured_has_a_report_that_says_so() -> None:
    told = report(
        Known("dashi", "gw-01", Network(), [], lambda meter: iter(()), (), (), NOW_US,
              partial(offset_us, zone=ZoneInfo(ZONE))), DAY,
    )  # fmt: skip
    _, text = printed(told)
    assert "not available" in text
    assert re.search(r"Events\s+none", text)
    assert "were compared" not in text


def test_the_report_as_json_has_bounds_as_pairs_and_times_as_times() -> None:
    body = as_plain(made(lost("1", "head", 600, 630)))
    assert body["reliability"]["areas"][0]["unplanned"]["saidi_min"] == [18.75, 63.75]
    assert body["period"] == {"from": "2026-11-23T16:00:00.000000Z", "to": "2026-11-24T16:00:00.000000Z"}
    assert body["meters"][0]["quality"]["monitored_min"] == 1410
    assert body["events"][0]["id"] == "1"


def test_no_unit_begins_a_line() -> None:
    for language in ("en", "zh"):
        body = page(made(lost("1", "head", 600, 630)), ZONE, Words(language)).split("</style>")[1]
        assert not re.findall(r"[0-9] (?:%|kWh|kW|kvar|Hz|min|V|A|h|s)(?![A-Za-z0-9_])|[≤≥] ", body)


def test_the_danger_of_a_broken_neutral_is_said_in_both_languages() -> None:
    broken = incident(state="open", node="tx-1", alarms=(DANGER,), start_us=DAY.from_us, start_earliest_us=DAY.from_us)
    assert f"tx-1: {DANGER}" in printed(made(incidents=(broken,)))[1]
    chinese = printed(made(incidents=(broken,)), "zh")[1]
    assert DANGER not in chinese
    assert f"tx-1: {Words('zh')(DANGER)}" in chinese


def test_an_event_of_which_little_is_known_has_dashes() -> None:
    _, text = printed(
        made(lost("1", "head", 600, 630, kind="comms_loss", duration_min_s=None, residual_pct=None, customers=None))
    )
    assert re.search(r"comms loss +head +– +– +– ", text)


def test_the_load_has_its_coverage_and_what_rests_on_too_little_says_so() -> None:
    body, _ = printed(made())
    load = next(line for line in body.split("\n") if "<td>head</td>" in line and "kW" in line)
    assert "100.0\u00a0%" in load


def test_a_diagnosis_that_rests_on_too_little_is_grey_and_says_so() -> None:
    body, _ = printed(made())
    assert re.search(r'<li><span class="grey">tail&lt;1&gt;: low for .* \(Coverage 91\.7\u00a0%\)</span></li>', body)
    assert "<li>head: the power factor is" in body


def test_low_voltage_customer_minutes_have_bounds_and_are_no_zero_where_nothing_was_seen() -> None:
    told = made()
    # The tail was low for 60 minutes, and for 120 nobody knows: of 60 customers
    assert told.meters[1].low_customer_bounds == Bounds(3600, 10_800)
    assert re.search(r"customer-minutes\s+3,600\s+may have been 3,600 – 10,800", printed(told)[1])
    unseen = report(
        Known("dashi", "gw-01", NETWORK, [one.meter for one in told.meters], lambda meter: iter(()), (), (), NOW_US,
              partial(offset_us, zone=ZoneInfo(ZONE))), DAY,
    )  # fmt: skip
    assert re.search(r"customer-minutes\s+not available\s+may have been 0 – 230,400", printed(unseen)[1])


def test_sentences_of_a_site_that_was_seen_too_little_are_grey() -> None:
    sentence = r"<li>(<span class=\"grey\">)?Major event days"
    well = re.search(sentence, printed(made())[0])  # 95.8 %
    told = replace(made(), reliability=replace(made().reliability, areas=[
        replace(one, coverage=0.94) for one in made().reliability.areas]))  # fmt: skip
    badly = re.search(sentence, printed(told)[0])
    assert well is not None
    assert badly is not None
    assert (well.group(1), badly.group(1)) == (None, '<span class="grey">')
