"""One phase gone, one conductor open: what transformers make of it, derived from their windings by phasors here."""

import cmath
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import pytest

from agent.detect.network import Customers, Network, Node, Placed
from agent.detect.patterns import PhaseFound, PhaseView, dead_phase, is_group, open_conductor, open_phase
from agent.records import Supply

PHASES = ("l1", "l2", "l3")
HEALTHY = tuple(cmath.rect(1, math.radians(-120 * turn)) for turn in range(3))
Three = tuple[complex, complex, complex]


@dataclass(frozen=True)
class Winding:
    """A transformer by how it is wound: primary delta or star, secondary star or zigzag, which limb, which end."""

    primary: str
    secondary: str
    shift: int
    sign: int

    def limbs(self, terminals: tuple[complex, ...]) -> Three:
        """Voltages of the three primary windings. The star point of an unearthed star has no current to go to."""
        a, b, c = terminals
        if self.primary == "D":
            return a - b, b - c, c - a
        star = (a + b + c) / 3
        return a - star, b - star, c - star

    def low(self, limbs: Three) -> Three:
        """Phase-to-neutral voltages of the secondary, not scaled."""
        part = [self.sign * limbs[(phase + self.shift) % 3] for phase in range(3)]
        if self.secondary == "z":
            part = [part[phase] - part[(phase + 1) % 3] for phase in range(3)]
        return part[0], part[1], part[2]

    def clock(self) -> int:
        """By how many twelfths of a turn the low-voltage l1 lags the high-voltage l1."""
        lag = -math.degrees(cmath.phase(self.low(self.limbs(HEALTHY))[0] / HEALTHY[0])) / 30
        assert abs(lag - round(lag)) < 1e-9
        return round(lag) % 12

    def group(self) -> str:
        return f"{self.primary}{self.secondary}n{self.clock()}"

    def with_open(self, phase: int) -> dict[str, float]:
        """Per unit, with this conductor open above: its terminal carries no current, so it floats (no load)."""
        terminals = list(HEALTHY)
        others = [terminals[one] for one in range(3) if one != phase]
        if self.primary == "D":  # two equal windings lead to it
            terminals[phase] = sum(others) / 2
            limbs = self.limbs(tuple(terminals))
        else:  # the star point settles between the two that are left, and the third winding has no current
            star = sum(others) / 2
            limbs = tuple(0j if one == phase else terminals[one] - star for one in range(3))  # type: ignore[assignment]
        rated = abs(self.low(self.limbs(HEALTHY))[0])
        return dict(zip(PHASES, (abs(volts) / rated for volts in self.low(limbs)), strict=True))


WOUND = [
    Winding(primary, secondary, shift, sign)
    for primary in "DY"
    for secondary in "yz"
    for shift in range(3)
    for sign in (1, -1)
]


def test_every_group_there_is_can_be_wound() -> None:
    odd, even = range(1, 12, 2), range(0, 12, 2)
    named = {f"Dyn{n}" for n in odd} | {f"Yzn{n}" for n in odd} | {f"Dzn{n}" for n in even} | {f"Yyn{n}" for n in even}
    assert {winding.group() for winding in WOUND} == named
    assert all(is_group(group) for group in named)


class TestEveryWindingByPhasors:
    @pytest.mark.parametrize("level", [0.95, 1.0, 1.05])
    def test_the_open_phase_is_told_at_any_usual_level(self, level: float) -> None:
        for winding, phase in product(WOUND, range(3)):
            pu = {name: level * volts for name, volts in winding.with_open(phase).items()}
            assert open_phase(winding.group(), pu) == PHASES[phase], winding.group()

    def test_no_verdict_without_vector_group(self) -> None:
        for winding, phase in product(WOUND, range(3)):
            assert open_phase(None, winding.with_open(phase)) is None, (winding.group(), phase)


def test_the_two_pictures() -> None:
    """Dyn: two at a half, along one line, the third whole. Yyn: one gone, two at 0.87."""
    dyn11 = next(winding for winding in WOUND if winding.group() == "Dyn11")
    yyn0 = next(winding for winding in WOUND if winding.group() == "Yyn0")
    assert sorted(dyn11.with_open(2).values()) == pytest.approx([0.5, 0.5, 1.0])
    assert dyn11.with_open(2)["l1"] == pytest.approx(1.0)
    assert yyn0.with_open(2) == pytest.approx({"l1": 0.866, "l2": 0.866, "l3": 0.0}, abs=1e-3)


@pytest.mark.parametrize(
    "pu",
    [
        (1.0, 1.0, 1.0),
        (1.0, 1.0, 0.0),  # a low-voltage fuse, whatever stands above
        (0.97, 0.96, 0.02),
        (0.0, 0.0, 1.0),
        (0.0, 0.0, 0.0),
        (0.9, 0.9, 0.9),
        (0.7, 0.7, 0.7),
        (0.5, 0.5, 0.5),
        (1.0, 0.5, 0.9),
    ],
)
def test_what_is_no_open_conductor(pu: tuple[float, float, float]) -> None:
    for group in sorted({winding.group() for winding in WOUND}):
        assert open_phase(group, dict(zip(PHASES, pu, strict=True))) is None, group


@pytest.mark.parametrize("group", ["YNyn0", "Dyn0", "Yyn11", "YNd11", "Dd0", "Dyn", "", "nonsense", "Dyn13"])
def test_groups_that_are_not_judged(group: str) -> None:
    assert open_phase(group, {"l1": 1.0, "l2": 0.5, "l3": 0.5}) is None
    assert open_phase(group, {"l1": 0.87, "l2": 0.87, "l3": 0.0}) is None


def test_a_missing_phase_is_no_verdict() -> None:
    assert open_phase("Dyn11", {"l1": 1.0, "l2": 0.5}) is None


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("Dyn11", True), ("Yyn0", True), ("YNd11", True), ("Dd0", True), ("Dzn0", True), ("Yzn5", True),
        ("YNyn0", True), ("Dy1", True), ("Dyn0", False), ("Yyn1", False), ("Dyn12", False), ("dyn11", False),
        ("Dyn", False), ("Dyn011", False), ("Yd4", False), ("Dzn1", False), ("Yzn2", False), (" Dyn11", False),
    ],
)  # fmt: skip
def test_groups_that_can_be_wound(text: str, sound: bool) -> None:
    assert is_group(text) is sound


# F12 - tx-17 (Dyn11) - m1 m2 m3, and m4 on a branch
#     - tx-18 (Yyn0)  - n1 n2 n3
#     - tx-19 (no group) - o1
# F15 - tx-20 (Dyn11) - p1
def network(*, without: str = "") -> Network:
    def low(name: str, parent: str) -> Node:
        return Node(name, "service", (parent,), customers=Customers(l1=2, l2=3, l3=4, three_phase=1))

    places = {
        "m1": "tx-17", "m2": "tx-17", "m3": "tx-17", "m4": "board",
        "n1": "tx-18", "n2": "tx-18", "n3": "tx-18", "o1": "tx-19", "p1": "tx-20",
    }  # fmt: skip
    groups = {"tx-17": "Dyn11", "tx-18": "Yyn0", "tx-20": "Dyn11"}
    return Network(
        [
            Node("F12", "feeder", ("bus",)),
            Node("F15", "feeder", ("bus",)),
            Node("bus", "bus"),
            *(Node(tx, "transformer", ("F12",), vector_group=groups.get(tx)) for tx in ("tx-17", "tx-18", "tx-19")),
            Node("tx-20", "transformer", ("F15",), vector_group="Dyn11"),
            Node("board", "branch", ("tx-17",)),
            *(low(name, parent) for name, parent in places.items()),
        ],
        [Placed(name, name, name, "l", "self") for name in places if name not in without.split()],
    )


def seen(**phases: str) -> list[PhaseView]:
    """``m1="l2"``: that phase is dead; ``"-"``: all live; ``"?"``: nothing known; ``"all"``: all dead."""

    def view(lost: str) -> Mapping[str, Supply]:
        if lost == "?":
            return {}
        return {phase: "dead" if phase in lost.split() or lost == "all" else "live" for phase in PHASES}

    return [PhaseView(name, view(lost)) for name, lost in phases.items()]


def one_dead(views: list[PhaseView], where: Network | None = None) -> PhaseFound:
    (found,) = dead_phase(views, where or network())
    return found


class TestDeadPhase:
    def test_one_phase_at_every_meter_below_a_transformer_is_its_fuse(self) -> None:
        found = one_dead(seen(m1="l2", m2="l2", m3="l2", m4="l2", n1="-", p1="-"))
        assert (found.phase, found.node, found.device) == ("l2", "tx-17", "transformer fuse of l2")
        assert (found.dead, found.swapped, found.confidence) == (("m1", "m2", "m3", "m4"), (), 0.95)
        assert found.customers == (4 * 4, 4 * 4)

    def test_a_single_dissenting_meter_is_named_as_probably_swapped(self) -> None:
        found = one_dead(seen(m1="l2", m2="l2", m3="l1", m4="l2"))
        assert (found.phase, found.node, found.swapped) == ("l2", "tx-17", ("m3",))
        assert found.dead == ("m1", "m2", "m4")

    def test_two_dissenting_meters_are_not_explained_away(self) -> None:
        parts = dead_phase(seen(m1="l2", m2="l2", m3="l1", m4="l1"), network())
        assert {(part.node, part.phase, part.swapped) for part in parts} == {
            ("m1", "l2", ()), ("m2", "l2", ()), ("m3", "l1", ()), ("m4", "l1", ()),
        }  # fmt: skip

    def test_two_dissenting_meters_on_different_branches_are_not_explained_away_either(self) -> None:
        where, moved = network(), {"m1": "board", "m2": "board", "n1": "tx-17"}
        nodes = [replace(one, parents=(moved[one.name],)) if one.name in moved else one for one in where.nodes.values()]
        views = seen(m1="l2", m2="l2", m3="l2", m4="l1", n1="l1")
        parts = dead_phase(views, Network(nodes, where.meters.values()))
        assert {(part.node, part.swapped) for part in parts} == {(name, ()) for name in ("m1", "m2", "m3", "m4", "n1")}

    def test_a_single_one_below_each_fault(self) -> None:
        """What dissents elsewhere takes nothing from the majority here."""
        where, moved = network(), {"m1": "board", "m2": "board"}
        nodes = [replace(one, parents=(moved[one.name],)) if one.name in moved else one for one in where.nodes.values()]
        parts = dead_phase(seen(m1="l2", m2="l2", m4="l1", m3="l1"), Network(nodes, where.meters.values()))
        assert {(part.node, part.phase, part.swapped) for part in parts} == {("board", "l2", ("m4",)), ("m3", "l1", ())}

    def test_one_against_one_is_no_majority(self) -> None:
        parts = dead_phase(seen(m1="l2", m2="l1"), network())
        assert {(part.node, part.phase, part.swapped) for part in parts} == {("m1", "l2", ()), ("m2", "l1", ())}

    def test_nor_is_one_above_against_one_below(self) -> None:
        where = network()
        both = Network(where.nodes.values(), [*where.meters.values(), Placed("head", "board", "board", "l", "self")])
        parts = dead_phase(seen(head="l2", m4="l1"), both)
        assert {part.swapped for part in parts} == {()}

    def test_a_meter_with_all_phases_live_is_no_swapped_one(self) -> None:
        parts = dead_phase(seen(m1="l2", m2="l2", m3="-", m4="l2"), network())
        assert {part.node for part in parts} == {"m1", "m2", "m4"}

    def test_one_meter_is_its_own_service(self) -> None:
        found = one_dead(seen(m1="l3", m2="-", m3="-", m4="-"))
        assert (found.node, found.device, found.customers) == ("m1", "service fuse of l3", (5, 5))

    def test_who_is_unknown_widens(self) -> None:
        found = one_dead(seen(m1="l2", m2="l2", m3="?", m4="l2"))
        assert (found.node, found.unknown, found.customers) == ("tx-17", ("m3",), (12, 16))
        assert found.confidence == pytest.approx(0.95 * 3 / 4)

    def test_two_phases_are_two_findings(self) -> None:
        parts = dead_phase(seen(m1="l2 l3", m2="l2 l3", m3="l2 l3", m4="l2 l3"), network())
        assert {(part.node, part.phase) for part in parts} == {("tx-17", "l2"), ("tx-17", "l3")}

    def test_all_phases_are_none(self) -> None:
        assert dead_phase(seen(m1="all", m2="all", m3="all", m4="all"), network()) == ()

    def test_single_phase_meters_tell_with_those_on_other_phases(self) -> None:
        views = [PhaseView("m1", {"l2": "dead"}), PhaseView("m2", {"l2": "dead"}), PhaseView("m3", {"l1": "live"})]
        assert (one_dead(views).phase, one_dead(views).node) == ("l2", "tx-17")

    def test_single_phase_meters_alone_are_no_dead_phase(self) -> None:
        assert dead_phase([PhaseView("m1", {"l2": "dead"}), PhaseView("m2", {"l2": "dead"})], network()) == ()

    def test_sides_of_a_transformer_are_judged_apart(self) -> None:
        """The same letter on two transformers is not one fault above them."""
        parts = dead_phase(seen(m1="l2", m2="l2", m3="l2", m4="l2", n1="l2", n2="l2", n3="l2"), network())
        assert {part.node for part in parts} == {"tx-17", "tx-18"}

    def test_nothing_dead_is_nothing(self) -> None:
        assert dead_phase(seen(m1="-", n1="?"), network()) == ()
        assert dead_phase([], network()) == ()


def volts(group: str, phase: int) -> dict[str, float]:
    return next(winding for winding in WOUND if winding.group() == group).with_open(phase)


def turned(pu: Mapping[str, float]) -> dict[str, float]:
    """The same voltages on the wrong terminals."""
    return {"l1": pu["l2"], "l2": pu["l3"], "l3": pu["l1"]}


def usual(*names: str) -> Iterator[tuple[str, dict[str, float]]]:
    for name in names:
        yield name, dict.fromkeys(PHASES, 1.0)


class TestOpenConductor:
    def test_above_a_dyn11_and_a_yyn0_with_one_swapped_meter(self) -> None:
        pu = {name: volts("Dyn11", 2) for name in ("m1", "m2", "m3", "m4")}
        pu |= {"n1": volts("Yyn0", 2), "n2": turned(volts("Yyn0", 2)), "n3": volts("Yyn0", 2)}
        pu |= dict(usual("p1"))
        (found,) = open_conductor(pu, network(without="o1"))
        assert (found.phase, found.node, found.swapped) == ("l3", "F12", ("n2",))
        assert found.device == "one pole of the feeder breaker, or the conductor of l3"
        assert set(found.dead) == {"m1", "m2", "m3", "m4", "n1", "n3"}
        assert found.customers == (80, 80)

    def test_at_one_transformer_it_is_its_own_fuse_above_or_what_leads_there(self) -> None:
        pu = {name: volts("Dyn11", 0) for name in ("m1", "m2", "m3", "m4")} | dict(usual("n1", "n2", "n3", "p1"))
        (found,) = open_conductor(pu, network())
        assert (found.phase, found.node, found.customers) == ("l1", "tx-17", (40, 40))
        assert "transformer fuse of l1 on the side above" in found.device

    def test_one_meter_of_a_transformer_speaks_for_it(self) -> None:
        (found,) = open_conductor({"m4": volts("Dyn11", 1)} | dict(usual("n1")), network())
        assert (found.node, found.phase) == ("tx-17", "l2")

    def test_two_wires_on_the_phase_that_is_dead_below_it_belong_to_it_and_two_on_another_do_not(self) -> None:
        pu = {"m1": volts("Dyn11", 0), "n1": volts("Yyn0", 0), "n2": {"l1": 0.0}, "n3": {"l2": 0.0}, "m2": {"l1": 0.0}}
        (found,) = open_conductor(pu | dict(usual("p1")), network(without="o1"))
        assert (found.node, found.phase, set(found.dead)) == ("F12", "l1", {"m1", "n1", "n2"})

    def test_two_wires_alone_tell_of_no_conductor(self) -> None:
        assert open_conductor({"n1": {"l1": 0.0}} | dict(usual("n2", "m1")), network()) == ()
        assert open_conductor({"m1": volts("Dyn11", 0), "n1": {"l1": 0.0}} | dict(usual("p1")), network())[0].dead == (
            "m1",
        )

    def test_two_meters_that_disagree_are_no_verdict(self) -> None:
        assert open_conductor({"m1": volts("Dyn11", 1), "m2": volts("Dyn11", 2)}, network()) == ()

    def test_without_a_vector_group_a_transformer_says_nothing(self) -> None:
        assert open_conductor({"o1": volts("Dyn11", 1)}, network()) == ()

    def test_a_low_voltage_fuse_is_no_open_conductor(self) -> None:
        fuse = {"l1": 1.0, "l2": 0.0, "l3": 1.0}
        assert open_conductor({"m1": fuse, "m2": fuse, "n1": fuse}, network()) == ()

    def test_all_well_is_nothing(self) -> None:
        assert open_conductor(dict(usual("m1", "n1", "o1")), network()) == ()

    def test_the_weakest_evidence_counts(self) -> None:
        pu = {"m1": volts("Dyn11", 1), "m2": volts("Dyn11", 1)}
        (found,) = open_conductor(pu, network(without="m3 m4"), {"m1": 0.5})
        assert found.confidence == pytest.approx(0.5)
