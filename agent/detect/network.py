"""The network as a graph of nodes and the meters on it: who feeds whom, normally and otherwise. Pure.

    parents      feed a node in normal switching; two of them feed it side by side
    alternates   may feed it after switching: a ring's tie, a second supply, a generator (a node without parents)

Parents make no loop. Alternates may: two feeders may each stand in for the other. A root is a node without parents:
what feeds it lies outside of the model.

    normal switching          with alternates
    bus                       bus ---- F15
     |                         |        |
    F12   F15                 F12       |
     |                         |        |
    tx-17                     tx-17 - - +       F12 feeds tx-17, but tx-17 does not live through F12 only
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

NodeKind = Literal["bus", "feeder", "branch", "transformer", "service", "key"]

# What a lineman looks at where everything below a node of this kind is dead, and nothing above it.
DEVICES: Mapping[NodeKind, str] = MappingProxyType(
    {
        "bus": "bus",
        "feeder": "feeder breaker",
        "branch": "branch fuse or switch",
        "transformer": "transformer fuse",
        "service": "service fuse",
        "key": "service fuse or transfer switch",
    }
)
# What was found for so many sets of dead nodes is kept.
_REMEMBERED = 8
SITE_DEVICE = "incoming supply of the site"


@dataclass(frozen=True, slots=True)
class Customers:
    """How many live on one phase, on all three, and how many on a phase that nobody wrote down."""

    l1: int = 0
    l2: int = 0
    l3: int = 0
    three_phase: int = 0
    unsplit: int = 0

    @property
    def total(self) -> int:
        return self.l1 + self.l2 + self.l3 + self.three_phase + self.unsplit

    def on_phase(self, phase: str) -> tuple[int, int]:
        """Fewest and most whom the loss of one phase (``l1 l2 l3``) concerns: three-phase customers always."""
        alone: int = getattr(self, phase)
        surely = alone + self.three_phase
        return surely, surely + self.unsplit

    def __add__(self, other: "Customers") -> "Customers":
        return Customers(
            self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3,
            self.three_phase + other.three_phase, self.unsplit + other.unsplit,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """One place of the network. customers: those fed directly here; mv_users: of medium voltage, None where nobody
    said; declared: it has a table in the site file."""

    name: str
    kind: NodeKind
    parents: tuple[str, ...] = ()
    alternates: tuple[str, ...] = ()
    vector_group: str | None = None
    rated_kva: float | None = None
    critical: str | None = None
    customers: Customers | None = None
    declared: bool = False
    mv_users: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a meter stands. node: what its current feeds; voltage_node: where its voltage is taken, the same unless it
    hangs on the voltage transformer of a bus; powered_by: as in the site file."""

    meter: str
    node: str
    voltage_node: str
    line: str
    powered_by: str
    feeder: str | None = None


class Network:
    """Built once from a site, never changed. Lists are in the order of the site file, nodes from the roots down.

    site: a name that stands for everything at once; `below`, `meters_below`, `path`, `customers_below`, `device` and
    `feeds` take it like a node that all others hang on.
    """

    def __init__(self, nodes: Iterable[Node] = (), meters: Iterable[Placed] = (), site: str = "site") -> None:
        """ValueError for a parent or place that is no node, and for a loop of parents."""
        known = {node.name: node for node in nodes}
        placed = {meter.meter: meter for meter in meters}
        _require_known(known, placed)
        self.nodes: Mapping[str, Node] = {name: known[name] for name in _from_the_roots(known)}
        self.meters: Mapping[str, Placed] = placed
        self._standing: dict[str, tuple[str, ...]] = {}  # asked for again and again while something happens
        self.site = _free_name(site, known)
        self._below = _reached({name: node.parents for name, node in self.nodes.items()})
        self._paths: dict[str, tuple[str, ...]] = {}
        for name, node in self.nodes.items():
            self._paths[name] = (*(self._paths[node.parents[0]] if node.parents else ()), name)
        self._normally = passed_by_all(self, lambda node: node.parents)
        self._always = passed_by_all(self)
        self._one_way = all(len(_any_feeder(node)) <= 1 for node in self.nodes.values())
        self._past: dict[frozenset[str], Mapping[str, frozenset[str]]] = {}  # the last asked for

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return (self.nodes, self.meters, self.site) == (other.nodes, other.meters, other.site)

    def __hash__(self) -> int:
        return hash((tuple(self.nodes.values()), tuple(self.meters.values()), self.site))

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(name for name, node in self.nodes.items() if not node.parents)

    def below(self, node: str) -> frozenset[str]:
        """Nodes that are fed through it in normal switching, itself included."""
        return frozenset(self.nodes) if node == self.site else self._below[node]

    def meters_below(self, node: str) -> tuple[str, ...]:
        """Meters that stand on those nodes."""
        if node not in self._standing:
            below = self.below(node)
            self._standing[node] = tuple(name for name, placed in self.meters.items() if placed.node in below)
        return self._standing[node]

    def meters_at(self, node: str) -> tuple[str, ...]:
        return self._at.get(node, ())

    def path(self, node: str) -> tuple[str, ...]:
        """From a root down to the node, itself last, along the first of its parents and theirs."""
        return (node,) if node == self.site else self._paths[node]

    def feeds(self, upper: str, lower: str) -> bool:
        """`lower` hangs on `upper` in normal switching, or is `upper`."""
        return lower in self.below(upper)

    def dies_with(self, upper: str, lower: str) -> bool:
        """In normal switching nothing but what passes `upper` feeds `lower`."""
        return upper in self._normally[lower]

    def only_through(self, upper: str, lower: str) -> bool:
        """Every way from any root to `lower`, alternates included, passes `upper`."""
        return upper in self._always[lower]

    def passed_normally(self, node: str) -> frozenset[str]:
        """The nodes it dies with, itself included."""
        return self._normally[node]

    def passed_always(self, node: str) -> frozenset[str]:
        """The nodes that every way to it passes, itself included."""
        return self._always[node]

    def ways_past(self, dead: frozenset[str]) -> Mapping[str, frozenset[str]]:
        """As `passed_always`, where these let nothing pass: what no way reaches is left out. Asked for again and again
        with the same nodes while something is dead."""
        if dead not in self._past:
            while len(self._past) >= _REMEMBERED:
                del self._past[next(iter(self._past))]
            self._past[dead] = self._found_past(dead)
        return self._past[dead]

    def _found_past(self, dead: frozenset[str]) -> Mapping[str, frozenset[str]]:
        if self._one_way:
            return {name: passed for name, passed in self._always.items() if dead.isdisjoint(passed)}
        return passed_by_all(self, without=dead) if dead else self._always

    def customers_below(self, node: str) -> Customers:
        return self.customers_of(self.below(node))

    def customers_of(self, nodes: Collection[str]) -> Customers:
        """Of those fed directly at any of these nodes."""
        told = (self.nodes[name].customers for name in nodes)
        return sum((one for one in told if one is not None), Customers())

    def uncounted(self, nodes: Collection[str]) -> tuple[str, ...]:
        """Of these nodes the ends of the network that nobody wrote customers down for."""
        return tuple(name for name in nodes if name in self._ends and self.nodes[name].customers is None)

    def between(self, surely: Collection[str], perhaps: Collection[str]) -> tuple[int, int] | None:
        """Fewest and most customers at nodes that are concerned, and that perhaps are; None where people are fed at
        some of them and nobody wrote down how many."""
        both = (*surely, *perhaps)
        if self.uncounted(both) and all(self.nodes[name].customers is None for name in both):
            return None
        fewest = self.customers_of(surely).total
        return fewest, fewest + self.customers_of(perhaps).total

    def perhaps_at(self, meters: Collection[str]) -> tuple[int, int] | None:
        """Nobody for sure, and at most all who are fed where these silent meters are, each once; None where nobody
        wrote down how many."""
        nodes = {self.meters[name].node for name in meters}
        return None if self.uncounted(nodes) else (0, self.customers_of(nodes).total)

    def device(self, node: str) -> str:
        """What a lineman would look at there."""
        return SITE_DEVICE if node == self.site else DEVICES[self.nodes[node].kind]

    def nearest(self, node: str, kind: NodeKind) -> str | None:
        """The node itself or the first one of this kind on the way up."""
        if node == self.site:
            return None
        return next((name for name in reversed(self.path(node)) if self.nodes[name].kind == kind), None)

    def feeder_of(self, node: str) -> str | None:
        return self.nearest(node, "feeder")

    @cached_property
    def _ends(self) -> frozenset[str]:
        return frozenset(name for name, below in self._below.items() if len(below) == 1)

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Of each node its place in the list of them."""
        return {name: place for place, name in enumerate(self.nodes)}

    @cached_property
    def _at(self) -> Mapping[str, tuple[str, ...]]:
        at: dict[str, tuple[str, ...]] = {}
        for name, placed in self.meters.items():
            at[placed.node] = (*at.get(placed.node, ()), name)
        return at


def _free_name(wish: str, taken: Collection[str]) -> str:
    while wish in taken:
        wish += "-site"
    return wish


def _require_known(nodes: Mapping[str, Node], meters: Mapping[str, Placed]) -> None:
    named = {name: {*node.parents, *node.alternates} for name, node in nodes.items()}
    named |= {f"meter {name}": {placed.node, placed.voltage_node} for name, placed in meters.items()}
    for name, feeders in named.items():
        if missing := sorted(feeders.difference(nodes)):
            raise ValueError(f"{name}: found {', '.join(missing)}; allowed: {', '.join(nodes)}; declare the node")


def _from_the_roots(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Every node after all of its parents. ValueError for a loop."""
    missing = {name: len(set(node.parents)) for name, node in nodes.items()}
    below: dict[str, list[str]] = {name: [] for name in nodes}
    for name, node in nodes.items():
        for parent in set(node.parents):
            below[parent].append(name)
    done: list[str] = []
    ready = [name for name, count in missing.items() if not count]
    place = {name: number for number, name in enumerate(nodes)}
    while ready:
        done += ready
        reached = [name for one in ready for name in below[one]]
        for name in reached:
            missing[name] -= 1
        ready = sorted({name for name in reached if not missing[name]}, key=place.__getitem__)
    if len(done) < len(nodes):
        left = ", ".join(name for name in nodes if missing[name])
        raise ValueError(f"parents: found a loop among {left}; allowed: a tree; let one of them have no parent")
    return tuple(done)


def _reached(parents: Mapping[str, tuple[str, ...]]) -> Mapping[str, frozenset[str]]:
    """By node: itself and all that hangs on it. parents: by node, from the roots down."""
    above: dict[str, set[str]] = {}
    for name, feeders in parents.items():
        above[name] = {name}.union(*(above[feeder] for feeder in feeders))
    below: dict[str, set[str]] = {name: set() for name in parents}
    for name, uppers in above.items():
        for upper in uppers:
            below[upper].add(name)
    return {name: frozenset(lower) for name, lower in below.items()}


def _any_feeder(node: Node) -> tuple[str, ...]:
    return (*node.parents, *node.alternates)


def passed_by_all(
    network: Network, feeders: Callable[[Node], tuple[str, ...]] = _any_feeder, without: Collection[str] = ()
) -> Mapping[str, frozenset[str]]:
    """By node: the nodes that every way from a root to it passes, itself included (its dominators).

    feeders: the ways that count; without: nodes that let nothing pass. What no way reaches is left out.
    """
    passed: dict[str, frozenset[str]] = {}
    changed = True
    while changed:  # twice, unless alternates make rings
        changed = False
        for name, node in network.nodes.items():
            if name in without:
                continue
            ways = [passed[feeder] for feeder in feeders(node) if feeder in passed]
            if not node.parents:
                ways.append(frozenset())
            if ways:
                now = frozenset.intersection(*ways) | {name}
                changed |= now != passed.get(name)
                passed[name] = now
    return passed
