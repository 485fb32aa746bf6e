"""Which nodes explain who is without supply, who has it and of whom nothing is known. Pure.

    1  a live meter keeps alive every node that all ways to it pass, alternates included; ways through a node that is
       itself measured dead do not count
    2  a dead meter may be explained by any node on its way up, in normal switching, as far as the first live one
    3  dead meters whose ways up end at the same node have one cause: the deepest node that all of them hang on
    4  who is unknown never votes: it lowers the confidence and widens the customers

So a live meter below a node excludes it, unless another supply may feed that meter; where no single node is left, there
is more than one fault. A meter that is dead alone is explained by its own node. Everything dead, nothing live, and no
node above all of it: that is the site.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.detect.network import Network, Node

State = Literal["dead", "live", "unknown"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What is believed of one meter; unknown never votes.

    at: the node it speaks of. Left out, a dead meter speaks of the node it feeds and a live one of the node its voltage
    is taken from: a bay on a live bus VT says nothing of its feeder. With `at` it need be no meter of the network.
    """

    meter: str
    supply: State
    confidence: float = 1.0
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One fault. dead, alive, unknown: meters below the node; alive ones are fed by another way, or contradict.

    dead_nodes:    without supply for sure; unknown_nodes: perhaps
    contradicting: those alive although no unbroken way leads to them
    customers:     fewest and most without supply; None where nobody wrote any down
    """

    node: str
    dead: tuple[str, ...]
    alive: tuple[str, ...]
    unknown: tuple[str, ...]
    confidence: float
    customers: tuple[int, int] | None
    device: str
    dead_nodes: frozenset[str] = frozenset()
    unknown_nodes: frozenset[str] = frozenset()
    contradicting: tuple[str, ...] = ()


class Laid:
    """The votes laid over the network. among: the meters that could have told, all by default; one of them without a
    vote is unknown."""

    def __init__(self, votes: Sequence[Vote], network: Network, among: Collection[str] | None = None) -> None:
        self.network = network
        self.among = frozenset(network.meters if among is None else among)
        self.dead = [vote for vote in votes if vote.supply == "dead"]
        self.alive = [vote for vote in votes if vote.supply == "live"]
        self.dead_at = _places_of_dead(votes, network)
        self.ways = network.ways_past(self.dead_at)
        self.live_nodes = frozenset[str]().union(*(self._kept_alive(vote) for vote in self.alive))
        self.unexplained = tuple(vote.meter for vote in self.alive if self.place(vote) not in self.ways)
        untold = self.among.difference(vote.meter for vote in (*self.dead, *self.alive))
        self.untold = tuple(name for name in network.meters if name in untold)
        self.dying = [(self.place(vote), vote) for vote in self.dead]
        self.living = [(self.place(vote), vote) for vote in self.alive]
        self.lit = self.live_nodes.union(place for place, _ in self.living)

    def place(self, vote: Vote) -> str:
        return _place(vote, self.network)

    def _kept_alive(self, vote: Vote) -> frozenset[str]:
        return self.ways.get(self.place(vote), frozenset({self.place(vote)}))

    def limit(self, node: str) -> str:
        """The highest node whose death would explain that of this one."""
        explained, upper = node, node
        while parents := self.network.nodes[upper].parents:
            if self.live_nodes.intersection(parents):
                break
            upper = parents[0]
            if self.network.dies_with(upper, node):
                explained = upper
        return explained


def _place(vote: Vote, network: Network) -> str:
    if vote.at is not None:
        return vote.at
    placed = network.meters[vote.meter]
    return placed.voltage_node if vote.supply == "live" else placed.node


def _places_of_dead(votes: Sequence[Vote], network: Network) -> frozenset[str]:
    return frozenset(_place(vote, network) for vote in votes if vote.supply == "dead")


def localise(votes: Sequence[Vote], network: Network, among: Collection[str] | None = None) -> tuple[Found, ...]:
    """The nodes that explain the dead, in the order of the network. among: the meters that could tell of it, all by
    default; one of them without a vote is unknown."""
    return located(Laid(votes, network, among))


def located(picture: Laid) -> tuple[Found, ...]:
    """As `localise`, of votes that are laid over it already."""
    if not picture.dead:
        return ()
    network = picture.network
    groups: dict[str, list[str]] = {}
    for node in sorted(picture.dead_at, key=network.order.__getitem__):
        groups.setdefault(picture.limit(node), []).append(node)
    if len(groups) > 1 and not picture.alive and set(groups) <= set(network.roots):
        return (found_at(network.site, picture),)
    nodes = {_deepest(group, network) for group in groups.values()}
    return tuple(found_at(node, picture) for node in network.nodes if node in nodes)


def at_node(node: str, votes: Sequence[Vote], network: Network, among: Collection[str] | None = None) -> Found:
    """How things stand below a node already found: the same counting, without a search."""
    return found_at(node, Laid(votes, network, among))


def unexplained_live(votes: Sequence[Vote], network: Network) -> tuple[str, ...]:
    """Meters alive although every way to them passes a node that is measured dead. That there is none means nothing."""
    ways = network.ways_past(_places_of_dead(votes, network))
    return tuple(vote.meter for vote in votes if vote.supply == "live" and _place(vote, network) not in ways)


def _deepest(nodes: Sequence[str], network: Network) -> str:
    """The last node on the way down that all of these die with."""
    return [upper for upper in network.path(nodes[0]) if all(network.dies_with(upper, node) for node in nodes)][-1]


def found_at(node: str, picture: Laid) -> Found:
    """As `at_node`, of votes that are laid over it already."""
    network = picture.network
    below = network.below(node)
    dying = [vote for place, vote in picture.dying if place in below]
    dead = tuple(vote.meter for vote in dying)
    alive = tuple(vote.meter for place, vote in picture.living if place in below)
    unknown = tuple(name for name in picture.untold if network.meters[name].node in below)
    against = tuple(name for name in alive if name in picture.unexplained)
    weakest = min((vote.confidence for vote in dying), default=0.0)
    voted = len(dead) / max(1, len(dead) + len(unknown) + len(against))
    states = _states(node, picture, certain=not unknown and not against and bool(dead))
    gone, perhaps = (frozenset(name for name in below if states[name] == word) for word in ("dead", "unknown"))
    customers = network.between(gone, perhaps)
    return Found(node, dead, alive, unknown, voted * weakest, customers, network.device(node), gone, perhaps, against)


def _states(top: str, picture: Laid, *, certain: bool) -> Mapping[str, State]:
    """By node below `top`: what can be said of its supply if the fault is there. certain: no meter below it is unknown
    or contradicts, so that the fault itself is."""
    network, below = picture.network, picture.network.below(top)
    asked = {network.meters[name].node for name in picture.untold}
    fixed: dict[str, State] = {**dict.fromkeys(picture.lit, "live"), **dict.fromkeys(picture.dead_at, "dead")}
    for name in {top} if top in below else {root for root in network.roots if not _stands_by(root, network)}:
        fixed.setdefault(name, "dead" if certain else "unknown")
    nodes = [node for name, node in network.nodes.items() if name in below]
    states: dict[str, State] = fixed | {node.name: fixed.get(node.name, "dead") for node in nodes}
    changed = True
    while changed:  # once more for every ring
        before = dict(states)
        for node in nodes:
            if node.name not in fixed:
                states[node.name] = _from_above(node, states, has_unknown_meter=node.name in asked)
        changed = states != before
    return states


def _stands_by(root: str, network: Network) -> bool:
    """Such as a generator: it feeds nothing in normal switching, and no meter tells of it."""
    return network.below(root) == {root} and not network.meters_at(root) and not network.nodes[root].customers


def _from_above(node: Node, states: Mapping[str, State], *, has_unknown_meter: bool) -> State:
    """Dead if all that may feed it is; live if what feeds it normally is, and no meter there keeps silent."""
    if node.parents and all(states.get(feeder) == "dead" for feeder in (*node.parents, *node.alternates)):
        return "dead"
    if not has_unknown_meter and any(states.get(parent) == "live" for parent in node.parents):
        return "live"
    return "unknown"
