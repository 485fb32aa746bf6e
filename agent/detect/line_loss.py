"""The death of a line is one event, not forty: silences of its units are held back until it is known whose they are.

    the line   a unit falls silent   another unit answers     every unit is lost     the line answers again
    --------   -------------------   ----------------------   --------------------   ----------------------------------
    alive      held back             told: it is its own      one loss of the line   -
    dead       stands for it         -                        -                      alive: who answers was silent with
                                                                                     the line; who stays silent is told
                                                                                     as its own, with its true start

Another unit's answer proves little while it may be the first after a silence of the whole line: the unit must have
missed a request that left after it. Where nobody asks, one that is silent alone is told after two seconds, one of
several after a minute. Silences that ended untold, with nobody heard between their misses, were the line's where two or
more lie over each other, or where the line was down; one alone is the unit's own. Who is silent since then, too, was
silent with the line.

    start of the line's silence   (the last answer of any unit, the first deadline missed after it]
    its end                       (the last request missed by whoever answers first, that answer]
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds

_PATIENCE_US = 2_000_000
# Twice what a silent unit waits for its turn at most.
_LONG_PATIENCE_US = 60_000_000


@dataclass(slots=True)
class Held:
    """A silence that was not told. stood: the line was dead in it; proof_us: another unit answered after it began;
    down: its last request did not leave, for the line was down."""

    id: str
    meter: str
    since: Bounds
    ended: Bounds | None = None
    stood: bool = False
    proof_us: int | None = None
    down: bool = False

    @property
    def alone(self) -> bool:
        """It went on after another unit had answered."""
        return self.proof_us is not None and self.ended is not None and self.ended.earliest_us > self.proof_us


@dataclass(slots=True)
class Ruling:
    """tell: ids of held silences that are their units' own; stands: those that were the line's, never to be told;
    began, ended: a loss of the line begins, ends, or was there and is over; units: who was silent in it"""

    tell: list[str] = field(default_factory=list)
    stands: list[str] = field(default_factory=list)
    began: Bounds | None = None
    ended: Bounds | None = None
    never_heard: bool = False


class LineLoss:
    """One line with two units or more. began: of the loss that is open, None while the line lives."""

    def __init__(self, units: Sequence[str], began: Bounds | None = None) -> None:
        self.units = tuple(units)
        self.began = began
        self._held: dict[str, Held] = {}

    @property
    def held(self) -> tuple[str, ...]:
        return tuple(self._held)

    @property
    def starts(self) -> Mapping[str, int]:
        """When each began at the latest, on the boot clock."""
        return {id_: held.since.latest_us for id_, held in self._held.items()}

    def hold(self, id_: str, meter: str, since: Bounds) -> None:
        """A unit has fallen silent."""
        self._held[id_] = Held(id_, meter, since, stood=self.began is not None)

    def over(self, id_: str, ended: Bounds | None) -> None:
        """It answers again; None: it was no silence."""
        if ended is None:
            self._held.pop(id_, None)
        else:
            self._held[id_].ended = ended

    def judge(self, seen: Mapping[str, Seen], now_us: int) -> Ruling:
        """Whose the silences are, as far as that is known now."""
        ruling = Ruling()
        if self.began is None:
            self._begins(seen, ruling)
        if self.began is not None:
            self._ends(seen, ruling)
        if self.began is None:
            self._own(seen, now_us, ruling)
            self._brief(ruling, now_us)
        for id_ in (*ruling.tell, *ruling.stands):
            self._held.pop(id_, None)
        return ruling

    def _begins(self, seen: Mapping[str, Seen], ruling: Ruling) -> None:
        """Every unit is lost."""
        spans = [seen[unit].silent_since for unit in self.units if seen[unit].comms == "lost"]
        known = [span for span in spans if span is not None]
        if len(known) < len(self.units) or not any(held.ended is None for held in self._held.values()):
            return
        self.began = ruling.began = _common(known)
        ruling.never_heard = all(seen[unit].heard_us is None for unit in self.units)
        for held in self._held.values():
            held.stood = True

    def _ends(self, seen: Mapping[str, Seen], ruling: Ruling) -> None:
        """The first unit that answers ends it."""
        answers = [held.ended for held in self._held.values() if held.ended is not None]
        told = {held.meter for held in self._held.values()}
        heard = [(unit, seen[unit].heard_us) for unit in self.units if seen[unit].comms != "lost" and unit not in told]
        answers += [Bounds(at_us, at_us) for _, at_us in heard if at_us is not None and self.began is not None]
        if not answers or self.began is None:
            return
        end_us = min(answer.latest_us for answer in answers)
        missed = [at_us for unit in self.units if (at_us := seen[unit].missed_us) is not None and at_us < end_us]
        known = [answer.earliest_us for answer in answers if answer.earliest_us < end_us]
        earliest_us = max((self.began.earliest_us, *known, *missed))
        ruling.ended, self.began = Bounds(earliest_us, end_us), None

    def _own(self, seen: Mapping[str, Seen], now_us: int, ruling: Ruling) -> None:
        """Who is silent while the line lives."""
        heard = sorted(one.heard_us for unit in self.units if (one := seen[unit]).heard_us is not None)
        patience_us = self._patience_us
        for held in self._held.values():
            if held.ended is not None:
                (ruling.stands if held.stood else ruling.tell).extend([held.id] if held.stood or held.alone else [])
                continue
            held.down = seen[held.meter].outcome == "down"
            if held.proof_us is None and (nth := bisect_left(heard, held.since.latest_us)) < len(heard):
                held.proof_us = heard[nth]
            if held.proof_us is None:
                continue
            missed_us = seen[held.meter].missed_us
            waited = not held.stood and now_us - held.proof_us >= patience_us
            if waited or (missed_us is not None and missed_us >= held.proof_us):
                ruling.tell.append(held.id)

    @property
    def _patience_us(self) -> int:
        several = sum(not held.stood for held in self._held.values()) > 1
        return _LONG_PATIENCE_US if several else _PATIENCE_US

    def _brief(self, ruling: Ruling, now_us: int) -> None:
        """Silences that are over and were never told."""
        untold = [held for held in self._held.values() if held.id not in ruling.tell and not held.stood]
        over = [(held, held.ended) for held in untold if held.ended is not None]
        if not over:
            return
        end_us = min(ended.latest_us for _, ended in over)
        over = [(held, ended) for held, ended in over if held.since.latest_us < end_us]
        if len(over) < 2 and not any(held.down for held, _ in over):
            if len(untold) == len(over) or now_us - end_us >= self._patience_us:
                ruling.tell += [held.id for held, _ in over]
            return
        ruling.began, ruling.stands = _common(h.since for h, _ in over), ruling.stands + [h.id for h, _ in over]
        known = [ended.earliest_us for _, ended in over if ended.earliest_us < end_us]
        ruling.ended = Bounds(max((ruling.began.earliest_us, *known)), end_us)
        for held in untold:
            held.stood = held.stood or held.since.latest_us < end_us


def _common(spans: Iterable[Bounds]) -> Bounds:
    """When what began in all of these began: after the last good word of any, no later than the first miss after it."""
    known = list(spans)
    earliest_us = max(span.earliest_us for span in known)
    return Bounds(earliest_us, min(span.latest_us for span in known if span.latest_us >= earliest_us))
