"""One loss of one meter is one event, whoever tells of it.

what comes                    what is known of the meter's loss      what becomes of it
----------------------------  -------------------------------------  -------------------------------------------------
told by the meter itself      inferred, and open, or not over        the inferred one is retracted, this supersedes it
                              before this began
of the meter's own log        inferred and over, and both can be     the inferred one stays, with the log's words and
                              one                                    basis and the narrower bounds of both
inferred from its counters,   of the meter's own log, and both can   the log's is retracted, this supersedes it, with
after a dark time             be one                                 its words and basis and the narrower bounds of both
the log's again, once more    -                                      what stands for it is told again, with new words
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from agent.clock import Clock
from agent.detect.desk_events import Teller
from agent.detect.register import Register
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds
from agent.records import NOT_ISOLATION, Event, Supply

# So far back an inferred loss may lie that a meter's own registers prove.
_PROVEN_US = 3_600_000_000
# So many losses that took the place of another are remembered.
_REMEMBERED = 256
_T = TypeVar("_T")


class Endless:
    """Inferred losses that followed from what is over, while their meter is not heard: they are closed, and when they
    ended is not known before it is heard with voltage."""

    def __init__(self, register: Register, teller: Teller) -> None:
        self._register, self._teller = register, teller
        self._proven: dict[str, tuple[str, Bounds, Bounds]] = {}  # by meter: id, its start, and what it outlasted

    def resume(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Of another run: those of them that have no end yet."""
        inferred = [one for one in events if one.kind == "supply_loss" and one.basis == "inferred" and one.meter]
        found = [one for one in inferred if (one.state, one.end_us) == ("closed", None)]
        for event in found:
            since = self._register.since(event)
            lasted_us = since.latest_us + round(1e6 * (event.duration_min_s or 0.0))
            self._proven[event.meter or ""] = event.id, since, Bounds(lasted_us, lasted_us)
        return tuple(found)

    def closed(self, event: Event, since: Bounds, outlasted: Bounds, now_us: int, why: str) -> Event:
        self._proven[event.meter or ""] = event.id, since, outlasted
        return self._teller.endless(event, since, outlasted, now_us, why)

    def heard(self, meter: str, supply: Supply, back: Bounds | None, seen: Seen, now_us: int) -> Event | None:
        """Its event with an end, if that can be told now. back: when its silence ended."""
        known = self._proven.get(meter)
        if known is None or not seen.speaks:
            return None
        del self._proven[meter]
        id_, since, outlasted = known
        event = self._register.event(id_)
        if event is None or event.state != "closed" or event.end_us is not None or supply == "dead":
            return None
        latest_us = (seen.heard_us or now_us) if back is None else back.latest_us
        ends = Bounds(min(outlasted.earliest_us, latest_us), latest_us)
        closed = self._teller.closed(event, since, ends, now_us, "voltage measured: it ended by then")
        return replace(closed, duration_min_s=max(event.duration_min_s or 0.0, closed.duration_min_s or 0.0))


class OneLoss:
    """tell: takes what is retracted."""

    def __init__(self, register: Register, teller: Teller, clock: Clock, tell: Callable[[Event], object]) -> None:
        self._register, self._teller, self._clock, self._tell = register, teller, clock, tell
        self._replaced: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # by id of what took their place
        self._instead: OrderedDict[str, Event] = OrderedDict()  # by id of a log's loss: what stands for it

    def of(self, event: Event) -> Event:
        """What is to be told of a supply_loss of a meter."""
        if event.id in self._instead:
            return self._again(event)
        if event.basis == "inferred":
            return self._beside_the_log(event)
        inferred = self._register.inferred_of(event.meter or "")
        if event.basis == "meter_log" and inferred is not None and _may_be_one(event, inferred):
            return self._proven(inferred, event)
        if event.id not in self._replaced:
            ids = tuple(self._overtaken(event))
            if not ids:
                return event
            _remember(self._replaced, event.id, ids)
        ids = tuple(dict.fromkeys((*event.supersedes, *self._replaced[event.id])))
        return replace(event, supersedes=ids)

    def _overtaken(self, event: Event) -> Iterator[str]:
        now_us = self._clock.boot_us()
        for old in list(self._register.lately(now_us, _PROVEN_US)):
            mine = old.meter == event.meter and old.kind == "supply_loss" and old.basis == "inferred"
            if not mine or old.state == "retracted" or (old.end_us is not None and event.start_us >= old.end_us):
                continue
            self._tell(self._teller.retracted(old, now_us, f"its meter tells it itself: {event.id} takes its place"))
            yield old.id

    def _proven(self, inferred: Event, log: Event) -> Event:
        """What began stays told as it was: only its earliest start may move."""
        now_us = self._clock.boot_us()
        both = replace(narrowed(inferred, log), start_us=inferred.start_us, basis="meter_log")
        proven = self._teller.revised(_with_words(both, log), now_us, "")
        _remember(self._instead, log.id, proven)
        return proven

    def _beside_the_log(self, event: Event) -> Event:
        if not self._of_dark(event):
            return event
        now_us = self._clock.boot_us()
        logs = (one for one in self._register.lately(now_us, _PROVEN_US) if _is_log(one) and one.meter == event.meter)
        log = next((one for one in logs if one.state == "closed" and _may_be_one(event, one)), None)
        if log is None:
            return event
        self._tell(self._teller.retracted(log, now_us, f"its counters tell the same, and closer: {event.id}"))
        merged = replace(_with_words(narrowed(event, log), log), basis="meter_log", supersedes=(log.id,))
        _remember(self._instead, log.id, merged)
        return merged

    def _again(self, log: Event) -> Event:
        known = self._instead[log.id]
        merged = self._register.event(known.id) or known
        more = _with_words(merged, log)
        if more == merged:
            return merged
        merged = self._instead[log.id] = self._teller.revised(more, self._clock.boot_us(), "")
        return merged

    def _of_dark(self, event: Event) -> bool:
        causes = (self._register.event(id_) for id_ in event.because)
        return event.state == "closed" and any(one is not None and one.kind == "gateway_outage" for one in causes)


def narrowed(event: Event, other: Event) -> Event:
    """With the bounds that both allow."""
    if event.end_us is None or event.end_earliest_us is None or other.end_us is None or other.end_earliest_us is None:
        return event
    start_us = min(event.start_us, other.start_us)
    end_earliest_us = max(event.end_earliest_us, other.end_earliest_us)
    shortest = [one for one in (event.duration_min_s, other.duration_min_s) if one is not None]
    longest = [one for one in (event.duration_max_s, other.duration_max_s) if one is not None]
    return replace(
        event, start_us=start_us, start_earliest_us=max(event.start_earliest_us, other.start_earliest_us),
        end_us=min(event.end_us, other.end_us), end_earliest_us=end_earliest_us,
        duration_min_s=max(shortest, default=None), duration_max_s=min(longest, default=None),
    )  # fmt: skip


def _with_words(event: Event, log: Event) -> Event:
    """The log's words after those of the event, but for what every word of a dead feeder has beside it."""
    words = tuple(dict.fromkeys((*event.evidence, *log.evidence)))
    last = tuple(line for line in words if line == NOT_ISOLATION)
    words = (*(line for line in words if line != NOT_ISOLATION), *last)
    return replace(event, evidence=words, because=tuple(dict.fromkeys((*event.because, *log.because))))


def _may_be_one(one: Event, other: Event) -> bool:
    """Their bounds leave room for both, at the start and at the end."""
    if "retracted" in (one.state, other.state):
        return False
    if one.end_us is None or one.end_earliest_us is None or other.end_us is None or other.end_earliest_us is None:
        return False
    begins = max(one.start_earliest_us, other.start_earliest_us) <= min(one.start_us, other.start_us)
    return begins and max(one.end_earliest_us, other.end_earliest_us) <= min(one.end_us, other.end_us)


def _is_log(event: Event) -> bool:
    return event.kind == "supply_loss" and event.basis == "meter_log"


def _remember(known: OrderedDict[str, _T], id_: str, what: _T) -> None:
    known[id_] = what
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
