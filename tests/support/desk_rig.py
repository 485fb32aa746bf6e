"""The desk with meters that say what a test wants: facts and events by hand, on a clock by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rigged import Kept

from agent.clock import Clock, SyncSource
from agent.desk.desk import CASES, KEPT, Desk
from agent.detect.book import id_maker
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds
from agent.records import Event, Kind, MeterStatus
from agent.site import Site, load_site

SECOND = 1_000_000
WALL_US = 1_795_000_000 * SECOND
BOOT_US = 5_000 * SECOND

HEAD = """
[site]
name = "village"
gateway = "gw-1"
state_dir = "state"
nominal_voltage = 230
"""


def site_of(folder: Path, body: str) -> Site:
    (folder / "site.toml").write_text(HEAD + body, encoding="utf-8")
    return load_site(folder / "site.toml", folder)


# Four meters below one transformer, three of them at services of their own.
_NODES = """
[lines.room]
tcp = "10.0.0.1:502"
[lines.east]
tcp = "10.0.0.2:502"
[nodes.tx-17]
kind = "transformer"
"""
_SERVICE = """
[nodes.s-{name}]
kind = "service"
parents = ["tx-17"]
customers = {customers}
"""
_METER = """
[meters.{name}]
line = "{line}"
unit = {unit}
model = "{model}"
node = "{node}"
"""
HOUSES = {"oak": 40, "elm": 30, "ash": 50}


def houses_below_tx_17(folder: Path, model: str = "schneider-pm5000") -> Site:
    """model: of the meters in the houses; the head's is a PM5000."""
    services = [_SERVICE.format(name=name, customers=customers) for name, customers in HOUSES.items()]
    head = _METER.format(name="head", line="room", unit=1, model="schneider-pm5000", node="tx-17")
    meters = [
        _METER.format(name=name, line="east", unit=n + 1, model=model, node=f"s-{name}")
        for n, name in enumerate(HOUSES)
    ]
    return site_of(folder, "".join([_NODES, *services, head, *meters]))


class Rig:
    """Instants in seconds. A meter answers at once, live, whenever time passes, until told otherwise."""

    def __init__(
        self, site: Site, kept: Kept | None = None, at_s: float = 0.0, epoch: str = "e1", *, set_by_s: float = 0.0,
        boot: str = "boot-1",
    ) -> None:  # fmt: skip
        """set_by_s: what somebody set the wall clock by between this run and the one before."""
        self.site, self.kept = site, kept or Kept()
        self.at_s, self.set_by_us = at_s, round(1e6 * set_by_s)
        self.clock = Clock(
            lambda: self.us(self.at_s),
            lambda: WALL_US + self.set_by_us + round(1e6 * self.at_s),
            SyncSource(Path("/no")),
            boot,
        )
        self._ids = id_maker("gw-1", epoch)
        self._soon: list[Callable[[], None]] = []
        self.evaluations = 0
        self.desk = Desk(site, self.kept, self.clock, self._ids, soon=self._soon.append)
        last = {event.id: event for event in self.kept.events}
        incidents = {one.id: one for one in self.kept.incidents}
        self.resumed = self.desk.resume(
            [event for event in last.values() if event.state == "open"],
            [one for one in incidents.values() if one.state == "open"],
            self.kept.texts.get(KEPT),
            [event for event in last.values() if event.state != "open"],
            cases=self.kept.texts.get(CASES),
        )
        self.seen = {name: Seen(meter=name) for name in site.meters}
        self.answering = set(site.meters)
        self.open: dict[tuple[str, Kind], Event] = {}
        for name in site.meters:
            self.desk.add(name, lambda name=name: self.seen[name])

    def us(self, at_s: float) -> int:
        return BOOT_US + round(1e6 * at_s)

    def set_clock(self, by_s: float) -> None:
        """Somebody sets the wall clock."""
        self.set_by_us += round(1e6 * by_s)
        self.clock.tick()

    def turn(self) -> None:
        calls, self._soon[:] = list(self._soon), []
        self.evaluations += len(calls)
        for call in calls:
            call()

    def pass_(self, for_s: float, step_s: float = 1.0) -> None:
        """Time passes; who answers is looked at, ticks come."""
        end_s = self.at_s + for_s
        while self.at_s < end_s - 1e-9:
            self.at_s = min(end_s, self.at_s + step_s)
            for name in self.answering:
                self.look(name)
            self.turn()
            self.desk.tick()
            self.turn()

    def look(self, name: str, **more: object) -> None:
        before = self.seen[name]
        supply = before.supply if before.comms == "ok" else "live"
        known = {"supply": supply, "by_phase": dict.fromkeys(("l1", "l2", "l3"), supply), **more}
        self.seen[name] = replace(
            before, comms="ok", silent_since=None, missed_us=None, outcome="", code=0, heard_us=self.us(self.at_s),
            as_of_us=self.us(self.at_s - 0.2), **known,
        )  # fmt: skip

    def event(self, name: str, kind: Kind, state: str = "open", **more: object) -> Event:
        """A revision as the meter's pipeline tells it: bounds of half a second."""
        now_us = self.clock.wall_us(self.us(self.at_s))
        before = self.open.pop((name, kind), None)
        if before is None:
            before = Event(
                id=self._ids(), kind=kind, revision=0, state="open", scope="meter", basis="measured",
                reported_us=now_us, start_us=now_us, start_earliest_us=now_us - 500_000, meter=name,
                line=self.site.meters[name].line, customers=self.site.meters[name].customers,
            )  # fmt: skip
        event = replace(before, revision=before.revision + 1, state=state, reported_us=now_us, **more)  # type: ignore[arg-type]
        if state == "closed":
            event = replace(event, end_us=now_us, end_earliest_us=now_us - 500_000)
        if state == "open":
            self.open[name, kind] = event
        ids = tuple(one.id for (meter, _), one in self.open.items() if meter == name)
        self.seen[name] = replace(self.seen[name], events=ids)
        self.desk.add_event(event)
        return event

    def dies(self, name: str) -> Event:
        """It measures that there is no voltage."""
        self.look(name, supply="dead")
        self.answering.add(name)
        return self.event(name, "supply_loss")

    def lives(self, name: str) -> Event:
        self.look(name, supply="live")
        return self.event(name, "supply_loss", "closed")

    def falls_silent(self, *names: str, outcome: str = "silent", code: int = 0) -> None:
        """Lost within a second in which nobody else is asked: its event is the pipeline's."""
        self.at_s += 1.0
        for name in names:
            self.answering.discard(name)
            since = Bounds(self.seen[name].heard_us or self.us(0), self.us(self.at_s))
            self.seen[name] = replace(
                self.seen[name], comms="lost", silent_since=since, missed_us=self.us(self.at_s), supply="unknown",
                by_phase={}, outcome=outcome, code=code,
            )  # fmt: skip
            self.event(name, "comms_loss", evidence=(outcome,))

    def misses(self, *names: str) -> None:
        for name in names:
            self.seen[name] = replace(self.seen[name], missed_us=self.us(self.at_s))

    def answers(self, *names: str) -> None:
        for name in names:
            self.look(name, supply="live")
            self.answering.add(name)
            self.event(name, "comms_loss", "closed")

    def told(self, *kinds: str) -> list[tuple[str, str, str]]:
        """(kind, state, meter or line) of what the journal got."""
        chosen = [event for event in self.kept.events if not kinds or event.kind in kinds]
        return [(event.kind, event.state, event.meter or event.line or event.scope) for event in chosen]

    def last(self, kind: str, who: str) -> Event:
        return [e for e in self.kept.events if e.kind == kind and who == (e.meter or e.line)][-1]

    def status(self, name: str) -> MeterStatus:
        ids = tuple(one.id for (meter, _), one in self.open.items() if meter == name)
        seen = self.seen[name]
        return self.desk.status(MeterStatus(name, seen.supply, seen.by_phase, seen.comms, None, ids))
