"""An event before its first revision: what never changes of it. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from agent.detect.accuracy import Accuracy
from agent.detect.changes import Change
from agent.detect.ending import less_sure
from agent.detect.slow import SLOW_TABLE
from agent.detect.table import TABLE
from agent.detect.thresholds import Rules
from agent.records import ClockState, Event, Kind, Mode
from agent.replaced import replaced

# What is judged look by look, by the reference; and what minute by minute, with the kinds whose place it takes.
BY_LOOK: frozenset[Kind] = frozenset(row.kind for row in TABLE)
BY_MINUTE: dict[Kind, frozenset[Kind]] = {row.kind: frozenset(row.replaces) for row in SLOW_TABLE}
# Nobody is without supply because a voltage is not known, displaced or old.
_NO_CUSTOMERS: frozenset[Kind] = frozenset({"vt_failure", "earth_fault", "stale_data"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """What every event of a meter says of it. config: hash of site and map; customers: (fewest, most); rules: as
    they are before a sliding reference has moved; accuracy_pct: of the meter, None where no document says it;
    vt_error_pct: of its voltage transformer, 0 without one, None where its class is not known; latches: it keeps
    evidence of its own."""

    meter: str
    rules: Rules
    config: str
    line: str | None = None
    feeder: str | None = None
    path: tuple[str, ...] = ()
    customers: tuple[int, int] | None = None
    accuracy_pct: float | None = None
    vt_error_pct: float | None = 0.0
    watch_s: float | None = None
    mode: Mode = "normal"
    frequency_hz: float = 50.0
    latches: bool = False

    @property
    def accuracy(self) -> Accuracy:
        return Accuracy(self.accuracy_pct, self.vt_error_pct)


def id_maker(gateway: str, epoch: str) -> Callable[[], str]:
    """Ids for all meters of one run: ``gateway-epoch-1``, ``-2`` ..."""
    numbers = count(1)
    return lambda: f"{gateway}-{epoch}-{next(numbers)}"


def opened(facts: MeterFacts, change: Change, id_: str, wall_us: Callable[[int], int], clock: ClockState) -> Event:
    """wall_us: boot clock -> UTC. By clocks that contradict each other it began nobody knows when."""
    span = change.span
    start_us, earliest_us = wall_us(span.start_boot_us), wall_us(span.start_earliest_boot_us)
    return Event(
        id=id_,
        kind=change.kind,
        revision=0,
        state="open",
        scope="meter",
        basis="measured",
        reported_us=start_us,
        start_us=start_us,
        start_earliest_us=min(start_us, earliest_us),
        meter=facts.meter,
        line=facts.line,
        feeder=facts.feeder,
        path=facts.path,
        mode=facts.mode,
        watch_s=facts.watch_s,
        clock=clock,
        profile=facts.rules.profile,
        config=facts.config,
        open_at_start=change.open_at_start or earliest_us > start_us,
    )


def unheard(event: Event, facts: MeterFacts, others: Iterable[Event]) -> Event:
    """A silence concerns nobody for sure, and perhaps all. Whose loss was measured before it are counted there.
    others: what is open of this meter."""
    if event.kind != "comms_loss" or facts.customers is None:
        return event
    counted = any(other.kind == "supply_loss" for other in others)
    return replaced(event, customers=(0, 0 if counted else facts.customers[1]))


def judged(event: Event, change: Change, facts: MeterFacts, parent: str | None) -> Event:
    """What only voltage events have."""
    rules = facts.rules
    return replaced(
        event,
        parent=parent,
        voltage_basis=rules.basis,
        reference_v=(change.reference_v if change.kind in BY_LOOK else None) or rules.nominal_v,
        reference=rules.reference if change.kind in BY_LOOK else "declared",
        accuracy_pct=facts.accuracy.known_pct,
        window_s=rules.window_us / 1e6,
        customers=None if change.kind in _NO_CUSTOMERS else facts.customers,
    )


def taking_over(event: Event, old: Event, *, same_start: bool) -> Event:
    """One that turned out to be this takes its start along, and how it was watched then; but for one of several phases
    that parted after a restart, of which only other bounds are known."""
    event = replaced(event, supersedes=(*event.supersedes, old.id), clock=less_sure(event.clock, old.clock))
    if not same_start:
        return event
    return replaced(
        event,
        start_us=old.start_us,
        start_earliest_us=old.start_earliest_us,
        clock=old.clock,
        watch_s=old.watch_s,
    )
