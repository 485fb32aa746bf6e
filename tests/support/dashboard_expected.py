"""What each panel's query has to answer, from the truth of the day. One entry for each query: a panel without one
makes a test fail."""

from collections.abc import Callable, Sequence
from typing import Any

from dashboard_truth import (
    DAY_MS,
    MINUTE_MS,
    Answer,
    Column,
    Row,
    Truth,
    alone,
    count,
    each,
    grouped,
    high,
    last,
    low,
    mean,
    ms,
    raw,
    stepped,
    total,
)
from grafana_queries import ALL, Shown

Wanted = Callable[[Truth, Shown], Answer]

OF_SITE, OF_FEEDER = ("site", "gateway"), ("site", "gateway", "feeder")
OF_METER = (*OF_FEEDER, "meter")
STATES = ("live", "partial", "dead", "unknown")
LN, LL = ("voltage_l1", "voltage_l2", "voltage_l3"), ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
CURRENTS = ("current_l1", "current_l2", "current_l3")
QUARTER_MS = 15 * MINUTE_MS


def _minutes(shown: Shown) -> float:
    return (shown.to_ms - shown.from_ms) / MINUTE_MS


def _until_end(shown: Shown, ms_: int) -> tuple[int, int]:
    """Of the range's end, the first instant not within."""
    return shown.to_ms - ms_ + 1, shown.to_ms


def _numbers(shown: Shown, name: str) -> float:
    return float(shown.variables[name][0])


# --- network ----------------------------------------------------------------------------------------------------


def _heard(truth: Truth, shown: Shown, ms_: int = 3 * MINUTE_MS) -> list[Row]:
    """The last that each meter said."""
    rows = truth.find("status", shown, span_ms=_until_end(shown, ms_))
    return [some[-1] for some in grouped(rows, "meter").values()]


def _supply_counts(truth: Truth, shown: Shown) -> Answer:
    heard = _heard(truth, shown)
    return alone(**{state: sum(row["supply"] == state for row in heard) for state in STATES})


def _not_heard(truth: Truth, shown: Shown) -> Answer:
    return alone(**{"not heard": len(_heard(truth, shown, DAY_MS)) - len(_heard(truth, shown))})


def _open_incidents(truth: Truth, shown: Shown) -> list[Row]:
    return truth.find("incident", shown, lambda row: row["state"] == "open", _until_end(shown, 90 * DAY_MS), OF_FEEDER)


def _of_open_incidents(name: str, of: Column) -> Wanted:
    return lambda truth, shown: each(_open_incidents(truth, shown), **{name: of})


def _without_supply(truth: Truth, shown: Shown) -> list[Row]:
    """An open neutral or earth fault endangers people; they have supply."""
    causes = ("supply_loss", "phase_loss", "open_conductor")
    return [row for row in _open_incidents(truth, shown) if row["cause"] in causes]


def _of_those_without(name: str, of: Column) -> Wanted:
    return lambda truth, shown: each(_without_supply(truth, shown), **{name: of})


def _nobody_counted(truth: Truth, shown: Shown) -> Answer:
    some = [row for row in _without_supply(truth, shown) if row["customers_max"] is None]
    return each(some, **{"incidents without a number": count("id")})


def _last_heard(*names: str, by: tuple[str, ...]) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        rows = truth.find("gateway", shown, span_ms=_until_end(shown, DAY_MS), by=OF_SITE)
        return each(rows, *by, **{name: last(name) for name in names})

    return wanted


def _open_in_detail(truth: Truth, shown: Shown) -> Answer:
    return raw(
        _open_incidents(truth, shown), "node", "cause", "device", "confidence", "customers_min", "customers_max",
        "dead", "unknown", "alarms", "critical", "words", "absent", "gateway", "feeder", "id",
        start_earliest=ms("start_earliest_us"), start=ms("start_us"),
    )  # fmt: skip


def _feeders(truth: Truth, shown: Shown) -> Answer:
    heard = _heard(truth, shown)
    counted = {state: lambda rows, state=state: sum(row["supply"] == state for row in rows) for state in STATES}
    return each(heard, "feeder", **counted)


def _meters(truth: Truth, shown: Shown) -> Answer:
    said = {name: last(name) for name in ("supply", "comms", "mode", "open_events")}
    rows = truth.find("status", shown, span_ms=_until_end(shown, 3 * MINUTE_MS))
    return each(rows, *OF_METER, last_good=lambda some: ms("last_good_us")(some[-1]), **said)


def _worst_supply(truth: Truth, shown: Shown, where: Callable[[Row], bool] = lambda row: True) -> Answer:
    """4 dead, 2 partial, 1 unknown, each if it was so at any time of the step."""
    worth = {"dead": 4, "partial": 2, "unknown": 1, "live": 0}
    worst: dict[str, Column] = {"worst": lambda rows: sum({worth[row["supply"]] for row in rows})}
    return stepped(truth.find("status", shown, where), shown.interval_ms, "feeder", "meter", columns=worst)


def _supply_of(feeder: str) -> Wanted:
    return lambda truth, shown: _worst_supply(truth, shown, lambda row: row["feeder"] == feeder)


# --- voltage ----------------------------------------------------------------------------------------------------


def _where_read(name: str, line: float) -> Column:
    return lambda rows: None if mean(name)(rows) is None else line


def _banded(names: Sequence[str], limits: Sequence[str] = ()) -> Wanted:
    """limits: lines where anything was read at all"""

    def wanted(truth: Truth, shown: Shown) -> Answer:
        columns: dict[str, Column] = {
            f"{limit} limit": _where_read(names[0], _numbers(shown, limit)) for limit in limits
        }
        for name in names:
            columns |= {name: mean(name), f"{name} lowest": low(f"{name}_min"), f"{name} highest": high(f"{name}_max")}
        return stepped(truth.find("reading", shown), shown.interval_ms, columns=columns)

    return wanted


def _steps(
    measurement: str,
    *tags: str,
    by: tuple[str, ...] = OF_METER,
    step_ms: int = 0,
    zero: bool = False,
    **columns: Column,
) -> Wanted:
    """step_ms: 0 is the panel's own; zero: steps without a row are 0"""
    return lambda truth, shown: stepped(
        truth.find(measurement, shown, by=by), step_ms or shown.interval_ms, *tags,
        zero_in=(shown.from_ms, shown.to_ms) if zero else None, columns=columns,
    )  # fmt: skip


def _beyond(shown: Shown, row: Row) -> str:
    """A minute counts as low before it counts as high."""
    volts = [row[name] for name in LN if row[name] is not None]
    if any(one < _numbers(shown, "low") for one in volts):
        return "low"
    return "high" if any(one > _numbers(shown, "high") for one in volts) else ""


def _supplied(truth: Truth, shown: Shown) -> list[Row]:
    """Minutes in which some phase stayed above a tenth of the low limit: the others are an interruption."""
    gone_v = _numbers(shown, "low") / 10
    rows = truth.find("interval_1min", shown, by=OF_FEEDER)
    return [row for row in rows if any((row[f"{name}_min"] or 0.0) >= gone_v for name in LN)]


def _qualification(truth: Truth, shown: Shown) -> Answer:
    answer: Answer = {}
    for key, rows in grouped(_supplied(truth, shown), "feeder", "meter").items():
        judged = [_beyond(shown, row) for row in rows]
        lows, highs, seen = judged.count("low"), judged.count("high"), len(rows)
        whole, minutes = sum(row["coverage"] for row in rows), _minutes(shown)
        told = {
            "rate": (seen - lows - highs) / seen, "rate_min": (whole - lows - highs) / minutes,
            "rate_max": 1 - (lows + highs) / minutes, "low": lows, "high": highs, "seen": seen,
            "coverage": whole / minutes,
        }  # fmt: skip
        answer[key] = [(None, told)]
    return answer


def _low_by_day(truth: Truth, shown: Shown, zone_ms: int = 0) -> Answer:
    rows = [row for row in _supplied(truth, shown) if _beyond(shown, row) == "low"]
    span = (shown.from_ms, shown.to_ms)
    return stepped(rows, DAY_MS, "meter", zone_ms=zone_ms, zero_in=span, columns={"low": count("coverage")})


def _along(truth: Truth, shown: Shown) -> Answer:
    columns: dict[str, Column] = {"coverage": lambda rows: sum(row["coverage"] for row in rows) / _minutes(shown)}
    for name in LN:
        columns |= {name: mean(name), f"{name}_min": low(f"{name}_min"), f"{name}_max": high(f"{name}_max")}
    return each(truth.find("interval_1min", shown, by=OF_FEEDER), "feeder", "meter", **columns)


def _coverage(measurement: str, length_ms: int, by: tuple[str, ...] = OF_METER) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        whole_ms = shown.to_ms - shown.from_ms
        rows = grouped(truth.find(measurement, shown, by=by), "site", "gateway", "meter").values()
        seen = [sum(row["coverage"] for row in some) * length_ms / whole_ms for some in rows]
        return alone(mean=sum(seen) / len(seen), least=min(seen))

    return wanted


def _coverage_steps(measurement: str, length_ms: int, by: tuple[str, ...] = OF_METER) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        part: dict[str, Column] = {
            "coverage": lambda rows: sum(row["coverage"] for row in rows) * length_ms / shown.interval_ms
        }
        rows, span = truth.find(measurement, shown, by=by), (shown.from_ms, shown.to_ms)
        return stepped(rows, shown.interval_ms, "meter", zero_in=span, columns=part)

    return wanted


# --- events and outages -----------------------------------------------------------------------------------------


def _events(truth: Truth, shown: Shown, **like: Any) -> list[Row]:
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


def _unheard(truth: Truth, shown: Shown, *kinds: str, **like: Any) -> list[Row]:
    return truth.find("event", shown, _true(*kinds, **like), also=PLACES)


def _of_kind(truth: Truth, shown: Shown, **like: Any) -> list[Row]:
    kinds = shown.variables["kind"]
    return [row for row in _events(truth, shown, **like) if ALL in kinds or row["kind"] in kinds]


def _counted(name: str, rows: Callable[..., list[Row]], **like: Any) -> Wanted:
    return lambda truth, shown: each(rows(truth, shown, **like), **{name: count("id")})


def _events_over_time(truth: Truth, shown: Shown) -> Answer:
    rows, span = _of_kind(truth, shown), (shown.from_ms, shown.to_ms)
    return stepped(rows, shown.interval_ms, "kind", zero_in=span, columns={"events": count("id")})


def _whole_ms(row: Row) -> float:
    return float(row["start_us"] // 1000)


_TRACE_SPAN: dict[str, Callable[[Row], float]] = {
    "trace_from": lambda row: _whole_ms(row) - 15_000, "trace_to": lambda row: _whole_ms(row) + 75_000,
}  # fmt: skip
_BEGAN = {"start_earliest": ms("start_earliest_us"), "start": ms("start_us")}
_ENDED = {"end_earliest": ms("end_earliest_us"), "end": ms("end_us")}


def _event_table(truth: Truth, shown: Shown) -> Answer:
    return raw(
        _of_kind(truth, shown), "id", "kind", "meter", "feeder", "gateway", "state", "revision", "duration_min_s",
        "duration_max_s", "residual_pct", "peak_pct", "phases", "direction", "basis", "mode", "parent", "evidence",
        "absent", "class_en50160", "class_itic", "clock_synced", **_BEGAN, **_TRACE_SPAN,
    )  # fmt: skip


def _itic(verdict: str) -> Wanted:
    return lambda truth, shown: raw(
        _of_kind(truth, shown, class_itic=verdict, state="closed"), "duration_min_s", "duration_max_s", "meter", "kind",
        shortest=lambda row: row["residual_pct"], longest=lambda row: row["residual_pct"],
    )  # fmt: skip


def _trace(*names: str) -> Wanted:
    return lambda truth, shown: raw(
        truth.find("trace", shown, lambda row: row["event"] in shown.variables["event"], by=OF_SITE), *names
    )


def _revisions(truth: Truth, shown: Shown) -> Answer:
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


def _incidents_in_range(truth: Truth, shown: Shown) -> Answer:
    span = (shown.from_ms - 90 * DAY_MS + 1, shown.to_ms)
    return raw(
        truth.find("incident", shown, _reaches(shown), span, OF_FEEDER), "node", "cause", "state", "most_min",
        "most_max", "customers_min", "customers_max", "confidence", "duration_min_s", "duration_max_s", "critical",
        "words", "absent",
        "feeder", "gateway", "id", "alarms", "restored", **_BEGAN, **_ENDED,
    )  # fmt: skip


def _reaching(*kinds: str) -> Wanted:
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
        weight(row) for row in _unheard(truth, shown, *kinds, state="closed", mode="normal")
        if None not in [row[name] for name in names] and row[f"duration_{bound}_s"] > _numbers(shown, "sustained")
        and not (bound == "max" and row["kind"] == "supply_loss" and row["because"])
    ]  # fmt: skip
    return sum(found) if found else None


def _index(bound: str, *, minutes: bool, each_customer: bool) -> Wanted:
    kinds = ("supply_loss",) if bound == "min" else ("supply_loss", *SILENCES)
    name = "at least" if bound == "min" else "at most"

    def weight(row: Row) -> float:
        customers: float = row[f"customers_{bound}"]
        return customers * row[f"duration_{bound}_s"] / 60 if minutes else customers

    def wanted(truth: Truth, shown: Shown) -> Answer:
        lost = _lost(truth, shown, bound, kinds, weight)
        return {} if lost is None else alone(**{name: lost / (_numbers(shown, "customers") if each_customer else 1)})

    return wanted


def _without_number(truth: Truth, shown: Shown) -> Answer:
    rows = [
        row for row in _unheard(truth, shown, "supply_loss", *SILENCES, state="closed", mode="normal")
        if row["customers_max"] is None and (row["duration_max_s"] or 0) > _numbers(shown, "sustained")
    ]  # fmt: skip
    return each(rows, **{"without a number": count("id")})


def _indices() -> dict[tuple[str, str, str], Wanted]:
    titles = {
        "Customer-minutes lost": (True, False), "Customer interruptions": (False, False),
        "SAIDI, minutes a customer": (True, True), "SAIFI, interruptions a customer": (False, True),
    }  # fmt: skip
    return {
        ("lamplighter-outages", title, ref): _index(bound, minutes=minutes, each_customer=each_customer)
        for title, (minutes, each_customer) in titles.items()
        for ref, bound in (("A", "min"), ("B", "max"))
    } | {("lamplighter-outages", title, "C"): _without_number for title in titles}


# --- energy and health ------------------------------------------------------------------------------------------


def _energy(truth: Truth, shown: Shown) -> Answer:
    columns: dict[str, Column] = {
        "demand": high("active_power_demand"), "demand_max": high("active_power_demand_max"),
        "coverage": lambda rows: sum(row["coverage"] for row in rows) * 15 / _minutes(shown),
    }  # fmt: skip
    for name in ("active_energy_import", "active_energy_export", "reactive_energy_import"):
        columns |= {each_: total(each_) for each_ in (name, f"{name}_min", f"{name}_max")}
    return each(truth.find("demand_15min", shown), "feeder", "meter", **columns)


def _gateway(*tags: str, **columns: Column) -> Wanted:
    return _steps("gateway", *tags, by=OF_SITE, **columns)


_OUTCOMES = ("answered", "silent", "garbled", "foreign", "refused", "down", "late")


def _answered(rows: Any) -> float | None:
    counted = [total(f"exchanges_{name}")(rows) for name in _OUTCOMES]
    return None if None in counted else counted[0] / sum(counted)


def _descriptors(rows: Any) -> float | None:
    used, most = high("descriptors")(rows), high("descriptors_max")(rows)
    return None if used is None else used / most


def _how_meters_answer(truth: Truth, shown: Shown) -> Answer:
    return each(
        truth.find("status", shown), "gateway", "feeder", "meter", missed_ticks=total("missed_ticks"),
        watch_hz=mean("watch_hz"), refresh_s=last("refresh_s"), mute=high("mute"), comms_ok=mean("comms_ok"),
        comms_lost=mean("comms_lost"),
    )  # fmt: skip


NETWORK, VOLTAGE, EVENTS = "lamplighter-network", "lamplighter-voltage", "lamplighter-events"
OUTAGES, ENERGY, HEALTH = "lamplighter-outages", "lamplighter-energy", "lamplighter-health"

EXPECTED: dict[tuple[str, str, str], Wanted] = {
    (NETWORK, "Meters by supply", "A"): _supply_counts,
    (NETWORK, "Meters by supply", "B"): _not_heard,
    (NETWORK, "Open incidents", "A"): _of_open_incidents("open", count("id")),
    (NETWORK, "Customers without supply now", "A"): _of_those_without("at least", total("customers_min")),
    (NETWORK, "Customers without supply now", "B"): _of_those_without("at most", total("customers_max")),
    (NETWORK, "Customers without supply now", "C"): _nobody_counted,
    (NETWORK, "Gateways last heard", "A"): _last_heard("uptime_s", by=OF_SITE),
    (NETWORK, "Open incidents in detail", "A"): _open_in_detail,
    (NETWORK, "Feeders", "A"): _feeders,
    (NETWORK, "Meters", "A"): _meters,
    (NETWORK, "Supply over time", "A"): _worst_supply,
    (VOLTAGE, "Voltage, line to neutral", "A"): _banded(LN, ("low", "high")),
    (VOLTAGE, "Voltage, line to line", "A"): _banded(LL),
    (VOLTAGE, "Voltage unbalance", "A"): _steps("interval_10min", u2=high("voltage_unbalance")),
    (VOLTAGE, "Voltage distortion", "A"): _steps(
        "interval_10min", **{f"voltage_thd_{phase}": high(f"voltage_thd_{phase}") for phase in ("l1", "l2", "l3")}
    ),
    (VOLTAGE, "Voltage qualification", "A"): _qualification,
    (VOLTAGE, "Coverage", "A"): _coverage("interval_1min", MINUTE_MS, OF_FEEDER),
    (VOLTAGE, "Voltage along the feeder", "A"): _along,
    (VOLTAGE, "Lowest minute of each meter", "A"): _steps(
        "interval_1min", "meter", by=OF_FEEDER, **{name: low(name) for name in LN}
    ),
    (VOLTAGE, "Low-voltage minutes a day", "A"): _low_by_day,
    (VOLTAGE, "Coverage over time", "A"): _coverage_steps("interval_1min", MINUTE_MS, OF_FEEDER),
    (EVENTS, "Families of events", "A"): _counted("events", _of_kind, parent=""),
    (EVENTS, "Supply losses", "A"): _counted("events", _events, kind="supply_loss"),
    (EVENTS, "Silences", "A"): _counted("events", _events, kind="comms_loss"),
    (EVENTS, "Coverage", "A"): _coverage("interval_1min", MINUTE_MS),
    (EVENTS, "Events over time", "A"): _events_over_time,
    (EVENTS, "Events", "A"): _event_table,
    (EVENTS, "ITIC: violated", "A"): _itic("violates"),
    (EVENTS, "ITIC: undecided", "A"): _itic("undecided"),
    (EVENTS, "ITIC: kept", "A"): _itic("ok"),
    (EVENTS, "Trace: voltages", "A"): _trace(*LN, *LL),
    (EVENTS, "Trace: currents", "A"): _trace(*CURRENTS),
    (EVENTS, "Revisions of this event", "A"): _revisions,
    (OUTAGES, "Customers without supply in the range", "A"): _incidents_in_range,
    **_indices(),
    (OUTAGES, "Not over yet", "A"): _counted("losses", _events, kind="supply_loss", state="open", mode="normal"),
    (OUTAGES, "Not over yet", "B"): lambda truth, shown: each(
        _unheard(truth, shown, *SILENCES, state="open", mode="normal"), silences=count("id")
    ),
    (OUTAGES, "Coverage", "A"): _coverage("interval_1min", MINUTE_MS),
    (OUTAGES, "Supply losses in the range", "A"): _reaching("supply_loss"),
    (OUTAGES, "Silences in the range", "A"): _reaching(*SILENCES),
    (OUTAGES, "Meters dead, partial and unknown", "A"): _gateway(
        "gateway", **{state: high(f"meters_{state}") for state in ("dead", "partial", "unknown", "lost")}
    ),
    (OUTAGES, "Supply of each meter", "A"): _worst_supply,
    (OUTAGES, "Coverage over time", "A"): _coverage_steps("interval_1min", MINUTE_MS),
    (ENERGY, "Energy and highest demand of each meter", "A"): _energy,
    (ENERGY, "Coverage", "A"): _coverage("demand_15min", QUARTER_MS),
    (ENERGY, "Energy a day", "A"): _steps(
        "demand_15min", "meter", step_ms=DAY_MS, **{"import": total("active_energy_import")}
    ),
    (ENERGY, "Demand", "A"): _steps(
        "demand_15min", "meter", demand=high("active_power_demand"),
        **{"at least": high("active_power_demand_min"), "at most": high("active_power_demand_max")},
    ),
    (ENERGY, "Reactive demand", "A"): _steps(
        "demand_15min", "meter", **{"reactive demand": high("reactive_power_demand")}
    ),
    (ENERGY, "Coverage over time", "A"): _coverage_steps("demand_15min", QUARTER_MS),
    (ENERGY, "Power", "A"): _steps(
        "interval_1min", "meter", power=mean("active_power_total"), reactive=mean("reactive_power_total")
    ),
    (ENERGY, "Power factor", "A"): _steps(
        "interval_1min", "meter", **{"power factor": mean("power_factor_total")}
    ),
    (ENERGY, "Highest current", "A"): _steps(
        "interval_1min", "meter", **{name: high(f"{name}_max") for name in CURRENTS}
    ),
    (HEALTH, "Gateways", "A"): _last_heard(
        "version", "uptime_s", "alarms", "clock_synced", "clock_uncertainty_s", "clock_source", "journal_ok",
        "journal_oldest_unsent_s", "journal_error", "state_free_bytes", "supply_lost", "meters", "meters_lost",
        by=OF_SITE,
    ),
    (HEALTH, "Sinks", "A"): _last_heard(
        "sink_ok", "blocked", "failures", "backlog_rows", "backlog_bytes", "backlog_age_s", "dead_letters",
        "sink_error", "sink_blocked", by=(*OF_SITE, "sink"),
    ),
    (HEALTH, "Certificates, days left", "A"): _last_heard(
        "client_certificate_days_left", "ca_days_left", "server_certificate_days_left", by=(*OF_SITE, "sink")
    ),
    (HEALTH, "Age of the oldest row that waits", "A"): _gateway("gateway", "sink", age=high("backlog_age_s")),
    (HEALTH, "Rows waiting", "A"): _gateway("gateway", "sink", rows=high("backlog_rows")),
    (HEALTH, "Rows dropped", "A"): _gateway("gateway", dropped=total("dropped")),
    (HEALTH, "Line utilisation", "A"): _gateway("gateway", "line", utilisation=high("utilisation")),
    (HEALTH, "Line lag", "A"): _gateway("gateway", "line", lag=high("lag_max_s")),
    (HEALTH, "Achieved watch rate", "A"): _gateway(
        "gateway", "line", slowest=low("watch_hz_min"), mean=mean("watch_hz_mean")
    ),
    (HEALTH, "Answered requests", "A"): _gateway("gateway", "line", answered=_answered),
    (HEALTH, "Failed requests by kind", "A"): _gateway(
        "gateway", "line", **{name: total(f"exchanges_{name}") for name in _OUTCOMES[1:]}
    ),
    (HEALTH, "Overruns", "A"): _gateway("gateway", "line", overruns=total("overruns")),
    (HEALTH, "How each meter answers", "A"): _how_meters_answer,
    (HEALTH, "Clock uncertainty", "A"): _gateway("gateway", uncertainty=high("clock_uncertainty_s")),
    (HEALTH, "Clock moved", "A"): _gateway("gateway", moved=total("clock_moved_s")),
    (HEALTH, "CPU", "A"): _gateway("gateway", cpu=high("cpu_share")),
    (HEALTH, "Memory", "A"): _gateway("gateway", memory=high("rss_bytes")),
    (HEALTH, "Event loop lag", "A"): _gateway("gateway", lag=high("loop_lag_max_s")),
    (HEALTH, "Journal, part of its room", "A"): _gateway("gateway", share=high("journal_share")),
    (HEALTH, "Written to the card a day", "A"): _gateway("gateway", written=high("card_written_bytes_day")),
    (HEALTH, "Alarms and descriptors", "A"): _gateway(
        "gateway", alarms=high("alarms_open"), **{"descriptors used": _descriptors}
    ),
}  # fmt: skip

# China's days begin at 16:00 UTC.
_CHINA_MS = 8 * 3_600_000


def _energy_by_day_in_china(truth: Truth, shown: Shown) -> Answer:
    columns = {"import": total("active_energy_import")}
    return stepped(truth.find("demand_15min", shown), DAY_MS, "meter", zone_ms=_CHINA_MS, columns=columns)


# What is another query where the dashboards are laid out for the day's own site file.
OF_THE_SITE: dict[tuple[str, str, str], Wanted] = {
    (NETWORK, "Supply of F11", "A"): _supply_of("F11"),
    (NETWORK, "Supply of F12", "A"): _supply_of("F12"),
    (NETWORK, "Supply of no feeder", "A"): _supply_of("none"),
    (VOLTAGE, "Low-voltage minutes a day", "A"): lambda truth, shown: _low_by_day(truth, shown, _CHINA_MS),
    (ENERGY, "Energy a day", "A"): _energy_by_day_in_china,
}  # fmt: skip
