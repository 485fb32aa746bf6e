"""A report: what is known of a period becomes its figures, as they are read. Pure; `agent.report.drawn.page` draws it.

Everything a reader may ask is answered here once: whichever form it is printed in, the numbers are these.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isnan
from typing import TypeVar

from agent.detect.floor import Paced
from agent.detect.network import Network
from agent.records import Event, Incident, Interval, VoltageClass
from agent.report.demand.compliance import Block, blocks
from agent.report.demand.diagnoses import (
    Load,
    Loading,
    PowerFactor,
    Unbalance,
    load,
    loading,
    passed,
    power_factor,
    unbalance,
)
from agent.report.demand.part import DemandKnown, DemandPart, demand_parts
from agent.report.figures import Bounds, RecordRead, Span
from agent.report.operations.part import Operations, OperationsKnown, operations, watch_of
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import DEMAND_OF, REGISTER
from agent.report.reliability.outages import Interruption, Seen, interruptions
from agent.report.reliability.part import (
    Asking,
    Counting,
    Earlier,
    ReliabilityPart,
    reliability_part,
)
from agent.report.reliability.unseen import (
    YOUNG_US,
    Counted,
    Heard,
    Silence,
    Ticks,
    no_record,
    nobody_looked,
    silences,
    told_of,
    unexplained,
)
from agent.report.voltage.causes import Hint, hints
from agent.report.voltage.limits import NO_RULES, TenMinuteRules
from agent.report.voltage.part import TenMinutes, VoltagePart, ten_minutes, voltage_part
from agent.report.voltage.quality import Judged, LocalClock, OffsetOf, Quality, quality

# So many hours of a meter's blocks and ten minutes are needed for a diagnosis of its load.
LEAST_H = 24


@dataclass(frozen=True, slots=True)
class Metered:
    """One meter as the report needs it. rated_a: what its load is held against; rules: for its ten minutes; paced: how
    its voltages are looked at, None where they are not; latches_sags: it counts them itself"""

    name: str
    node: str
    feeder: str | None
    judged: Judged
    voltage_class: VoltageClass | None = None
    rated_a: float | None = None
    rated_kva: float | None = None
    rules: TenMinuteRules = NO_RULES
    paced: Paced | None = None
    latches_sags: bool = False
    counted: Counted = field(default_factory=Counted)


@dataclass(frozen=True, slots=True)
class Known:
    """All there is. intervals: of one meter, in order, some at a time, asked for once each: a month of all of
    them would not fit in memory; events, incidents: latest revisions; made_us: now"""

    site: str
    gateway: str
    network: Network
    meters: Sequence[Metered]
    intervals: Callable[[str], Iterable[Columns]]
    events: Collection[Event]
    incidents: Collection[Incident]
    made_us: int
    offset_of: OffsetOf
    counting: Counting = field(default_factory=Counting)
    earlier: Earlier | None = None
    demand: DemandKnown = field(default_factory=DemandKnown)
    operations: OperationsKnown = field(default_factory=OperationsKnown)
    record: Callable[[], RecordRead] = RecordRead


@dataclass(frozen=True, slots=True)
class MeterPart:
    """One meter. low_customer_min: low-voltage minutes times those who are fed there, where that is known; profile: of
    each local hour the lowest, mean and highest 10-min mean of the judged channels; tens: ten minutes against limits;
    load and what follows: None where too little is known; hints: at the cause of low voltage; silences: when nobody
    knows whether it had supply; unrecorded: when the record has nothing of it"""

    meter: Metered
    customers: int | None
    quality: Quality
    low_customer_min: float | None
    profile: Mapping[int, tuple[float, float, float]]
    tens: TenMinutes
    load: Load | None
    power_factor: PowerFactor | None
    unbalance: Unbalance | None
    loading: Loading | None
    blocks: Sequence[Block]
    hints: Sequence[Hint] = ()
    silences: Sequence[Silence] = ()
    unrecorded: Sequence[Silence] = ()

    @property
    def low_customer_bounds(self) -> Bounds | None:
        """Low-voltage customer-minutes: none of what was not seen was low, or all of it."""
        if self.low_customer_min is None or self.customers is None:
            return None
        return Bounds(self.low_customer_min, self.low_customer_min + self.customers * self.quality.unknown_min)


@dataclass(frozen=True, slots=True)
class Report:
    """coverage: of all minutes of all meters; voltage: of several meters together; reliability: indices of areas"""

    site: str
    gateway: str
    period: Span
    made_us: int
    coverage: float
    meters: Sequence[MeterPart]
    voltage: VoltagePart
    reliability: ReliabilityPart
    interruptions: Sequence[Interruption]
    events: Sequence[Event]
    incidents: Sequence[Incident]
    demand: Sequence[DemandPart] = ()
    operations: Operations = field(default_factory=Operations)
    record: RecordRead = field(default_factory=RecordRead)


def report(known: Known, period: Span) -> Report:
    """Of what lies in the period, and before it was made."""
    period = Span(period.from_us, max(period.from_us, min(period.to_us, known.made_us)))
    events, incidents = _of_period(known.events, period), _of_period(known.incidents, period)
    watch = watch_of(known, incidents, period)
    known = replace(known, intervals=watch.over(known.intervals))
    silent = told_of(events, known.network)
    parts = [_meter(one, known, period, silent.get(one.name, ())) for one in known.meters]
    dark = nobody_looked(part.unrecorded for part in parts)
    parts = _with_hints([_with_unrecorded(part, known) for part in parts], known.network)
    sums = [part.quality for part in parts]
    unheard = {part.meter.name: part.silences for part in parts if part.silences}
    seen = Seen(known.network, events, incidents, known.made_us, unheard, dark, period.from_us)
    found = interruptions(seen)
    return Report(
        known.site, known.gateway, period, known.made_us, _total(sums).coverage, parts,
        voltage_part(parts, events, known, period), reliability_part(_asking(known, period, parts, seen), found), found,
        events, incidents,
        demand=demand_parts(
            known.demand, {one.meter.name: one.blocks for one in parts}, period, known.made_us, known.offset_of
        ),
        operations=operations(known, events, incidents, period, parts, watch), record=known.record(),
    )  # fmt: skip


def _asking(known: Known, period: Span, parts: Sequence[MeterPart], seen: Seen) -> Asking:
    feeders = {name: _below(name, parts, known.network) for name in _feeders(known)}
    coverage = {name: _total(_of_feeder(name, parts)).coverage for name in feeders}
    coverage[""] = _total(part.quality for part in parts).coverage
    places = {"": frozenset(known.network.nodes)} | feeders
    return Asking(seen, period, known.counting, places, coverage, known.offset_of, known.earlier)


Told = TypeVar("Told", Event, Incident)


def _of_period(told: Iterable[Told], period: Span) -> list[Told]:
    """Those that may have gone on in the period, in order of their start."""
    found = [one for one in told if one.start_earliest_us < period.to_us
             and (one.end_us is None or one.end_us >= period.from_us)]  # fmt: skip
    return sorted(found, key=lambda one: (one.start_us, one.id))


def _meter(meter: Metered, known: Known, period: Span, silent: Iterable[Event]) -> MeterPart:
    """silent: when it was not heard, as told"""
    others: dict[str, list[Columns]] = {"interval_10min": [], "demand_15min": []}
    minutes = _minutes(known.intervals(meter.name), others)
    heard = Heard()
    found = quality(heard.note(minutes), period, meter.judged, _dark(meter, known), LocalClock(known.offset_of))
    node = known.network.nodes.get(meter.node)
    customers = node.customers.total if node is not None and node.customers is not None else None
    low_min = found.beyond[0].low_min if found.beyond else 0.0
    tens, quarters = others["interval_10min"], others["demand_15min"]
    parts = blocks(quarters)
    enough = len(parts) >= 4 * LEAST_H
    ticks = partial(Ticks, quarters, max((block.value_w for block in parts), default=None), meter.counted)
    return MeterPart(
        meter, customers, found, None if customers is None else customers * low_min,
        profile(tens, meter.judged.channels, _hour_of(known)),
        ten_minutes(meter, known, period, tens),
        load(parts, _hour_of(known), period) if enough else None,
        _power_factor(quarters) if enough else None,
        unbalance(tens, period, meter.rated_a) if enough and meter.rated_a else None,
        loading(tens, period, meter.rated_kva, _hour_of(known)) if enough and meter.rated_kva else None, parts,
        silences=silences(silent, ticks, period.from_us, known.made_us),
        unrecorded=no_record(heard, ticks, _written(period, known), known.counting.sustained_min),
    )  # fmt: skip


def _with_hints(parts: Sequence[MeterPart], network: Network) -> list[MeterPart]:
    by_node = {part.meter.node: part for part in parts}

    def head(part: MeterPart) -> tuple[str, Quality] | None:
        """The nearest meter upstream."""
        above = network.path(part.meter.node)[-2::-1] if part.meter.node in network.nodes else ()
        found = next((by_node[node] for node in above if node in by_node), None)
        return None if found is None else (found.meter.name, found.quality)

    return [replace(part, hints=hints(part.quality, head(part))) for part in parts]


def _minutes(told: Iterable[Columns], others: Mapping[str, list[Columns]]) -> Iterator[Columns]:
    """The minutes, some at a time; what else comes between them is put by."""
    for columns in told:
        if columns.kind == "interval_1min":
            yield columns
        else:
            others[columns.kind].append(columns)


def _written(period: Span, known: Known) -> Span:
    """Of the period what the record can hold."""
    return Span(period.from_us, max(period.from_us, min(period.to_us, known.made_us - YOUNG_US)))


def _with_unrecorded(part: MeterPart, known: Known) -> MeterPart:
    """And with the time in which nobody knows of it by anything else."""
    told = [*_dark(part.meter, known), *(one.span for one in part.silences)]
    more = unexplained(part.unrecorded, told, known.counting.sustained_min)
    return replace(part, silences=(*part.silences, *more))


def _dark(meter: Metered, known: Known) -> list[Span]:
    """As long as the meter's own supply may have been gone: no voltage is judged there."""
    gone = [event for event in known.events if event.meter == meter.name and event.kind == "supply_loss"
            and event.state != "retracted"]  # fmt: skip
    until_us = known.made_us
    return [Span(event.start_earliest_us, until_us if event.end_us is None else event.end_us) for event in gone]


def _hour_of(known: Known) -> Callable[[int], int]:
    clock = LocalClock(known.offset_of)

    def hour_of(at_us: int) -> int:
        return clock.at(at_us)[1]

    return hour_of


def _power_factor(quarters: Sequence[Columns]) -> PowerFactor | None:
    """Between the first and the last time that all registers were known: an agent may have begun in between."""
    names = {key for columns in quarters for key in columns.values if key.removesuffix(REGISTER) in DEMAND_OF
             and key.endswith(REGISTER)}  # fmt: skip
    first = next(_with_all(names, quarters), None)
    last = next(_with_all(names, reversed(quarters), backwards=True), None)
    return None if first is None or last is None else power_factor(passed(first, last))


def _with_all(names: Collection[str], quarters: Iterable[Columns], *, backwards: bool = False) -> Iterator[Interval]:
    for columns in quarters:
        if names and all(name in columns.values for name in names):
            rows = list(columns.rows())
            yield from (
                row for row in (reversed(rows) if backwards else rows) if all(key in row.values for key in names)
            )


def profile(
    tens: Iterable[Columns], channels: Sequence[str], hour_of: Callable[[int], int]
) -> Mapping[int, tuple[float, float, float]]:
    """By local hour: lowest, mean and highest of the judged channels' 10-min means."""
    by_hour: dict[int, list[float]] = {}
    for columns in tens:
        known = [columns.values[key] for key in channels if key in columns.values]
        for at_us, together in zip(columns.start_us, zip(*known, strict=True), strict=bool(known)):
            by_hour.setdefault(hour_of(at_us), []).extend(together)
    measured = {hour: [value for value in volts if not isnan(value)] for hour, volts in sorted(by_hour.items())}
    return {hour: (min(volts), sum(volts) / len(volts), max(volts)) for hour, volts in measured.items() if volts}


def _total(sums: Iterable[Quality]) -> Quality:
    return sum(sums, Quality())


def _feeders(known: Known) -> Sequence[str]:
    return list(dict.fromkeys(one.feeder for one in known.meters if one.feeder is not None))


def _below(name: str, parts: Iterable[MeterPart], network: Network) -> frozenset[str]:
    if name in network.nodes:
        return network.below(name)
    return frozenset(part.meter.node for part in parts if part.meter.feeder == name)


def _of_feeder(name: str, parts: Iterable[MeterPart]) -> Sequence[Quality]:
    return [part.quality for part in parts if part.meter.feeder == name]
