"""What panels of events and outages have to answer, from the truth of the day."""

from collections.abc import Callable
from typing import Any

from dashboard_measured import OF_FEEDER, OF_SITE, WITHOUT_SUPPLY, Wanted, typed_in
from dashboard_truth import DAY_MS, Answer, Row, Truth, alone, count, each, ms, raw, stepped
from grafana_queries import ALL, Shown

# Where a duration of 0 is drawn on an axis that has none.
LEAST_S = 0.001


def true_events(truth: Truth, shown: Shown, **like: Any) -> list[Row]:
    """Those that are true."""
    return truth.find("event", shown, _true(**like))


def _true(*kinds: str, **like: Any) -> Callable[[Row], bool]:
    return lambda row: (
        row["state"] != "retracted"
        and (not kinds or row["kind"] in kinds)
        and all(row[name] == one for name, one in like.items())
    )


# While the gateway was away all its meters were silent; neither it nor a whole line has a meter or a feeder.
SILENCES = ("comms_loss", "gateway_outage")
PLACES = ("feeder", "meter")


def unheard(truth: Truth, shown: Shown, *kinds: str, **like: Any) -> list[Row]:
    return truth.find("event", shown, _true(*kinds, **like), also=PLACES)


def of_kind(truth: Truth, shown: Shown, **like: Any) -> list[Row]:
    kinds = shown.variables["kind"]
    return [row for row in true_events(truth, shown, **like) if ALL in kinds or row["kind"] in kinds]


def counted_as(name: str, rows: Callable[..., list[Row]], **like: Any) -> Wanted:
    return lambda truth, shown: each(rows(truth, shown, **like), **{name: count("id")})


def events_over_time(truth: Truth, shown: Shown) -> Answer:
    rows, span = of_kind(truth, shown), (shown.from_ms, shown.to_ms)
    return stepped(rows, shown.interval_ms, "kind", zero_in=span, columns={"events": count("id")})


def _whole_ms(row: Row) -> float:
    return float(row["start_us"] // 1000)


_TRACE_SPAN: dict[str, Callable[[Row], float]] = {
    "trace_from": lambda row: _whole_ms(row) - 15_000, "trace_to": lambda row: _whole_ms(row) + 75_000,
}  # fmt: skip
_BEGAN = {"start_earliest": ms("start_earliest_us"), "start": ms("start_us")}
_ENDED = {"end_earliest": ms("end_earliest_us"), "end": ms("end_us")}


def event_table(truth: Truth, shown: Shown) -> Answer:
    return raw(
        of_kind(truth, shown), "id", "kind", "meter", "feeder", "gateway", "state", "revision", "duration_min_s",
        "duration_max_s", "residual_pct", "peak_pct", "phases", "direction", "basis", "mode", "parent", "evidence",
        "absent", "class_en50160", "class_itic", "clock_synced", **_BEGAN, **_TRACE_SPAN,
    )  # fmt: skip


def itic(verdict: str) -> Wanted:
    return lambda truth, shown: raw(
        of_kind(truth, shown, class_itic=verdict, state="closed"), "meter", "kind",
        shortest_s=lambda row: max(row["duration_min_s"], LEAST_S),
        longest_s=lambda row: max(row["duration_max_s"], LEAST_S),
        shortest=lambda row: row["residual_pct"], longest=lambda row: row["residual_pct"],
    )  # fmt: skip


# Of an article on power quality monitoring and a book's figure: s and %, to more than a day.
ITIC = ((0.02, 0), (0.02, 70), (0.5, 70), (0.5, 80), (10, 80), (10, 90), (100_000, 90))


def itic_curve(truth: Truth, shown: Shown) -> Answer:
    """Where anything was measured on the last day."""
    measured = truth.find("interval_10min", shown, span_ms=(shown.to_ms - DAY_MS + len(ITIC), shown.to_ms), by=OF_SITE)
    from_ms = shown.to_ms - DAY_MS
    return {(): [(from_ms + n, {"itic_s": at_s, "itic": level}) for n, (at_s, level) in enumerate(ITIC) if measured]}


def samples(*names: str) -> Wanted:
    return lambda truth, shown: raw(
        truth.find("trace", shown, lambda row: row["event"] in shown.variables["event"], by=OF_SITE), *names
    )


def revisions_told(truth: Truth, shown: Shown) -> Answer:
    rows = truth.find(
        "event_log", shown, lambda row: row["id"] in shown.variables["event"],
        (shown.from_ms, shown.to_ms + 90 * DAY_MS), OF_SITE,
    )  # fmt: skip
    return raw(
        rows, "revision", "kind", "state", "duration_min_s", "duration_max_s", "residual_pct", "peak_pct", "absent",
        "evidence", "basis", "supersedes", "meter", reported=ms("reported_us"), end=ms("end_us"), **_BEGAN,
    )  # fmt: skip


def _reaches(shown: Shown) -> Callable[[Row], bool]:
    """Touches the range, wherever it began."""
    return lambda row: (
        row["state"] != "retracted" and (row["state"] == "open" or (row["end_us"] or 0) >= shown.from_ms * 1000)
    )


def incidents_in_range(truth: Truth, shown: Shown) -> Answer:
    span = (shown.from_ms - 90 * DAY_MS + 1, shown.to_ms)
    found = truth.find("incident", shown, _reaches(shown), span, OF_FEEDER)
    return raw(
        [row for row in found if row["cause"] in WITHOUT_SUPPLY], "node", "cause", "state", "most_min",
        "most_max", "customers_min", "customers_max", "confidence", "duration_min_s", "duration_max_s", "critical",
        "words", "absent", "feeder", "gateway", "id", "alarms", "restored", **_BEGAN, **_ENDED,
    )  # fmt: skip


def reaching(*kinds: str) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        reaches = _reaches(shown)
        span = (shown.from_ms - 90 * DAY_MS + 1, shown.to_ms)
        found = truth.find("event", shown, lambda row: row["kind"] in kinds and reaches(row), span, also=PLACES)
        return raw(
            found, "meter", "feeder", "kind", "state", "customers_min", "customers_max", "duration_min_s",
            "duration_max_s", "basis", "mode", "evidence", "absent", "id", "line", **_BEGAN, **_ENDED, **_TRACE_SPAN,
        )  # fmt: skip

    return wanted


def _lost(
    truth: Truth, shown: Shown, bound: str, kinds: tuple[str, ...], weight: Callable[[Row], float]
) -> float | None:
    """Over the events that are over and in earnest, lasted for longer than is asked and have all numbers. A loss that
    is because of something else lies in a silence: at most, that counts."""
    names = (f"customers_{bound}", "duration_min_s", "duration_max_s")
    found = [
        weight(row) for row in unheard(truth, shown, *kinds, state="closed", mode="normal")
        if None not in [row[name] for name in names] and row[f"duration_{bound}_s"] > typed_in(shown, "sustained")
        and not (bound == "max" and row["kind"] == "supply_loss" and row["because"])
    ]  # fmt: skip
    return sum(found) if found else None


def _index(bound: str, *, minutes: bool, each_customer: bool) -> Wanted:
    kinds = ("supply_loss",) if bound == "min" else ("supply_loss", *SILENCES)
    name = "at least" if bound == "min" else "at most"

    def weight_of(side: str) -> Callable[[Row], float]:
        return lambda row: row[f"customers_{side}"] * (row[f"duration_{side}_s"] / 60 if minutes else 1)

    weight, sure_weight = weight_of(bound), weight_of("min")

    def wanted(truth: Truth, shown: Shown) -> Answer:
        lost = _lost(truth, shown, bound, kinds, weight)
        if bound == "max":
            sure = _lost(truth, shown, "min", ("supply_loss",), sure_weight)
            lost = max((one for one in (lost, sure) if one is not None), default=None)
        return {} if lost is None else alone(**{name: lost / (typed_in(shown, "customers") if each_customer else 1)})

    return wanted


def _without_number(truth: Truth, shown: Shown) -> Answer:
    rows = [
        row for row in unheard(truth, shown, "supply_loss", *SILENCES, state="closed", mode="normal")
        if row["customers_max"] is None and (row["duration_max_s"] or 0) > typed_in(shown, "sustained")
    ]  # fmt: skip
    return each(rows, **{"without a number": count("id")})


def indices_expected() -> dict[tuple[str, str, str], Wanted]:
    titles = {
        "Customer-minutes lost": (True, False), "Customer interruptions": (False, False),
        "SAIDI, minutes a customer": (True, True), "SAIFI, interruptions a customer": (False, True),
    }  # fmt: skip
    return {
        ("lamplighter-outages", title, ref): _index(bound, minutes=minutes, each_customer=each_customer)
        for title, (minutes, each_customer) in titles.items()
        for ref, bound in (("A", "min"), ("B", "max"))
    } | {("lamplighter-outages", title, "C"): _without_number for title in titles}
