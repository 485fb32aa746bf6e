"""Incidents judged anew by what was found out afterwards: as it was then, through the judgement of any moment.

a dark time    its dead and those who lived vote, as of then; whoever was dead before it and went on being so votes too;
               nobody else does. It is closed from the start, unless some are not back yet or were not heard since
a loss less    the incident that had it is judged by the others of it; its place and its greatest number may shrink
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from agent.dark_state import Past
from agent.desk.dark import Hindsight
from agent.detect.cases import Case, Fault, Loss
from agent.detect.incidents import Asked, Incidents, Moment
from agent.detect.joining import supply_faults
from agent.detect.localise import Laid, Vote
from agent.detect.network import Network
from agent.detect.register import Register

Losses = dict[str, list[Loss]]
# A counter that stood still, and one that ran on.
_STOOD, _RAN = 0.8, 0.95
# Dark times whose incidents may still be judged anew.
_REMEMBERED = 8


class LookBack:
    """standing: how a place stands by such votes."""

    def __init__(
        self, incidents: Incidents, network: Network, standing: Callable[[Asked, Sequence[Vote], Laid], Fault]
    ) -> None:
        self._incidents, self._network, self._standing = incidents, network, standing
        self._past: dict[str, list[Case]] = {}  # by id of the gateway_outage that their dark time began with

    @property
    def past(self) -> tuple[Past, ...]:
        """Those that are open."""
        known = ((outage, case) for outage, cases in self._past.items() for case in cases)
        return tuple(Past(case.id, outage) for outage, case in known if case in self._incidents.cases)

    def recall(self, past: Iterable[Past]) -> None:
        """Incidents that another run found out so."""
        for one in past:
            mine = self._past.setdefault(one.outage, [])
            mine += [case for case in self._incidents.cases if case.id == one.incident and case not in mine]

    def look(self, found: Hindsight, counting: Set[str], losses: Losses, register: Register) -> Losses:
        """counting: meters that count; losses: as they are now. Returns these, with those that only this one knows."""
        lived = found.lived & set(counting)
        if found.again:
            for case in list(self._incidents.cases):
                self._without(case, lived, counting, register)
            return losses
        # Another run told some of it, in incidents that are over.
        over = found.told if not self._past.get(found.outage) else frozenset()
        died = _real(_losses((id_ for id_ in found.died if id_ not in over), counting, register))
        if not died:
            return losses
        since_us = min(loss.since.latest_us for own in died.values() for loss in own)
        for name in counting - lived:
            before = [loss for loss in losses.get(name, ()) if _covers(loss, since_us) and loss.id not in found.died]
            if before:
                died[name] = [*died.get(name, ()), *before]
        self._look(found, died, lived - died.keys(), counting)
        return _together(losses, died)

    def _look(self, found: Hindsight, died: Losses, lived: Collection[str], counting: Collection[str]) -> None:
        until_us = max(loss.since.latest_us for own in died.values() for loss in own)
        mine = self._past.setdefault(found.outage, [])
        self._past = dict(list(self._past.items())[-_REMEMBERED:])
        for case in mine:
            _forget(case)
        again = [case for case in mine if case not in self._incidents.cases]
        before = [*(case for case in self._incidents.cases if _is_of(case, until_us)), *again]
        known = {case.id for case in (*self._incidents.cases, *again)}
        self._judge(before, died, lived, counting, until_us)
        for case in self._incidents.cases:
            if case.id not in known:
                case.past, case.slack_s = True, found.slack_s
                mine.append(case)

    def _without(self, case: Case, lived: Collection[str], counting: Collection[str], register: Register) -> None:
        """The case as it was, but for losses that were none."""
        case.renew({name: _losses(case.losses[name], counting, register).get(name, []) for name in case.losses})
        gone = [name for name in lived if any(loss.state == "retracted" for loss in case.losses.get(name, {}).values())]
        died = _real({name: list(own.values()) for name, own in case.losses.items() if name in counting})
        if case.fault.cause != "supply_loss" or not gone or not died:
            return
        _forget(case)
        alive = {*gone, *(name for name in case.fault.alive if name in counting)} - died.keys()
        self._judge([case], died, alive, counting, case.struck_us())
        case.renew(died)

    def _judge(
        self, cases: list[Case], died: Losses, lived: Iterable[str], counting: Collection[str], now_us: int
    ) -> None:
        """By those alone, while the other incidents wait."""
        votes = [Vote(name, "dead", _STOOD, self._died_at(name, own)) for name, own in died.items()]
        votes += [Vote(name, "live", _RAN) for name in sorted(lived)]
        laid = Laid(votes, self._network, tuple(counting))
        then = {name: [replace(loss, state="open", ended=None) for loss in own] for name, own in died.items()}
        moment = Moment(now_us, supply_faults(laid), lambda asked: self._standing(asked, votes, laid), then)
        others = [case for case in self._incidents.cases if case not in cases]
        self._incidents.cases = cases
        self._incidents.judge(moment)
        self._incidents.cases = [*others, *self._incidents.cases]

    def _died_at(self, name: str, own: Sequence[Loss]) -> str:
        """What a bus VT measures is the bus; what is inferred of a bay is the bay."""
        placed = self._network.meters[name]
        return placed.node if all(loss.inferred for loss in own) else placed.voltage_node


def _losses(ids: Iterable[str], counting: Collection[str], register: Register) -> Losses:
    found: Losses = {}
    for id_ in ids:
        event = register.event(id_)
        loss = None if event is None else register.loss(event, logged=True)
        if loss is not None and loss.meter in counting:
            found.setdefault(loss.meter, []).append(loss)
    return found


def _real(losses: Losses) -> Losses:
    kept = {name: [loss for loss in own if loss.state != "retracted"] for name, own in losses.items()}
    return {name: own for name, own in kept.items() if own}


def _covers(loss: Loss, at_us: int) -> bool:
    """A supply that was gone before that, and still was then."""
    lasted = loss.ended is None or loss.ended.latest_us > at_us
    return loss.kind == "supply_loss" and loss.state != "retracted" and loss.since.latest_us <= at_us and lasted


def _is_of(case: Case, until_us: int) -> bool:
    start = case.start
    return case.fault.cause == "supply_loss" and start is not None and start.latest_us <= until_us


def _forget(case: Case) -> None:
    """What was told of its place and its size is found anew."""
    case.settled, case.most, case.split, case.critical = False, None, {}, {}


def _together(losses: Mapping[str, Sequence[Loss]], more: Mapping[str, Sequence[Loss]]) -> Losses:
    both = {name: list(own) for name, own in losses.items()}
    for name, own in more.items():
        known = {loss.id for loss in both.get(name, ())}
        both.setdefault(name, []).extend(loss for loss in own if loss.id not in known)
    return both
