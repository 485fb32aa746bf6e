"""The desk's hand on silences: which are held back, under which ids others know them, what of it outlives a restart."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.clock import STEP_US, Clock
from agent.detect import book_state
from agent.detect.book_state import Earlier, Said
from agent.detect.desk_events import About, Teller
from agent.detect.ending import abandoned
from agent.detect.line_loss import LineLoss, Ruling
from agent.detect.network import Network
from agent.detect.register import Register, began, over
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds
from agent.records import Event
from agent.wire import event_from_json, event_to_json

# Of so many silences it is remembered that a line's stands for them.
_REMEMBERED = 4096
_BACK = "a unit of the line answers again"


class LineDesk:
    """All lines of a site. Those with one unit have no event of their own."""

    def __init__(
        self, about: Mapping[str, About], teller: Teller, register: Register, clock: Clock, network: Network
    ) -> None:
        self._teller, self._register, self._clock, self._network = teller, register, clock, network
        self._line_of = {name: one.line for name, one in about.items()}
        units: dict[str, list[str]] = {}
        for name, line in self._line_of.items():
            units.setdefault(line, []).append(name)
        self._losses = {line: LineLoss(names) for line, names in units.items() if len(names) > 1}
        self._held: dict[str, list[Event]] = {}  # revisions that were not told, by id
        self._own: dict[str, bool] = {}  # told as their units' own: whether it is open
        self._stood: dict[str, str] = {}  # by id of a silence: the line's event that stands for it
        self._open: dict[str, Event] = {}  # by line
        self._last: dict[str, Event] = {}  # by line: its last loss
        self._whom: dict[str, set[str]] = {}  # by line: meters whose customers its last loss counts
        self._back: dict[str, Bounds] = {}  # by meter: the end of its last silence that a line's stood for
        self._earlier = Earlier(clock.from_wall_us)
        self._kept: object = None
        self._kept_by_us = 0  # offset of the wall clock when that was kept

    @property
    def held(self) -> tuple[Event, ...]:
        """The latest revision of each silence that is held back."""
        return tuple(revisions[-1] for revisions in self._held.values())

    @property
    def waits(self) -> bool:
        return bool(self._held or self._open)

    @property
    def dead(self) -> tuple[str, ...]:
        return tuple(self._open)

    @property
    def all_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*(event.id for event in self._open.values()), *self._stood.values())))

    def ids_by_meter(self) -> dict[str, str]:
        """The line's event, for each meter that is silent with it."""
        return {name: self._open[line].id for name, line in self._line_of.items() if line in self._open}

    def back(self, meter: str) -> Bounds | None:
        return self._back.get(meter)

    def as_told(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Ids as others know them: a line's for those it stands for; nothing for what nobody was told."""
        known = []
        for id_ in ids:
            if id_ in self._held:
                line = self._line_of.get(self._held[id_][-1].meter or "", "")
                known += [self._open[line].id] if line in self._open else []
            else:
                known.append(self._stood.get(id_, id_))
        return tuple(dict.fromkeys(known))

    def named(self, event: Event) -> Event:
        """With the ids that others know."""
        because = self.as_told(event.because)
        return event if because == event.because else replace(event, because=because)

    def held_back(self, event: Event) -> bool:
        """Whether this revision of a silence goes no further for now."""
        line = self._line_of.get(event.meter or "", "")
        loss = self._losses.get(line)
        if loss is None:
            return False
        if event.id in self._own:
            self._own[event.id] = event.state == "open"
            return False
        if event.id in self._stood:
            return False  # over, and untold: only what the unit's own registers say of it comes later, and is news
        revisions = self._held.setdefault(event.id, [])
        revisions.append(event)
        from_wall_us = self._clock.from_wall_us
        if len(revisions) == 1:
            loss.hold(event.id, event.meter or "", self._began(event))
        if event.state == "retracted":
            del self._held[event.id]
            loss.over(event.id, None)
        elif (ended := over(event, from_wall_us)) is not None:
            self._back[event.meter or ""] = ended
            loss.over(event.id, ended)
        return True

    def _began(self, event: Event) -> Bounds:
        since = began(event, self._clock.from_wall_us)
        if not self._earlier.exact(event):
            return since
        start_us = self._earlier.start_us(event)
        return Bounds(since.earliest_us + start_us - since.latest_us, start_us)

    def judge(self, seen: Mapping[str, Seen], now_us: int) -> list[Event]:
        """What is to be told now."""
        told: list[Event] = []
        for line, loss in self._losses.items():
            if (loss.held or loss.began is not None) and all(unit in seen for unit in loss.units):
                told += self._ruled(line, loss, loss.judge(seen, now_us), now_us)
        return told

    def _ruled(self, line: str, loss: LineLoss, ruling: Ruling, now_us: int) -> list[Event]:
        told: list[Event] = []
        if ruling.began is not None:
            event = self._teller.line_lost(line, ruling.began, now_us, len(loss.units), never_heard=ruling.never_heard)
            self._whom[line] = self._counted_by(loss)
            event = replace(event, customers=self._network.perhaps_at(self._whom[line]))
            self._open[line] = self._last[line] = event
            told.append(event)
        event_ = self._open.get(line)
        if ruling.ended is not None and event_ is not None:
            since = self._register.since(event_)  # placed when it was told: the wall clock may have been set meanwhile
            self._last[line] = self._teller.closed(event_, since, ruling.ended, now_us, _BACK)
            told.append(self._last[line])
            del self._open[line]
        for id_ in ruling.stands:
            self._stood[id_] = self._last[line].id
            self._held.pop(id_, None)
        for id_ in ruling.tell:
            revisions = self._held.pop(id_, [])
            self._tell_as_own(id_, any(event.state == "open" for event in revisions[-1:]))
            told += [*self._counted_once(line, revisions, now_us), *revisions]
        while len(self._stood) > _REMEMBERED:
            del self._stood[next(iter(self._stood))]
        return told

    def _counted_by(self, loss: LineLoss) -> set[str]:
        """Units that have no silence and no measured loss of their own: those count their customers themselves."""
        own = (event for event in self._register.open.values() if event.basis == "measured")
        return set(loss.units) - {event.meter for event in own if event.kind in ("comms_loss", "supply_loss")}

    def _counted_once(self, line: str, revisions: Sequence[Event], now_us: int) -> list[Event]:
        """The line's last loss, less the customers of a unit whose own silence, told now, lies over it."""
        last, whom = self._last.get(line), self._whom.get(line, set())
        for own in revisions[:1]:
            if last is None or last.end_us is None or own.meter not in whom or own.start_us >= last.end_us:
                continue
            whom.remove(own.meter)
            words = f"{own.meter} is silent by itself as well: its customers count there"
            counted = self._network.perhaps_at(whom)
            self._last[line] = replace(self._teller.revised(last, now_us, words), customers=counted)
            return [self._last[line]]
        return []

    def _tell_as_own(self, id_: str, open_: bool) -> None:
        """Remembered while it is open; of those that are over the latest."""
        self._own[id_] = open_
        if len(self._own) > _REMEMBERED:
            over = (known for known, is_open in self._own.items() if not is_open)
            self._own.pop(next(over, id_))

    # -- over a restart ------------------------------------------------------------------------------------

    def to_keep(self) -> str | None:
        """Silences that are held back, and where all that is open lies on the boot clock; None: as it was last told."""
        now, offset_us = (
            (tuple((one.id, one.revision) for one in self.held), tuple(self._register.open)),
            self._offset_us,
        )
        if now == (self._kept or ((), ())) and (now == ((), ()) or abs(offset_us - self._kept_by_us) <= STEP_US):
            return None
        self._kept, self._kept_by_us = now, offset_us
        starts = {event.id: self._register.since(event).latest_us for event in self._register.open.values()}
        for loss in self._losses.values():
            starts |= loss.starts
        clock = book_state.told(Said(starts), self._clock.boot_id, offset_us)
        body = {"held": [event_to_json(event) for event in self.held], "clock": clock}
        return json.dumps(body, separators=(",", ":"))

    def earlier(self, kept: str | None) -> Earlier:
        """Where the events of the run before lie on the boot clock, by what it kept."""
        self._kept = kept  # said anew at the first chance
        text = _body(kept).get("clock")
        self._earlier = book_state.understood(
            text if isinstance(text, str) else None, self._clock.boot_id, self._offset_us
        )
        return self._earlier

    @property
    def _offset_us(self) -> int:
        return self._clock.offset_us

    def resume(self, kept: str | None) -> list[Event]:
        """Take up the lines that were dead and the silences that were held back. Returns what is to be told: losses of
        lines that this site has no longer."""
        gone = []
        for event in list(self._register.open.values()):
            if event.kind != "comms_loss":
                continue
            if event.scope == "meter":
                self._own[event.id] = True
            elif event.line in self._losses:
                self._open[event.line] = self._last[event.line] = event
                self._whom[event.line] = self._counted_by(self._losses[event.line])
                self._losses[event.line].began = self._register.since(event)
            else:
                gone.append(abandoned(event, self._clock.wall_us()))
        for event in _kept(kept):
            loss = self._losses.get(self._line_of.get(event.meter or "", ""))
            if loss is not None and event.id not in self._own:
                self.held_back(event)
        return gone


def _kept(text: str | None) -> list[Event]:
    """Nothing where the text is another version's."""
    try:
        return [event_from_json(body) for body in _body(text).get("held", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _body(text: str | None) -> dict[str, Any]:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
