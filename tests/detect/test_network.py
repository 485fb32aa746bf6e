"""The network as a graph: who hangs on whom, and what a lineman would look at."""

import pickle

import pytest

from agent.detect.network import Customers, Network, Node, Placed


def meter(name: str, node: str, voltage_node: str = "") -> Placed:
    return Placed(name, node, voltage_node or node, "l", "self")


RING = Network(
    [
        Node("tx-17", "transformer", ("F12",), ("F15",), vector_group="Dyn11", customers=Customers(60, 61, 57, 4)),
        Node("house", "service", ("tx-17",), customers=Customers(unsplit=3)),
        Node("clinic", "key", ("tx-17",), ("genset",)),
        Node("tx-18", "transformer", ("F12",)),
        Node("F12", "feeder", ("bus",)),
        Node("F15", "feeder", ("bus",)),
        Node("bus", "bus"),
        Node("genset", "bus"),
    ],
    [meter("m-house", "house"), meter("bay-12", "F12", "bus"), meter("m-clinic", "clinic")],
    "dashi",
)


def test_nodes_come_from_the_roots_down() -> None:
    order = list(RING.nodes)
    assert sorted(order) == sorted(["bus", "genset", "F12", "F15", "tx-17", "tx-18", "house", "clinic"])
    assert all(order.index(parent) < order.index(name) for name in order for parent in RING.nodes[name].parents)
    assert RING.roots == ("bus", "genset")


def test_below_is_normal_switching_and_the_node_itself() -> None:
    assert RING.below("F12") == {"F12", "tx-17", "tx-18", "house", "clinic"}
    assert RING.below("F15") == {"F15"}
    assert RING.below("house") == {"house"}
    assert (RING.feeds("F12", "house"), RING.feeds("F15", "house"), RING.feeds("house", "F12")) == (True, False, False)


def test_meters_below_stand_where_their_current_feeds() -> None:
    assert RING.meters_below("F12") == ("m-house", "bay-12", "m-clinic")
    assert RING.meters_below("bus") == ("m-house", "bay-12", "m-clinic")
    assert RING.meters_below("F15") == ()
    assert RING.meters_at("F12") == ("bay-12",)


def test_paths_lead_from_a_root() -> None:
    assert RING.path("house") == ("bus", "F12", "tx-17", "house")
    assert RING.path("genset") == ("genset",)


def test_an_alternate_is_another_way() -> None:
    assert not RING.only_through("F12", "house")
    assert RING.only_through("tx-17", "house")
    assert RING.only_through("bus", "house")
    assert not RING.only_through("bus", "clinic")
    assert RING.only_through("clinic", "clinic")
    assert RING.only_through("F12", "tx-18")


def test_in_normal_switching_a_ring_hangs_on_one_side() -> None:
    assert RING.dies_with("F12", "house")
    assert not RING.dies_with("F15", "house")


def test_two_feeders_that_stand_in_for_each_other() -> None:
    """Alternates may make a loop; parents may not."""
    ring = Network(
        [
            Node("bus", "bus"),
            Node("F1", "feeder", ("bus",)),
            Node("F2", "feeder", ("bus",)),
            Node("s1", "branch", ("F1",), ("s2",)),
            Node("s2", "branch", ("F2",), ("s1",)),
        ]
    )
    assert not ring.only_through("F1", "s1")
    assert not ring.only_through("s2", "s1")
    assert ring.only_through("bus", "s1")


def test_two_parents_feed_side_by_side() -> None:
    board = Network(
        [Node("a", "feeder"), Node("b", "feeder"), Node("board", "bus", ("a", "b")), Node("x", "service", ("board",))]
    )
    assert board.feeds("a", "x")
    assert not board.dies_with("a", "x")
    assert not board.only_through("a", "x")
    assert board.dies_with("board", "x")
    assert board.path("x") == ("a", "board", "x")


def test_a_node_without_parents_is_fed_from_outside_whatever_else_may_feed_it() -> None:
    pair = Network([Node("a", "feeder"), Node("b", "feeder", (), ("a",))])
    assert pair.roots == ("a", "b")
    assert not pair.only_through("a", "b")


def test_customers() -> None:
    assert RING.customers_below("F12") == Customers(60, 61, 57, 4, 3)
    assert RING.customers_below("F12").total == 185
    assert RING.customers_below("tx-18") == Customers()


@pytest.mark.parametrize(("phase", "concerned"), [("l1", (64, 67)), ("l2", (65, 68)), ("l3", (61, 64))])
def test_a_phase_concerns_its_own_and_the_three_phase_and_perhaps_the_unsplit(
    phase: str, concerned: tuple[int, int]
) -> None:
    assert RING.customers_below("F12").on_phase(phase) == concerned


@pytest.mark.parametrize(
    ("node", "device"),
    [
        ("bus", "bus"),
        ("F12", "feeder breaker"),
        ("tx-17", "transformer fuse"),
        ("house", "service fuse"),
        ("clinic", "service fuse or transfer switch"),
        ("dashi", "incoming supply of the site"),
    ],
)
def test_devices(node: str, device: str) -> None:
    assert RING.device(node) == device


def test_customers_that_nobody_wrote_down_are_not_none() -> None:
    """tx-18 and the clinic end the network without a count; F15 has nothing below it."""
    assert set(RING.uncounted(RING.below("F12"))) == {"tx-18", "clinic"}
    assert RING.between(["house"], ["tx-18"]) == (3, 3)
    assert RING.between(["tx-17"], ["house"]) == (182, 185)
    assert RING.between(["tx-18"], ["clinic"]) is None
    assert RING.between(["F12"], []) == (0, 0), "nobody is fed there directly"


def test_ways_past_what_is_dead() -> None:
    assert RING.ways_past(frozenset())["house"] == {"bus", "tx-17", "house"}
    past = RING.ways_past(frozenset({"F12"}))
    assert past["house"] == {"bus", "F15", "tx-17", "house"}
    assert "tx-18" not in past
    assert RING.ways_past(frozenset({"F12"})) is past
    tree = Network([Node("a", "feeder"), Node("b", "service", ("a",)), Node("c", "service", ("b",))])
    assert set(tree.ways_past(frozenset({"b"}))) == {"a"}


def test_the_feeder_of_a_node() -> None:
    assert [RING.feeder_of(node) for node in ("house", "F12", "bus", "dashi")] == ["F12", "F12", None, None]
    assert RING.nearest("house", "transformer") == "tx-17"


def test_the_site_stands_for_everything() -> None:
    assert RING.site == "dashi"
    assert RING.below("dashi") == set(RING.nodes)
    assert RING.customers_below("dashi").total == 185
    assert RING.path("dashi") == ("dashi",)


def test_a_node_may_be_called_like_the_site() -> None:
    assert Network([Node("dashi", "bus")], site="dashi").site == "dashi-site"


def test_it_is_equal_to_one_that_was_pickled() -> None:
    """The site file is read by a process of its own."""
    assert pickle.loads(pickle.dumps(RING)) == RING  # noqa: S301
    assert Network() != RING


@pytest.mark.parametrize(
    ("nodes", "meters", "words"),
    [
        ([Node("a", "bus", ("b",)), Node("b", "bus", ("a",))], [], "found a loop among a, b"),
        ([Node("a", "bus", ("a",))], [], "found a loop among a"),
        ([Node("a", "bus", ("z",))], [], "a: found z; allowed: a"),
        ([Node("a", "bus", (), ("z",))], [], "a: found z; allowed: a"),
        ([Node("a", "bus")], [meter("m", "z")], "meter m: found z"),
        ([Node("a", "bus")], [meter("m", "a", "z")], "meter m: found z"),
    ],
)
def test_what_is_no_network_is_refused(nodes: list[Node], meters: list[Placed], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        Network(nodes, meters)
    assert words in str(caught.value)
