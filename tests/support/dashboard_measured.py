"""What panels of the network, of voltage, energy and health have to answer, from the truth of the day."""

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
from grafana_queries import Shown

Wanted = Callable[[Truth, Shown], Answer]

OF_SITE, OF_FEEDER = ("site", "gateway"), ("site", "gateway", "feeder")
OF_METER = (*OF_FEEDER, "meter")
STATES = ("live", "partial", "dead", "unknown")
LN, LL = ("voltage_l1", "voltage_l2", "voltage_l3"), ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
CURRENTS = ("current_l1", "current_l2", "current_l3")
QUARTER_MS = 15 * MINUTE_MS
# Causes of incidents in which supply, or a phase of it, is gone.
WITHOUT_SUPPLY = ("supply_loss", "phase_loss", "open_conductor")


def _minutes(shown: Shown) -> float:
    return (shown.to_ms - shown.from_ms) / MINUTE_MS


def _until_end(shown: Shown, ms_: int) -> tuple[int, int]:
    """Of the range's end, the first instant not within."""
    return shown.to_ms - ms_ + 1, shown.to_ms


def typed_in(shown: Shown, name: str) -> float:
    return float(shown.variables[name][0])


# --- network ----------------------------------------------------------------------------------------------------


def _heard(truth: Truth, shown: Shown, ms_: int = 3 * MINUTE_MS) -> list[Row]:
    """The last that each meter said."""
    rows = truth.find("status", shown, span_ms=_until_end(shown, ms_))
    return [some[-1] for some in grouped(rows, "meter").values()]


def supply_counts(truth: Truth, shown: Shown) -> Answer:
    heard = _heard(truth, shown)
    return alone(**{state: sum(row["supply"] == state for row in heard) for state in STATES})


def not_heard(truth: Truth, shown: Shown) -> Answer:
    return alone(**{"not heard": len(_heard(truth, shown, DAY_MS)) - len(_heard(truth, shown))})


def _open_incidents(truth: Truth, shown: Shown) -> list[Row]:
    return truth.find("incident", shown, lambda row: row["state"] == "open", _until_end(shown, 90 * DAY_MS), OF_FEEDER)


def of_open_incidents(name: str, of: Column) -> Wanted:
    return lambda truth, shown: each(_open_incidents(truth, shown), **{name: of})


def _without_supply(truth: Truth, shown: Shown) -> list[Row]:
    """An open neutral or earth fault endangers people; they have supply."""
    return [row for row in _open_incidents(truth, shown) if row["cause"] in WITHOUT_SUPPLY]


def of_those_without(name: str, of: Column) -> Wanted:
    return lambda truth, shown: each(_without_supply(truth, shown), **{name: of})


def nobody_counted(truth: Truth, shown: Shown) -> Answer:
    some = [row for row in _without_supply(truth, shown) if row["customers_max"] is None]
    return each(some, **{"incidents without a number": count("id")})


def last_heard(*names: str, by: tuple[str, ...]) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        rows = truth.find("gateway", shown, span_ms=_until_end(shown, DAY_MS), by=OF_SITE)
        return each(rows, *by, **{name: last(name) for name in names})

    return wanted


def open_in_detail(truth: Truth, shown: Shown) -> Answer:
    return raw(
        _open_incidents(truth, shown), "node", "cause", "device", "confidence", "customers_min", "customers_max",
        "dead", "unknown", "alarms", "critical", "words", "absent", "gateway", "feeder", "id",
        start_earliest=ms("start_earliest_us"), start=ms("start_us"),
    )  # fmt: skip


def supply_of_feeders(truth: Truth, shown: Shown) -> Answer:
    heard = _heard(truth, shown)
    counted = {state: lambda rows, state=state: sum(row["supply"] == state for row in rows) for state in STATES}
    return each(heard, "feeder", **counted)


def each_meter(truth: Truth, shown: Shown) -> Answer:
    said = {name: last(name) for name in ("supply", "comms", "mode", "open_events")}
    rows = truth.find("status", shown, span_ms=_until_end(shown, 3 * MINUTE_MS))
    return each(rows, *OF_METER, last_good=lambda some: ms("last_good_us")(some[-1]), **said)


def worst_supply(truth: Truth, shown: Shown, where: Callable[[Row], bool] = lambda row: True) -> Answer:
    """4 dead, 2 partial, 1 unknown, each if it was so at any time of the step."""
    worth = {"dead": 4, "partial": 2, "unknown": 1, "live": 0}
    worst: dict[str, Column] = {"worst": lambda rows: sum({worth[row["supply"]] for row in rows})}
    return stepped(truth.find("status", shown, where), shown.interval_ms, "feeder", "meter", columns=worst)


def supply_of(feeder: str) -> Wanted:
    return lambda truth, shown: worst_supply(truth, shown, lambda row: row["feeder"] == feeder)


# --- voltage ----------------------------------------------------------------------------------------------------


def _where_read(name: str, line: float) -> Column:
    return lambda rows: None if mean(name)(rows) is None else line


def banded(names: Sequence[str], limits: Sequence[str] = ()) -> Wanted:
    """limits: lines where anything was read at all"""

    def wanted(truth: Truth, shown: Shown) -> Answer:
        columns: dict[str, Column] = {
            f"{limit} limit": _where_read(names[0], typed_in(shown, limit)) for limit in limits
        }
        for name in names:
            columns |= {name: mean(name), f"{name} lowest": low(f"{name}_min"), f"{name} highest": high(f"{name}_max")}
        return stepped(truth.find("reading", shown), shown.interval_ms, columns=columns)

    return wanted


def in_steps(
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
    if any(one < typed_in(shown, "low") for one in volts):
        return "low"
    return "high" if any(one > typed_in(shown, "high") for one in volts) else ""


def _supplied(truth: Truth, shown: Shown) -> list[Row]:
    """Minutes in which some phase stayed above a tenth of the low limit: the others are an interruption."""
    gone_v = typed_in(shown, "low") / 10
    rows = truth.find("interval_1min", shown, by=OF_FEEDER)
    return [row for row in rows if any((row[f"{name}_min"] or 0.0) >= gone_v for name in LN)]


def qualification(truth: Truth, shown: Shown) -> Answer:
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


def low_by_day(truth: Truth, shown: Shown, zone_ms: int = 0) -> Answer:
    rows = [row for row in _supplied(truth, shown) if _beyond(shown, row) == "low"]
    span = (shown.from_ms, shown.to_ms)
    return stepped(rows, DAY_MS, "meter", zone_ms=zone_ms, zero_in=span, columns={"low": count("coverage")})


def along_feeder(truth: Truth, shown: Shown) -> Answer:
    columns: dict[str, Column] = {"coverage": lambda rows: sum(row["coverage"] for row in rows) / _minutes(shown)}
    for name in LN:
        columns |= {name: mean(name), f"{name}_min": low(f"{name}_min"), f"{name}_max": high(f"{name}_max")}
    return each(truth.find("interval_1min", shown, by=OF_FEEDER), "feeder", "meter", **columns)


def coverage_of(measurement: str, length_ms: int, by: tuple[str, ...] = OF_METER) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        whole_ms = shown.to_ms - shown.from_ms
        rows = grouped(truth.find(measurement, shown, by=by), "site", "gateway", "meter").values()
        seen = [sum(row["coverage"] for row in some) * length_ms / whole_ms for some in rows]
        return alone(mean=sum(seen) / len(seen), least=min(seen))

    return wanted


def coverage_steps(measurement: str, length_ms: int, by: tuple[str, ...] = OF_METER) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        part: dict[str, Column] = {
            "coverage": lambda rows: sum(row["coverage"] for row in rows) * length_ms / shown.interval_ms
        }
        rows, span = truth.find(measurement, shown, by=by), (shown.from_ms, shown.to_ms)
        return stepped(rows, shown.interval_ms, "meter", zero_in=span, columns=part)

    return wanted


# --- energy and health ------------------------------------------------------------------------------------------


def energy_of_each(truth: Truth, shown: Shown) -> Answer:
    columns: dict[str, Column] = {
        "demand": high("active_power_demand"), "demand_max": high("active_power_demand_max"),
        "coverage": lambda rows: sum(row["coverage"] for row in rows) * 15 / _minutes(shown),
    }  # fmt: skip
    for name in ("active_energy_import", "active_energy_export", "reactive_energy_import"):
        columns |= {each_: total(each_) for each_ in (name, f"{name}_min", f"{name}_max")}
    return each(truth.find("demand_15min", shown), "feeder", "meter", **columns)


def of_gateways(*tags: str, **columns: Column) -> Wanted:
    return in_steps("gateway", *tags, by=OF_SITE, **columns)


OUTCOMES = ("answered", "silent", "garbled", "foreign", "refused", "down", "late")


def answered(rows: Any) -> float | None:
    counted = [total(f"exchanges_{name}")(rows) for name in OUTCOMES]
    return None if None in counted else counted[0] / sum(counted)


def descriptors(rows: Any) -> float | None:
    used, most = high("descriptors")(rows), high("descriptors_max")(rows)
    return None if used is None else used / most


def how_meters_answer(truth: Truth, shown: Shown) -> Answer:
    return each(
        truth.find("status", shown), "gateway", "feeder", "meter", missed_ticks=total("missed_ticks"),
        watch_hz=mean("watch_hz"), refresh_s=last("refresh_s"), mute=high("mute"), comms_ok=mean("comms_ok"),
        comms_lost=mean("comms_lost"),
    )  # fmt: skip
