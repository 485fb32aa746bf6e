"""The events that no single meter tells: a line's silence, a supply loss that follows from others, voltage below a dead
node. Their revisions, in the shape of all events. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.detect.book import WallClock
from agent.detect.book_state import Earlier
from agent.detect.changes import Span
from agent.detect.ending import Across, ended, is_away, less_sure
from agent.detect.supply_evidence import Verdict
from agent.detect.tracking import Bounds
from agent.records import ClockState, Event, Kind

# Reasons are told one after the other; the oldest go.
_REASONS = 8
_NEVER = "already there at the first request: the true start is earlier and not known"
_BACKFEED = (
    "voltage where everything that may feed it is measured dead: somebody feeds in. That no such voltage is seen "
    "elsewhere means nothing"
)


@dataclass(frozen=True, slots=True)
class About:
    """What every event of a meter says of it."""

    line: str
    feeder: str | None = None
    path: tuple[str, ...] = ()
    customers: tuple[int, int] | None = None


class Teller:
    """Makes revisions. about: by meter; profile, config: of the site."""

    def __init__(
        self, about: Mapping[str, About], profile: str, config: str, clock: WallClock, next_id: Callable[[], str]
    ) -> None:
        self._about = about
        self._profile, self._config = profile, config
        self._clock = clock
        self._next_id = next_id
        self._across: dict[str, Across] = {}
        self._from_us = 0

    def resumed(self, events: Iterable[Event], earlier: Earlier, now_us: int) -> None:
        """Open events of an earlier run. earlier: where they lie on the boot clock."""
        self._from_us = now_us
        for event in events:
            last_us = max(event.reported_us, earlier.last_us or event.reported_us)
            exact, then = earlier.exact(event), event.clock
            self._across[event.id] = Across(exact, since_us=now_us, last_us=last_us, then=then, watched=False)

    def line_lost(self, line: str, began: Bounds, now_us: int, units: int, *, never_heard: bool) -> Event:
        words = (f"every unit of the line is silent: {units}", *((_NEVER,) if never_heard else ()))
        event = self._first("comms_loss", began, now_us)
        return replace(event, scope="line", line=line, evidence=words, open_at_start=never_heard)

    def inferred(self, meter: str, verdict: Verdict, since: Bounds, now_us: int, parent: str | None = None) -> Event:
        event = self._of_meter("supply_loss", meter, since, now_us)
        customers = self._about[meter].customers
        return replace(
            event, basis="inferred", evidence=(verdict.reason,), because=verdict.because, customers=customers,
            parent=parent,
        )  # fmt: skip

    def backfeed(self, meter: str, since: Bounds, now_us: int, because: Sequence[str]) -> Event:
        event = self._of_meter("backfeed", meter, since, now_us)
        return replace(event, basis="inferred", evidence=(_BACKFEED,), because=tuple(because))

    def revised(self, event: Event, now_us: int, why: str, because: Sequence[str] | None = None) -> Event:
        reasons = event.evidence if why in event.evidence[-1:] else (*event.evidence, why)
        return replace(
            event,
            revision=event.revision + 1,
            reported_us=self._clock.wall_us(now_us),
            evidence=reasons[-_REASONS:] if why else event.evidence,
            because=event.because if because is None else tuple(because),
            clock=less_sure(event.clock, self._clock.state),
        )

    def retracted(self, event: Event, now_us: int, why: str) -> Event:
        return replace(self.revised(event, now_us, why), state="retracted")

    def closed(self, event: Event, since: Bounds, ends: Bounds, now_us: int, why: str) -> Event:
        """since, ends: on the boot clock. Of an event of an earlier run only what this one saw of it is proven."""
        across = self._across.pop(event.id, None)
        earliest_us = min(max(ends.earliest_us, since.earliest_us), ends.latest_us)
        seen_us = None if across is None else max(0, earliest_us - max(self._from_us, since.latest_us))
        closed = replace(self.revised(event, now_us, why), state="closed")
        if across is not None:
            said = tuple(words for words in closed.evidence if not is_away(words))
            closed = replace(closed, evidence=(*said, across.words(self._clock.wall_us, self._clock.state)))
        span = Span(since.latest_us, since.earliest_us).ended(ends.latest_us, earliest_us)
        return ended(closed, span, self._clock.wall_us, across, seen_us, self._clock.state)

    def endless(self, event: Event, since: Bounds, ends: Bounds, now_us: int, why: str) -> Event:
        """Likewise, of one that had not ended before that: when it did is not known. `closed` may tell it later."""
        across = self._across.get(event.id)
        closed = self.closed(event, since, ends, now_us, why)
        if across is not None:
            self._across[event.id] = across
        return replace(closed, end_us=None, end_earliest_us=None, duration_max_s=None)

    def _of_meter(self, kind: Kind, meter: str, since: Bounds, now_us: int) -> Event:
        about = self._about[meter]
        event = self._first(kind, since, now_us)
        return replace(event, meter=meter, line=about.line, feeder=about.feeder, path=about.path)

    def _first(self, kind: Kind, since: Bounds, now_us: int) -> Event:
        start_us = self._clock.wall_us(since.latest_us)
        state: ClockState = self._clock.state
        return Event(
            id=self._next_id(),
            kind=kind,
            revision=1,
            state="open",
            scope="meter",
            basis="measured",
            reported_us=self._clock.wall_us(now_us),
            start_us=start_us,
            start_earliest_us=start_us - (since.latest_us - since.earliest_us),
            clock=state,
            profile=self._profile,
            config=self._config,
        )
