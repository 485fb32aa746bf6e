"""The desk: one per agent, between the pipelines and the journal. It holds back, infers, joins, and tells.

    pipelines --events--> Desk.add_event --(held back by `line_loss`, or told)--> journal
    pipelines --stir()--> evaluation, once per turn of the loop, never inside a poll:
        facts of every meter -> line_loss        -> one comms_loss of the line
                             -> supply_evidence  -> verdicts -> `inferred` supply_loss, backfeed
                             -> joining          -> faults   -> incidents

Everything is judged in `agent/detect`; here are the state, the ids, the wall clock and the journal.

    desk = Desk(site, journal, clock, next_id, soon=loop.call_soon)
    mine = desk.resume(open_events, open_incidents, kept)   the events that pipelines may take up
    pipeline = MeterPipeline(..., journal=desk, ...)
    desk.add("tx-1", pipeline.facts)                        for each meter: () -> Seen
    desk.stir()                                             something may have changed: evaluates soon, once
    desk.tick()                                             once a second
    desk.status(pipeline.status())                          as the desk sees it: inferred supply, ids as told
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from agent.clock import Clock
from agent.dark_state import COLLECTED
from agent.desk.dark import AfterDark
from agent.desk.incidents import IncidentDesk, Picture
from agent.desk.lines import LineDesk
from agent.desk.losses import Endless, OneLoss
from agent.detect.desk_events import About, Teller
from agent.detect.ending import abandoned
from agent.detect.inferred import Inference, Known, Step, step
from agent.detect.register import Register
from agent.detect.supply_evidence import Seen, Verdict
from agent.detect.surroundings import Surroundings, Told
from agent.detect.tracking import Bounds
from agent.keeps import Keeps
from agent.records import Event, Incident, MeterStatus, Reading, Supply, Trace
from agent.site import Site

log = logging.getLogger("lamplighter.desk")

# What the journal keeps for the next run: no meter can have these names.
KEPT, CASES = ":desk", ":incidents"
_OWN_ROWS = ("measured_dead", "measured_live", "measured_partial", "not_normal")
# How long the end of a silence is remembered: until the inferred loss that goes with it was closed.
_LATELY_US = 60_000_000
# In a storm an evaluation is followed by a rest so many times as long.
_REST = 9


class Desk:
    """soon: runs a call soon, not within this one; later: after so many seconds, so that evaluations leave
    nine tenths of the time to others; changed: called when a status may have changed."""

    def __init__(
        self, site: Site, journal: Keeps, clock: Clock, next_id: Callable[[], str], *,
        soon: Callable[[Callable[[], None]], object], changed: Callable[[], object] = lambda: None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:  # fmt: skip
        self._journal = journal
        self._clock = clock
        self._soon, self._later, self._changed = soon, later, changed
        self._rest_until_us = 0
        self._network = site.network
        about = {
            name: About(meter.line, meter.feeder, meter.path, meter.customers) for name, meter in site.meters.items()
        }
        self._teller = Teller(about, site.profile, site.config_hash, clock, next_id)
        self._register = Register(clock.from_wall_us)
        self._lines = LineDesk(about, self._teller, self._register, clock, site.network)
        self._surroundings = Surroundings(site.network, None if site.mains is None else site.mains.node)
        self._incidents = IncidentDesk(site.network, clock, next_id)
        self._endless = Endless(self._register, self._teller)
        self._one_loss = OneLoss(self._register, self._teller, clock, self._take_back)
        self.after_dark = AfterDark(
            site, clock, self._register, self._teller, self._take_back, partial(journal.keep, COLLECTED)
        )
        self._bays = [name for name, one in site.network.meters.items() if one.node != one.voltage_node]
        self._facts: dict[str, Callable[[], Seen]] = {}
        self._inferences: dict[str, Inference] = {}
        self._feeding: dict[str, tuple[int, str | None]] = {}  # by meter: seen since when, id of its backfeed
        self._verdicts: dict[str, Verdict] = {}
        self._recent: dict[str | None, list[Event]] = {}  # by meter: open or lately over, as an evaluation begins
        self._stirred = False
        self._shown: object = None

    # -- what pipelines and the app call -------------------------------------------------------------------

    def add(self, meter: str, facts: Callable[[], Seen]) -> None:
        self._facts[meter] = facts

    def add_reading(self, reading: Reading) -> object:
        return self._journal.add_reading(reading)

    def add_trace(self, trace: Trace) -> object:
        return self._journal.add_trace(trace)

    def add_incident(self, incident: Incident) -> object:
        return self._journal.add_incident(incident)

    def keep(self, name: str, text: str) -> object:
        return self._journal.keep(name, text)

    def add_event(self, event: Event) -> object:
        """A revision of a meter's event, or of one of the gateway's own."""
        event = self._lines.named(event)
        self.stir()
        if event.kind == "comms_loss" and event.scope == "meter" and self._lines.held_back(event):
            return None
        if event.kind == "supply_loss" and event.meter is not None:
            event = self._one_loss.of(event)
        return self._tell(event)

    def stir(self) -> None:
        """Evaluates soon, once for all that happens until then."""
        if not self._stirred:
            self._stirred = True
            self._soon(self._evaluate_soon)

    def tick(self) -> None:
        """Once a second: what only time tells, and what no event says."""
        if not self._stirred and not self._is_calm():
            self.evaluate()

    def verdict(self, meter: str) -> Verdict | None:
        """The last one."""
        return self._verdicts.get(meter)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Those that are open, as last told."""
        return self._incidents.told

    def status(self, status: MeterStatus) -> MeterStatus:
        """As the desk sees it. What a meter measures itself is left as its pipeline says."""
        told, found = self._verdicts.get(status.meter), self._inferences.get(status.meter)
        supply, by_phase = status.supply, status.supply_by_phase
        if found is not None and status.supply == "unknown":
            supply = "dead"
        elif told is not None and told.row not in _OWN_ROWS and not self._spoke_since(status.meter, told):
            supply = told.supply
        if supply == "dead" != status.supply:
            dead: Supply = "dead"
            by_phase = dict.fromkeys(by_phase, dead)
        ids = self._lines.as_told(status.open_events)
        feeding = self._feeding.get(status.meter, (0, None))[1]
        more = (None if found is None else found.id, feeding)
        ids = (*ids, *(id_ for id_ in more if id_ is not None))
        return replace(status, supply=supply, supply_by_phase=by_phase, open_events=ids)

    def resume(
        self, events: Iterable[Event], incidents: Iterable[Incident], kept: str | None, over: Iterable[Event] = (),
        *, cases: str | None = None,
    ) -> tuple[Event, ...]:  # fmt: skip
        """Go on from where another run ended. over: events of these incidents that are not open; kept, cases: what it
        kept as `KEPT` and as `CASES`. Returns the events that pipelines may take up: those told by their meters, and
        those of them that were held back."""
        events, over, incidents = tuple(events), tuple(over), tuple(incidents)
        told = (*(event.reported_us for event in (*events, *over)), *(one.reported_us for one in incidents))
        earlier = self._lines.earlier(kept).over_by(max(told, default=0), self._clock.boot_us())
        self._register.resume((*over, *events), earlier)
        theirs = [event for event in events if event.scope == "meter" and event.basis != "inferred"]
        mine = [event for event in self._register.open.values() if event.basis == "inferred" and event.meter]
        for event in mine:
            self._take_up(event)
        for event in self._lines.resume(kept):
            self._tell(event)
        left = (*self._register.open.values(), *self._endless.resume(over))
        self._teller.resumed(left, earlier, self._clock.boot_us())
        self._incidents.resume(incidents, self._register, earlier, cases)
        self.stir()
        return (*theirs, *self._lines.held)

    def _take_up(self, event: Event) -> None:
        meter, since = event.meter or "", self._register.since(event)
        if meter not in self._network.meters:
            self._tell(abandoned(event, self._clock.wall_us()))
        elif event.kind == "supply_loss":
            told = Verdict("dead", "inferred", 0.5, event.evidence[-1] if event.evidence else "", event.because, "")
            self._inferences[meter] = Inference(event.id, told, since)
        elif event.kind == "backfeed":
            self._feeding[meter] = (since.latest_us, event.id)

    # -- evaluation ----------------------------------------------------------------------------------------

    def _evaluate_soon(self) -> None:
        now_us = self._clock.boot_us()
        if self._later is not None and now_us < self._rest_until_us:
            self._later((self._rest_until_us - now_us) / 1e6, self._evaluate_soon)
            return
        self._stirred = False
        self.evaluate()
        self._rest_until_us = self._clock.boot_us() + _REST * (self._clock.boot_us() - now_us)

    def evaluate(self) -> None:
        """Everything anew, from what all meters say now."""
        now_us = self._clock.boot_us()
        seen = {name: facts() for name, facts in self._facts.items()}
        for event in self._lines.judge(seen, now_us):
            self._tell(event)
        told = Told(
            silences=self._silences(),
            measured=self._register.of_meter("supply_loss", "measured"),
            logged=self._register.of_meter("supply_loss", "meter_log"),
            mains=self._register.mains(),
            dead_lines=self._lines.dead,
        )
        self._verdicts = self._surroundings.verdicts(seen, told)
        self._recent = {}
        for event in self._register.lately(now_us):
            self._recent.setdefault(event.meter, []).append(event)
        for name, one in seen.items():
            self._infer(name, one, now_us)
        counting = {name: self._standing_verdict(name) for name, one in seen.items() if one.mode == "normal"}
        picture = Picture(now_us, seen, counting, self._register)
        self._watch_backfeed(picture, now_us)
        for incident in self._incidents.judge(picture, self.after_dark):
            self._journal.add_incident(incident)
            log.info("incident.%s id=%s cause=%s node=%s", incident.state, incident.id, incident.cause, incident.node)
        self._keep()
        shown = {name: (told.supply, told.row in _OWN_ROWS) for name, told in self._verdicts.items()}, self._open_ids()
        if shown != self._shown:
            self._shown = shown
            self._changed()

    def _spoke_since(self, meter: str, told: Verdict) -> bool:
        """It had told no voltage when all were looked at, and has now."""
        return told.row == "not_seen" and self._facts[meter]().speaks

    def _open_ids(self) -> tuple[str, ...]:
        inferred = (open_.id for open_ in self._inferences.values())
        return (*inferred, *(id_ for _, id_ in self._feeding.values() if id_), *self._lines.all_ids)

    def _standing_verdict(self, name: str) -> Verdict:
        """An inferred loss that is open stands while nothing contradicts it."""
        now, open_ = self._verdicts[name], self._inferences.get(name)
        return now if open_ is None or now.supply != "unknown" else open_.verdict

    def _silences(self) -> dict[str, str]:
        own = self._register.silences()
        lines = self._lines.ids_by_meter()
        return {**lines, **own}

    def _infer(self, name: str, seen: Seen, now_us: int) -> None:
        open_, told = self._inferences.get(name), self._verdicts[name]
        ended = self._endless.heard(name, told.supply, self._came_back(name, now_us), seen, now_us)
        if ended is not None:
            self._tell(ended)
        if open_ is None and (told.supply, told.basis) != ("dead", "inferred"):
            return
        causes = {} if open_ is None else self._causes(name, open_)
        move = step(open_, told, seen, causes, self._came_back(name, now_us), now_us)
        if open_ is not None and told.supply == "dead" and seen.speaks and seen.as_of_us is not None:
            self._inferences[name] = replace(open_, looked_us=max(open_.looked_us or seen.as_of_us, seen.as_of_us))
        if move is None:
            return
        if move.act == "open":
            since = move.span or Bounds(now_us, now_us)
            event = self._teller.inferred(name, told, since, now_us, self._parent(name))
            self._inferences[name] = Inference(event.id, told, since)
        else:
            event = self._moved(name, move, now_us)
        self._tell(event)

    def _moved(self, name: str, move: Step, now_us: int) -> Event:
        open_, act, why = self._inferences[name], move.act, move.why
        event = self._register.open[open_.id]
        if act == "update":
            told = self._verdicts[name]
            self._inferences[name] = replace(open_, verdict=told)
            return self._teller.revised(event, now_us, why, told.because)
        del self._inferences[name]
        if act == "retract":
            return self._teller.retracted(event, now_us, why)
        close = self._endless.closed if move.endless else self._teller.closed
        return close(event, open_.since, move.span or Bounds(now_us, now_us), now_us, why)

    def _causes(self, name: str, open_: Inference) -> dict[str, Known]:
        own = {event.id for event in self._of(name) if event.kind == "comms_loss"}
        lines = set(self._lines.all_ids)
        found = {id_: self._register.known(id_) for id_ in open_.verdict.because if id_ not in own | lines}
        return {id_: known for id_, known in found.items() if known is not None}

    def _of(self, meter: str) -> list[Event]:
        return self._recent.get(meter, [])

    def _came_back(self, name: str, now_us: int) -> Bounds | None:
        """When its silence ended, if it did lately."""
        ends = [self._register.ended(event) for event in self._of(name) if event.kind == "comms_loss"]
        known = [end for end in (*ends, self._lines.back(name)) if end is not None]
        return max((end for end in known if end.latest_us >= now_us - _LATELY_US), default=None)

    def _parent(self, name: str) -> str | None:
        around = (event for event in self._register.open.values() if event.meter == name)
        return next((event.id for event in around if event.kind in ("sag", "undervoltage", "phase_loss")), None)

    def _watch_backfeed(self, picture: Picture, now_us: int) -> None:
        """Voltage that nothing explains must be there between two looks at those that are dead."""
        found = self._incidents.unexplained(picture)
        for name in dict.fromkeys((*found, *self._feeding)):
            since_us, id_ = self._feeding.get(name, (0, None))
            heard_us = picture.seen[name].heard_us or now_us
            if name in found and not since_us:
                self._feeding[name] = (heard_us, None)
            elif name in found and id_ is None and found[name].looked_us > since_us:
                start = Bounds(found[name].since_us, since_us)
                event = self._teller.backfeed(name, start, now_us, found[name].because)
                self._feeding[name] = (since_us, event.id)
                self._tell(event)
            elif name not in found:
                del self._feeding[name]
                if id_ is not None and (event_ := self._register.open.get(id_)) is not None:
                    words = "the voltage is gone, or is explained by now"
                    since, ended = self._register.since(event_), Bounds(since_us, now_us)
                    self._tell(self._teller.closed(event_, since, ended, now_us, words))

    # -- telling -------------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> object:
        """Here, where it is told, and not where it was made: a silence may be held back for good."""
        self._register.note(event)
        if event.scope != "gateway":
            log.info(
                "event.%s id=%s kind=%s meter=%s line=%s", event.state, event.id, event.kind, event.meter, event.line
            )
        return self._journal.add_event(event)

    def _take_back(self, event: Event) -> object:
        """An inferred loss that was none, or that its meter tells itself."""
        open_ = self._inferences.get(event.meter or "")
        if open_ is not None and open_.id == event.id:
            del self._inferences[event.meter or ""]
        return self._tell(event)

    def _is_calm(self) -> bool:
        """Nothing is open that time could change, every meter has spoken, and no bay has lost its current."""
        unseen = any(one.row == "not_seen" for one in self._verdicts.values())
        waits = self._lines.waits or self._incidents.waits or self.after_dark.waits
        if unseen or self._register.open or waits or self._inferences:
            return False
        return not any(self._facts[name]().current_gone for name in self._bays if name in self._facts)

    def _keep(self) -> None:
        for name, text in ((KEPT, self._lines.to_keep()), (CASES, self._incidents.to_keep())):
            if text is not None:
                self._journal.keep(name, text)
