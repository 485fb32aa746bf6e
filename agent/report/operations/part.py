"""What operations answer for beside indices: key customers, mobile generators, back-feed, how fast incidents were put
right. Pure: `key_customers`, `generators` and `closed_loop` judge, this gathers what they ask for."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from agent.records import Event, Incident
from agent.report.figures import Bounds, Figure, Span
from agent.report.operations.closed_loop import NOT_KEPT, FirstReports, Loop, Target, loop
from agent.report.operations.generators import COARSEST_HZ, Compared, Run, compared
from agent.report.operations.key_customers import (
    CommonSag,
    Gap,
    LastTransfer,
    Readiness,
    Wanted,
    all_gaps,
    common_of,
    last_transfer,
    readiness,
    within,
)
from agent.report.operations.minute_watch import MinuteWatch
from agent.report.operations.reasons import Reason, reason
from agent.report.reliability.outages import FOR_EVER_US, spans_of
from agent.sitefile.operations import DEFAULT, KeyCustomer

if TYPE_CHECKING:
    from agent.report.document import Known, MeterPart

NO_FREQUENCY = "its map reads no frequency"
NO_STEP = "its map does not say how finely it resolves the frequency"
COARSE = "it resolves {step} Hz; {wanted} Hz or less is needed"
ALONE = "fewer than two others resolve the frequency"
DISAGREE = "too few others were heard at the same time, or agreed"
WHY_NOT = (NO_FREQUENCY, NO_STEP, COARSE, ALONE, DISAGREE)
_OTHERS = 2


@dataclass(frozen=True, slots=True)
class OperationsKnown:
    """What is known beside meters and events. hertz_step: by meter, how finely it resolves the frequency: None where
    its map does not say, and no entry where it reads none; firsts: by incident"""

    key_customers: Sequence[KeyCustomer] = ()
    targets_s: Mapping[str, float] = field(default_factory=dict)
    nominal_hz: float = 50.0
    hertz_step: Mapping[str, float | None] = field(default_factory=dict)
    firsts: Mapping[str, FirstReports] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standby:
    """One source of a key customer. within_limits: part of the period in which its voltage was, in %"""

    source: str
    readiness: Readiness
    tested: LastTransfer
    within_limits: Figure


@dataclass(frozen=True, slots=True)
class KeyPart:
    """coverage: of the load, without which a gap would not have been seen; unseen_s: gaps shorter than this may pass
    unseen, None where that is not known; standbys: all sources but the usual one"""

    customer: KeyCustomer
    of_class: str
    coverage: float
    unseen_s: float | None
    gaps: Sequence[Gap]
    common: Sequence[CommonSag]
    standbys: Sequence[Standby]


@dataclass(frozen=True, slots=True)
class GeneratorPart:
    """Whether a set ran at a meter. hours: None where that cannot be told, and `why`; coverage: of the minutes"""

    meter: str
    hours: Bounds | None
    coverage: float
    runs: Sequence[Run]
    why: Reason | None = None


@dataclass(frozen=True, slots=True)
class ClassPart:
    """Incidents of one class. overdue: surely, up to perhaps; still: of these, how many are not restored yet"""

    target: Target
    incidents: int
    overdue: Bounds
    still: int


@dataclass(frozen=True, slots=True)
class Operations:
    """backfeeds: alarms; loops: incidents from seen to verified; classes: of these"""

    backfeeds: Sequence[Event] = ()
    key_customers: Sequence[KeyPart] = ()
    generators: Sequence[GeneratorPart] = ()
    loops: Sequence[Loop] = ()
    classes: Sequence[ClassPart] = ()


def watch_of(known: "Known", incidents: Iterable[Incident], period: Span) -> MinuteWatch:
    """What the minutes will be asked for, before they are read."""
    restored: dict[str, list[int]] = defaultdict(list)
    for incident in incidents:
        if incident.state == "closed" and incident.end_us is not None:
            for meter in (*incident.dead, *incident.restored):
                restored[meter].append(incident.end_us)
    sources = [source for one in known.operations.key_customers for source in one.sources]
    fine = [one.name for one in known.meters if _why_not(one.name, known.operations) is None]
    compared_of = fine if len(fine) > _OTHERS else []
    return MinuteWatch(period, {one.name: one.judged for one in known.meters}, compared_of, restored, sources)


def operations(
    known: "Known", events: Iterable[Event], incidents: Iterable[Incident], period: Span,
    parts: Sequence["MeterPart"], watch: MinuteWatch,
) -> Operations:  # fmt: skip
    """events, incidents: of the period; parts: its meters, of which all minutes have passed `watch`."""
    told = [one for one in incidents if one.state != "retracted" and one.cause != "gateway_outage"]
    loops = [_loop(one, known, watch) for one in sorted(told, key=lambda one: one.start_us)]
    by_meter = {part.meter.name: part for part in parts}
    return Operations(
        [one for one in events if one.kind == "backfeed" and one.state != "retracted"],
        [_key_part(one, known, period, by_meter, watch) for one in known.operations.key_customers],
        list(_generators(known, period, watch)), loops, list(_classes(loops)),
    )  # fmt: skip


# -- key customers ----------------------------------------------------------------------------------------------


def _key_part(
    one: KeyCustomer, known: "Known", period: Span, parts: Mapping[str, "MeterPart"], watch: MinuteWatch
) -> KeyPart:
    sources = [(source, [event for event in known.events if event.meter == source]) for source in one.sources]
    own = [event for event in known.events if event.meter == one.load]
    everything = tuple(all_gaps(own, sources, one.allowed_gap_s))
    load = parts[one.load]
    paced = load.meter.paced
    return KeyPart(
        one, _class_at(load.meter.node, known), load.quality.coverage,
        None if paced is None else paced.floor_s, within(everything, period),
        common_of(sources, period),
        [_standby(source, one, known, period, parts[source], everything, watch) for source in one.sources[1:]],
    )  # fmt: skip


def _class_at(node: str, known: "Known") -> str:
    """Of the node, else of the nearest one above it that has one."""
    nodes = known.network.nodes
    above = reversed(known.network.path(node)) if node in nodes else ()
    return next((critical for name in above if (critical := nodes[name].critical)), DEFAULT)


def _standby(
    source: str, one: KeyCustomer, known: "Known", period: Span, part: "MeterPart", gaps: Collection[Gap],
    watch: MinuteWatch,
) -> Standby:  # fmt: skip
    limits = part.meter.judged.limits[0]
    seen = last_transfer((gap for gap in gaps if gap.start_us < period.to_us), source)
    wanted = Wanted(part.meter.judged.channels, (limits.low_v, limits.high_v), known.operations.nominal_hz,
                    one.tested_every_s)  # fmt: skip
    return Standby(source, readiness(watch.last(source), wanted, seen, period.to_us), seen, part.quality.rate())


# -- generators -------------------------------------------------------------------------------------------------


def _why_not(meter: str, known: OperationsKnown) -> Reason | None:
    if meter not in known.hertz_step:
        return reason(NO_FREQUENCY)
    step = known.hertz_step[meter]
    if step is None:
        return reason(NO_STEP)
    return reason(COARSE, step=f"{step:g}", wanted=f"{COARSEST_HZ:g}") if step > COARSEST_HZ else None


def _generators(known: "Known", period: Span, watch: MinuteWatch) -> Iterator[GeneratorPart]:
    found = compared(watch.hertz, period.from_us)
    for one in known.meters:
        why = _why_not(one.name, known.operations)
        if why is None and one.name not in found:
            why = reason(ALONE)
        yield GeneratorPart(one.name, None, 0.0, (), why) if why else _generator(one.name, found[one.name], known)


def _generator(meter: str, told: Compared, known: "Known") -> GeneratorPart:
    coverage = told.known / told.of if told.of else 0.0
    if not told.known:
        return GeneratorPart(meter, None, 0.0, (), reason(DISAGREE))
    runs = [replace(run, during=_during(run, known)) for run in told.runs]
    return GeneratorPart(meter, sum((run.hours for run in runs), Bounds(0.0, 0.0)), coverage, runs)


def _during(run: Run, known: "Known") -> tuple[str, ...]:
    """Losses of what feeds the meter from above, while it ran."""
    placed = known.network.meters.get(run.meter)
    if placed is None:
        return ()
    above = {*known.network.path(placed.node)[:-1], known.network.site}
    places = {name: one.node for name, one in known.network.meters.items()}
    losses: list[Event | Incident] = [
        *(one for one in known.events if one.kind == "supply_loss" and places.get(one.meter or "") in above),
        *(one for one in known.incidents if one.cause == "supply_loss" and one.node in above),
    ]
    return tuple(one.id for one in losses
                 if one.state != "retracted" and spans_of(one, FOR_EVER_US)[1].within(run.span).length_us)  # fmt: skip


# -- closed loop ------------------------------------------------------------------------------------------------


def _loop(incident: Incident, known: "Known", watch: MinuteWatch) -> Loop:
    first = known.operations.firsts.get(incident.id, NOT_KEPT)
    return loop(incident, first, watch.good_from, _target(incident, known), known.made_us)


def _target(incident: Incident, known: "Known") -> Target:
    """The strictest of those that concern it."""
    targets_s, nodes = known.operations.targets_s, known.network.nodes
    default = Target(DEFAULT, targets_s.get(DEFAULT))
    classes = dict.fromkeys(nodes[name].critical or DEFAULT for name in incident.critical if name in nodes)
    concerned = [Target(name, targets_s.get(name, default.within_s)) for name in classes]
    return min(concerned, key=lambda one: inf if one.within_s is None else one.within_s, default=default)


def _may_be_late(one: Loop) -> bool:
    return one.target.within_s is not None and one.took_s.high > one.target.within_s


def _classes(loops: Iterable[Loop]) -> Iterator[ClassPart]:
    by_target: dict[Target, list[Loop]] = defaultdict(list)
    for one in loops:
        by_target[one.target].append(one)
    for target, own in sorted(by_target.items(), key=lambda one: (one[0].of_class == DEFAULT, one[0].of_class)):
        surely = sum(one.verdict == "violated" for one in own)
        perhaps = surely + sum(not one.overdue and _may_be_late(one) for one in own)
        still = sum(one.overdue and one.waits_for == "restored" for one in own)
        yield ClassPart(target, len(own), Bounds(surely, perhaps), still)
