"""A report: what is known of a period becomes its figures, as they are read. Pure; `agent.report.page` draws it.

Everything a reader may ask is answered here once: whichever form it is printed in, the numbers are these.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from agent.detect.network import Customers, Network
from agent.records import Event, Incident, Interval
from agent.report.causes import Hint, hints
from agent.report.columns import Columns
from agent.report.demand import Block, blocks
from agent.report.demand_blocks import REGISTER
from agent.report.diagnoses import (
    OF_LOAD,
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
from agent.report.figures import NOTHING, Bounds, Figure, Span
from agent.report.outages import Interruption, Seen, interruptions
from agent.report.quality import Judged, Limits, LocalClock, OffsetOf, Quality, VoltageClass, composite, quality
from agent.report.reliability import SUSTAINED_MIN, Asked, Indices, by_day, indices

_HOUR_US = 3_600_000_000
# So many hours of a meter's blocks and ten minutes are needed for a diagnosis of its load.
LEAST_H = 24


@dataclass(frozen=True, slots=True)
class Metered:
    """One meter as the report needs it. limits: assessed ones first; rated_a: what its load is held against"""

    name: str
    node: str
    feeder: str | None
    judged: Judged
    voltage_class: VoltageClass | None = None
    rated_a: float | None = None
    rated_kva: float | None = None


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
    sustained_min: float = SUSTAINED_MIN
    ran_us: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeterPart:
    """One meter. low_customer_min: low-voltage minutes times those who are fed there, where that is known; profile: of
    each local hour the lowest, mean and highest 10-min mean of the judged channels; load and what follows: None
    where too little is known; hints: at the cause of low voltage"""

    meter: Metered
    customers: int | None
    quality: Quality
    low_customer_min: float | None
    profile: Mapping[int, tuple[float, float, float]]
    load: Load | None
    power_factor: PowerFactor | None
    unbalance: Unbalance | None
    loading: Loading | None
    blocks: Sequence[Block]
    hints: Sequence[Hint] = ()


@dataclass(frozen=True, slots=True)
class FeederPart:
    """All meters of one feeder; indices: None where nobody is fed there"""

    name: str
    customers: int
    quality: Quality
    indices: Indices | None


@dataclass(frozen=True, slots=True)
class Report:
    """coverage: of all minutes of all meters; composite: of the voltage classes; planned: customer-minutes
    of maintenance; mv: indices of medium-voltage users, of whom each transformer is one; days: SAIDI by local day"""

    site: str
    gateway: str
    period: Span
    made_us: int
    coverage: float
    meters: Sequence[MeterPart]
    feeders: Sequence[FeederPart]
    composite: Figure
    indices: Indices | None
    mv: Indices | None
    planned: Bounds
    days: Mapping[int, Bounds]
    interruptions: Sequence[Interruption]
    events: Sequence[Event]
    incidents: Sequence[Incident]


def report(known: Known, period: Span) -> Report:
    """Of what lies in the period, and before it was made."""
    period = Span(period.from_us, max(period.from_us, min(period.to_us, known.made_us)))
    found = interruptions(_seen(known, period))
    parts = _with_hints([_meter(one, known, period) for one in known.meters], known.network)
    nodes = known.network.nodes
    sums = [part.quality for part in parts]
    customers = {name: node.customers.total for name, node in nodes.items() if node.customers is not None}
    return Report(
        known.site, known.gateway, period, known.made_us, _total(sums).coverage, parts,
        [_feeder(name, parts, found, customers, known, period) for name in _feeders(known)],
        _composite(parts), _indices(found, sum(customers.values()), known, period), _mv(known, period),
        sum((one.lost_min.scaled(one.customers) for one in found if one.planned), NOTHING),
        _days(found, sum(customers.values()), known, period), found,
        _of_period(known.events, period), _of_period(known.incidents, period),
    )  # fmt: skip


def _seen(known: Known, period: Span) -> Seen:
    events = _of_period(known.events, period)
    return Seen(known.network, events, _of_period(known.incidents, period), period.to_us, known.ran_us)


Told = TypeVar("Told", Event, Incident)


def _of_period(told: Iterable[Told], period: Span) -> list[Told]:
    """Those that may have gone on in the period, in order of their start."""
    found = [one for one in told if one.start_earliest_us < period.to_us
             and (one.end_us is None or one.end_us >= period.from_us)]  # fmt: skip
    return sorted(found, key=lambda one: (one.start_us, one.id))


def _meter(meter: Metered, known: Known, period: Span) -> MeterPart:
    others: dict[str, list[Columns]] = {"interval_10min": [], "demand_15min": []}
    minutes = _minutes(known.intervals(meter.name), others)
    found = quality(minutes, period, meter.judged, _dark(meter, known), LocalClock(known.offset_of))
    node = known.network.nodes.get(meter.node)
    customers = node.customers.total if node is not None and node.customers is not None else None
    low_min = found.beyond[0].low_min if found.beyond else 0.0
    tens = [one for columns in others["interval_10min"] for one in columns.rows_of({*meter.judged.channels, *OF_LOAD})]
    quarters = others["demand_15min"]
    parts = blocks(quarters)
    enough = len(parts) >= 4 * LEAST_H
    return MeterPart(
        meter, customers, found, None if customers is None else customers * low_min,
        profile(tens, meter.judged.channels, _hour_of(known)), load(parts, _hour_of(known), period) if enough else None,
        _power_factor(quarters) if enough else None,
        unbalance(tens, period, meter.rated_a) if enough and meter.rated_a else None,
        loading(tens, period, meter.rated_kva, _hour_of(known)) if enough and meter.rated_kva else None, parts,
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
    names = {key for columns in quarters for key in columns.values if key.endswith(REGISTER)}
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
    tens: Iterable[Interval], channels: Sequence[str], hour_of: Callable[[int], int]
) -> Mapping[int, tuple[float, float, float]]:
    """By local hour: lowest, mean and highest of the judged channels' 10-min means."""
    by_hour: dict[int, list[float]] = {}
    for ten in tens:
        by_hour.setdefault(hour_of(ten.start_us), []).extend(ten.values[key] for key in channels if key in ten.values)
    return {hour: (min(volts), sum(volts) / len(volts), max(volts)) for hour, volts in sorted(by_hour.items()) if volts}


def _total(sums: Iterable[Quality]) -> Quality:
    return sum(sums, Quality())


def _feeders(known: Known) -> Sequence[str]:
    return list(dict.fromkeys(one.feeder for one in known.meters if one.feeder is not None))


def _feeder(
    name: str, parts: Iterable[MeterPart], found: Iterable[Interruption], customers: Mapping[str, int], known: Known,
    period: Span,
) -> FeederPart:  # fmt: skip
    network = known.network
    below = network.below(name) if name in network.nodes else frozenset(
        part.meter.node for part in parts if part.meter.feeder == name
    )  # fmt: skip
    served = sum(count for node, count in customers.items() if node in below)
    own = [part.quality for part in parts if part.meter.feeder == name]
    return FeederPart(
        name, served, _total(own), _indices([one for one in found if one.place in below], served, known, period)
    )


def _indices(found: Iterable[Interruption], served: int, known: Known, period: Span) -> Indices | None:
    if not served:
        return None
    return indices((one for one in found if not one.planned), Asked(period, served, known.sustained_min))


def _days(found: Iterable[Interruption], served: int, known: Known, period: Span) -> Mapping[int, Bounds]:
    if not served:
        return {}
    asked = Asked(period, served, known.sustained_min)
    day_of = lambda at_us: (at_us + known.offset_of(at_us)) // (24 * _HOUR_US)  # noqa: E731 - too short for a name
    return by_day((one for one in found if not one.planned), asked, day_of)


def _mv(known: Known, period: Span) -> Indices | None:
    """Of medium-voltage users: a public transformer is one, and so is whoever has one of his own."""
    users = [name for name, node in known.network.nodes.items() if node.kind == "transformer"]
    if not users:
        return None
    found = interruptions(_seen(known, period), lambda name: Customers(three_phase=1) if name in users else None)
    return indices((one for one in found if not one.planned), Asked(period, len(users), known.sustained_min))


def _composite(parts: Iterable[MeterPart]) -> Figure:
    by_class: dict[VoltageClass, Quality] = {}
    for part in parts:
        if part.meter.voltage_class is not None:
            by_class[part.meter.voltage_class] = by_class.get(part.meter.voltage_class, Quality()) + part.quality
    return composite({name: found.rate() for name, found in by_class.items()})


__all__ = ["FeederPart", "Known", "Limits", "MeterPart", "Metered", "Report", "report"]
