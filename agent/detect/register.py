"""The events of a site as the desk needs them: what is open, what is lately over, by meter, on the boot clock. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from agent.detect.book_state import Earlier
from agent.detect.cases import RECLOSE_US, Loss
from agent.detect.inferred import Known
from agent.detect.past_events import PastEvents
from agent.detect.surroundings import Open
from agent.detect.tracking import Bounds
from agent.records import Event, Kind

# What keeps a meter from being back in band. An evening's undervoltage was there before, and goes on after.
TROUBLES: frozenset[Kind] = frozenset({"sag", "swell", "supply_loss", "phase_loss", "earth_fault", "neutral_fault"})
# What faults are made of.
_LOSSES: frozenset[Kind] = frozenset(
    {"supply_loss", "phase_loss", "sag", "undervoltage", "earth_fault", "neutral_fault"}
)  # fmt: skip
# What is over is remembered for the desk's own purposes: reclosing, causes that ended, currents at the beginning.
# The last 512, and more that were told within a quarter of an hour, as in a storm: later no fault comes back.
_REMEMBERED, _MOST = 512, 2048
_STORM_US = 900_000_000
# Instants before and after all others: of an end that is not known, and of what was taken back.
_NEVER, _ALWAYS = -(2**63), 2**63
# The gateway's supply is asked once a second, and what it says may be some seconds old.
_ASKED_US = 5_000_000
# The longest averaging window and age of a register together.
_WINDOW_US = 5_000_000


def began(event: Event, from_wall_us: Callable[[int], int]) -> Bounds:
    """Bounds of its start on the boot clock, by the wall clock of this moment."""
    start_us = from_wall_us(event.start_us)
    return Bounds(start_us - (event.start_us - event.start_earliest_us), start_us)


def over(event: Event, from_wall_us: Callable[[int], int]) -> Bounds | None:
    """Likewise of its end; None where it has none."""
    if event.end_us is None or event.end_earliest_us is None:
        return None
    end_us = from_wall_us(event.end_us)
    return Bounds(end_us - (event.end_us - event.end_earliest_us), end_us)


class Register:
    """from_wall_us: UTC -> boot clock, by today's wall clock. The instants of an event are placed once."""

    def __init__(self, from_wall_us: Callable[[int], int]) -> None:
        self._from_wall_us = from_wall_us
        self.open: dict[str, Event] = {}
        self._over = PastEvents()
        self._losses: dict[str, tuple[Event, Bounds | None, Loss]] = {}  # by id: of which revision, counted from when
        self._since: dict[str, tuple[int, int, Bounds]] = {}
        self._ended: dict[str, tuple[int, Bounds]] = {}
        self._sign_us: int | None = None  # the last of the run before a dark time of the gateway
        self.aside: set[str] = set()  # losses, by id, that are not made incidents of yet
        self._inferred: dict[str, str] = {}  # by meter: id of its last inferred loss
        self.counted: dict[str, Bounds] = {}  # what began in a test and outlasts it, by id: when the test ended

    def note(self, event: Event) -> None:
        """Its latest revision."""
        self.since(event)
        self.ended(event)
        if event.kind == "gateway_outage":
            self._sign_us = self.since(event).earliest_us - _ASKED_US
        if event.kind == "supply_loss" and event.basis == "inferred" and event.meter is not None:
            self._inferred[event.meter] = event.id
        if event.state == "open":
            self.open[event.id] = event
            return
        self.open.pop(event.id, None)
        ended = self.ended(event)
        over_us = self._unended_us(event) if ended is None else ended.latest_us
        over_us = _ALWAYS if event.state == "retracted" else over_us
        for id_ in self._over.note(event, over_us, self._from_wall_us(event.reported_us)):
            self._losses.pop(id_, None)  # made anew if ever it is asked for
        while self._has_too_many(event.reported_us):
            id_ = self._over.pop_first()
            self._since.pop(id_, None)
            self._ended.pop(id_, None)
            self.counted.pop(id_, None)
            self._losses.pop(id_, None)

    def _has_too_many(self, told_us: int) -> bool:
        if len(self._over) <= _REMEMBERED:
            return False
        return len(self._over) > _MOST or abs(told_us - self._over.first_told_us()) > _STORM_US

    def _unended_us(self, event: Event) -> int:
        """What was inferred, and ended nobody knows when, counts from when that was said."""
        inferred = event.kind == "supply_loss" and event.basis == "inferred"
        return self._from_wall_us(event.reported_us) if inferred else _NEVER

    def resume(self, events: Iterable[Event], earlier: Earlier) -> None:
        """Events of another run. earlier: where they lie on the boot clock."""
        for event in events:
            start_us = earlier.start_us(event)
            since = Bounds(start_us - (event.start_us - event.start_earliest_us), start_us)
            self._since[event.id] = event.start_us, event.start_earliest_us, since
            ended = over(event, earlier.from_wall_us)
            if ended is not None and event.end_us is not None:
                self._ended[event.id] = event.end_us, ended
            self.note(event)

    def event(self, id_: str) -> Event | None:
        return self.open.get(id_) or self._over.get(id_)

    def inferred_of(self, meter: str) -> Event | None:
        """The last supply_loss that was inferred of it."""
        return self.event(self._inferred.get(meter, ""))

    def successor(self, id_: str) -> Event | None:
        """What superseded it."""
        of_open = (event for event in self.open.values() if id_ in event.supersedes)
        return next(of_open, None) or self._over.successor(id_)

    def since(self, event: Event) -> Bounds:
        known = self._since.get(event.id)
        if known is None or known[0] != event.start_us or known[1] != event.start_earliest_us:
            self._losses.clear()  # of what lies in it as well
            known = self._since[event.id] = (event.start_us, event.start_earliest_us, began(event, self._from_wall_us))
        return known[2]

    def ended(self, event: Event) -> Bounds | None:
        known = self._ended.get(event.id)
        if known is not None and known[0] == event.end_us:
            return known[1]
        bounds = over(event, self._from_wall_us)
        if bounds is not None and event.end_us is not None:
            self._ended[event.id] = event.end_us, bounds
        return bounds

    def known(self, id_: str) -> Known | None:
        """A mains_loss that another run left open lasted until the last sign of that run."""
        event = self.event(id_)
        if event is None:
            return None
        sign_us = self._sign_us if event.kind == "mains_loss" and event.state == "open" else None
        return Known(event.state, self.ended(event), sign_us)

    def of_meter(self, kind: Kind, basis: str) -> Mapping[str, Open]:
        """The open event of this kind of each meter that has one."""
        return {
            event.meter: Open(event.id, self.since(event))
            for event in self.open.values()
            if event.kind == kind and event.basis == basis and event.meter is not None
        }

    def mains(self) -> Open | None:
        lost = (event for event in self.open.values() if event.kind == "mains_loss")
        return next((Open(event.id, self.since(event)) for event in lost), None)

    def silences(self) -> dict[str, str]:
        """By meter: the id of its own open silence."""
        own = (event for event in self.open.values() if event.kind == "comms_loss" and event.scope == "meter")
        return {event.meter: event.id for event in own if event.meter is not None}

    def troubled(self) -> frozenset[str]:
        known = (event.meter for event in self.open.values() if event.kind in TROUBLES)
        return frozenset(meter for meter in known if meter is not None)

    def losses(self, now_us: int) -> dict[str, list[Loss]]:
        """By meter, oldest first: open, or over for less than what may still be the same fault."""
        found: dict[str, list[Loss]] = {}
        for event in (*self._lately(now_us), *self.open.values()):
            loss = None if event.id in self.aside or event.kind not in _LOSSES else self._loss(event)
            if loss is not None:
                found.setdefault(loss.meter, []).append(loss)
        return found

    def _loss(self, event: Event) -> Loss | None:
        """Made once for each revision: in a storm they are asked for by the thousand, evaluation by evaluation."""
        known, counted = self._losses.get(event.id), self.counted.get(event.id)
        if known is not None and known[0] is event and known[1] == counted:
            return known[2]
        loss = self.loss(event)
        if loss is not None:
            self._losses[event.id] = event, counted, loss
        return loss

    def loss(self, event: Event, *, logged: bool = False) -> Loss | None:
        """None where it is none, or counts nowhere. A log tells what was over: only what was inferred before it counts;
        logged: that is asked for."""
        tested = event.mode != "normal"
        logged = logged or event.basis != "meter_log" or event.id == self._inferred.get(event.meter or "")
        counts = logged and (not tested or event.id in self.counted)
        if event.kind not in _LOSSES or event.meter is None or not counts:
            return None
        since = self.counted[event.id] if tested else self.since(event)
        began_us = since.latest_us if tested else self._began_us(event, since)
        inferred = event.basis != "measured"
        return Loss(
            event.id, event.kind, event.meter, since, self.ended(event), event.state, began_us, inferred, tested
        )

    def _began_us(self, event: Event, since: Bounds) -> int:
        """A window that is half full shows a sag first."""
        around = None if event.parent is None else self.event(event.parent)
        if around is None or around.kind != "sag":
            return since.latest_us
        sag_us = self.since(around).latest_us
        return sag_us if since.latest_us - sag_us <= _WINDOW_US else since.latest_us

    def lately(self, now_us: int, for_us: int = RECLOSE_US) -> Iterator[Event]:
        """Open, or over for no longer than that."""
        yield from self.open.values()
        yield from self._lately(now_us, for_us)

    def _lately(self, now_us: int, for_us: int = 4 * RECLOSE_US) -> Iterator[Event]:
        return self._over.since(now_us - for_us)
