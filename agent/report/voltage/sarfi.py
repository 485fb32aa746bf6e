"""How often voltages fell below, or rose above, a level: in the style of SARFI-x of IEEE 1564. Pure.

    SARFI-x   events with a residual below x % (x above 100: a peak above it), of each the customers, / all customers
    ITIC      events outside the curve

Counted are sags, swells and losses of up to a minute; what is one family of events counts once, as deep as its deepest.

What polling sees depends on its pace, so counts of meters that are polled at different rates never come together: each
pace is a group of its own, and counts what lasted longer than its floor. An event of one level that is longer than that
is measured by every meter of the group, as deep as it was. What only the meters' own registers tell is not counted
there. Meters that count sags themselves miss none: their group has no floor, but what a counter counted has no known
depth, and one event of theirs may stand for several: then there is no upper bound.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from agent.detect.floor import Paced
from agent.records import Event, Kind
from agent.report.figures import NOTHING, Bounds

LEVELS = (120, 110, 90, 80, 70, 50, 10)
_DIPS: frozenset[Kind] = frozenset({"sag", "supply_loss", "phase_loss"})
_COUNTED = _DIPS | {"swell"}
# IEEE 1564 counts short-duration variations, up to a minute (general knowledge): what is longer is an outage's.
_LONGEST_S = 60.0
# What its kind says of a loss whose residual was not told (`agent.detect.thresholds`).
_LOSS_PCT: Mapping[str, float] = {"supply_loss": 0.0, "phase_loss": 60.0}
NOT_WATCHED = "their voltages are not watched"


@dataclass(frozen=True, slots=True)
class Watched:
    """One meter. paced: how it is looked at, None where it is not; latches: it counts sags itself"""

    name: str
    paced: Paced | None
    latches: bool
    customers: int | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Sarfi:
    """One group. pace_s: from one look to the next, None where it does not matter; floor_s: what is shorter is not
    counted, 0: all that their own counters saw; by_level: per customer, or per meter where somebody's customers are not
    known; coverage: 0..1 of the meters' time"""

    meters: Sequence[str]
    pace_s: float | None
    floor_s: float
    per: Literal["customer", "meter"]
    by_level: Mapping[int, Bounds]
    itic: Bounds | None
    coverage: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Happened:
    """One family of events of one meter. extreme_pct: lowest, of a swell highest, None where nobody knows; logged: only
    registers of the meter's own told of it"""

    meter: str
    dips: bool
    least_s: float
    most_s: float
    extreme_pct: float | None
    itic: str
    logged: bool


def sarfi(meters: Iterable[Watched], events: Collection[Event]) -> list[Sarfi]:
    """By group: those with counters of their own first, then by pace. events: of the period."""
    happened = defaultdict(list)
    for one in _families(events):
        happened[one.meter].append(one)
    groups: defaultdict[float, list[Watched]] = defaultdict(list)
    for meter in meters:
        groups[_group_of(meter)].append(meter)
    return [_of_group(groups[key], happened) for key in sorted(groups)]


def _group_of(meter: Watched) -> float:
    """Its pace, in hundredths of a second."""
    if meter.latches:
        return 0.0
    return inf if meter.paced is None else round(meter.paced.pace_s, 2)


def _of_group(members: Sequence[Watched], happened: Mapping[str, Sequence[_Happened]]) -> Sarfi:
    names = [one.name for one in members]
    weights = [one.customers for one in members]
    per: Literal["customer", "meter"] = "meter" if None in weights or not any(weights) else "customer"
    coverage = sum(one.coverage for one in members) / len(members)
    paced, latched = [one.paced for one in members if one.paced is not None], members[0].latches
    if not paced and not latched:
        return Sarfi(names, None, 0.0, per, {}, None, coverage, NOT_WATCHED)
    floor_s = 0.0 if latched else max(one.floor_s for one in paced)
    weighed = [(1 if per == "meter" else one.customers or 0, happened.get(one.name, ())) for one in members]
    counted = [(weight, one) for weight, found in weighed for one in found if latched or not one.logged]
    all_ = sum(weight for weight, _ in weighed)
    return Sarfi(
        names, None if latched else max(one.pace_s for one in paced), floor_s, per,
        {level: _sum((weight, _deeper(one, level, floor_s)) for weight, one in counted).scaled(1 / all_)
         for level in LEVELS},
        _sum((weight, _outside(one, floor_s)) for weight, one in counted).scaled(1 / all_), coverage,
    )  # fmt: skip


def _sum(weighed: Iterable[tuple[int, Bounds]]) -> Bounds:
    return sum((bounds.scaled(weight) for weight, bounds in weighed if weight), NOTHING)


def _deeper(one: _Happened, level: int, floor_s: float) -> Bounds:
    """How often it counts. What a window showed is measured only where it is longer than the floor; without one it may
    have been deeper."""
    if one.dips != (level < 100):
        return NOTHING
    shown = one.extreme_pct is not None and (one.extreme_pct < level if one.dips else one.extreme_pct > level)
    if floor_s and not shown:
        return NOTHING
    return _times(one, _lasting(one, floor_s), surely=shown)


def _outside(one: _Happened, floor_s: float) -> Bounds:
    """The same of the curve."""
    if one.itic == "ok":
        return NOTHING
    return _times(one, _lasting(one, floor_s), surely=one.itic == "violates")


def _times(one: _Happened, lasting: Bounds, *, surely: bool) -> Bounds:
    """What a register tells of may be several."""
    return Bounds(lasting.low if surely else 0.0, inf if one.logged and lasting.high else lasting.high)


def _lasting(one: _Happened, floor_s: float) -> Bounds:
    """1 where it surely lasted longer than the floor and no longer than a minute, 0 where it surely did not."""
    surely = one.least_s >= floor_s and one.most_s <= _LONGEST_S
    perhaps = one.most_s > floor_s and one.least_s <= _LONGEST_S
    return Bounds(float(surely), float(perhaps))


def _families(events: Collection[Event]) -> Iterator[_Happened]:
    """What is nested in a sag, as its interruption, is the same event."""
    told = {one.id: one for one in events if one.kind in _COUNTED and one.state != "retracted" and one.mode == "normal"}
    families: defaultdict[str, list[Event]] = defaultdict(list)
    for event in told.values():
        root = event
        while root.parent in told and root.kind in _DIPS:
            root = told[root.parent or ""]
        families[root.id].append(event)
    for root_id, members in families.items():
        found = _happened(told[root_id], members)
        if found is not None:
            yield found


def _happened(root: Event, members: Sequence[Event]) -> _Happened | None:
    if root.meter is None:
        return None
    dips = root.kind in _DIPS
    known = [pct for one in members if (pct := _extreme(one, dips)) is not None]
    verdicts = {one.classes.get("itic", "undecided") for one in members}
    itic = "violates" if "violates" in verdicts else "ok" if verdicts == {"ok"} else "undecided"
    return _Happened(
        root.meter, dips, root.duration_min_s or 0.0, inf if root.duration_max_s is None else root.duration_max_s,
        (min(known) if dips else max(known)) if known else None, itic,
        all(one.basis == "meter_log" for one in members),
    )  # fmt: skip


def _extreme(event: Event, dips: bool) -> float | None:
    if not dips:
        return event.peak_pct
    return _LOSS_PCT.get(event.kind) if event.residual_pct is None else event.residual_pct
