"""A day of a clinic with two supplies, told by hand: what the report answers for beside indices, and how its page says
so."""

import json
from collections.abc import Iterator
from functools import partial
from html import unescape
from re import sub
from zoneinfo import ZoneInfo

import pytest
from samples import event, incident

from agent.detect.floor import Paced
from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event, Incident, Interval
from agent.report.document import Known, Metered, Report, report
from agent.report.drawn.page import page
from agent.report.drawn.sections.told import lengths
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words import Words
from agent.report.figures import Bounds
from agent.report.gathering import as_plain
from agent.report.operations.closed_loop import NOT_KEPT, FirstReports
from agent.report.operations.part import ALONE, DISAGREE, OperationsKnown
from agent.report.period import offset_us, period
from agent.report.record.columns import Columns, columns_of
from agent.report.spreadsheet import operations as tables_operations
from agent.report.spreadsheet.tables import tables
from agent.report.voltage.quality import Judged, Limits
from agent.sitefile.operations import KeyCustomer

ZONE = "Asia/Shanghai"
MIN = 60_000_000
# 2026-11-25T18:00 in Shanghai
NOW_US = 1_795_600_800_000_000 // MIN * MIN
DAY = period("day", NOW_US, ZoneInfo(ZONE))
METERS = {"a": "tx-a", "b": "tx-b", "clinic": "ward", "far": "tx-far"}
NETWORK = Network(
    [Node("F1", "feeder"), Node("F2", "feeder"), Node("tx-a", "transformer", ("F1",)),
     Node("tx-b", "transformer", ("F2",)), Node("tx-far", "transformer", ("F2",), customers=Customers(unsplit=50)),
     Node("ward", "key", ("tx-a",), ("tx-b",), critical="hospital", customers=Customers(three_phase=1))],
    [Placed(meter, node, node, "l", "self") for meter, node in METERS.items()],
)  # fmt: skip
CLINIC = KeyCustomer("clinic-1", "clinic", ("a", "b"), allowed_gap_s=0.5)


def told(id_: str, meter: str, from_s: tuple[float, float], to_s: tuple[float, float] | None, **more: object) -> Event:
    """Seconds of the day between which it began, and ended; to None: open."""
    start = [DAY.from_us + round(1e6 * at) for at in from_s]
    end = [None, None] if to_s is None else [DAY.from_us + round(1e6 * at) for at in to_s]
    lasted = (None, None) if to_s is None else (max(0.0, to_s[0] - from_s[1]), to_s[1] - from_s[0])
    known = {"id": id_, "kind": "supply_loss", "meter": meter, "state": "closed" if to_s else "open",
             "start_earliest_us": start[0], "start_us": start[1], "end_earliest_us": end[0], "end_us": end[1],
             "duration_min_s": lasted[0], "duration_max_s": lasted[1], "customers": None, "residual_pct": None,
             "reported_us": end[1] or start[1]}  # fmt: skip
    return event(**known | more)


# Source a is lost from 10:00 to 11:00; the switch takes 0.7 to 1.1 s each way.
TEN, ELEVEN = 36_000.0, 39_600.0
TRANSFERS = (
    told("loss", "a", (TEN, TEN + 0.2), (ELEVEN, ELEVEN + 0.2)),
    told("away", "clinic", (TEN, TEN + 0.2), (TEN + 0.9, TEN + 1.1)),
    told("back", "clinic", (ELEVEN + 0.1, ELEVEN + 0.3), (ELEVEN + 1.0, ELEVEN + 1.2)),
)
FED_IN = told("fed", "far", (50_000, 50_001), (50_600, 50_601), kind="backfeed")
OUTAGE = incident(
    id="in-1", state="closed", node="F1", cause="supply_loss", start_earliest_us=DAY.from_us + round(TEN * 1e6),
    start_us=DAY.from_us + round((TEN + 0.2) * 1e6), end_earliest_us=DAY.from_us + round(ELEVEN * 1e6),
    end_us=DAY.from_us + round(ELEVEN * 1e6), dead=(), restored=("a",), critical=("ward",), events=("loss",),
)  # fmt: skip
SEEN_US = DAY.from_us + round((TEN + 5) * 1e6)
FIRSTS = {"in-1": FirstReports(SEEN_US, SEEN_US + 10_000_000, SEEN_US + 10_000_000)}


def intervals(meter: str, volts: float = 220.0, without: tuple[int, int] = (0, 0)) -> Iterator[Columns]:
    """far runs on a set from 15:00 to 15:30; all say their frequency but for the clinic."""
    minutes = [
        Interval("interval_1min", meter, DAY.from_us + n * MIN, 1.0, 0.0,
                 {"voltage_l1": volts} | ({} if meter == "clinic" else {"frequency": _hertz(meter, n)}))
        for n in range(1440) if not without[0] <= n < without[1]
        and not (meter == "a" and 600 <= n < 660)
    ]  # fmt: skip
    return columns_of(minutes)


def _hertz(meter: str, n: int) -> float:
    return 50.6 if meter == "far" and 900 <= n < 930 else 50.0


def made(
    *events: Event, incidents: tuple[Incident, ...] = (), volts: float = 220.0, targets: bool = True,
    firsts: dict[str, FirstReports] | None = None, steps: dict[str, float | None] | None = None,
    without: tuple[int, int] = (0, 0),
) -> Report:  # fmt: skip
    """volts: at source b; without: minutes of it that nobody heard"""
    judged = Judged(("voltage_l1",), 220.0, (Limits(198.0, 235.4),))
    meters = [Metered(meter, node, NETWORK.feeder_of(node), judged, paced=Paced(1.0, 1.2))
              for meter, node in METERS.items()]  # fmt: skip
    operations = OperationsKnown(
        (CLINIC,), {"hospital": 1800.0, "default": 7200.0} if targets else {}, 50.0,
        dict.fromkeys(("a", "b", "far"), 0.01) if steps is None else steps, FIRSTS if firsts is None else firsts,
    )  # fmt: skip
    known = Known(
        "dashi", "gw-01", NETWORK, meters,
        lambda meter: intervals(meter, volts, without) if meter == "b" else intervals(meter), events, incidents,
        NOW_US, partial(offset_us, zone=ZoneInfo(ZONE)), operations=operations,
    )  # fmt: skip
    return report(known, DAY)


def text_of(told: Report, language: str = "en") -> str:
    body = page(told, ZONE, Words(language)).split("</style>")[1]
    return unescape(sub(r"\s+", " ", sub(r"<[^>]*>", " ", body)))


# -- key customers ----------------------------------------------------------------------------------------------


def test_transfers_are_between_bounds_and_held_against_what_the_customer_stands() -> None:
    (part,) = made(*TRANSFERS).operations.key_customers
    assert [(gap.from_source, gap.to_source, gap.verdict) for gap in part.gaps] == [
        ("a", "b", "violated"), ("b", "a", "violated")]  # fmt: skip
    assert [bound for gap in part.gaps for bound in (gap.gap_s.low, gap.gap_s.high)] == pytest.approx([0.7, 1.1] * 2)
    assert (part.of_class, part.unseen_s) == ("hospital", 1.2)


def test_the_page_says_each_gap_with_its_verdict() -> None:
    text = text_of(made(*TRANSFERS))
    assert "clinic-1 2026-11-24 11:00:00 b a 0.70 – 1.10 s violated" in text
    assert "clinic-1 (hospital) clinic a 0.50 s 1.20 s 2 2 / 0" in text


def test_a_standby_that_was_changed_to_and_has_voltage_is_ready() -> None:
    (standby,) = made(*TRANSFERS).operations.key_customers[0].standbys
    assert (standby.source, standby.readiness.is_ready) == ("b", True)
    assert standby.tested.surely_us == DAY.from_us + round((TEN + 0.2) * 1e6)
    assert "clinic-1 b ready – 2026-11-24 10:00 100.00 % 100.0 %" in text_of(made(*TRANSFERS))


def test_one_without_the_right_voltage_is_an_alarm_at_the_top() -> None:
    text = text_of(made(*TRANSFERS, volts=190.0))
    assert text.index("Alarms") < text.index("Summary")
    assert "the standby b was not ready at 2026-11-25 00:00: voltage 190.0 to 190.0 V, allowed 198 to 235.4 V." in text
    assert "Alarms" not in text_of(made(*TRANSFERS))


def test_one_that_nobody_heard_at_the_end_is_not_known_to_be_ready() -> None:
    (standby,) = made(*TRANSFERS, without=(1400, 1440)).operations.key_customers[0].standbys
    assert standby.readiness.is_ready is None
    assert "nothing was heard of it in the last 40 min" in text_of(made(*TRANSFERS, without=(1400, 1440)))


def test_what_rests_on_too_little_is_grey() -> None:
    (row,) = [line for line in page(made(without=(0, 144)), ZONE, Words("en")).split("\n") if ">b<" in line
              and "not known" in line]  # fmt: skip
    assert 'class="grey">100.00' in row


def test_who_is_without_supply_now_is_an_alarm() -> None:
    still = told("now", "clinic", (80_000, 80_001), None)
    assert "clinic-1 (hospital): clinic is without supply since 2026-11-24 22:13:21." in text_of(made(still))


def test_sources_that_sag_together_are_not_independent() -> None:
    sags = [told(f"sag-{meter}", meter, (3600, 3600.1), (3601, 3601.1), kind="sag") for meter in "ab"]
    assert "two sources had at once: 1 for sure, 0 more perhaps" in text_of(made(*sags))
    assert "nothing was seen that two sources had at once" in text_of(made())


# -- generators and back-feed -----------------------------------------------------------------------------------


def test_a_set_is_told_with_its_hours_and_as_no_more_than_evidence() -> None:
    (run,) = (run for part in made().operations.generators for run in part.runs)
    assert (run.meter, run.hours, round(run.apart_hz, 3)) == ("far", Bounds(28 / 60, 32 / 60), 0.6)
    assert (run.span.from_us, run.during) == (DAY.from_us + 900 * MIN, ())
    text = text_of(made())
    assert "far 2026-11-24 15:00 2026-11-24 15:30 0.46 – 0.54 +0.60 Hz" in text
    assert "Supporting evidence only" in text


def test_a_loss_of_what_feeds_it_is_named_beside_the_run() -> None:
    above = incident(id="in-2", state="closed", node="F2", cause="supply_loss", start_us=DAY.from_us + 890 * MIN,
                     start_earliest_us=DAY.from_us + 890 * MIN, end_us=DAY.from_us + 940 * MIN)  # fmt: skip
    (run,) = (run for part in made(incidents=(above,)).operations.generators for run in part.runs)
    assert run.during == ("in-2",)
    assert "+0.60 Hz F2" in text_of(made(incidents=(above,)))


def test_where_it_cannot_be_told_the_reason_is_said() -> None:
    by_meter = {part.meter: part for part in made(steps={"a": 0.01, "b": 0.1, "far": None}).operations.generators}
    assert [one.why.words for one in by_meter.values() if one.why] == [
        ALONE, "it resolves 0.1 Hz; 0.05 Hz or less is needed", "its map reads no frequency",
        "its map does not say how finely it resolves the frequency"]  # fmt: skip
    assert all(one.hours is None for one in by_meter.values())
    assert "not available: clinic: its map reads no frequency" in text_of(made())


def test_a_meter_whose_neighbours_were_never_heard_cannot_be_told() -> None:
    parts = {part.meter: part for part in made(without=(0, 1440)).operations.generators}
    told_why = {meter: part.why.text for meter, part in parts.items() if part.why and meter != "clinic"}
    assert told_why == dict.fromkeys(("a", "b", "far"), DISAGREE)


def test_back_feed_comes_first_and_what_stands_before_what_is_over() -> None:
    still = told("still", "b", (60_000, 60_001), None, kind="backfeed")
    text = text_of(made(FED_IN, still, *TRANSFERS, volts=190.0))
    order = ("BACK-FEED at b since", "Back-feed at far from", "means nothing", "was not ready")
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    endless = told("gone", "b", (5, 6), None, kind="backfeed", state="closed")
    assert "Back-feed at b from 2026-11-24 00:00:06 to not known" in text_of(made(endless))
    body = page(made(FED_IN), ZONE, Words("en"))
    assert '<p class="alarm">Back-feed at far from 2026-11-24 13:53:21 to 2026-11-24 14:03:21' in body


def test_a_back_feed_that_was_taken_back_is_none() -> None:
    assert made(told("fed", "far", (5, 6), (7, 8), kind="backfeed", state="retracted")).operations.backfeeds == []


# -- closed loop ------------------------------------------------------------------------------------------------


def test_an_incident_from_seen_to_verified_against_the_target_of_who_was_without() -> None:
    done = made(*TRANSFERS, incidents=(OUTAGE,)).operations
    (loop,) = done.loops
    assert loop.steps_s == {"located": 10.0, "restored": 3585.0, "verified": 600.0}
    assert (loop.target.of_class, loop.verdict, loop.slowest) == ("hospital", "violated", "restored")
    assert [(one.incidents, one.overdue, one.still) for one in done.classes] == [(1, Bounds(1, 1), 0)]
    text = text_of(made(*TRANSFERS, incidents=(OUTAGE,)))
    assert "F1 hospital 2026-11-24 10:00:05 4.8 – 5.0 s +10.0 s +60 min +10 min restored" not in text
    row = "F1 (hospital) 2026-11-24 10:00:05 4.80 – 5.00 s +10.0 s +60 min +10 min 60 min 30 min: overdue"
    assert row in text
    assert "<b>+60\u00a0min</b>" in page(made(*TRANSFERS, incidents=(OUTAGE,)), ZONE, Words("en"))


def test_what_is_not_kept_any_more_is_said_and_not_guessed() -> None:
    gone = made(*TRANSFERS, incidents=(OUTAGE,), firsts={"in-1": NOT_KEPT})
    assert gone.operations.loops[0].seen_us is None
    assert "F1 (hospital) not kept any more – not kept any more 2026-11-24 11:00:00" in text_of(gone)


def test_one_that_goes_on_beyond_its_target_is_an_alarm() -> None:
    still = incident(id="in-1", node="F1", start_us=OUTAGE.start_us, start_earliest_us=OUTAGE.start_us,
                     dead=("a",), restored=(), critical=("ward",))  # fmt: skip
    # It is 18:00 on the next day now.
    assert "F1 (hospital) is not restored after 32.0 h; the target is 30 min." in text_of(made(incidents=(still,)))
    assert "F1 (hospital) is not restored" not in text_of(made(incidents=(still,), targets=False))


def test_without_targets_nothing_is_overdue() -> None:
    done = made(*TRANSFERS, incidents=(OUTAGE,), targets=False)
    assert "hospital no target 1 – –" in text_of(done)


# -- everywhere -------------------------------------------------------------------------------------------------


def everything() -> Report:
    sags = [told(f"sag-{meter}", meter, (3600, 3600.1), (3601, 3601.1), kind="sag") for meter in "ab"]
    return made(*TRANSFERS, *sags, FED_IN, incidents=(OUTAGE,), volts=190.0)


def test_all_of_it_is_said_in_chinese() -> None:
    asked: list[str] = []

    class Asked(Words):
        def __call__(self, text: str) -> str:
            asked.append(text)
            return super().__call__(text)

    for made_of in (everything(), made(steps={}), made(incidents=(OUTAGE,), firsts={}, targets=False)):
        page(made_of, ZONE, Asked("zh"))
    unknown = {text for text in asked if not Words("zh").knows(text)}
    assert not {text for text in unknown if text in _texts()}, unknown
    assert "反送电" in text_of(everything(), "zh")


def _texts() -> set[str]:
    from agent.report.drawn import words_operations
    from agent.report.drawn.sections import closed_loop
    from agent.report.drawn.sections import key_customers as section
    from agent.report.operations import key_customers
    from agent.report.operations import part as operations

    heads = [head for heads in (*section.HEADS, closed_loop.HEAD, closed_loop.CLASS_HEAD) for head in heads]
    own = [value for name, value in vars(words_operations).items() if name.isupper() and isinstance(value, str)]
    return {*heads, *own, *key_customers.REASONS, *operations.WHY_NOT, *section.READY.values()}


def test_every_text_of_its_own_is_known_in_chinese() -> None:
    assert {text for text in _texts() if not Words("zh").knows(text)} == set()


def test_as_json_and_as_tables_it_has_the_same_figures() -> None:
    done = everything()
    body = json.loads(json.dumps(as_plain(done)))["operations"]
    (key,) = body["key_customers"]
    assert key["gaps"][0]["gap_s"] == [0.7, 1.1]
    assert key["customer"] == {"name": "clinic-1", "load": "clinic", "sources": ["a", "b"], "allowed_gap_s": 0.5,
                               "tested_every_s": 35 * 86_400}  # fmt: skip
    assert key["standbys"][0]["readiness"]["reasons"][0]["words"].startswith("voltage 190.0")
    assert body["backfeeds"][0]["id"] == "fed"
    assert body["loops"][0]["steps_s"] == {"located": 10.0, "restored": 3585.0, "verified": 600.0}
    rows = {table.name: [dict(zip(table.head, row, strict=True)) for row in table.rows] for table in tables(done, str)}
    assert rows["key_gaps"][0]["gap_low_s"] == pytest.approx(0.7)
    assert rows["key_gaps"][0]["verdict"] == "violated"
    assert (rows["standbys"][0]["ready"], rows["common_sags"][0]["sure"]) == ("false", "true")
    assert rows["generator_runs"][0]["hours_low"] == pytest.approx(28 / 60)
    assert rows["generators"][2]["why_not"] == "its map reads no frequency"
    assert (rows["incidents"][0]["target_s"], rows["incidents"][0]["verdict"]) == (1800.0, "violated")
    assert tuple(rows["key_gaps"][0]) == tables_operations.GAPS


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [
        (Bounds(0.7, 1.1), "0.70 – 1.10 s"), (Bounds(5.618, 14.01), "5.6 – 14.1 s"), (Bounds(3.0, 3.0), "3.00 s"),
        (Bounds(119.9, 130.0), "1.9 – 2.2 min"), (Bounds(0.0, 7300.0), "0.0 – 2.1 h"),
        (Bounds(75.04, float("inf")), "≥ 75.0 s"),
    ],
)  # fmt: skip
def test_bounds_are_rounded_outwards(bounds: Bounds, shown: str) -> None:
    assert lengths(Sheet(Words("en"), ZoneInfo(ZONE)), bounds).replace("\u00a0", " ") == shown
