"""What is found out afterwards of a time in which nobody looked, collected until it can be told as one.

dark time of the gateway    meter by meter its counters say who was dead and who lived: told together once who
                            answer have moved, and after two minutes at the latest; who does later changes what was told
counters that ran on        a loss that was inferred of a meter is none: retracted, and its incident judged anew

Each dark time by itself. What is collected outlives the agent: it may be killed before it is told.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from agent.clock import Clock
from agent.dark_state import Collected, Past, collected_of, collected_text
from agent.detect.desk_events import Teller
from agent.detect.register import Register
from agent.detect.supply_evidence import SELF_POWERED
from agent.outage import Counters, Looked, has_moved, ran_on, resolved
from agent.records import Event, Sample
from agent.site import Site
from agent.wiring import counter_steps

log = logging.getLogger("lamplighter.desk")

COLLECT_US = 120_000_000
_MORE_US = 10_000_000
# What a meter counts so long after a loss of it says nothing of that loss any more: its load may be another.
_LATE_US = 60_000_000
# Dark times of which more may be heard: a gateway whose supply flaps makes one after the other.
_REMEMBERED = 4
_MAY_BE_NONE = (("open", "inferred"), ("closed", "inferred"))


@dataclass(frozen=True, slots=True)
class Hindsight:
    """died: ids of the losses of a time that is over; lived: meters that had supply in it; slack_s: what the clocks may
    be wrong by; again: all of it concerns incidents that were told already; outage: id of the gateway_outage that the
    dark time began with; told: losses of it that were told in incidents"""

    died: tuple[str, ...] = ()
    lived: frozenset[str] = frozenset()
    slack_s: float = 0.0
    again: bool = False
    outage: str = ""
    told: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Dark:
    """One dark time. told: ids of losses that were told in incidents"""

    died: dict[str, str] = field(default_factory=dict)
    lived: set[str] = field(default_factory=set)
    left: frozenset[str] = frozenset()
    slack_s: float = 0.0
    due_us: int | None = None
    told: frozenset[str] = frozenset()

    def collected(self, outage: str) -> Collected:
        lived, told = tuple(sorted(self.lived)), tuple(sorted(self.told))
        return Collected(outage, self.died, lived, self.slack_s, self.due_us is not None, told)


class AfterDark:
    """Who was dead in a dark time, and who was none of those that were told. tell: takes what is retracted; keep: what
    another run needs."""

    def __init__(
        self, site: Site, clock: Clock, register: Register, teller: Teller, tell: Callable[[Event], object],
        keep: Callable[[str], object] = lambda text: None,
    ) -> None:  # fmt: skip
        self._clock, self._register, self._teller, self._tell = clock, register, teller, tell
        self._keep = keep
        self._darks: dict[str, _Dark] = {}  # by id of the gateway_outage that it began with
        self._past: tuple[Past, ...] = ()
        self._steps = {name: counter_steps(meter) for name, meter in site.meters.items()}
        self._self_powered = {name for name, meter in site.meters.items() if meter.powered_by in SELF_POWERED}
        self._read: dict[str, Counters] = {}  # by meter, on the boot clock: when it moved last
        self._disproved: set[str] = set()

    @property
    def waits(self) -> bool:
        return any(dark.due_us is not None for dark in self._darks.values()) or bool(self._disproved)

    @property
    def past(self) -> tuple[Past, ...]:
        """Incidents that were found out so, of those that were open last."""
        return self._past

    def resume(self, kept: str | None) -> frozenset[str]:
        """What another run collected. Returns the ids of its losses: `know` wants them."""
        collected, self._past = collected_of(kept)
        due_us = self._clock.boot_us() + COLLECT_US
        for one in collected:
            self._darks[one.outage] = _Dark(
                dict(one.died), set(one.lived), frozenset(), one.slack_s, due_us if one.due else None,
                frozenset(one.told),
            )  # fmt: skip
        return frozenset(id_ for one in collected for id_ in one.died.values())

    def know(self, events: Iterable[Event], left: frozenset[str]) -> None:
        """Losses of another run; left: whose counters are awaited still."""
        for event in events:
            if self._register.event(event.id) is None:
                self._register.note(event)
        for dark in self._darks.values():
            dark.left = left
            if dark.due_us is not None:
                self._register.aside.update(id_ for id_ in dark.died.values() if id_ not in dark.told)

    def remember(self, past: tuple[Past, ...]) -> None:
        """The incidents that were found out so, and are open."""
        if past != self._past:
            self._past = past
            self._hold()

    def looked(self, looked: Looked) -> None:
        """What the counters of a meter say of the dark time."""
        dark, now_us = self._darks.setdefault(looked.outage, _Dark()), self._clock.boot_us()
        dark.slack_s = max(dark.slack_s, looked.dark.slack_s)
        for other in self._darks.values():
            other.left = looked.left
        if looked.supply == "dead" and looked.event is not None:
            dark.died[looked.meter] = looked.event
            self._register.aside.add(looked.event)
        elif looked.supply == "live":
            dark.lived.add(looked.meter)
        news = looked.supply == "dead" or (looked.supply == "live" and bool(dark.told))
        if news and dark.due_us is None:
            dark.due_us = now_us + (_MORE_US if dark.told else COLLECT_US)
        for outage in list(self._darks)[:-_REMEMBERED]:
            if self._darks[outage].due_us is None:
                del self._darks[outage]
        self._hold()

    def take(self, now_us: int, silent: Set[str]) -> Iterator[Hindsight]:
        """What can be told now. silent: who is not waited for."""
        for outage, dark in self._darks.items():
            if dark.due_us is not None and (dark.left <= silent or now_us >= dark.due_us) and dark.died:
                told, dark.due_us, dark.told = dark.told, None, frozenset(dark.died.values())
                ids = tuple(self._standing(id_) for id_ in dark.died.values())
                self._register.aside.difference_update(dark.died.values())
                yield Hindsight(ids, frozenset(dark.lived), dark.slack_s, outage=outage, told=told)
                self._hold()
        if self._disproved:
            lived, self._disproved = frozenset(self._disproved), set()
            yield Hindsight(lived=lived, again=True)

    def _hold(self) -> None:
        collected = tuple(dark.collected(outage) for outage, dark in self._darks.items())
        self._keep(collected_text(collected, self._past))

    def _standing(self, id_: str) -> str:
        """It, or what superseded it."""
        event = self._register.event(id_)
        if event is None or event.state != "retracted":
            return id_
        successor = self._register.successor(id_)
        return id_ if successor is None else successor.id

    # -- counters that ran on ------------------------------------------------------------------------------

    def recall(self, read: Mapping[str, Counters]) -> None:
        """What another run read last, UTC. A clock that is known to be wrong places nothing."""
        if self._clock.state.synced is not False:
            for name, one in read.items():
                self._read[name] = self._kept(name, replace(one, at_us=self._clock.from_wall_us(one.at_us)))

    def counted(self, sample: Sample) -> None:
        """A full set of a meter."""
        values, name = sample.values, sample.meter
        now = Counters(
            sample.received_boot_us, 0.0, values.get("active_energy_import"), values.get("operating_hours"),
            values.get("active_power_total"),
        )  # fmt: skip
        if sample.quality != "good" or (now.energy_wh is None and now.hours_h is None):
            return
        now, read = self._kept(name, now), self._read.get(name)
        if read is not None and not has_moved(read, now):
            return
        self._read[name] = now
        event = self._register.inferred_of(name)
        if read is not None and event is not None and (event.state, event.basis) in _MAY_BE_NONE:
            self._judge(event, read, now)

    def _kept(self, name: str, read: Counters) -> Counters:
        """An hour counter of a meter on an auxiliary supply says nothing of what it measures."""
        return read if name in self._self_powered else replace(read, hours_h=None)

    def _judge(self, event: Event, read: Counters, now: Counters) -> None:
        """By the first that moved since: before and after the loss there was little time for another load."""
        since, ended = self._register.since(event), self._register.ended(event)
        late = ended is not None and now.at_us - ended.latest_us > _LATE_US
        if read.at_us > since.latest_us or late:
            return
        lasted_us = (now.at_us if ended is None else ended.earliest_us) - since.latest_us
        if ended is None and event.state == "closed":
            lasted_us = round(1e6 * (event.duration_min_s or 0.0))
        slack_s = 2 * (self._clock.state.uncertainty_s or 0.0) if read.at_us < 0 else 0.0
        ran = ran_on(read, now, resolved(self._steps[event.meter or ""], read))
        if ran is not None and ran.rules_out(lasted_us / 1e6 - slack_s):
            self._take_back(event, f"{ran.words}: {ran.without_s:.0f} s without supply at most, so this was none")

    def _take_back(self, event: Event, why: str) -> None:
        log.info("event.disproved id=%s meter=%s", event.id, event.meter)
        self._disproved.add(event.meter or "")
        self._tell(self._teller.retracted(event, self._clock.boot_us(), why))
