"""What all meters say at one moment -> what is wrong on the network: votes, then faults. Pure.

    verdict of a meter                        its vote
    ----------------------------------------  ------------------------------------------------------------------
    dead                                      dead at its node; measured on a bus VT, at the bus
    a bay by its current                      dead at the bay, live at the bus
    live, looked at since the last one died   live where its voltage is taken
    live, not looked at since; unknown        none

Phases are judged where a phase loss is open: first what an open conductor makes of them through a transformer, then
fuses of one phase. Earth faults are one on everything that hangs together; a broken neutral is above all that show it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from agent.detect.cases import Fault, Loss
from agent.detect.localise import Found, Laid, Vote, at_node, found_at, located
from agent.detect.network import Customers, Network
from agent.detect.patterns import PHASES, PhaseFound, PhaseView, dead_phase, open_conductor
from agent.detect.supply_evidence import Seen, Verdict
from agent.records import Event, Supply

DANGER = "Voltages to neutral run away: danger to people and appliances, send someone now."
_HEALTHY_PU = 0.85


def votes_of(
    verdicts: Mapping[str, Verdict], seen: Mapping[str, Seen], network: Network, since_us: int
) -> tuple[Vote, ...]:
    """verdicts: of the meters that count; since_us: when the last one died; who was not looked at since is unknown."""
    return tuple(vote for name, verdict in verdicts.items() for vote in _votes(verdict, seen[name], network, since_us))


def _votes(verdict: Verdict, seen: Seen, network: Network, since_us: int) -> Iterator[Vote]:
    placed = network.meters[seen.meter]
    bus_vt = placed.voltage_node != placed.node
    lives = seen.as_of_us is not None and seen.as_of_us >= since_us
    if verdict.supply == "dead":
        on_bus = bus_vt and verdict.row in ("measured_dead", "last_words_dead")
        yield Vote(seen.meter, "dead", verdict.confidence, placed.voltage_node if on_bus else placed.node)
    elif verdict.supply in ("live", "partial") and verdict.basis == "measured" and lives:
        yield Vote(seen.meter, "live", verdict.confidence, placed.node if bus_vt else placed.voltage_node)
    if bus_vt and lives and seen.speaks and seen.supply in ("live", "partial"):
        yield Vote(f"bus VT of {seen.meter}", "live", 0.9, placed.voltage_node)


def supply_faults(laid: Laid) -> tuple[Fault, ...]:
    return tuple(_supply_fault(found, laid.network) for found in located(laid))


def supply_at(node: str, laid: Laid) -> Fault:
    """How a place that was found before stands now."""
    return _supply_fault(found_at(node, laid), laid.network)


def _supply_fault(found: Found, network: Network) -> Fault:
    surely, perhaps = network.customers_of(found.dead_nodes), network.customers_of(found.unknown_nodes)
    critical = tuple(name for name in network.nodes if name in found.dead_nodes and network.nodes[name].critical)
    return Fault(
        "supply_loss", found.node, found.device, found.dead,
        tuple(name for name in found.alive if name in network.meters), found.unknown, found.confidence,
        found.customers, _split(surely, perhaps), critical=critical,
        notes=_uncounted(found.customers, found.dead_nodes | found.unknown_nodes, network),
    )  # fmt: skip


def _uncounted(customers: tuple[int, int] | None, nodes: Collection[str], network: Network) -> tuple[str, ...]:
    """A count that leaves places out says so; one that nobody has is not known at all."""
    without = len(network.uncounted(nodes))
    if customers is None or not without:
        return ()
    return (f"Not counted: {without} {'places' if without > 1 else 'place'} whose customers nobody wrote down.",)


def _split(surely: Customers, perhaps: Customers) -> dict[str, tuple[int, int]]:
    """By phase, where anybody wrote down who is on which."""
    both = surely + perhaps
    if both.total == both.unsplit:
        return {}
    return {phase: (surely.on_phase(phase)[0], both.on_phase(phase)[1]) for phase in PHASES}


def phase_faults(
    losses: Mapping[str, Sequence[Loss]], seen: Mapping[str, Seen], events: Mapping[str, Event], network: Network
) -> tuple[Fault, ...]:
    """seen: of the meters that count; losses, events: what is open. Where a voltage circuit has failed, others that
    take their voltage from the same place say nothing of phases. What is wired to one phase tells of that one."""
    failed = {event.meter for event in events.values() if event.kind == "vt_failure"}
    doubtful = {placed.voltage_node for name, placed in network.meters.items() if name in failed}
    lost = {
        name: events[loss.id].phases
        for name, own in losses.items()
        for loss in own
        if loss.state == "open" and name in seen and seen[name].speaks and _of_phases(loss, seen[name])
        if network.meters[name].voltage_node not in doubtful
    }
    if not lost:
        return ()
    told = {name: one for name, one in seen.items() if one.speaks and _tells(name, one, lost)}
    above = open_conductor({name: one.pu for name, one in told.items() if set(one.pu) <= set(PHASES)}, network)
    explained = {name for found in above for name in (*found.dead, *found.swapped)}
    views = [PhaseView(name, _by_phase(one, lost.get(name, ()))) for name, one in told.items() if name not in explained]
    below = dead_phase([view for view in views if set(view.by_phase) <= set(PHASES)], network)
    return (
        *(_phase_fault(found, "open_conductor", network) for found in above),
        *(_phase_fault(found, "phase_loss", network) for found in below),
    )


def _of_phases(loss: Loss, seen: Seen) -> bool:
    """It lost phases, but not everything there is."""
    return loss.kind == "phase_loss" or (loss.kind == "supply_loss" and not loss.inferred and len(seen.by_phase) == 1)


def of_all_phases(votes: Sequence[Vote], phases: Sequence[Fault], seen: Mapping[str, Seen]) -> tuple[Vote, ...]:
    """Without those whose only phase is one that is lost there: that explains them."""
    mine = {name for fault in phases for name in fault.struck if name in seen and len(seen[name].by_phase) == 1}
    return tuple(vote for vote in votes if vote.meter not in mine)


def _tells(name: str, seen: Seen, lost: Mapping[str, object]) -> bool:
    """What is neither lost nor whole says nothing yet."""
    return name in lost or (bool(seen.pu) and min(seen.pu.values()) > _HEALTHY_PU)


def _by_phase(seen: Seen, lost: Sequence[str]) -> dict[str, Supply]:
    return {phase: "dead" if phase in lost else supply for phase, supply in seen.by_phase.items()}


def _phase_fault(found: PhaseFound, cause: str, network: Network) -> Fault:
    notes = tuple(
        f"{name} shows another phase than all others there: its phases are probably swapped." for name in found.swapped
    ) + _uncounted(found.customers, found.concerned | found.perhaps, network)
    dead = network.customers_of(found.concerned)
    split = _split(dead, network.customers_of(found.perhaps)) if cause == "phase_loss" else {}
    return Fault(
        "phase_loss" if cause == "phase_loss" else "open_conductor", found.node, found.device,
        (*found.dead, *found.swapped), found.alive, found.unknown, found.confidence, found.customers,
        {phase: split[phase] for phase in split if phase == found.phase}, (found.phase,), notes=notes,
    )  # fmt: skip


def other_faults(
    events: Iterable[Event], network: Network, event_of: Callable[[str], Event | None] = lambda id_: None
) -> Iterator[Fault]:
    """Earth faults and broken neutrals, from the open events of the meters that count. event_of: any event by its id,
    such as the sag that turned out to be an earth fault."""
    known = [event for event in events if event.meter in network.meters and event.mode == "normal"]
    earth: dict[str, list[Event]] = {}
    for event in known:
        if event.kind == "earth_fault" and event.meter is not None:
            earth.setdefault(_galvanic_root(network, network.meters[event.meter].voltage_node), []).append(event)
    for root, group in earth.items():
        yield _earth_fault(root, group, network, event_of)
    neutral = [event for event in known if event.kind == "neutral_fault"]
    votes = [Vote(event.meter, "dead", 0.9) for event in neutral if event.meter is not None]
    if votes:
        yield from (_neutral_fault(found, neutral, network) for found in _neutral_places(votes, network))


def _galvanic_root(network: Network, node: str) -> str:
    """The highest node that hangs together with this one: a transformer's own node is its low-voltage side."""
    above = network.path(node)
    return next((name for name in reversed(above) if network.nodes[name].kind == "transformer"), above[0])


def _neutral_places(votes: Sequence[Vote], network: Network) -> Iterator[Found]:
    """By transformer: no neutral goes through one. The deepest node that all of them hang on."""
    groups: dict[str, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(_galvanic_root(network, network.meters[vote.meter].node), []).append(vote)
    for group in groups.values():
        paths = [network.path(network.meters[vote.meter].node) for vote in group]
        common = [names[0] for names in zip(*paths, strict=False) if len(set(names)) == 1]
        if common:
            yield at_node(common[-1], group, network, [vote.meter for vote in group])


def _earth_fault(root: str, group: Sequence[Event], network: Network, event_of: Callable[[str], Event | None]) -> Fault:
    """Customers keep their supply: line-line all is as before."""
    meters = tuple(event.meter for event in group if event.meter is not None)
    phases = {event.phases for event in group if len(event.phases) == 1}
    rose = {feeder: words for event in group for feeder, words in _rose(event, network, event_of)}
    notes = tuple(rose.values()) if len(rose) == 1 else ()
    return Fault(
        "earth_fault", root, "line or cable to earth", meters, confidence=0.9, customers=(0, 0),
        phases=next(iter(phases)) if len(phases) == 1 else (), notes=notes,
    )  # fmt: skip


def _rose(event: Event, network: Network, event_of: Callable[[str], Event | None]) -> Iterator[tuple[str, str]]:
    """The feeder in which the current of the faulted phase rose, and that in words. As the sag has it that it began as:
    an earth fault that draws no current worth the name says nothing, nor does the meter of all feeders together."""
    feeder = network.feeder_of(network.meters[event.meter or ""].node)
    for sag in (event_of(id_) for id_ in event.supersedes):
        if sag is None or sag.kind != "sag" or sag.direction != "downstream" or sag.phases != event.phases:
            continue
        if feeder is not None and len(event.phases) == 1 and sag.i_before is not None and sag.i_during is not None:
            yield feeder, f"Its current rose in {feeder}: {sag.i_during:.4g} A after {sag.i_before:.4g} A."


def _neutral_fault(found: Found, events: Sequence[Event], network: Network) -> Fault:
    meters = tuple(event.meter for event in events if event.meter in found.dead and event.meter is not None)
    below = network.below(found.node)
    customers = network.between(below, ())
    return Fault(
        "neutral_fault", found.node, f"neutral conductor at {found.node}", meters, confidence=0.9,
        customers=customers, phases=(), notes=_uncounted(customers, below, network), alarms=(DANGER,),
    )  # fmt: skip
