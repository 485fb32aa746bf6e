"""Time in which nobody knows of a meter whether its place had supply, and how much of it counters prove. Pure.

    silence   of the meter or of its line, or values that are frozen, as told: from `start_earliest` to `end`. One that
              began in maintenance is planned; one that began in a test is not, as it may have outlasted it
    no record minutes that are not in the meter's record and that no event of it tells of: the agent or its gateway was
              off, its clock wrong, the meter not there yet. Pieces no longer than what is sustained are left out.
              Of places without a meter: minutes that are in the record of no meter

    a counter, before and after      proves of the time between
    -------------------------------  --------------------------------------------------------------------------------
    hours of a self-powered meter    supply for as long as it ran on, less its step and what its quartz may be off by
    energy                           supply for as long as what was counted takes at half as much again as the highest
                                     quarter of an hour that is known of the meter
    power failures, self-powered     supply all the time if it did not move: of a counter that has counted before

What they said is known at quarters of an hour (`demand_15min`), between bounds; time that reaches beyond the first or
the last of these is proven by nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import isnan

from agent.detect.network import Network
from agent.detect.supply_evidence import SELF_POWERED
from agent.outage import Counters, Steps, ran_on, resolved
from agent.records import MINUTE_US, Event, Incident, Kind
from agent.report.figures import Span, common, without
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import REGISTER, RUNNING

ENERGY = f"active_energy_import{REGISTER}"
HOURS, FAILURES = (f"{name}{REGISTER}" for name in RUNNING)
# Of the time before a report is made so much may not be written yet: `history.WRITE_EVERY_US`, and a minute unfinished.
YOUNG_US = 12 * MINUTE_US
# Ticks on either side of which one may be bounded better than the nearest: one that lies in the silence's first moment.
_TICKS = 2
_UNHEARD: frozenset[Kind] = frozenset({"comms_loss", "stale_data"})


@dataclass(frozen=True, slots=True)
class Silence:
    """span: when there may have been no supply; most_us: for how long at most; told: id of its event, empty for what is
    not in the record; planned: it began in maintenance"""

    span: Span
    most_us: int
    told: str = ""
    planned: bool = False

    @property
    def proven_us(self) -> int:
        return self.span.length_us - self.most_us


@dataclass(slots=True)
class Heard:
    """When a meter is in the record: columns of minutes pass through `note`."""

    spans: list[Span] = field(default_factory=list)

    def note(self, minutes: Iterable[Columns]) -> Iterator[Columns]:
        for columns in minutes:
            for run in _runs(columns.start_us):
                self._add(run)
            yield columns

    def _add(self, run: Span) -> None:
        if self.spans and self.spans[-1].to_us == run.from_us:
            self.spans[-1] = Span(self.spans[-1].from_us, run.to_us)
        else:
            self.spans.append(run)


def _runs(starts: Sequence[int]) -> Iterator[Span]:
    """Minutes that follow each other."""
    if not starts:
        return
    if starts[-1] - starts[0] == (len(starts) - 1) * MINUTE_US:  # nearly every hour
        yield Span(starts[0], starts[-1] + MINUTE_US)
        return
    begin = before = starts[0]
    for at_us in starts:
        if at_us > before + MINUTE_US:
            yield Span(begin, before + MINUTE_US)
            begin = at_us
        before = at_us
    yield Span(begin, before + MINUTE_US)


def told_of(events: Iterable[Event], network: Network) -> Mapping[str, Sequence[Event]]:
    """Silences by meter: a line's are those of all its meters."""
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.kind in _UNHEARD and event.state != "retracted":
            for meter in _concerned(event, network):
                found.setdefault(meter, []).append(event)
    return found


def _concerned(event: Event, network: Network) -> Iterable[str]:
    if event.meter is not None:
        return (event.meter,)
    return (name for name, placed in network.meters.items() if event.line is not None and placed.line == event.line)


def possible(told: Event | Incident, until_us: int) -> Span:
    """From when to when it may have gone on."""
    end_us = until_us if told.end_us is None else told.end_us
    return Span(told.start_earliest_us, max(told.start_earliest_us, end_us))


def no_record(heard: Heard, ticks: Callable[[], "Ticks"], period: Span, least_min: float) -> tuple[Silence, ...]:
    """When one meter is not in it for longer than that."""
    return _proven([(gap, "", False) for gap in _longer(without([period], heard.spans), least_min)], ticks)


def nobody_looked(found: Iterable[Sequence[Silence]]) -> tuple[Span, ...]:
    """When no meter is in the record, of all meters' times of that."""
    spans = [[one.span for one in own] for own in found]
    return reduce(common, spans[1:], tuple(spans[0])) if spans else ()


def unexplained(own: Sequence[Silence], known: Iterable[Span], least_min: float) -> list[Silence]:
    """Of the time in which a meter is not in the record what no event of it tells of."""
    found = []
    for piece in _longer(without((one.span for one in own), known), least_min):
        most_us = min((one.most_us for one in own if _holds(one.span, piece)), default=piece.length_us)
        found.append(Silence(piece, min(piece.length_us, most_us)))
    return found


def _holds(outer: Span, inner: Span) -> bool:
    return outer.from_us <= inner.from_us and inner.to_us <= outer.to_us


def _longer(spans: Iterable[Span], least_min: float) -> Iterator[Span]:
    return (span for span in spans if span.length_us > least_min * MINUTE_US)


@dataclass(frozen=True, slots=True)
class Counted:
    """Who counts. powered_by: what the meter lives on; steps: by which its counters move"""

    powered_by: str = ""
    steps: Steps = field(default_factory=Steps)


class Ticks:
    """What one meter's counters said at quarters of an hour."""

    def __init__(self, quarters: Iterable[Columns], highest_w: float | None, counted: Counted) -> None:
        """highest_w: the mean power of its highest quarter of an hour"""
        self._said: dict[int, dict[str, tuple[float, float]]] = {}
        self._highest_w = highest_w
        self._steps = counted.steps
        self._is_self_powered = counted.powered_by in SELF_POWERED
        for columns in quarters:
            self._take(columns)
        self._at_us = sorted(self._said)

    def _take(self, columns: Columns) -> None:
        for name in (ENERGY, HOURS, FAILURES):
            if name not in columns.values:
                continue
            low, high = columns.min.get(name, columns.values[name]), columns.max.get(name, columns.values[name])
            for at_us, least, most in zip(columns.start_us, low, high, strict=True):
                if not isnan(least):
                    self._said.setdefault(at_us, {})[name] = least, most

    def without_us(self, span: Span) -> int:
        """For how long there can have been no supply in it at most."""
        begin, end = bisect_right(self._at_us, span.from_us), bisect_left(self._at_us, span.to_us)
        before, after = self._at_us[max(0, begin - _TICKS) : begin], self._at_us[end : end + _TICKS]
        found = (self._between(first, last) for first in before for last in after)
        return min((span.length_us, *(most for most in found if most is not None)))

    def _between(self, first_us: int, last_us: int) -> int | None:
        first, last = self._said[first_us], self._said[last_us]
        if self._is_self_powered and _stood(first.get(FAILURES), last.get(FAILURES)):
            return 0
        # What it said at least afterwards, and at most before.
        before = Counters(first_us, 0.0, _high(first, ENERGY), self._hours(_high(first, HOURS)), self._highest_w)
        after = Counters(last_us, 0.0, _low(last, ENERGY), self._hours(_low(last, HOURS)))
        ran = ran_on(before, after, resolved(self._steps, before))
        return None if ran is None else round(1e6 * ran.without_s)

    def _hours(self, hours_h: float | None) -> float | None:
        """A meter on an auxiliary supply runs without what it measures."""
        return hours_h if self._is_self_powered else None


def _stood(before: tuple[float, float] | None, after: tuple[float, float] | None) -> bool:
    """Surely the same, and not that of a meter that never counts."""
    return before is not None and after is not None and 0 < before[0] == after[1]


def _low(said: Mapping[str, tuple[float, float]], name: str) -> float | None:
    return said[name][0] if name in said else None


def _high(said: Mapping[str, tuple[float, float]], name: str) -> float | None:
    return said[name][1] if name in said else None


def silences(own: Iterable[Event], ticks: Callable[[], Ticks], from_us: int, until_us: int) -> tuple[Silence, ...]:
    """One meter's, of those that were told, from the beginning of the period on and to their own end: what was lost in
    them may have begun at any instant, and all its minutes belong to that. until_us: of those that go on; ticks: asked
    for only if there is any"""
    spans = ((possible(event, until_us), event) for event in own)
    told = [
        (Span(max(span.from_us, from_us), span.to_us), event.id, event.mode == "maintenance") for span, event in spans
    ]
    return _proven(told, ticks)


def _proven(spans: Sequence[tuple[Span, str, bool]], ticks: Callable[[], Ticks]) -> tuple[Silence, ...]:
    """spans: each with its event, and whether it was planned"""
    if not spans:
        return ()
    said = ticks()
    return tuple(
        Silence(span, said.without_us(span), told, planned) for span, told, planned in sorted(spans) if span.length_us
    )
