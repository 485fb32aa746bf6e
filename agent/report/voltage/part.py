"""What a report says of voltages beside the minutes of each meter: ten minutes, and several meters together. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.records import DAY_US, Event, Kind
from agent.report.figures import Span
from agent.report.record.columns import Columns
from agent.report.voltage.classes import ASSESSED, CLASSES, Composite, Group, Member, composite, group
from agent.report.voltage.complaints import Fed, Risk, risk
from agent.report.voltage.sarfi import Sarfi, Watched, sarfi
from agent.report.voltage.ten_minutes import (
    NO_LINES,
    NO_THD,
    NOT_MEASURED,
    Level,
    level,
    of_channels,
    of_thd,
    of_unbalance,
    time_of,
)

if TYPE_CHECKING:
    from agent.report.document import Known, Metered, MeterPart

# IEC 61000-4-30: a dip, a swell or an interruption flags the ten minutes that it touches.
_FLAGS: frozenset[Kind] = frozenset({"sag", "swell", "supply_loss", "phase_loss"})


@dataclass(frozen=True, slots=True)
class TenMinutes:
    """Of one meter: voltages in V, u2 and THD in %."""

    volts: Level
    unbalance: Level
    thd: Level


@dataclass(frozen=True, slots=True)
class VoltagePart:
    """Of the site. classes: those that have a meter; assessed: the composite by the second pair of limits, None where
    no meter has one"""

    feeders: Sequence[Group]
    classes: Sequence[Group]
    composite: Composite
    assessed: Composite | None
    sarfi: Sequence[Sarfi]
    risk: Risk


def ten_minutes(meter: "Metered", known: "Known", period: Span, tens: Sequence[Columns]) -> TenMinutes:
    own = [one for one in known.events if one.meter == meter.name and one.kind in _FLAGS and one.state != "retracted"]
    disturbed = (Span(one.start_earliest_us, known.made_us if one.end_us is None else one.end_us) for one in own)
    time, rules = time_of(period, disturbed, known.offset_of), meter.rules
    return TenMinutes(
        level(of_channels(tens, meter.judged.channels), time, rules.volts, NOT_MEASURED),
        level(of_unbalance(tens), time, rules.unbalance, NO_LINES),
        level(of_thd(tens), time, rules.thd, NO_THD),
    )


def voltage_part(
    parts: Sequence["MeterPart"], events: Collection[Event], known: "Known", period: Span
) -> VoltagePart:  # fmt: skip
    """events: of the period."""
    by_feeder = _sorted_by((part.meter.feeder, part) for part in parts)
    by_class = _sorted_by((part.meter.voltage_class, part) for part in parts)
    classes = {name: group(name, by_class[name]) for name in CLASSES if name in by_class}
    assessed = {name: one.assessed for name, one in classes.items() if one.assessed is not None}
    return VoltagePart(
        [group(name, members) for name, members in by_feeder.items()], list(classes.values()),
        composite({name: one.quality for name, one in classes.items()}),
        composite(assessed, ASSESSED) if assessed else None,
        sarfi((_watched(part) for part in parts), events), _risk(parts, known, period),
    )  # fmt: skip


def _sorted_by(named: Iterable[tuple[str | None, "MeterPart"]]) -> Mapping[str, list[Member]]:
    found = defaultdict(list)
    for name, part in named:
        if name is not None:
            found[name].append(Member(part.quality, part.low_customer_min))
    return found


def _watched(part: "MeterPart") -> Watched:
    meter = part.meter
    return Watched(meter.name, meter.paced, meter.latches_sags, part.customers, part.quality.coverage)


def _risk(parts: Iterable["MeterPart"], known: "Known", period: Span) -> Risk:
    first, last = ((at_us + known.offset_of(at_us)) // DAY_US for at_us in (period.from_us, period.to_us - 1))
    return risk((Fed(part.meter.name, part.meter.feeder, part.customers, part.quality) for part in parts), first, last)
