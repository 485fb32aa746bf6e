"""Events -> who was without supply, from when to when, and how sure that is. Pure.

What is told of a meter is told of the customers who are fed at its node; those of a node without a meter lose their
supply with an incident at a node that they die with. Customers of one kind at one place (on one phase, on all three, on
a phase that nobody wrote down) share their losses: those that overlap are one interruption.

    loss            surely, from `start` to `end_earliest`    perhaps, from `start_earliest` to `end`
    -------------   ---------------------------------------   ----------------------------------------------------
    supply_loss     all customers of the place                all of them
    phase_loss      those on the phase, and on three phases   those on a phase that nobody wrote down, too
    silence         nobody                                    all of them, less what a counter proves (`unseen`)

An interruption that no loss surely proves is a possible one: it counts in upper bounds only. Retracted events and
losses in test mode are not there at all; losses and silences in maintenance are planned ones, and kept apart. What
began before the period is joined to nothing in it: what may have been lost afterwards is another one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agent.detect.network import Customers, Network
from agent.records import MINUTE_US, Event, Incident, Kind
from agent.report.figures import Bounds, Span, merged, total_us, without
from agent.report.reliability.unseen import Silence, possible

Group = Literal["l1", "l2", "l3", "three_phase", "unsplit"]
GROUPS: tuple[Group, ...] = ("l1", "l2", "l3", "three_phase", "unsplit")
# How many of them are fed directly at a node: its customers, or what else indices are wanted for.
Fed = Callable[[str], Customers | None]
_LOSSES: frozenset[Kind] = frozenset({"supply_loss", "phase_loss"})
# For who does not ask about a period.
FOR_EVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss as it is told. sure: None where nothing of it is; length_us: how long it lasted; phases: none for all;
    unseen: it is a silence, in which there may have been any number of them"""

    sure: Span | None
    possible: Span
    length_us: Bounds
    phases: tuple[str, ...] = ()
    planned: bool = False
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """Customers of one kind at one place, without supply once.

    surely:   that it was at all; customers: how many there are of them
    times:    how often it was at most, but for silence: where only wide bounds make one of several it may have been
              each of them
    began_us: the earliest possible instant; the day that all its minutes belong to is that of `began_us`
    lost_min: minutes each of them was without supply; sure, possible: when
    unseen:   silence in it; unseen_min: how much of that may have been without supply
    """

    place: str
    group: Group
    customers: int
    surely: bool
    times: int
    planned: bool
    began_us: int
    lost_min: Bounds
    sure: tuple[Span, ...]
    possible: tuple[Span, ...]
    unseen: tuple[Span, ...] = ()
    unseen_min: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of a period.

    events, incidents: the latest revisions of those that touch it; until_us: now, or until when else open ones last
    silences: of each meter; dark: when nobody looked, for places without a meter; from_us: where the period begins
    """

    network: Network
    events: Collection[Event]
    incidents: Collection[Incident]
    until_us: int
    silences: Mapping[str, Sequence[Silence]]
    dark: Sequence[Span] = ()
    from_us: int = -FOR_EVER_US


def interruptions(seen: Seen, fed: Fed | None = None) -> tuple[Interruption, ...]:
    """Of all places, in order of the network, then of time."""
    nodes = seen.network.nodes
    count: Fed = fed or (lambda name: nodes[name].customers)
    found: list[Interruption] = []
    losses = _losses(seen)
    for place in nodes:
        customers = count(place)
        if customers is not None and customers.total:
            found += _of_place((place, customers), losses.get(place, ()), seen.from_us)
    return tuple(found)


def _of_place(of: tuple[str, Customers], losses: Collection[Loss], from_us: int) -> Iterator[Interruption]:
    place, customers = of
    for group in GROUPS:
        number = getattr(customers, group)
        felt = [_as_felt(loss, group) for loss in losses if _feels(loss, group)] if number else ()
        before = [loss for loss in felt if loss.possible.from_us < from_us]
        since = list(_not_lost_before(before, [loss for loss in felt if loss.possible.from_us >= from_us]))
        for planned in (False, True):
            for begun in (before, since):
                for together in _overlapping([loss for loss in begun if loss.planned == planned]):
                    yield _interruption((place, group, number), planned, together)


def _not_lost_before(before: Collection[Loss], since: Iterable[Loss]) -> Iterator[Loss]:
    """Silence less what an interruption that began before the period surely took of it."""
    lost = [loss.sure for loss in before if loss.sure is not None]
    for loss in since:
        if not loss.unseen or not lost:
            yield loss
            continue
        for left in without([loss.possible], lost):
            yield replace(loss, possible=left, length_us=Bounds(0.0, min(loss.length_us.high, left.length_us)))


def _feels(loss: Loss, group: Group) -> bool:
    return not loss.phases or group in ("three_phase", "unsplit") or group in loss.phases


def _as_felt(loss: Loss, group: Group) -> Loss:
    """Who hangs on a phase that nobody wrote down may hang on another one."""
    if loss.phases and group == "unsplit":
        return Loss(None, loss.possible, Bounds(0.0, loss.length_us.high), loss.phases, loss.planned)
    return loss


def _overlapping(losses: Collection[Loss]) -> Iterator[list[Loss]]:
    """Those that may have been one."""
    together: list[Loss] = []
    until_us = 0
    for loss in sorted(losses, key=lambda one: one.possible):
        if together and loss.possible.from_us > until_us:
            yield together
            together = []
        until_us = max(until_us, loss.possible.to_us) if together else loss.possible.to_us
        together.append(loss)
    if together:
        yield together


def _interruption(who: tuple[str, Group, int], planned: bool, losses: list[Loss]) -> Interruption:
    sure = merged(loss.sure for loss in losses if loss.sure is not None)
    possible = merged(loss.possible for loss in losses)
    # One loss by itself lasted as long as the boot clock says; of several the wall clock says how they overlap.
    one = losses[0].length_us
    least_us = max(total_us(sure), *(loss.length_us.low for loss in losses))
    length_us = one if len(losses) == 1 else Bounds(least_us, max(least_us, _most_us(losses, possible)))
    lost_min = length_us.scaled(1 / MINUTE_US)
    silent = [loss for loss in losses if loss.unseen]
    unseen = merged(loss.possible for loss in silent)
    times = max(int(not silent), len(sure) + sum(loss.sure is None and not loss.unseen for loss in losses))
    return Interruption(
        *who, bool(sure), times, planned, possible[0].from_us, lost_min, sure, possible, unseen,
        _most_us(silent, unseen) / MINUTE_US,
    )  # fmt: skip


def _most_us(losses: Iterable[Loss], possible: tuple[Span, ...]) -> float:
    return min(float(total_us(possible)), sum(loss.length_us.high for loss in losses))


# -- what is told -> losses by place ----------------------------------------------------------------------------


def _losses(seen: Seen) -> dict[str, list[Loss]]:
    found: dict[str, list[Loss]] = {}
    for place, loss in (*_of_meters(seen), *_where_nobody_looked(seen)):
        found.setdefault(place, []).append(loss)
    for incident in seen.incidents:
        if incident.cause == "supply_loss" and incident.state != "retracted":
            for place in _unmetered(incident, seen.network):
                found.setdefault(place, []).append(_of_incident(incident, seen.until_us))
    return found


def _of_meters(seen: Seen) -> Iterator[tuple[str, Loss]]:
    placed = seen.network.meters
    for event in seen.events:
        where, loss = placed.get(event.meter or ""), _of_event(event, seen.until_us)
        if loss is not None and where is not None:
            yield where.node, loss


def _where_nobody_looked(seen: Seen) -> Iterator[tuple[str, Loss]]:
    network = seen.network
    for meter, silences in seen.silences.items():
        if meter in network.meters:
            for one in (one for one in silences if one.most_us):
                yield network.meters[meter].node, _silence(one.span, one.most_us, planned=one.planned)
    for place in network.nodes if seen.dark else ():
        if not network.meters_at(place):
            for span in seen.dark:
                yield place, _silence(span, span.length_us)


def _silence(span: Span, most_us: int, *, planned: bool = False) -> Loss:
    return Loss(None, span, Bounds(0.0, most_us), planned=planned, unseen=True)


def _of_event(event: Event, until_us: int) -> Loss | None:
    if event.kind not in _LOSSES or event.state == "retracted" or event.mode == "test":
        return None
    sure, perhaps = spans_of(event, until_us)
    return Loss(sure, perhaps, lasted_us(event, until_us), _phases(event), event.mode == "maintenance")


def _phases(event: Event) -> tuple[str, ...]:
    return event.phases if event.kind == "phase_loss" else ()


def spans_of(told: Event | Incident, until_us: int) -> tuple[Span | None, Span]:
    """What was surely lost, and what may have been. An open one goes on: surely as far as it was said."""
    end_us = until_us if told.end_us is None else told.end_us
    last_us = told.end_earliest_us if told.end_earliest_us is not None else min(told.reported_us, end_us)
    sure = Span(told.start_us, last_us) if last_us > told.start_us else None
    return sure, possible(told, until_us)


def lasted_us(told: Event | Incident, until_us: int) -> Bounds:
    """By the boot clock, where the event is over; else as long as it was seen, and as long as it may be."""
    sure, perhaps = spans_of(told, until_us)
    least_us = told.duration_min_s * 1e6 if told.duration_min_s is not None else 0.0
    if told.end_us is None:
        return Bounds(max(least_us, sure.length_us if sure else 0), max(least_us, perhaps.length_us))
    most_us = perhaps.length_us if told.duration_max_s is None else told.duration_max_s * 1e6
    return Bounds(least_us, max(least_us, most_us))


def _unmetered(incident: Incident, network: Network) -> Iterator[str]:
    """Places with nobody to tell of them, that have no supply but through the incident's node."""
    for place in network.below(incident.node) if _is_known(incident.node, network) else ():
        if not network.meters_at(place) and _dies_with(incident.node, place, network):
            yield place


def _is_known(node: str, network: Network) -> bool:
    return node in network.nodes or node == network.site


def _dies_with(node: str, place: str, network: Network) -> bool:
    return node == network.site or network.only_through(node, place)


def _of_incident(incident: Incident, until_us: int) -> Loss:
    """As long as the incident: who of them came back before its end nobody saw."""
    sure, perhaps = spans_of(incident, until_us)
    length = lasted_us(incident, until_us)
    if incident.restored:
        # A part was restored before the rest: these may have been among the first.
        return Loss(sure and Span(sure.from_us, sure.from_us + 1), perhaps, Bounds(0.0, length.high))
    return Loss(sure, perhaps, length, incident.phases)
