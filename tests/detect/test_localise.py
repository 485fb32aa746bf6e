"""Which nodes explain who is dead, alive, unknown: the table of the facts, rings, generators, several faults."""

import random
from dataclasses import dataclass, replace

import pytest

from agent.detect.localise import Found, Vote, at_node, localise, unexplained_live
from agent.detect.network import Customers, Network, Node, NodeKind, Placed


def service(name: str, parent: str, customers: int = 1, *alternates: str) -> Node:
    return Node(name, "service", (parent,), alternates, customers=Customers(unsplit=customers))


def placed(name: str, voltage_node: str = "") -> Placed:
    return Placed(name, name, voltage_node or name, "l", "self")


# F12 - tx-17 - north: n1 n2 n3
#             - south: s1 s2
#     - tx-18 (F15 may take it over) - x1 x2, and a clinic with a generator
# F15 - y1
TOWN = Network(
    [
        Node("bus", "bus"),
        Node("F12", "feeder", ("bus",)),
        Node("F15", "feeder", ("bus",)),
        Node("tx-17", "transformer", ("F12",)),
        Node("tx-18", "transformer", ("F12",), ("F15",)),
        Node("north", "branch", ("tx-17",)),
        Node("south", "branch", ("tx-17",)),
        *(service(name, "north", 10) for name in ("n1", "n2", "n3")),
        *(service(name, "south", 5) for name in ("s1", "s2")),
        *(service(name, "tx-18", 7) for name in ("x1", "x2")),
        service("y1", "F15", 3),
        Node("genset", "bus"),
        Node("clinic", "key", ("tx-18",), ("genset",), customers=Customers(three_phase=1), critical="clinic"),
    ],
    [placed(name) for name in ("n1", "n2", "n3", "s1", "s2", "x1", "x2", "y1", "clinic")],
    "dashi",
)


def votes(dead: str = "", live: str = "", unknown: str = "", confidence: float = 1.0) -> list[Vote]:
    return [
        *(Vote(name, "dead", confidence) for name in dead.split()),
        *(Vote(name, "live") for name in live.split()),
        *(Vote(name, "unknown") for name in unknown.split()),
    ]


def found(dead: str = "", live: str = "", unknown: str = "", network: Network = TOWN) -> dict[str, Found]:
    return {one.node: one for one in localise(votes(dead, live, unknown), network)}


def only(dead: str = "", live: str = "", unknown: str = "", network: Network = TOWN) -> Found:
    (one,) = localise(votes(dead, live, unknown), network)
    return one


class TestOneFault:
    def test_one_meter_dead_only_is_the_meter_or_its_service(self) -> None:
        one = only("n1", "n2 n3 s1 s2 x1 x2 y1 clinic")
        assert (one.node, one.device, one.dead, one.unknown) == ("n1", "service fuse", ("n1",), ())
        assert (one.confidence, one.customers) == (1.0, (10, 10))

    def test_half_of_a_transformer_is_the_branch_of_the_dead_half(self) -> None:
        one = only("n1 n2 n3", "s1 s2 x1 x2 y1 clinic")
        assert (one.node, one.device, one.customers) == ("north", "branch fuse or switch", (30, 30))

    def test_the_deepest_node_not_the_feeder(self) -> None:
        assert only("n1 n2 n3 s1 s2", "x1 x2 y1 clinic").node == "tx-17"

    def test_a_live_meter_below_excludes_a_node(self) -> None:
        assert set(found("n1 n2 s1", "n3 s2")) == {"n1", "n2", "s1"}

    def test_all_dead_is_what_feeds_all(self) -> None:
        one = only("n1 n2 n3 s1 s2 x1 x2 y1 clinic")
        assert (one.node, one.device) == ("bus", "bus")
        assert one.customers == (58, 58)

    def test_all_silent_is_no_outage(self) -> None:
        assert found("", "", "n1 n2 n3 s1 s2 x1 x2 y1 clinic") == {}
        assert localise([], TOWN) == ()

    def test_nobody_dead_is_nothing(self) -> None:
        assert found("", "n1 s1", "n2") == {}


class TestUnknown:
    def test_who_is_unknown_never_votes_but_lowers_confidence_and_widens_customers(self) -> None:
        one = only("n1 n2", "s1 s2 x1 x2 y1 clinic", "n3")
        assert (one.node, one.unknown) == ("north", ("n3",))
        assert one.confidence == pytest.approx(2 / 3)
        assert one.customers == (20, 30)

    def test_no_vote_is_unknown(self) -> None:
        assert only("n1 n2", "s1 s2") == only("n1 n2", "s1 s2", "n3 x1 x2 y1 clinic")

    def test_the_weakest_evidence_counts(self) -> None:
        weak = [*votes("n1 n2", "s1 s2", "n3"), Vote("x1", "live")]
        weak[0] = Vote("n1", "dead", 0.5)
        assert localise(weak, TOWN)[0].confidence == pytest.approx(2 / 3 * 0.5)

    def test_a_silent_meter_is_not_drawn_in_from_elsewhere(self) -> None:
        one = only("n1", "n2", "s1 s2 x1 x2")
        assert (one.node, one.unknown, one.confidence) == ("n1", (), 1.0)

    def test_only_meters_that_could_tell_are_asked(self) -> None:
        (one,) = localise(votes("n1 n2", "s1"), TOWN, among=("n1", "n2", "s1"))
        assert (one.unknown, one.confidence) == ((), 1.0)


class TestSeveralFaults:
    def test_two_services_beside_live_ones(self) -> None:
        assert set(found("n1 s1", "n2 n3 s2")) == {"n1", "s1"}

    def test_a_branch_and_a_service(self) -> None:
        parts = found("n1 n2 n3 s1", "s2 x1 x2 y1 clinic")
        assert {name: one.dead for name, one in parts.items()} == {"north": ("n1", "n2", "n3"), "s1": ("s1",)}
        assert [one.customers for one in parts.values()] == [(30, 30), (5, 5)]

    def test_each_has_its_own_confidence(self) -> None:
        parts = found("n1 n2 s1", "s2", "n3")
        assert parts["north"].confidence == pytest.approx(2 / 3)
        assert parts["s1"].confidence == 1.0


class TestRingsAndGenerators:
    def test_a_live_meter_that_another_feeder_may_feed_excludes_nothing(self) -> None:
        farm = Network([*TOWN.nodes.values(), service("farm", "F12", 2)], [*TOWN.meters.values(), placed("farm")])
        one = only("n1 n2 n3 s1 s2 farm", "x1 x2 y1 clinic", network=farm)
        assert (one.node, one.alive, one.confidence) == ("F12", ("x1", "x2", "clinic"), 1.0)
        assert one.customers == (42, 42)
        tied_nowhere = [replace(node, alternates=()) for node in farm.nodes.values()]
        parts = found("n1 n2 n3 s1 s2 farm", "x1 x2 y1 clinic", network=Network(tied_nowhere, farm.meters.values()))
        assert set(parts) == {"tx-17", "farm"}

    def test_re_supplied_customers_are_counted_no_more(self) -> None:
        before = only("n1 n2 n3 s1 s2 x1 x2", "y1", "clinic")
        after = at_node("F12", votes("n1 n2 n3 s1 s2", "x1 x2 y1", "clinic"), TOWN)
        assert before.node == "F12"
        assert before.customers == (54, 55)  # the clinic may have its generator
        assert after.customers == (40, 41)

    def test_a_generator_behind_its_switch_excludes_nothing(self) -> None:
        one = only("x1 x2", "clinic n1 s1 y1")
        assert (one.node, one.alive, one.contradicting) == ("tx-18", ("clinic",), ())
        assert (one.confidence, one.customers) == (1.0, (14, 14))

    def test_who_has_a_generator_and_no_meter_may_be_supplied(self) -> None:
        blind = Network(TOWN.nodes.values(), [one for one in TOWN.meters.values() if one.meter != "clinic"])
        one = only("x1 x2", "n1 s1 y1", network=blind)
        assert (one.node, one.customers) == ("tx-18", (14, 15))

    def test_without_a_generator_on_paper_a_live_meter_does_exclude(self) -> None:
        assert set(found("n1 n2 s1 s2", "n3")) == {"n1", "n2", "south"}

    def test_two_feeders_that_stand_in_for_each_other_are_both_dead(self) -> None:
        """Nothing else could feed them, so their customers are without supply for sure."""
        ring = Network(
            [
                Node("bus", "bus"),
                Node("s1", "branch", ("bus",), ("s2",), customers=Customers(4)),
                Node("s2", "branch", ("bus",), ("s1",), customers=Customers(5)),
                service("a", "s1"),
                service("b", "s2"),
            ],
            [placed("a"), placed("b")],
        )
        one = only("a b", network=ring)
        assert (one.node, one.customers) == ("bus", (11, 11))

    def test_two_parents_in_parallel_are_not_to_blame_alone(self) -> None:
        board = Network(
            [
                Node("bus", "bus"),
                Node("a", "transformer", ("bus",)),
                Node("b", "transformer", ("bus",)),
                Node("board", "bus", ("a", "b")),
                service("x", "board"),
                service("y", "board"),
                service("z", "bus"),
            ],
            [placed(name) for name in "xyz"],
        )
        assert only("x y", "z", network=board).node == "board"
        assert only("x y", network=board).node == "board"
        assert only("x y z", network=board).node == "bus"

    def test_two_parents_without_a_node_above_them(self) -> None:
        board = Network(
            [
                Node("a", "feeder"),
                Node("b", "feeder"),
                Node("board", "bus", ("a", "b")),
                service("x", "board"),
                service("z", "a"),
            ],
            [placed("x"), placed("z")],
        )
        assert set(found("x z", network=board)) == {"x", "z"}


class TestBusVoltage:
    BAYS = Network(
        [Node("bus", "bus"), Node("F1", "feeder", ("bus",)), Node("F2", "feeder", ("bus",)), service("a", "F1")],
        [Placed("bay-1", "F1", "bus", "l", "dc"), Placed("bay-2", "F2", "bus", "l", "dc"), placed("a")],
    )

    def test_a_live_bus_says_nothing_of_the_feeder(self) -> None:
        one = only("a", "bay-1 bay-2", network=self.BAYS)
        assert (one.node, one.alive) == ("a", ())

    def test_a_live_bus_excludes_no_feeder(self) -> None:
        both = Network([*self.BAYS.nodes.values(), service("b", "F1")], [*self.BAYS.meters.values(), placed("b")])
        one = only("a b", "bay-1 bay-2", network=both)
        assert (one.node, one.dead, one.alive) == ("F1", ("a", "b"), ())

    def test_a_bay_without_current_is_its_feeder_while_the_bus_lives(self) -> None:
        one = only("bay-1 a", "bay-2", network=self.BAYS)
        assert (one.node, one.device, one.dead) == ("F1", "feeder breaker", ("bay-1", "a"))

    def test_current_flows_into_the_feeder(self) -> None:
        told = [Vote("a", "dead"), Vote("bay-1", "live", at="F1")]
        assert localise(told, self.BAYS)[0].node == "a"

    def test_all_bays_dead_is_the_bus(self) -> None:
        assert only("bay-1 bay-2 a", network=self.BAYS).node == "bus"


class TestTheSite:
    FLAT = Network(
        [Node(name, "service", customers=Customers(unsplit=2)) for name in "abc"], [placed(n) for n in "abc"], "dashi"
    )

    def test_everything_dead_without_a_node_above_it_is_the_site(self) -> None:
        one = only("a b c", network=self.FLAT)
        assert (one.node, one.device) == ("dashi", "incoming supply of the site")
        assert (one.customers, one.confidence) == ((6, 6), 1.0)

    def test_mains_lost_counts_as_one_more_that_is_dead(self) -> None:
        told = [*votes("a b", "", "c"), Vote("gateway", "dead", 0.9, at="c")]
        (one,) = localise(told, self.FLAT)
        assert (one.node, one.dead) == ("dashi", ("a", "b", "gateway"))

    def test_one_live_meter_and_it_is_not_the_site(self) -> None:
        assert set(found("a b", "c", network=self.FLAT)) == {"a", "b"}

    def test_one_dead_meter_is_not_the_site(self) -> None:
        assert set(found("a", "", "b c", network=self.FLAT)) == {"a"}

    def test_a_generator_standing_by_is_not_dead_with_it(self) -> None:
        nodes = [
            *self.FLAT.nodes.values(),
            Node("genset", "bus"),
            Node("k", "key", ("a",), ("genset",), customers=Customers(1)),
        ]
        one = only("a b c", network=Network(nodes, self.FLAT.meters.values(), "dashi"))
        assert (one.node, one.customers) == ("dashi", (6, 7))


class TestContradictions:
    CHAIN = Network(
        [Node("in", "branch"), service("a", "in"), service("b", "in")], [placed("in"), placed("a"), placed("b")]
    )

    def test_a_dead_meter_above_live_ones_is_its_own_node_and_doubtful(self) -> None:
        one = only("in", "a b", network=self.CHAIN)
        assert (one.node, one.contradicting) == ("in", ("a", "b"))
        assert one.confidence == pytest.approx(1 / 3)
        assert one.customers == (0, 0)

    def test_voltage_below_a_node_that_is_measured_dead_splits_nothing(self) -> None:
        one = only("in a", "b", network=self.CHAIN)
        assert (one.node, one.dead, one.contradicting) == ("in", ("in", "a"), ("b",))
        assert one.customers == (1, 1)
        assert unexplained_live(votes("in a", "b"), self.CHAIN) == ("b",)

    def test_a_generator_on_paper_explains_it(self) -> None:
        assert unexplained_live(votes("x1 x2", "clinic"), TOWN) == ()

    def test_a_fault_below_a_back_fed_node_is_one_of_its_own(self) -> None:
        deep = Network(
            [Node("in", "branch"), Node("mid", "branch", ("in",)), service("a", "mid"), service("b", "in")],
            [placed(name) for name in ("in", "mid", "a", "b")],
        )
        assert set(found("in a b", "mid", network=deep)) == {"in", "a"}


@dataclass(frozen=True)
class World:
    """A random network, one fault, and who has supply."""

    network: Network
    dead: frozenset[str]


def world(seed: int) -> World:
    """A tree with a few ways around; every end is metered and has customers. A node opens, some ways around close."""
    dice = random.Random(seed)  # noqa: S311
    nodes: list[Node] = [Node("r0", "bus"), Node("r1", "bus")]
    kinds: tuple[NodeKind, ...] = ("feeder", "branch", "transformer")
    for number in range(dice.randint(3, 25)):
        parent = dice.choice(nodes).name
        others = [one.name for one in nodes if one.name != parent]
        around = tuple(dice.sample(others, 1)) if dice.random() < 0.2 else ()
        nodes.append(Node(f"k{number}", dice.choice(kinds), (parent,), around))
    inner = {parent for node in nodes for parent in node.parents}
    ends = [node.name for node in nodes if node.name not in inner]
    count = {name: Customers(unsplit=dice.randint(0, 9)) for name in ends}
    network = Network(
        [Node(n.name, n.kind, n.parents, n.alternates, customers=count.get(n.name)) for n in nodes],
        [placed(name) for name in ends],
    )
    opened = dice.choice([name for name in network.nodes if name not in ("r0", "r1")])
    closed = {name for name in network.nodes if dice.random() < 0.5}
    live = {"r0", "r1"}
    for _ in network.nodes:
        for name, node in network.nodes.items():
            ways = (*node.parents, *(node.alternates if name in closed else ()))
            if name != opened and live.intersection(ways):
                live.add(name)
    return World(network, frozenset(network.nodes) - live)


@pytest.mark.parametrize("first", range(0, 300, 30))
def test_whatever_fails_the_truth_lies_within(first: int) -> None:
    for seed in range(first, first + 30):
        _truth_lies_within(seed)


def _truth_lies_within(seed: int) -> None:
    """Every dead meter is explained; nobody alive is counted; the customers hold the truth below each node found."""
    world_now, dice = world(seed), random.Random(-seed)  # noqa: S311
    network = world_now.network
    hidden = {name for name in network.meters if dice.random() < 0.2}
    told = [
        Vote(name, "unknown" if name in hidden else "dead" if name in world_now.dead else "live")
        for name in network.meters
    ]
    parts = localise(told, network)
    dead = {vote.meter for vote in told if vote.supply == "dead"}
    assert {name for part in parts for name in part.dead} == dead
    assert len({part.node for part in parts}) == len(parts)
    for part in parts:
        truly = network.customers_of(network.below(part.node) & world_now.dead).total
        assert part.customers[0] <= truly <= part.customers[1]
        assert part.dead_nodes <= world_now.dead
        assert 0 < part.confidence <= 1
        assert part.contradicting == ()
        if not network.nodes[part.node].alternates and len(part.dead) > 1:
            lower = [one for one in network.nodes if part.node in network.nodes[one].parents]
            assert not any(set(part.dead) <= set(network.meters_below(one)) for one in lower), (
                "a deeper node explains it"
            )


def test_no_order_of_votes_changes_anything() -> None:
    told = votes("n1 n2 x1", "s1 y1", "n3 s2")
    once = localise(told, TOWN)
    for seed in range(20):
        random.Random(seed).shuffle(told)  # noqa: S311
        again = localise(told, TOWN)
        assert [(one.node, set(one.dead), one.customers) for one in again] == [
            (one.node, set(one.dead), one.customers) for one in once
        ]
