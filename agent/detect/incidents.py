"""Faults of one moment -> incidents over time: what has one cause is one, from the first meter to the last in band.

a fault is found                        an incident is open that                    what becomes of it
--------------------------------------  ------------------------------------------  --------------------------------
at meters of an incident that goes on   -                                           it is that incident; its node
                                                                                    follows until someone is restored
at meters all restored less than 3 min  -                                           it again: reclosed once more
above or below one that goes on         began less than a minute before             it: more was seen
below one that goes on                  -                                           nested in it
above one that goes on                  began earlier                               a new one of those that it takes
                                                                                    besides; the older is nested in it
anywhere else                           -                                           a new incident

all are back             the incident stays open; the same again within 3 min is counted, not told anew
nothing known of some    it stays open: silent, in test, fed by somebody else, or all dead where a phase was lost
back in band for 10 min  closed, at the instant the last came back
no answer for 24 h       closed, and says so
all its events retracted retracted
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.detect.cases import CALM_US, DARK, KINDS, RECLOSE_US, Case, Fault, Loss
from agent.detect.network import Network
from agent.records import Cause

_GROWS_US = 60_000_000
# So long it is waited for an answer of those of whom nothing is known, once nobody is known to be dead.
UNANSWERED_US = 24 * 3_600_000_000
# What may turn out to be the other one.
_ALIKE: Mapping[Cause, str] = {"phase_loss": "phase", "open_conductor": "phase"}


@dataclass(frozen=True, slots=True)
class Asked:
    """How a node stands. also: meters to count besides those that vote, such as one in test; live: meters that are
    known to be back, whatever they say now; without: nodes that another incident counts."""

    node: str
    also: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to judge by. Instants on the boot clock.

    faults: as found now; standing: how a node found before stands now; losses: by meter, open and lately ended;
    troubled: meters with a voltage out of band; live_at: nodes where some meter measures voltage; lit: meters with
    voltage of the network, by the instant it is of; doubtful: meters whose voltage proves nothing: somebody feeds in,
    or they are under test
    """

    now_us: int
    faults: tuple[Fault, ...]
    standing: Callable[[Asked], Fault]
    losses: Mapping[str, Sequence[Loss]]
    troubled: frozenset[str] = frozenset()
    live_at: frozenset[str] = frozenset()
    lit: Mapping[str, int] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()


@dataclass(slots=True)
class Verdicts:
    """changed: cases to tell a revision of; over: those that are closed; unanswered: closed although nothing is known
    of some; none: those that were none."""

    changed: list[Case] = field(default_factory=list)
    over: list[Case] = field(default_factory=list)
    unanswered: list[Case] = field(default_factory=list)
    none: list[Case] = field(default_factory=list)


class Incidents:
    """All that are open."""

    def __init__(self, network: Network, next_id: Callable[[], str]) -> None:
        self._network = network
        self._next_id = next_id
        self.cases: list[Case] = []

    def judge(self, moment: Moment) -> Verdicts:
        found: dict[str, list[Fault]] = {}
        absorbed: list[Case] = []
        for fault in moment.faults:
            case = self._case_of(fault, moment, absorbed)
            if case is not None:
                case.take(self._losses(fault, case, moment), moment.now_us)
                found.setdefault(case.id, []).append(fault)
        verdicts = Verdicts(none=absorbed)
        for case in self.cases:
            case.renew(moment.losses)
        self._stand_all([case for case in self.cases if case not in absorbed], found, moment)
        for case in self.cases:
            self._sort(case, moment, verdicts)
        gone = {case.id for case in (*verdicts.over, *verdicts.unanswered, *verdicts.none)}
        self.cases = [case for case in self.cases if case.id not in gone]
        return verdicts

    # -- which fault is of which case ------------------------------------------------------------------------

    def _case_of(self, fault: Fault, moment: Moment, absorbed: list[Case]) -> Case | None:
        """None where no event says that anything began."""
        mine = [case for case in self.cases if case not in absorbed and self._is_part(case, fault, moment)]
        if not mine:
            if not self._losses(fault, None, moment):
                return None
            case = Case(self._next_id(), fault)
            self.cases.append(case)
            return case
        first, *others = [case for case in mine if not case.losses.keys().isdisjoint(fault.struck)] or mine
        for other in others:
            if self._young(other, moment):
                for losses in other.losses.values():
                    first.take(tuple(losses.values()), moment.now_us)
                absorbed.append(other)
        if fault.cause in _ALIKE and first.fault.cause == "supply_loss":
            first.fault = fault  # what died first was wired to the lost phase only
        return first

    def _is_part(self, case: Case, fault: Fault, moment: Moment) -> bool:
        if case.fault.cause == "supply_loss" and fault.cause in _ALIKE:
            return bool(case.losses) and case.losses.keys() <= set(fault.struck) and self._young(case, moment)
        if _ALIKE.get(case.fault.cause, case.fault.cause) != _ALIKE.get(fault.cause, fault.cause):
            return False
        again = set(fault.struck).intersection(case.losses)
        if again:
            return self._goes_on(case, fault, again, moment)
        if not case.struck or case.fault.cause != fault.cause:
            return False
        below = self._feeds(case.fault.node, fault.node)
        return below or (self._feeds(fault.node, case.fault.node) and self._young(case, moment))

    def _goes_on(self, case: Case, fault: Fault, again: Iterable[str], moment: Moment) -> bool:
        """Meters of it are struck. Were all of them back for long, it is another; likewise what is far above, later."""
        if case.held().isdisjoint(again):
            begun = [loss for name in again for loss in moment.losses.get(name, ()) if loss.state == "open"]
            end = case.last_end
            return end is None or any(loss.since.latest_us - end.latest_us <= RECLOSE_US for loss in begun)
        above = fault.node != case.fault.node and not self._feeds(case.fault.node, fault.node)
        return not above or self._young(case, moment) or set(fault.struck) <= set(case.losses)

    def _losses(self, fault: Fault, case: Case | None, moment: Moment) -> list[Loss]:
        """The events of the meters it strikes, of the kinds it is made of; those that were over before it are not, nor
        is what another incident is made of already."""
        kinds, start = KINDS[fault.cause], None if case is None else case.start
        others = [one for one in self.cases if one is not case and one.fault.cause == "supply_loss"]
        return [
            loss
            for name in fault.struck
            for loss in moment.losses.get(name, ())
            if loss.kind in kinds and not any(loss.id in one.losses.get(name, ()) for one in others)
            if loss.state == "open" or (start and loss.since.latest_us >= start.latest_us)
        ]

    def _feeds(self, upper: str, lower: str) -> bool:
        site = self._network.site
        return upper in (lower, site) or (lower != site and self._network.feeds(upper, lower))

    def _young(self, case: Case, moment: Moment) -> bool:
        start = case.start
        return not case.settled and (start is None or moment.now_us - start.latest_us <= _GROWS_US)

    # -- how each stands -------------------------------------------------------------------------------------

    def _stand_all(self, cases: Sequence[Case], found: Mapping[str, Sequence[Fault]], moment: Moment) -> None:
        """First what has no supply at all: who is dead shows no phase."""
        dark: set[str] = set()
        for case in sorted(cases, key=lambda case: case.fault.cause != "supply_loss"):
            faults = found.get(case.id, ())
            case.stand(case.held(), moment.lit, moment.now_us)
            case.settled |= bool(case.restored)
            if faults and not case.settled:
                best = max(faults, key=_tells)
                case.fault = best if _tells(best)[0] >= _tells(case.fault)[0] else case.fault
            is_loss = case.fault.cause == "supply_loss"
            doubtful = moment.doubtful if is_loss else moment.doubtful | dark
            case.stands = self._supply(case, moment) if is_loss else _other(case, faults, moment, dark)
            case.doubt(doubtful)
            dark.update(case.struck if is_loss else ())
            if case.struck and case.stands is not None:
                case.note(case.stands)
                case.nested = self._nested(case, faults, moment) if is_loss else ()

    def _supply(self, case: Case, moment: Moment) -> Fault | None:
        """None: all that were dead in it are back."""
        node, elsewhere = case.fault.node, self._counted_elsewhere(case)
        without = frozenset[str]().union(*(self._network.below(other) for other in elsewhere))
        also = frozenset((*case.losses, *case.waiting))
        stands = moment.standing(Asked(node, also, without=without))
        held = case.held()
        mine = tuple(name for name in stands.struck if name in held)
        case.waiting.update(stands.unknown if mine else ())
        case.stand(mine, moment.lit, moment.now_us)
        notes = tuple(f"What was dead below {other} before is counted there." for other in elsewhere)
        if mine:
            return replace(stands, struck=mine, notes=(*stands.notes, *notes))
        if not case.waiting:
            return None
        stands = moment.standing(Asked(node, also, frozenset(case.back), without))
        perhaps = None if stands.customers is None else (0, stands.customers[1])
        split = {phase: (0, most) for phase, (_, most) in stands.by_phase.items()}
        return replace(
            stands, struck=(), unknown=tuple(sorted(case.waiting)), customers=perhaps, by_phase=split, confidence=0.0,
            critical=(),
        )  # fmt: skip

    def _counted_elsewhere(self, case: Case) -> list[str]:
        """Nodes below which another incident counts the customers: each counts once."""
        mine, nodes, older = bool(case.held()), list[str](), True
        for other in self.cases:
            older = older and other is not case
            upper, lower = case.fault.node, other.fault.node
            above = self._feeds(upper, lower)
            if other is case or other.fault.cause != "supply_loss" or not (above or self._feeds(lower, upper)):
                continue
            theirs, deeper = bool(other.held()), above and upper != lower
            if deeper if mine and theirs else theirs or (not mine and older and bool(other.waiting)):
                nodes.append(lower)
        return nodes

    def _nested(self, case: Case, faults: Sequence[Fault], moment: Moment) -> tuple[str, ...]:
        """What is dead below it for a reason of its own: what stayed so when the place itself was alive again, and what
        was so before."""
        node = case.fault.node
        before = [other.fault.node for other in self.cases if other is not case and other.fault.cause == "supply_loss"
                  and other.struck and node != other.fault.node and self._feeds(node, other.fault.node)]  # fmt: skip
        if not self._alive(node, moment):
            return tuple(dict.fromkeys((*before, *(one for one in case.nested if one != node))))
        stays = [fault.node for fault in faults if fault.node != node and case.settled]
        return tuple(dict.fromkeys((*before, *stays)))

    def _alive(self, node: str, moment: Moment) -> bool:
        """Some meter has voltage that cannot come but through it."""
        return node in self._network.nodes and any(self._network.only_through(node, live) for live in moment.live_at)

    def _sort(self, case: Case, moment: Moment, verdicts: Verdicts) -> None:
        if case in verdicts.none:
            return
        if case.taken_back:
            verdicts.none.append(case)
            return
        case.quiet_us = None if case.struck else moment.now_us if case.quiet_us is None else case.quiet_us
        _watch_calm(case, moment)
        if case.found_over or (case.calm_us is not None and moment.now_us - case.calm_us >= CALM_US):
            verdicts.over.append(case)
        elif case.waiting and case.quiet_us is not None and moment.now_us - case.quiet_us >= UNANSWERED_US:
            verdicts.unanswered.append(case)
        else:
            verdicts.changed.append(case)


def _watch_calm(case: Case, moment: Moment) -> None:
    calm = case.stands is None and not moment.troubled.intersection(case.losses)
    if not calm:
        case.calm_us = None
        case.troubled = case.stands is None
    elif case.calm_us is None:
        end = case.end
        case.calm_us = moment.now_us if end is None or case.troubled else min(moment.now_us, end.latest_us)
        case.troubled = False


def _other(case: Case, faults: Sequence[Fault], moment: Moment, dark: Collection[str]) -> Fault | None:
    """What is told by single meters and by phases. dark: meters without any supply: another incident counts them."""
    best = max(faults, key=_tells, default=None)
    case.stand({name for fault in faults for name in fault.struck}, moment.lit, moment.now_us)
    waiting = tuple(sorted(case.waiting))
    if best is not None:
        return replace(best, unknown=tuple(dict.fromkeys((*best.unknown, *waiting)))) if waiting else best
    if not waiting:
        return None
    known, gone = case.most or case.fault.customers, set(waiting) <= set(dark)
    return replace(
        case.fault, struck=(), alive=(), unknown=waiting, by_phase={}, critical=(), confidence=0.0,
        customers=None if known is None else (0, 0 if gone else known[1]), notes=(DARK,) if gone else (),
    )  # fmt: skip


def _tells(fault: Fault) -> tuple[bool, int]:
    """What says most: an open conductor explains the phases that are lost below it."""
    return fault.cause == "open_conductor", len(fault.struck)
