"""One incident in the making: which meters it took, since when, who is back, how often it was closed again. Pure.

What it is made of are faults: what `localise` and `patterns` find in the votes of one moment, and what single meters
tell (earth and neutral faults). `agent.detect.incidents` says which fault belongs to which case.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from agent.detect.tracking import Bounds
from agent.records import Cause, Incident, Kind, State

# Automatic reclosing: what dies again so soon after its return was closed onto the fault.
RECLOSE_US = 180_000_000
# All are back in band for so long: it is over.
CALM_US = 600_000_000
# Said of what only a voltage could show.
DARK = "There is no supply at all now, so nothing is seen of it: the incident of that counts the customers."
# So many events of one meter are named; of a meter that comes and goes all day the latest.
NAMED = 32
# A wall clock that has moved by more against the boot clock was set.
SET_US = 1_000_000
# What moves a bound by less is the rounding of clocks.
_JITTER_US = 1_000

# Which events a case of each cause is made of.
KINDS: Mapping[Cause, tuple[Kind, ...]] = {
    "supply_loss": ("supply_loss",),
    "phase_loss": ("phase_loss", "supply_loss"),
    "open_conductor": ("phase_loss", "supply_loss", "sag", "undervoltage"),
    "earth_fault": ("earth_fault",),
    "neutral_fault": ("neutral_fault",),
    "gateway_outage": ("gateway_outage",),
}


@dataclass(frozen=True, slots=True)
class Loss:
    """One event of one meter that a case may be made of. since, ended: bounds on the boot clock; began_us: by then it
    had surely begun, as a sag around it shows; inferred: not measured by the meter itself; after_test: it began during
    a test or maintenance and outlasts it, `since` is the end of that."""

    id: str
    kind: Kind
    meter: str
    since: Bounds
    ended: Bounds | None = None
    state: State = "open"
    began_us: int = 0
    inferred: bool = False
    after_test: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Bounds on the boot clock, and the UTC that was told for them: told once, it is not computed again."""

    span: Bounds
    latest_us: int
    earliest_us: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong somewhere now. struck: meters that show it; alive, unknown: others below the node; customers:
    fewest and most concerned; notes: what else can be said, in words"""

    cause: Cause
    node: str
    device: str
    struck: tuple[str, ...]
    alive: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    confidence: float = 0.0
    customers: tuple[int, int] | None = None
    by_phase: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    phases: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)  # each is one of its own: asked for in lists all the time while a storm lasts
class Case:
    """One incident.

    fault:    what was found, and where; stands: how that stands now, None once all are back
    losses:   by meter, its events in order
    back:     meters that were seen with voltage again, or for the first time; waiting: those of whom nothing is known:
              dead in it or silent below it, and not heard since so that it counts
    settled:  something came back, so that the place of the fault moves no more
    nested:   what stays dead for a reason of its own, at the end what did so last
    critical: all marked nodes that were without supply
    quiet_us: nobody is known to be dead since; calm_us: all are in band since
    troubled: all were back, and one out of band again; answered_us: when one that was waited for was heard last
    began, ended: as told, or as they will be; former: as another boot of the gateway left it, so that only the wall
              clock says how long it lasts; None: the boot clock does
    told:     the last revision; carried: how often it was closed again, as far as `losses` do not tell
    no_return: losses whose end was no return of the supply: somebody feeds in, or nobody looks
    unnamed:  ids of events that are not known any more; more: how many events are not named; dropped_us: by meter, the
              latest of them
    past:     found out afterwards, from what the meters counted: who has voltage when it is told first was not waited
              for; slack_s: what its clocks may be wrong by
    split:    by phase, when it was greatest
    """

    id: str
    fault: Fault
    losses: dict[str, dict[str, Loss]] = field(default_factory=dict)
    stands: Fault | None = None
    back: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    settled: bool = False
    nested: tuple[str, ...] = ()
    critical: dict[str, None] = field(default_factory=dict)
    feeder: str | None = None
    feeder_words: str = ""
    most: tuple[int, int] | None = None
    quiet_us: int | None = None
    calm_us: int | None = None
    troubled: bool = False
    answered_us: int = -(10**17)  # before every boot
    began: Said | None = None
    ended: Said | None = None
    former: Incident | None = None
    told: Incident | None = None
    locked: bool = False
    carried: int = 0
    no_return: set[str] = field(default_factory=set)
    unnamed: tuple[str, ...] = ()
    more: int = 0
    dropped_us: dict[str, int] = field(default_factory=dict)
    past: bool = False
    slack_s: float = 0.0
    split: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def found_over(self) -> bool:
        """It is told afterwards, and nobody is without supply any more."""
        return self.past and self.stands is None and (self.told is None or self.told.state == "closed")

    @property
    def struck(self) -> tuple[str, ...]:
        return () if self.stands is None else self.stands.struck

    @property
    def restored(self) -> tuple[str, ...]:
        """Those that were dead in it and were seen alive since."""
        return tuple(name for name in self.losses if name in self.back)

    def held(self) -> frozenset[str]:
        """Meters with an open event of it that says they are without supply, or without a phase."""
        kinds = _LASTING.get(self.fault.cause, KINDS[self.fault.cause])
        return frozenset(
            name
            for name, mine in self.losses.items()
            if any(loss.state == "open" and loss.kind in kinds for loss in mine.values())
        )

    def _kept(self) -> list[Loss]:
        return [loss for mine in self.losses.values() for loss in mine.values() if loss.state != "retracted"]

    @property
    def events(self) -> tuple[str, ...]:
        known = sorted(self._kept(), key=lambda loss: loss.since.latest_us)
        return tuple(dict.fromkeys((*self.unnamed, *(loss.id for loss in known))))

    @property
    def taken_back(self) -> bool:
        """All that it was made of was retracted."""
        return any(self.losses.values()) and not self.events

    @property
    def after_test(self) -> bool:
        return any(loss.after_test for loss in self._kept())

    @property
    def start(self) -> Bounds | None:
        """Of the first that was struck. Once told it stays."""
        return self._first() if self.began is None else self.began.span

    def _first(self) -> Bounds | None:
        spans = [loss.since for loss in self._kept()]
        if not spans:
            return None
        return Bounds(min(since.earliest_us for since in spans), min(since.latest_us for since in spans))

    @property
    def last_end(self) -> Bounds | None:
        """When the last that is known to be back came back."""
        ends = [loss.ended for loss in self._kept() if loss.ended is not None]
        if not ends:
            return None if self.ended is None else self.ended.span
        latest_us = max(*(end.latest_us for end in ends), self.answered_us)
        return Bounds(max(end.earliest_us for end in ends), latest_us)

    @property
    def end(self) -> Bounds | None:
        """When the last of them came back; None while one is not, or may not be."""
        return self.last_end if self.stands is None else None

    def place(self, wall_us: Callable[[int], int], ended: Bounds | None) -> None:
        """What is told of its start and end. A start stays; what began before moves only the earliest."""
        first, told = self._first(), self.began
        if told is None:
            self.began = None if first is None else _said(first, wall_us)
        elif first is not None and (earlier_us := told.span.earliest_us - first.earliest_us) > _JITTER_US:
            span = Bounds(first.earliest_us, told.span.latest_us)
            self.began = Said(span, told.latest_us, told.earliest_us - earlier_us)
        if ended is None:
            self.ended = None
        elif self.ended is None or _moved(ended, self.ended.span):
            self.ended = _said(ended, wall_us)

    def place_anew(self, wall_us: Callable[[int], int], run_us: int) -> None:
        """The end of what began in another boot, where the wall clock was set since this run began, at run_us: what
        that boot saw last had its place on the clock as it was."""
        began, ended, former = self.began, self.ended, self.former
        if began is None or ended is None or former is None or ended.latest_us == former.end_us:
            return
        latest_us = wall_us(ended.span.latest_us)
        seen_before = ended.span.earliest_us < run_us
        earliest_us = began.latest_us if seen_before else wall_us(ended.span.earliest_us)
        if abs(latest_us - ended.latest_us) > SET_US or (seen_before and earliest_us != ended.earliest_us):
            self.ended = Said(ended.span, latest_us, min(earliest_us, latest_us))

    @property
    def reclosed(self) -> int:
        """How often the supply came back for a moment: as seen at the meter that saw it most often."""
        return max(0, self.carried + self.seen_again())

    def seen_again(self) -> int:
        """As far as `losses` tell."""
        return max((_again(list(mine.values()), self.no_return) for mine in self.losses.values()), default=0)

    def struck_us(self) -> int:
        """When one was struck last."""
        return max((loss.since.latest_us for losses in self.losses.values() for loss in losses.values()), default=0)

    def locked_out(self, now_us: int) -> bool:
        """It was closed again, and then no more."""
        if self.reclosed and self.struck and now_us - self.struck_us() >= RECLOSE_US:
            self.locked = True
        return self.locked

    def renew(self, losses: Mapping[str, Sequence[Loss]]) -> None:
        """Its events as they are now."""
        for name, mine in self.losses.items():
            mine.update({loss.id: loss for loss in losses.get(name, ()) if loss.id in mine})

    def note(self, stands: Fault) -> None:
        """What is told even when it is over."""
        self.critical |= dict.fromkeys(stands.critical)
        if stands.customers is not None and (self.most is None or sum(stands.customers) > sum(self.most)):
            self.most, self.split = stands.customers, stands.by_phase

    def take(self, losses: Sequence[Loss], now_us: int) -> None:
        """The events of a meter that belong to it: those that go on, and what it had before."""
        for loss in losses:
            mine = self.losses.setdefault(loss.meter, {})
            new = loss.since.latest_us > self.dropped_us.get(loss.meter, loss.since.latest_us - 1)
            if loss.id in mine or (new and (loss.ended is None or loss.ended.latest_us >= now_us - RECLOSE_US)):
                mine[loss.id] = loss
                self._name_few(loss.meter)

    def _name_few(self, meter: str) -> None:
        mine = self.losses[meter]
        while len(mine) > NAMED:
            before = self.seen_again()
            first = min(mine.values(), key=lambda loss: loss.since.latest_us)
            del mine[first.id]
            self.no_return.discard(first.id)
            self.carried += before - self.seen_again()
            self.more += first.state != "retracted"
            self.dropped_us[meter] = first.since.latest_us

    def doubt(self, meters: Collection[str]) -> None:
        """What ended at these meters was no return of the supply, or nobody can say so."""
        for name in self.losses.keys() & meters:
            last = max(self.losses[name].values(), key=lambda loss: loss.since.latest_us, default=None)
            if last is not None and last.ended is not None and name not in self.back:
                self.no_return.add(last.id)

    def stand(self, struck: Collection[str], lit: Mapping[str, int], now_us: int) -> None:
        """Who is back, and of whom nothing is known. lit: meters with voltage, by the instant it is of."""
        held, start = self.held(), self.start
        for name in (*self.losses, *(self.waiting - self.losses.keys())):
            mine = self.losses.get(name, {}).values()
            known = (loss.since.latest_us if loss.inferred else loss.since.earliest_us for loss in mine)
            after_us = max(known, default=0 if start is None else start.latest_us)
            if name in struck:
                self.back.discard(name)
            elif name not in held and lit.get(name, after_us) > after_us and name not in self.back:
                self.back.add(name)
                if name in self.waiting and not (self.past and self.told is None):
                    self.answered_us = max(self.answered_us, now_us)
        self.waiting = {name for name in (*self.losses, *self.waiting) if name not in self.back and name not in struck}


# Of these an open event keeps a meter from being back; others may go on afterwards.
_LASTING: Mapping[Cause, tuple[Kind, ...]] = {"open_conductor": ("phase_loss", "supply_loss")}


def _said(span: Bounds, wall_us: Callable[[int], int]) -> Said:
    latest_us = wall_us(span.latest_us)
    return Said(span, latest_us, latest_us - (span.latest_us - span.earliest_us))


def _moved(one: Bounds, other: Bounds) -> bool:
    return max(abs(one.latest_us - other.latest_us), abs(one.earliest_us - other.earliest_us)) > _JITTER_US


def _again(losses: Sequence[Loss], no_return: Collection[str]) -> int:
    """How often one began so soon after all those before it were over: its phases fail side by side."""
    real = sorted((loss for loss in losses if loss.state != "retracted"), key=lambda loss: loss.since.latest_us)
    times, last = 0, None
    for loss in real:
        if last is not None and last.ended is not None and last.id not in no_return:
            times += 0 < loss.since.latest_us - last.ended.latest_us <= RECLOSE_US
        last = loss if last is None else max(last, loss, key=_over_us)
    return times


def _over_us(loss: Loss) -> float:
    return inf if loss.ended is None else loss.ended.latest_us
