"""The journal's export -> rows of CSV files, as a spreadsheet wants them: units in the header, UTC and the site's own
time as dates, for each meter one file of readings, of status, of traces, and of each kind of interval. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any

from agent.report.record.demand_blocks import UNITS
from drivers.quantities import CATALOGUE

Told = Mapping[str, Any]

# What an export says of an event, beside its instants, bounds and evidence: key, and what it is called at the head.
_EVENT = (
    ("voltage_basis", "voltage basis"), ("reference_v", "reference [V]"), ("residual_v", "residual, at most [V]"),
    ("residual_pct", "residual, at most [%]"), ("peak_v", "peak, at least [V]"), ("peak_pct", "peak, at least [%]"),
    ("i_before", "current before [A]"), ("i_during", "current during [A]"), ("direction", "cause lies"),
    ("unbalance_pct", "unbalance [%]"), ("change_pct", "change [%]"), ("accuracy_pct", "accuracy [%]"),
    ("watch_s", "looked at every [s]"), ("basis", "basis"), ("mode", "mode"), ("profile", "profile"),
    ("meter_serial", "meter's serial number"), ("parent", "inside event"), ("feeder", "feeder"), ("line", "line"),
)  # fmt: skip
_INCIDENT = (("confidence", "confidence, 0 to 1"), ("feeder", "feeder"), ("device", "look at"))
_INSTANTS = (
    ("start_earliest", "began after"), ("start", "began by"), ("end_earliest", "ended after"), ("end", "ended by"),
)  # fmt: skip
_LASTED = (("duration_min_s", "lasted, at least [s]"), ("duration_max_s", "lasted, at most [s]"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one file. cells: text by the column's header, in their order.

    key, revision: of rows with one key only the one of the highest revision is to stay, and that only if it is wanted
    """

    file: str
    cells: Mapping[str, str]
    key: str = ""
    revision: int = 0
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class RowMaker:
    """zone: the site's; since, until: of events and incidents, what lies in between, or reaches into it; UTC as
    RFC 3339 has it, None: any"""

    zone: tzinfo
    zone_name: str
    since: datetime | None = None
    until: datetime | None = None

    def rows(self, told: Told) -> Iterator[Row]:
        """Those of one record, as the export says it."""
        match told["record"]:
            case "reading":
                yield Row(f"readings-{_name(told['meter'])}", self._reading(told))
            case "interval":
                yield Row(f"{told['interval']}-{_name(told['meter'])}", self._interval(told))
            case "health":
                yield Row(_health_file(told), self._health(told))
            case "trace":
                yield from self._trace(told)
            case "event":
                yield self._of_revisions("events", self._event(told), told)
            case "incident":
                yield self._of_revisions("incidents", self._incident(told), told)
            case "gap":
                lo, hi = told["gap"]
                count = {"from entry": str(lo), "to entry": str(hi), "entries": str(hi - lo + 1)}
                yield Row("gaps", self._instant("noted", told["time"]) | count | {"why": text(told["reason"])})

    def _reading(self, told: Told) -> dict[str, str]:
        flags = " ".join(told["flags"])
        cells = self._instant("time", told["time"])
        cells |= {"window [s]": str(told["window_s"]), "quality": told["quality"], "flags": text(flags)}
        return cells | _values(told)

    def _interval(self, told: Told) -> dict[str, str]:
        cells = self._instant("begins", told["start"])
        cells |= {"coverage, 0 to 1": str(told["coverage"]), "flagged, 0 to 1": str(told["flagged"])}
        return cells | _values(told)

    def _health(self, told: Told) -> dict[str, str]:
        cells = self._instant("time", told["time"])
        cells |= {key: text(said) for key, said in told["texts"].items()}
        for name, instant in told.get("instants", {}).items():
            cells |= self._instant(name, instant)
        return cells | {key: str(number) for key, number in told["numbers"].items()}

    def _trace(self, told: Told) -> Iterator[Row]:
        """A row for each sample, and for each reply that did not come."""
        start = datetime.fromisoformat(told["start"])
        doubtful, lost_s = frozenset(told.get("questionable", ())), told.get("lost_s", ())
        looks = [(t_s, n) for n, t_s in enumerate(told["t_s"])] + [(t_s, -1) for t_s in lost_s]
        for t_s, n in sorted(looks):
            quality = "no reply" if n < 0 else "questionable" if n in doubtful else "good"
            cells = self._at("time", start + timedelta(seconds=t_s))
            cells |= {"event": told["event"], "kind": told["kind"], "since it began [s]": str(t_s), "quality": quality}
            for name, values in told["values"].items():
                value = values[n] if n >= 0 else None
                cells[header(name)] = "" if value is None else str(value)
            yield Row(f"traces-{_name(told['meter'])}", cells)

    def _event(self, told: Told) -> dict[str, str]:
        where = told.get("meter") or told.get("line") or told["scope"]
        cells = {"event": told["id"], "kind": told["kind"], "state": told["state"], "at": text(where)}
        cells |= self._bounds(told) | {"phases": _list(told.get("phases")), "channels": _list(told.get("channels"))}
        cells |= {column: text(told.get(key)) for key, column in _EVENT}
        cells |= _customers("customers", told.get("customers"))
        cells["class"] = " ".join(f"{table}:{name}" for table, name in told.get("class", {}).items())
        cells |= {"supersedes": _list(told.get("supersedes")), "because of": _list(told.get("because"))}
        return cells | self._clock(told) | {"evidence": text("; ".join(told.get("evidence", ())))}

    def _incident(self, told: Told) -> dict[str, str]:
        cells = {"incident": told["id"], "cause": told["cause"], "state": told["state"], "at": text(told["node"])}
        cells |= self._bounds(told) | {"phases": _list(told.get("phases"))}
        cells |= {column: text(told.get(key)) for key, column in _INCIDENT}
        cells |= _customers("customers now", told.get("customers")) | _customers("customers, most", told.get("most"))
        for key in ("dead", "alive", "unknown", "restored", "critical", "events"):
            cells[key] = _list(told.get(key))
        return (
            cells | self._clock(told) | {"in words": text(" ".join((*told.get("alarms", ()), *told.get("words", ()))))}
        )

    def _bounds(self, told: Told) -> dict[str, str]:
        cells: dict[str, str] = {}
        for key, name in _INSTANTS:
            cells |= self._instant(name, told.get(key))
        return cells | {column: text(told.get(key)) for key, column in _LASTED}

    def _clock(self, told: Told) -> dict[str, str]:
        synced = {True: "synchronised", False: "NOT synchronised", None: "not known"}[told["clock"]["synced"]]
        return {"clock": synced, "clock within [s]": text(told["clock"]["uncertainty_s"])}

    def _of_revisions(self, file: str, cells: dict[str, str], told: Told) -> Row:
        begins, ends = (datetime.fromisoformat(told[key]) if key in told else None for key in ("start", "end"))
        late = self.until is not None and begins is not None and begins >= self.until
        early = self.since is not None and ends is not None and ends < self.since
        return Row(file, cells, told["id"], told["revision"], not (late or early))

    def _instant(self, name: str, instant: str | None) -> dict[str, str]:
        return self._at(name, None if instant is None else datetime.fromisoformat(instant))

    def _at(self, name: str, at: datetime | None) -> dict[str, str]:
        cells = {f"{name} (UTC)": _stamp(at)}
        return cells if self.zone is UTC else cells | {f"{name} ({self.zone_name})": _stamp(at, self.zone)}


@cache
def header(quantity: str, which: str = "") -> str:
    """A column of readings: ``voltage_l1 min [V]``."""
    known = CATALOGUE.get(quantity)
    unit = UNITS.get(quantity, "1") if known is None else known.unit
    return f"{quantity}{which}{'' if unit == '1' else f' [{unit}]'}"


def _values(told: Told) -> dict[str, str]:
    """Each with the lowest and the highest, where they are told."""
    cells, low, high = {}, told["min"], told["max"]
    for name, value in told["values"].items():
        cells[header(name)] = str(value)
        if name in low:
            cells[header(name, " min")] = str(low[name])
        if name in high:
            cells[header(name, " max")] = str(high[name])
    return cells


def text(value: object) -> str:
    """One line, and no formula to a spreadsheet, whoever wrote it: words of servers are among them."""
    if value is None:
        return ""
    words = str(value)
    if isinstance(value, int | float):
        return words
    words = " ".join(words.split())
    return f"'{words}" if words.startswith(("=", "+", "-", "@")) else words


def _stamp(at: datetime | None, zone: tzinfo = UTC) -> str:
    """What spreadsheets take for a date and a time of day, to the millisecond."""
    return "" if at is None else at.astimezone(zone).isoformat(" ", "milliseconds")[:23]


def _list(values: Sequence[str] | None) -> str:
    return text(" ".join(values or ()))


def _customers(name: str, bounds: Sequence[int] | None) -> dict[str, str]:
    low, high = bounds or ("", "")
    return {f"{name}, fewest": str(low), f"{name}, at most": str(high)}


def _health_file(told: Told) -> str:
    of = "status" if told["of"] == "meter" else told["of"]
    return f"{of}-{_name(told['name'])}" if told.get("name") else of


def _name(meter: str) -> str:
    return re.sub(r"[^\w-]", "_", meter)
