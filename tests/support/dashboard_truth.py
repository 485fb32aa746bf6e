"""What a day's records say, put together without a database: the other side of every panel's query.

Rows are made of the records with the names that fields have for other people, written down here once more and not
taken from the encoder: a field that is renamed there is a field that is missing here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose, isfinite
from typing import Any

from dashboard_day import GATEWAY, SITE, Day
from grafana_queries import ALL, Shown

from agent.records import Event, Gap, Health, Incident, Interval, Reading, Trace
from agent.trace_rows import LOST, row_struct

MINUTE_MS, DAY_MS = 60_000, 86_400_000
EVENT_NUMBERS = (
    "revision", "duration_min_s", "duration_max_s", "duration_s", "reference_v", "residual_v", "residual_pct", "peak_v",
    "peak_pct", "accuracy_pct", "window_s", "watch_s", "i_before", "i_during", "sag_energy_s", "unbalance_pct",
    "unbalance_nema_pct", "change_pct",
)  # fmt: skip
EVENT_TEXTS = (
    "id", "state", "scope", "basis", "line", "mode", "parent", "voltage_basis", "reference", "profile", "config",
    "direction", "unbalance_method", "meter_serial",
)  # fmt: skip
EVENT_LISTS = ("path", "evidence", "supersedes", "because", "channels", "phases")
CLASSES = ("en50160", "ieee1159", "itic", "semi_f47", "iec61000_4_11", "iec61000_4_34")
INSTANTS = ("reported_us", "start_us", "start_earliest_us", "end_us", "end_earliest_us")
INCIDENT_NUMBERS = ("revision", "confidence", "duration_min_s", "duration_max_s", "reclosed")
INCIDENT_TEXTS = ("id", "state", "cause", "node", "device")
INCIDENT_LISTS = (
    "path", "phases", "dead", "alive", "unknown", "restored", "events", "nested", "critical", "alarms",
)  # fmt: skip

Tags = tuple[tuple[str, str], ...]
Values = Mapping[str, Any]
# By the tags that tell series apart: instants in ms (None: it says nothing) and what stands there.
Answer = dict[Tags, list[tuple[int | None, Values]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One point. absent: numbers that it has not, whatever stands there"""

    at_ms: int
    tags: Mapping[str, str]
    fields: Values
    absent: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Any:
        return None if name in self.absent else self.fields.get(name, self.tags.get(name))


@dataclass
class Truth:
    """rows: by measurement, in order of time; known: all fields and tags that any of them has."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    known: dict[str, set[str]] = field(default_factory=dict)

    def add(self, measurement: str, row: Row) -> None:
        self.rows.setdefault(measurement, []).append(row)
        self.known.setdefault(measurement, set()).update(row.fields, row.tags, row.absent)

    def find(
        self, measurement: str, shown: Shown, where: Callable[[Row], bool] = lambda row: True,
        span_ms: tuple[int, int] | None = None, by: Sequence[str] = ("site", "gateway", "feeder", "meter"),
        also: Sequence[str] = (),
    ) -> list[Row]:  # fmt: skip
        """Rows of what was chosen. span_ms: both ends within, else the range that is shown; also: tags that may say
        none, as those of a whole line or gateway do"""
        lo, hi = span_ms or (shown.from_ms, shown.to_ms)
        chosen = {tag: shown.variables[tag] for tag in by}
        return [
            row for row in self.rows.get(measurement, ())
            if lo <= row.at_ms <= hi and where(row)
            and all(ALL in some or row[tag] in (*some, *["none"] * (tag in also)) for tag, some in chosen.items())
        ]  # fmt: skip


def truth_of(day: Day) -> Truth:
    truth = Truth()
    for one in day.sent:
        for measurement, row in _rows(day, one.record):
            truth.add(measurement, row)
    for measurement, kind, row_of in (("event", Event, _event), ("incident", Incident, _incident)):
        last = {record.id: record for record in day.of(kind)}  # type: ignore[attr-defined]
        for record in last.values():
            truth.add(measurement, row_of(day, record, record.start_us))
    for rows in truth.rows.values():
        rows.sort(key=lambda row: row.at_ms)
    return truth


def _rows(day: Day, record: Any) -> Iterator[tuple[str, Row]]:
    match record:
        case Reading():
            numbers = _with_extremes(record) | {"window_s": record.window_s, "quality": record.quality}
            yield "reading", Row(record.time_us // 1000, _tags(day, record.meter), numbers)
        case Interval():
            numbers = _with_extremes(record) | {"coverage": record.coverage, "flagged": record.flagged}
            yield record.kind, Row(record.start_us // 1000, _tags(day, record.meter), numbers)
        case Health():
            told = {**record.numbers, **record.texts, **record.instants}
            more = {record.of: record.name} if record.of in ("line", "sink") else {}
            row = Row(record.time_us // 1000, _tags(day, record.meter) | more, told)
            yield ("gateway" if record.meter is None else "status"), row
        case Gap():
            told = {"dropped": record.seq_hi - record.seq_lo + 1, "dropped_reason": record.reason}
            yield "gateway", Row(record.time_us // 1000, _tags(day, None), told)
        case Event():
            yield "event_log", _event(day, record, record.reported_us)
        case Trace():
            yield from (("trace", row) for row in _samples(day, record))


def _with_extremes(record: Reading | Interval) -> dict[str, Any]:
    low = {f"{name}_min": value for name, value in record.min.items()}
    high = {f"{name}_max": value for name, value in record.max.items()}
    return {**record.values, **low, **high}


def _tags(day: Day, meter: str | None, feeder: str | None = None) -> dict[str, str]:
    of = feeder or day.feeders.get(meter or "", "none")
    return {"site": SITE, "gateway": GATEWAY, "meter": meter or "none", "feeder": of}


def _event(day: Day, event: Event, at_us: int) -> Row:
    numbers: dict[str, Any] = {name: getattr(event, name) for name in EVENT_NUMBERS}
    numbers |= {f"extreme_{channel}": value for channel, value in event.extreme_by_channel.items()}
    numbers["customers_min"], numbers["customers_max"] = event.customers or (None, None)
    numbers["clock_uncertainty_s"] = event.clock.uncertainty_s
    told = {name: getattr(event, name) or "" for name in EVENT_TEXTS}
    told |= {name: ",".join(getattr(event, name)) for name in EVENT_LISTS}
    told |= {f"class_{name}": event.classes.get(name, "") for name in CLASSES}
    told |= {"clock_synced": event.clock.synced}
    tags = {**_tags(day, event.meter), "feeder": event.feeder or "none", "kind": event.kind}
    return _told(at_us, tags, numbers, told, event)


def _incident(day: Day, incident: Incident, at_us: int) -> Row:
    numbers: dict[str, Any] = {name: getattr(incident, name) for name in INCIDENT_NUMBERS}
    numbers["customers_min"], numbers["customers_max"] = incident.customers or (None, None)
    numbers["most_min"], numbers["most_max"] = incident.most or (None, None)
    for phase in ("l1", "l2", "l3"):
        bounds = incident.by_phase.get(phase, (None, None))
        numbers[f"customers_{phase}_min"], numbers[f"customers_{phase}_max"] = bounds
    numbers["clock_uncertainty_s"] = incident.clock.uncertainty_s
    told: dict[str, Any] = {name: getattr(incident, name) for name in INCIDENT_TEXTS}
    told |= {name: ",".join(getattr(incident, name)) for name in INCIDENT_LISTS}
    told |= {
        "words": " ".join(incident.words),
        "locked_out": incident.locked_out,
        "clock_synced": incident.clock.synced,
    }
    return _told(at_us, _tags(day, None, incident.feeder), numbers, told, incident)


def _told(at_us: int, tags: dict[str, str], numbers: dict[str, Any], told: dict[str, Any], record: Any) -> Row:
    instants = {name: getattr(record, name) for name in INSTANTS}
    absent = frozenset(name for name, value in numbers.items() if value is None)
    known = {name: value for name, value in {**numbers, **told, **instants}.items() if value is not None}
    return Row(at_us // 1000, tags, {**known, "absent": ",".join(sorted(absent))}, absent)


def _samples(day: Day, trace: Trace) -> Iterator[Row]:
    for at_us, mark, *values in row_struct(len(trace.columns)).iter_unpack(trace.rows):
        # Seven digits are what a 32-bit float has.
        told = {
            name: float(f"{value:.7g}") for name, value in zip(trace.columns, values, strict=True) if isfinite(value)
        }
        if mark != LOST:
            told |= {"event": trace.event, "quality": "good"}
            yield Row((at_us + trace.offset_us) // 1000, _tags(day, trace.meter), told)


# --- what a query makes of rows ----------------------------------------------------------------------------------

Column = Callable[[Sequence[Row]], Any]


def _values(rows: Iterable[Row], name: str) -> list[Any]:
    return [row[name] for row in rows if row[name] is not None]


def mean(name: str) -> Column:
    return lambda rows: sum(some) / len(some) if (some := _values(rows, name)) else None


def low(name: str) -> Column:
    return lambda rows: min(_values(rows, name), default=None)


def high(name: str) -> Column:
    return lambda rows: max(_values(rows, name), default=None)


def total(name: str) -> Column:
    return lambda rows: sum(some) if (some := _values(rows, name)) else None


def last(name: str) -> Column:
    return lambda rows: next(reversed(_values(rows, name)), None)


def count(name: str) -> Column:
    return lambda rows: len(_values(rows, name)) or None


def grouped(rows: Iterable[Row], *tags: str) -> dict[Tags, list[Row]]:
    found: dict[Tags, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple((tag, row.tags.get(tag, "")) for tag in sorted(tags)), []).append(row)
    return found


def each(rows: Iterable[Row], *tags: str, **columns: Column) -> Answer:
    """One row for each group."""
    return {
        key: [(None, {name: of(some) for name, of in columns.items()})] for key, some in grouped(rows, *tags).items()
    }


def alone(**values: Any) -> Answer:
    """One row with these values."""
    return {(): [(None, values)]}


def stepped(
    rows: Iterable[Row], step_ms: int, *tags: str, zone_ms: int = 0, zero_in: tuple[int, int] | None = None,
    columns: Mapping[str, Column],
) -> Answer:  # fmt: skip
    """One row for each group and step. zone_ms: of whose days; zero_in: the span in which a step without a row is 0"""
    answer: Answer = {}
    for key, some in grouped(rows, *tags).items():
        steps: dict[int, list[Row]] = {}
        if zero_in is not None:
            steps = {at: [] for at in range(_floor(zero_in[0], step_ms, zone_ms), zero_in[1] + 1, step_ms)}
        for row in some:
            steps.setdefault(_floor(row.at_ms, step_ms, zone_ms), []).append(row)
        empty = None if zero_in is None else 0
        answer[key] = [
            (at, {name: of(inside) if inside else empty for name, of in columns.items()})
            for at, inside in sorted(steps.items())
        ]
    return answer


def _floor(at_ms: int, step_ms: int, zone_ms: int) -> int:
    return (at_ms + zone_ms) // step_ms * step_ms - zone_ms


def raw(rows: Iterable[Row], *names: str, **made: Callable[[Row], Any]) -> Answer:
    """The rows themselves; made: columns that are reckoned, or have another name"""
    return {
        (): [(row.at_ms, {name: row[name] for name in names} | {k: of(row) for k, of in made.items()}) for row in rows]
    }


def ms(name: str) -> Callable[[Row], float | None]:
    """An instant in milliseconds."""
    return lambda row: None if row[name] is None else row[name] / 1000


# --- the two sides -----------------------------------------------------------------------------------------------


def answer_of(series: Iterable[Mapping[str, Any]]) -> Answer:
    """What the database said, as JSON (`epoch=ms`)."""
    answer: Answer = {}
    for one in series:
        key: Tags = tuple(sorted(one.get("tags", {}).items()))
        columns = one["columns"]
        rows = [dict(zip(columns, values, strict=True)) for values in one["values"]]
        answer[key] = [(row.pop("time"), row) for row in rows]
    return answer


def differences(found: Answer, wanted: Answer) -> list[str]:
    """In words; nothing where they are equal. Rows without a value say nothing."""
    here, there = _told_rows(found), _told_rows(wanted)
    said = [f"series {dict(key)} should not be there" for key in here.keys() - there.keys()]
    said += [f"series {dict(key)} is missing" for key in there.keys() - here.keys()]
    for key in here.keys() & there.keys():
        said += _row_differences(dict(key), here[key], there[key])
    return said


def says_something(answer: Answer) -> bool:
    return bool(_told_rows(answer))


def _told_rows(answer: Answer) -> Answer:
    told = {key: [(at, _without_absent(values)) for at, values in rows] for key, rows in answer.items()}
    kept = {
        key: [(at, values) for at, values in rows if any(one is not None for one in values.values())]
        for key, rows in told.items()
    }
    return {key: rows for key, rows in kept.items() if rows}


def _without_absent(values: Values) -> dict[str, Any]:
    absent = sorted((values.get("absent") or "").split(","))
    told = {name: None if name in absent else value for name, value in values.items()}
    return told | ({"absent": ",".join(absent)} if "absent" in values else {})


def _row_differences(where: dict[str, str], found: Sequence[Any], wanted: Sequence[Any]) -> Iterator[str]:
    if len(found) != len(wanted):
        yield f"{where}: {len(found)} rows instead of {len(wanted)}"
        return
    for (at, values), (when, truth) in zip(_ordered(found), _ordered(wanted), strict=True):
        if when is not None and at is not None and at != when:
            yield f"{where}: a row at {at} instead of {when}"
        elif values.keys() != truth.keys():
            yield f"{where}: columns {sorted(values)} instead of {sorted(truth)}"
        else:
            for name, value in truth.items():
                if not equal(values[name], value):
                    yield f"{where} at {when}: {name} = {values[name]!r} instead of {value!r}"


def _ordered(rows: Sequence[Any]) -> list[Any]:
    """Several points may lie in one millisecond."""
    return sorted(rows, key=lambda row: (row[0] or 0, [f"{name}{value}" for name, value in sorted(row[1].items())]))


def equal(found: Any, wanted: Any) -> bool:
    """Numbers to what adding up in another order may cost."""
    if isinstance(found, int | float) and isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return bool(found == wanted)
