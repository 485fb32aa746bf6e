"""The desk's hand on incidents: what all meters say goes in, revisions of incidents come out."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.desk.dark import AfterDark
from agent.desk.hindsight import LookBack
from agent.detect import case_state
from agent.detect.book_state import Earlier
from agent.detect.cases import SET_US, Case, Fault, Loss
from agent.detect.incident_words import record_of, same
from agent.detect.incidents import UNANSWERED_US, Asked, Incidents, Moment, Verdicts
from agent.detect.joining import of_all_phases, other_faults, phase_faults, supply_at, supply_faults, votes_of
from agent.detect.localise import Laid, Vote, unexplained_live
from agent.detect.looks import Looks
from agent.detect.mode_ends import ModeEnds
from agent.detect.network import Customers, Network
from agent.detect.register import Register
from agent.detect.supply_evidence import Seen, Verdict
from agent.detect.tracking import Bounds
from agent.records import Event, Incident, State

# A fault current is looked for in what was seen so long before the first was dead, and for so long after.
_BEFORE_US, _AFTER_US = 10_000_000, 60_000_000
_RISE = 1.5
_SPARED = 16  # networks without some nodes, kept while incidents lie in each other
_UNANSWERED = f"Closed after {UNANSWERED_US // 3_600_000_000} h in which some were never heard."
_BACKFEED = "Voltage at {meters} where everything that feeds it is dead: somebody feeds in. DANGER, on the whole of it."


@dataclass(frozen=True, slots=True)
class Picture:
    """seen: of all meters; verdicts: of those that count."""

    now_us: int
    seen: Mapping[str, Seen]
    verdicts: Mapping[str, Verdict]
    register: Register


@dataclass(frozen=True, slots=True)
class Unexplained:
    """since_us: when the last of what feeds it died; looked_us: when that was last looked at; because: ids"""

    since_us: int
    looked_us: int
    because: tuple[str, ...]


class IncidentDesk:
    def __init__(self, network: Network, clock: Clock, next_id: Callable[[], str]) -> None:
        self._network, self._clock = network, clock
        self._incidents = Incidents(network, next_id)
        self._back = LookBack(self._incidents, network, self._standing)
        self._run_us, self._run_offset_us = clock.boot_us(), clock.offset_us
        self._kept = ""
        self._looks = Looks(clock.boot_us())
        self._modes = ModeEnds()
        self._spared: dict[frozenset[str], Network] = {}
        self._asked: set[frozenset[str]] = set()  # for which of them, in this evaluation
        self._judged_us = clock.boot_us()
        self._judged: set[str] = set()
        self._votes: tuple[Vote, ...] = ()
        self._against: frozenset[str] = frozenset()

    @property
    def told(self) -> tuple[Incident, ...]:
        return tuple(case.told for case in self._incidents.cases if case.told is not None)

    @property
    def waits(self) -> bool:
        return bool(self._incidents.cases) or self._looks.waits

    def judge(self, picture: Picture, dark: AfterDark) -> list[Incident]:
        """Revisions to tell. Waits for the looks after a change, so that one fault is not told meter by meter."""
        self._back.recall(dark.past)
        self._count_what_outlasts_a_test(picture)
        losses = picture.register.losses(picture.now_us)
        if not self._looks.done(picture.now_us, [picture.seen[name] for name in picture.verdicts], losses):
            return []
        counting = {name: picture.seen[name] for name in picture.verdicts}
        self._votes = votes_of(picture.verdicts, counting, self._network, _died_us(losses))
        against = self._against = frozenset(unexplained_live(self._votes, self._network))
        # What nothing explains is an alarm, and no proof of supply.
        sound = [vote for vote in self._votes if not (vote.supply == "live" and vote.meter in against)]
        brief = {name: [self._as_then(loss) for loss in own] for name, own in losses.items()}
        gone = {name for name, own in brief.items() if own != losses[name] and name in counting}
        told: list[Incident] = []
        if gone:
            # Over before it could be told: as it was, then as it is.
            then = [vote for vote in sound if vote.meter not in gone]
            then += [Vote(name, "dead", 0.95, self._died_at(name, brief[name])) for name in gone]
            self._end(self._incidents.judge(self._moment(then, counting, brief, picture, gone)), picture.now_us, told)
        silent = {name for name, one in picture.seen.items() if one.silent}
        for found in dark.take(picture.now_us, silent):
            losses = self._back.look(found, counting.keys(), losses, picture.register)
        dark.remember(self._back.past)
        self._judged_us = picture.now_us
        self._judged = {loss.id for own in losses.values() for loss in own}
        told += self._tell(self._moment(sound, counting, losses, picture), picture, against)
        # A quarter of a megabyte each for 200 meters: what nothing asked for goes.
        self._spared = {nodes: network for nodes, network in self._spared.items() if nodes in self._asked}
        self._asked = set()
        return told

    def _count_what_outlasts_a_test(self, picture: Picture) -> None:
        modes = {name: one.mode for name, one in picture.seen.items()}
        self._modes.look(modes, picture.now_us)
        register = picture.register
        for event, ended in self._modes.outlasting(register.open.values(), modes):
            since = register.since(event)
            register.counted.setdefault(event.id, ended or Bounds(since.earliest_us, picture.now_us))

    def _moment(
        self,
        votes: Sequence[Vote],
        counting: Mapping[str, Seen],
        losses: Mapping[str, Sequence[Loss]],
        picture: Picture,
        gone: Collection[str] = (),
    ) -> Moment:
        """gone: meters to be judged as they were, not as they are seen."""
        among, events, network = tuple(counting), picture.register.open, self._network
        phases = phase_faults(losses, counting, events, network)
        votes = of_all_phases(votes, phases, counting)
        laid = Laid(votes, network, among)
        faults = (
            *(self._doubted(fault, network) for fault in supply_faults(laid)),
            *phases,
            *other_faults(events.values(), network, picture.register.event),
        )
        sound = [one for one in counting.values() if one.meter not in self._against and one.meter not in gone]
        lit = {one.meter: one.as_of_us or 0 for one in sound if one.speaks and one.supply in ("live", "partial")}
        return Moment(
            picture.now_us,
            faults,
            lambda asked: self._standing(asked, votes, laid),
            losses,
            picture.register.troubled(),
            frozenset(self._at(vote) for vote in votes if vote.supply == "live"),
            lit,
            frozenset(network.meters.keys() - counting.keys()) | self._against,
        )

    def _standing(self, asked: Asked, votes: Sequence[Vote], laid: Laid) -> Fault:
        """laid: these votes, over the whole network; most ask for nothing else."""
        if not asked.without and not asked.live and asked.also <= laid.among:
            return self._doubted(supply_at(asked.node, laid), self._network)
        network = self._without(asked.without)
        known = [vote for vote in votes if vote.meter in network.meters or vote.meter not in self._network.meters]
        voted = {vote.meter for vote in known}
        known += [Vote(name, "live") for name in network.meters if name in asked.live and name not in voted]
        return self._doubted(supply_at(asked.node, Laid(known, network, laid.among | asked.also)), network)

    def _without(self, nodes: frozenset[str]) -> Network:
        """The network as if nobody lived there, and nobody measured."""
        if not nodes:
            return self._network
        self._asked.add(nodes)
        if nodes not in self._spared:
            self._spared = dict(list(self._spared.items())[-_SPARED + 1 :])
            network = self._network
            emptied = (
                replace(node, customers=Customers(), critical=None) if name in nodes else node
                for name, node in network.nodes.items()
            )
            left = (placed for placed in network.meters.values() if placed.node not in nodes)
            self._spared[nodes] = Network(emptied, left, network.site)
        return self._spared[nodes]

    def _doubted(self, fault: Fault, network: Network) -> Fault:
        """Who has voltage where there can be none is fed by somebody, or the dead display is wrong: the fewest are the
        others."""
        nodes = {network.meters[name].node for name in network.meters_below(fault.node) if name in self._against}
        if not nodes or fault.customers is None:
            return fault
        fewest, most = fault.customers
        return replace(fault, customers=(max(0, fewest - network.customers_of(nodes).total), most))

    def _as_then(self, loss: Loss) -> Loss:
        """A loss that was told and is over since the last judgement, as it was meanwhile."""
        new = loss.kind == "supply_loss" and loss.state == "closed" and loss.id not in self._judged
        if not new or loss.ended is None or loss.ended.latest_us <= self._judged_us:
            return loss
        return replace(loss, state="open", ended=None)

    def _died_at(self, name: str, losses: Sequence[Loss]) -> str:
        """What a bus VT measures is the bus; what is inferred of a bay is the bay."""
        placed = self._network.meters[name]
        measured = any(loss.state == "open" and loss.kind == "supply_loss" and not loss.inferred for loss in losses)
        return placed.voltage_node if measured else placed.node

    def _at(self, vote: Vote) -> str:
        return vote.at or self._network.meters[vote.meter].voltage_node

    def _tell(self, moment: Moment, picture: Picture, against: Collection[str]) -> list[Incident]:
        verdicts = self._incidents.judge(moment)
        told: list[Incident] = []
        risen = tuple(self._risen(picture)) if verdicts.changed else ()
        for case in verdicts.changed:
            self._find_feeder(case, risen, picture.now_us)
            self._alarm(case, against)
            self._say(case, "open", picture.now_us, told)
        self._end(verdicts, picture.now_us, told)
        return told

    def _end(self, verdicts: Verdicts, now_us: int, told: list[Incident]) -> None:
        for case in verdicts.over:
            self._say(case, "closed", now_us, told)
        for case in verdicts.unanswered:
            self._say(case, "closed", now_us, told, _UNANSWERED)
        for case in verdicts.none:
            if case.told is not None:
                why = "Taken back: what it rested on was." if case.taken_back else "It is part of another incident."
                self._say(case, "retracted", now_us, told, why)

    def _say(self, case: Case, state: State, now_us: int, told: list[Incident], why: str = "") -> None:
        clock, end = self._clock, case.end
        state = "closed" if case.past and case.told is not None and case.told.state == "closed" else state
        if end is None and state == "closed" and case.start is not None:
            end = case.last_end or Bounds(case.start.latest_us, now_us)
        case.place(clock.wall_us, end)
        if abs(clock.offset_us - self._run_offset_us) > SET_US:
            case.place_anew(clock.wall_us, self._run_us)
        record = record_of(case, self._network, state, clock.wall_us(now_us), clock.state, case.locked_out(now_us), why)
        if not same(record, case.told):
            case.told = record
            told.append(record)

    def _alarm(self, case: Case, against: Collection[str]) -> None:
        node = case.fault.node
        if case.stands is None or case.fault.cause != "supply_loss" or not against:
            return
        below = self._network.meters_below(node)
        names = [name for name in below if name in against]
        if names:
            alarm = _BACKFEED.format(meters=", ".join(names))
            case.stands = replace(case.stands, alarms=(alarm,))

    def _risen(self, picture: Picture) -> Iterator[tuple[Event, str, int]]:
        """Events with a current that rose, the feeder in which it did, and when they began."""
        for event in picture.register.lately(picture.now_us):
            node = self._rose(event)
            feeder = None if node is None else self._network.feeder_of(node)
            if feeder is not None:
                yield event, feeder, picture.register.since(event).latest_us

    def _find_feeder(self, case: Case, risen: Sequence[tuple[Event, str, int]], now_us: int) -> None:
        """Fault current, not a sag: whose current rose, seen downstream, when the first of them died."""
        start = case.start
        if start is None or case.fault.cause != "supply_loss" or now_us - start.latest_us > _AFTER_US:
            return
        for event, feeder, since_us in risen:
            near = start.earliest_us - _BEFORE_US <= since_us <= start.latest_us + _BEFORE_US
            if near and self._related(case.fault.node, feeder):
                case.feeder = feeder
                case.feeder_words = f"Fault current in {feeder}: {event.i_during:.4g} A after {event.i_before:.4g} A."

    def _rose(self, event: Event) -> str | None:
        """The node of its meter, if a current rose there towards what it feeds."""
        if event.direction != "downstream" or not event.i_before or event.i_during is None:
            return None
        placed = self._network.meters.get(event.meter or "")
        rose = event.i_during >= _RISE * event.i_before
        return placed.node if placed is not None and rose and event.mode == "normal" else None

    def _related(self, one: str, other: str) -> bool:
        site = self._network.site
        return site in (one, other) or self._network.feeds(one, other) or self._network.feeds(other, one)

    def unexplained(self, picture: Picture) -> dict[str, Unexplained]:
        """Meters with voltage although every way to them passes what is measured dead."""
        votes = [vote for vote in self._votes if vote.meter in picture.seen]
        found: dict[str, Unexplained] = {}
        for name in unexplained_live(self._votes, self._network):
            node = self._network.meters[name].voltage_node if name in self._network.meters else None
            dead = [vote for vote in votes if vote.supply == "dead" and node and self._over(vote, node)]
            losses = [(picture.seen[vote.meter], picture.verdicts.get(vote.meter)) for vote in dead]
            looked = [seen.as_of_us or 0 for seen, told in losses if told is not None and told.row == "measured_dead"]
            if looked:
                because = tuple(dict.fromkeys(id_ for _, told in losses if told for id_ in told.because))
                since = [told.since.latest_us for _, told in losses if told is not None and told.since is not None]
                found[name] = Unexplained(max(since, default=0), max(looked), because)
        return found

    def _over(self, vote: Vote, node: str) -> bool:
        at = vote.at or self._network.meters[vote.meter].node
        return self._network.only_through(at, node)

    # -- over a restart ------------------------------------------------------------------------------------

    def resume(self, incidents: Iterable[Incident], register: Register, earlier: Earlier, kept: str | None) -> None:
        """Go on inside the incidents that another run left open. register: knows the events of them; earlier: where
        that run lies on the boot clock; kept: as of `to_keep`"""
        self._kept, known = kept or "", case_state.understood(kept, self._clock.boot_id)
        for one in incidents:
            if one.node == self._network.site or one.node in self._network.nodes:
                meters, found = self._network.meters, known.get(one.id)
                case = case_state.taken_up(one, found, earlier, register, meters, self._run_us)
                self._incidents.cases.append(case)
                self._judged.update(one.events)

    def to_keep(self) -> str | None:
        """What the next run needs of those that are open; None: as it was last told."""
        text = case_state.told((case for case in self._incidents.cases if case.told is not None), self._clock.boot_id)
        if text == self._kept:
            return None
        self._kept = text
        return text


def _died_us(losses: Mapping[str, Sequence[Loss]]) -> int:
    """When the last of those died that are dead now: who was not looked at since may be dead as well."""
    open_ = (loss for own in losses.values() for loss in own if loss.kind == "supply_loss" and loss.state == "open")
    return max((loss.began_us for loss in open_), default=0)
