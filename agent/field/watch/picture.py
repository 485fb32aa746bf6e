"""What `watch` knows at one instant, taken from the agent's answers once, here. Pure."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LN = ("voltage_l1", "voltage_l2", "voltage_l3")
_LL = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
# Exchanges without an answer, of those that a line counts by outcome.
_FAILED = ("silent", "garbled", "foreign", "refused", "down", "late")
# More than the widest terminal shows.
_KEPT = 240

EventRow = Callable[[Mapping[str, Any]], Sequence[str]]
Words = Callable[[Mapping[str, Any]], Sequence[str]]


class NotUnderstoodError(ValueError):
    """An answer that lacks what this version expects."""


@dataclass(frozen=True, slots=True)
class MeterSeen:
    """One meter. volts: in the order of its three channels, None where it has none; doing: kinds of its open events."""

    name: str
    supply: str
    comms: str
    mode: str
    last_good: str
    volts: tuple[float | None, ...]
    lowest: tuple[float | None, ...]
    reading_time: str
    doing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineSeen:
    """One line. busy: part of the last minute, None before there was one; watch_hz: slowest and fastest meter of it."""

    name: str
    state: str
    busy: float | None
    answered: int
    failed: int
    watch_hz: tuple[float, float] | None
    trouble: str


@dataclass(frozen=True, slots=True)
class SinkSeen:
    """behind: rows that wait for it, None while that was not asked."""

    name: str
    accepted: int
    rejected: int
    behind: int | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. own: of own polling, not of the running agent."""

    site: str
    gateway: str
    time: str
    clock: str
    own: bool
    meters: tuple[MeterSeen, ...]
    lines: tuple[LineSeen, ...]
    sinks: tuple[SinkSeen, ...]
    events: tuple[tuple[str, ...], ...]
    incidents: tuple[tuple[str, ...], ...]
    alarms: tuple[str, ...]

    @property
    def dead(self) -> bool:
        """Whether somebody may take something for dead."""
        return bool(self.incidents) or any(each.supply != "live" for each in self.meters)


@dataclass(frozen=True, slots=True)
class Shown:
    """How the parts are said elsewhere on the command line, so that they are said alike here."""

    event: EventRow
    incident: Words
    clock: Callable[[Mapping[str, Any]], str]
    moment: Callable[[str | None], str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked of the agent. journal: its figures, empty while they were not asked."""

    status: Mapping[str, Any]
    readings: Mapping[str, Any]
    events: Mapping[str, Any]
    journal: Mapping[str, Any] = field(default_factory=dict)


def picture(answers: Answers, shown: Shown, *, own: bool) -> Picture:
    """NotUnderstoodError where an answer is not as this version knows it."""
    try:
        return _picture(answers, shown, own)
    except (KeyError, TypeError, AttributeError) as error:
        raise NotUnderstoodError(_why(answers, error)) from error


def _why(answers: Answers, error: Exception) -> str:
    for part in (answers.status, answers.readings, answers.events):
        if isinstance(part, Mapping) and "error" in part:
            return str(part["error"])
    return f"{type(error).__name__} {error}"


def _picture(answers: Answers, shown: Shown, own: bool) -> Picture:
    status = answers.status
    readings = {each["meter"]: each for each in answers.readings["readings"]}
    kinds = {each["id"]: each["kind"] for each in answers.events["events"]}
    return Picture(
        site=status["site"],
        gateway=status["gateway"],
        time=shown.moment(status["time"])[:19],
        clock=shown.clock(status["clock"]) + (", the time is a guess" if status["clock"]["guess"] else ""),
        own=own,
        meters=tuple(_meter(each, readings.get(each["meter"]), kinds, shown) for each in status["meters"]),
        lines=tuple(_line(name, each) for name, each in status["lines"].items()),
        sinks=tuple(_sink(name, each, answers.journal) for name, each in status["sinks"].items()),
        events=tuple(tuple(shown.event(each)) for each in answers.events["events"]),
        incidents=tuple(tuple(shown.incident(each)) for each in status["incidents"]),
        alarms=tuple(f"{each['kind']} since {shown.moment(each['since'])} UTC: {each['words']}"
                     for each in status["alarms"]),
    )  # fmt: skip


def _meter(
    told: Mapping[str, Any], reading: Mapping[str, Any] | None, kinds: Mapping[str, str], shown: Shown
) -> MeterSeen:
    """A meter that is not heard has no voltage now, whatever it said last."""
    values: Mapping[str, float] = reading["values"] if reading and told["comms"] != "lost" else {}
    least: Mapping[str, float] = reading["min"] if reading else {}
    names = _LN if any(name in values for name in _LN) or not any(name in values for name in _LL) else _LL
    doing = dict.fromkeys(kinds.get(event, "an older event") for event in told["open_events"])
    return MeterSeen(
        told["meter"], told["supply"], told["comms"], told["mode"], shown.moment(told.get("last_good")),
        tuple(values.get(name) for name in names),
        tuple(least.get(name, values[name]) if name in values else None for name in names),
        reading["time"] if reading else "", tuple(doing),
    )  # fmt: skip


def _line(name: str, told: Mapping[str, Any]) -> LineSeen:
    minute, counters = told["last_minute"], told["counters"]
    rates = sorted(minute["watch_hz"].values()) if minute else []
    mute = (f"{meter} lacks {'; '.join(what)}" for meter, what in told["mute"].items())
    return LineSeen(
        name, told["state"], minute["utilisation"] if minute else None, counters["answered"],
        sum(counters[what] for what in _FAILED),
        (rates[0], rates[-1]) if rates else None,
        ", ".join(filter(None, (told["error"], told["foreign_master"], *mute))),
    )  # fmt: skip


def _sink(name: str, told: Mapping[str, Any], journal: Mapping[str, Any]) -> SinkSeen:
    behind = journal.get("sinks", {}).get(name, {}).get("rows")
    blocked = journal.get("sending", {}).get(name, {}).get("blocked") or ""
    return SinkSeen(name, told["accepted"], told["rejected"], behind, told["error"] or blocked)


class History:
    """The lowest voltage of each channel in every reading seen since the start, oldest first."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float | None, ...]]] = {}
        self._last: dict[str, str] = {}

    def add(self, now: Picture) -> None:
        """A reading is taken once; while a meter is silent there is a gap."""
        for meter in now.meters:
            kept = self._seen.setdefault(meter.name, deque(maxlen=_KEPT))
            silent = meter.comms == "lost"
            if silent and kept and any(volt is not None for volt in kept[-1]):
                kept.append((None,) * 3)
            elif not silent and meter.reading_time not in ("", self._last.get(meter.name)):
                self._last[meter.name] = meter.reading_time
                kept.append(meter.lowest)

    def of(self, meter: str) -> Sequence[tuple[float | None, ...]]:
        return tuple(self._seen.get(meter, ()))
