"""What the voltages of single phases say: one phase gone behind a fuse, one conductor open above a transformer. Pure.

An open conductor of the medium-voltage side leaves one line-line voltage U. What a transformer makes of it lies on one
line in the phasor plane, along U: of a low-voltage phase at angle t the part abs(cos(t - angle of U)) is left. At clock
number k the low-voltage phases stand at -30 k degrees and 120 degrees after each other, so that

    odd clocks    Dyn1 3 5 7 9 11, Yzn likewise     1    0.5  0.5      the open phase: see `_left`
    even clocks   Yyn0 2 4 6 8 10, Dzn likewise     0.87 0.87 0

at no load and with balanced load. An earthed primary star (YN) is not judged: its core decides what the phases show.
A short between two phases looks alike for as long as it lasts: judge what lasts for seconds. Without a vector group
there is no verdict.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from agent.detect.localise import Found, State, Vote, localise
from agent.detect.network import Network, Node, NodeKind
from agent.records import Supply

PHASES = ("l1", "l2", "l3")
# How sure one meter is of what it measures, as in the table of evidence.
MEASURED = 0.95
_GROUP = re.compile(r"(D|Y)(y|z)n(\d{1,2})")
# Of the rated voltage: how far loads and the level before may move a phase from its ideal figure. 0.87 has its limits
# closer, so that two healthy phases beside a dead one are not taken for it.
_FULL, _HALF, _SINE, _NONE = (0.85, 1.15), (0.33, 0.67), (0.75, 0.93), (0.0, 0.25)
_LIMITS = {1.0: _FULL, 0.5: _HALF, 0.866: _SINE, 0.0: _NONE}
_HEALTHY = 0.85

_DEVICES: Mapping[NodeKind, str] = {
    "bus": "conductor of {phase}",
    "feeder": "one pole of the feeder breaker, or the conductor of {phase}",
    "branch": "branch fuse of {phase}, or its conductor",
    "transformer": "transformer fuse of {phase}",
    "service": "service fuse of {phase}",
    "key": "service fuse of {phase}",
}


@dataclass(frozen=True, slots=True)
class PhaseView:
    """What one meter shows of each network phase it is wired to, keyed ``l1 l2 l3``; a phase left out is not seen."""

    meter: str
    by_phase: Mapping[str, Supply]
    confidence: float = MEASURED


@dataclass(frozen=True, slots=True)
class PhaseFound:
    """One phase lost below a node. swapped: a meter that shows another phase than all others there: its phases are
    probably connected in another order than the site file says; customers: whom the loss of the phase concerns, at the
    nodes concerned and those that perhaps are; None where nobody wrote any down."""

    phase: str
    node: str
    device: str
    dead: tuple[str, ...]
    alive: tuple[str, ...]
    unknown: tuple[str, ...]
    swapped: tuple[str, ...]
    confidence: float
    customers: tuple[int, int] | None
    concerned: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()


def open_phase(group: str | None, pu: Mapping[str, float]) -> str | None:
    """The medium-voltage phase that is open above a transformer of this vector group; None if none is, or if it cannot
    be told. pu: low-voltage phase to neutral over its rated value, by phase."""
    if group is None or any(phase not in pu for phase in PHASES):
        return None
    fits = [phase for phase in PHASES if _fits(_left(group, phase), pu)]
    return fits[0] if len(fits) == 1 else None


def _fits(left: tuple[float, float, float] | None, pu: Mapping[str, float]) -> bool:
    if left is None:
        return False
    limits = (_LIMITS[part] for part in left)
    return all(low <= pu[phase] <= high for phase, (low, high) in zip(PHASES, limits, strict=True))


@cache
def _left(group: str, open_one: str) -> tuple[float, float, float] | None:
    """What is left of l1, l2, l3 below a transformer one of whose conductors is open; None for groups not judged."""
    match = _GROUP.fullmatch(group)
    if match is None or not is_group(group):
        return None
    # U between the two others stands at right angles to the phase that is open.
    across = 90 - 120 * PHASES.index(open_one)
    angles = (-30 * int(match[3]) - 120 * turn for turn in range(3))
    parts = [round(abs(math.cos(math.radians(angle - across))), 3) for angle in angles]
    return parts[0], parts[1], parts[2]


_ANY_GROUP = re.compile(r"(D|YN?)(d|yn?|zn?)(\d|1[01])")


def is_group(text: str) -> bool:
    """A vector group that can be wound: a star to a delta or a zigzag has an odd clock number, the others an even one.
    Windings: high voltage first, N with the neutral brought out; ``Dyn11 Yyn0 Yzn5 YNd11``."""
    match = _ANY_GROUP.fullmatch(text)
    if match is None:
        return False
    kinds = {match[1][0].lower(), match[2][0]}
    return int(match[3]) % 2 == (kinds in ({"d", "y"}, {"y", "z"}))


def dead_phase(views: Sequence[PhaseView], network: Network) -> tuple[PhaseFound, ...]:
    """Where one phase is gone while others are there. Meters on either side of a transformer are judged apart: what is
    one phase there is none here."""
    sides: dict[str | None, list[PhaseView]] = {}
    for view in views:
        side = network.nearest(network.meters[view.meter].node, "transformer")
        sides.setdefault(side, []).append(view)
    return tuple(found for part in sides.values() for found in _one_side(part, network, {}))


def open_conductor(
    pu: Mapping[str, Mapping[str, float]], network: Network, confidence: Mapping[str, float] | None = None
) -> tuple[PhaseFound, ...]:
    """Open conductors above transformers, from what their low-voltage meters show: one finding per fault, however many
    transformers hang below it. pu: by meter and network phase, phase to neutral over rated."""
    views, at = [], {}
    for meter, volts in pu.items():
        node = network.nodes[network.meters[meter].node]
        transformer = network.nearest(node.name, "transformer")
        by_phase = _above(network.nodes[transformer] if transformer else None, volts)
        views.append(PhaseView(meter, by_phase, (confidence or {}).get(meter, MEASURED)))
        at[meter] = transformer or network.meters[meter].voltage_node
    found = _one_side(views, network, at)
    gone = {name: one.phase for one in found for name in _without_any(one, pu, network, at)}
    if gone:
        views = [replace(view, by_phase={gone[view.meter]: "dead"}) if view.meter in gone else view for view in views]
        found = _one_side(views, network, at)
    return tuple(_of_conductor(one, network) for one in found)


def _without_any(
    found: PhaseFound, pu: Mapping[str, Mapping[str, float]], network: Network, at: Mapping[str, str]
) -> Iterator[str]:
    """Meters of a single low-voltage phase of which nothing is left while this conductor is open. By themselves they
    tell of no conductor: any fuse may have done it."""
    for meter, volts in pu.items():
        group = network.nodes[at[meter]].vector_group if network.feeds(found.node, at[meter]) else None
        left = _left(group, found.phase) if group is not None and len(volts) == 1 else None
        if left is not None and any(left[PHASES.index(own)] == 0 and volts[own] <= _NONE[1] for own in volts):
            yield meter


def _above(transformer: Node | None, volts: Mapping[str, float]) -> Mapping[str, Supply]:
    """What the voltages of one meter say of the phases above its transformer; nothing if they say nothing."""
    if len(volts) == len(PHASES) and min(volts.values()) > _HEALTHY:
        return dict.fromkeys(PHASES, "live")
    lost = transformer and open_phase(transformer.vector_group, volts)
    return {phase: "dead" if phase == lost else "live" for phase in PHASES} if lost else {}


def _of_conductor(found: PhaseFound, network: Network) -> PhaseFound:
    """Below a transformer every customer has a part of it, whatever phase is his. At a transformer itself it is its
    fuse on the side above, or the conductor that leads there."""
    found = replace(found, customers=network.between(found.concerned, found.perhaps))
    if network.nearest(found.node, "transformer") != found.node:
        return found
    return replace(found, device=f"{found.device} on the side above, or the conductor that leads to it")


def _one_side(views: Sequence[PhaseView], network: Network, at: Mapping[str, str]) -> tuple[PhaseFound, ...]:
    """at: the node a meter speaks of, if not its own."""
    lost = {phase for view in views for phase, supply in view.by_phase.items() if supply == "dead"}
    found = [fault for phase in PHASES if phase in lost for fault in _of_phase(phase, views, network, at)]
    swapped = {name for fault in found for name in fault.swapped}
    return tuple(fault for fault in found if not swapped.issuperset(fault.dead))


def _lone(view: PhaseView) -> str | None:
    """The only phase a meter misses while it sees others; None if it misses none or several."""
    dead = [phase for phase, supply in view.by_phase.items() if supply == "dead"]
    return dead[0] if len(dead) == 1 and "live" in view.by_phase.values() else None


def _of_phase(phase: str, views: Sequence[PhaseView], network: Network, at: Mapping[str, str]) -> list[PhaseFound]:
    """Who misses another phase is left aside first; only where it is one against many does it stay so."""
    seeing = [view for view in views if phase in view.by_phase or not view.by_phase]
    places = {view.meter: at.get(view.meter, network.meters[view.meter].voltage_node) for view in views}
    odd = {view.meter for view in seeing if _lone(view) not in (None, phase)}
    first = _localised(phase, [view for view in seeing if view.meter not in odd], places, network)
    alone = {fault.node: _single([name for name in odd if network.feeds(fault.node, places[name])]) for fault in first}
    spared = {alone[fault.node] for fault in first if len(fault.dead) > 1}
    last = _localised(phase, [view for view in seeing if view.meter not in spared], places, network) if odd else first
    found = []
    for fault in last:
        if len(fault.contradicting) >= len(fault.dead):
            continue  # meters of one node say different things, and no majority of them this
        below = {name for name, place in places.items() if network.feeds(fault.node, place)}
        if any(_shows_another(view, phase) for view in views if view.meter in below):
            found.append(_phase_found(phase, fault, tuple(sorted(below & odd & spared)), network))
    return found


def _single(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _localised(
    phase: str, views: Sequence[PhaseView], places: Mapping[str, str], network: Network
) -> tuple[Found, ...]:
    votes = [Vote(view.meter, _vote(phase, view), view.confidence, places[view.meter]) for view in views]
    return localise(votes, network, [view.meter for view in views])


def _vote(phase: str, view: PhaseView) -> State:
    """A meter without any voltage does not tell of a single phase; one that is wired to one phase does."""
    supply = view.by_phase.get(phase, "unknown")
    if supply == "dead":
        return "dead" if len(view.by_phase) == 1 or "live" in view.by_phase.values() else "unknown"
    return "live" if supply == "live" else "unknown"


def _shows_another(view: PhaseView, phase: str) -> bool:
    return any(supply == "live" for other, supply in view.by_phase.items() if other != phase)


def _phase_found(phase: str, fault: Found, swapped: tuple[str, ...], network: Network) -> PhaseFound:
    surely = network.customers_of(fault.dead_nodes).on_phase(phase)[0]
    at_most = network.customers_of(fault.dead_nodes | fault.unknown_nodes).on_phase(phase)[1]
    kind = network.nodes[fault.node].kind if fault.node in network.nodes else "bus"
    return PhaseFound(
        phase=phase,
        node=fault.node,
        device=_DEVICES[kind].format(phase=phase),
        dead=fault.dead,
        alive=fault.alive,
        unknown=fault.unknown,
        swapped=swapped,
        confidence=fault.confidence,
        customers=None if fault.customers is None else (surely, at_most),
        concerned=fault.dead_nodes,
        perhaps=fault.unknown_nodes,
    )
