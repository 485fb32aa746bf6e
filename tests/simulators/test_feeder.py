from math import hypot, inf, sqrt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulators.feeder import Disturbance, Feeder, Node, steps_of

THIRD = (10_000.0, 9_000.0, 11_000.0)
VARS = (3_000.0, 2_000.0, 4_000.0)
ALL = ("l1", "l2", "l3")


def feeder(*disturbances: Disturbance, period_s: float = inf, seed: int = 1) -> Feeder:
    """source -> incomer (own load) -> left, right."""
    nodes = [
        Node("source", None, 230.0),
        Node("incomer", "source", 230.0, (500.0, 500.0, 500.0), (100.0, 100.0, 100.0), 0.01),
        Node("left", "incomer", 230.0, THIRD, VARS, 0.01),
        Node("right", "incomer", 230.0, THIRD, VARS, 0.01),
    ]
    return Feeder(nodes, disturbances, seed=seed, period_s=period_s)


@given(st.floats(0, 1e6))
def test_undisturbed_voltages_stay_where_no_detector_should_look_twice(t_s: float) -> None:
    values = feeder().values("left", t_s)
    for phase in ALL:
        assert 0.95 * 230 < values[f"voltage_{phase}"] < 1.04 * 230


def test_values_vary_and_are_the_same_when_asked_again() -> None:
    one, other = feeder(), feeder()
    seen = {one.values("left", tick / 10)["voltage_l1"] for tick in range(50)}
    assert len(seen) == 50
    assert other.values("left", 3.3) == one.values("left", 3.3)
    assert feeder(seed=2).values("left", 3.3) != one.values("left", 3.3)


@given(st.floats(0, 1e5), st.sampled_from(["incomer", "left"]))
def test_quantities_agree_with_each_other(t_s: float, name: str) -> None:
    values = feeder().values(name, t_s)
    for phase in ALL:
        u, i = values[f"voltage_{phase}"], values[f"current_{phase}"]
        p, q, s = (values[f"{kind}_power_{phase}"] for kind in ("active", "reactive", "apparent"))
        assert u * i == pytest.approx(s)
        assert hypot(p, q) == pytest.approx(s)
        assert values[f"power_factor_{phase}"] == pytest.approx(p / s)
    assert values["active_power_total"] == pytest.approx(sum(values[f"active_power_{phase}"] for phase in ALL))


def test_line_to_line_voltages_are_those_of_the_phasors() -> None:
    # Two phases at 100 V, 120 degrees apart: 173.2 V between them; one of them gone: what is left of the other.
    loss = Disturbance("left", ("l3",), 0.0, 0.0, inf)
    values = feeder(loss).values("left", 1.0)
    assert values["voltage_l1_l2"] == pytest.approx(sqrt(3) * 230, rel=0.03)
    assert values["voltage_l2_l3"] == pytest.approx(values["voltage_l2"])
    assert values["voltage_residual"] == pytest.approx(230, rel=0.04)


def test_what_is_measured_above_is_the_sum_of_what_is_below() -> None:
    tree = feeder()
    above, left, right = (tree.values(name, 777.7) for name in ("incomer", "left", "right"))
    own = above["active_power_total"] - left["active_power_total"] - right["active_power_total"]
    assert 0.5 * 1500 < own < 1.5 * 1500


def test_a_disturbance_is_inherited_by_everything_below_and_nothing_beside() -> None:
    tree = feeder(Disturbance("left", ALL, 0.5, 10.0, 11.0))
    assert tree.values("left", 10.5)["voltage_l2"] == pytest.approx(115, rel=0.05)
    assert tree.values("right", 10.5)["voltage_l2"] == pytest.approx(230, rel=0.05)
    tree = feeder(Disturbance("incomer", ("l2",), 0.5, 10.0, 11.0))
    assert tree.values("left", 10.5)["voltage_l2"] == pytest.approx(115, rel=0.05)
    assert tree.values("left", 10.5)["voltage_l1"] == pytest.approx(230, rel=0.05)


def test_disturbances_begin_and_end_at_their_instants() -> None:
    tree = feeder(Disturbance("left", ALL, 0.5, 10.0, 11.0))
    assert [tree.factors("left", t_s)[0] for t_s in (9.999999, 10.0, 10.999999, 11.0)] == [1.0, 0.5, 0.5, 1.0]


def test_rms_over_a_window_is_that_of_its_parts() -> None:
    tree = feeder(Disturbance("left", ALL, 0.0, 10.0, 11.0))
    before = tree.values("left", 10.05)
    half = tree.values("left", 10.1, 0.2)["voltage_l1"]  # 100 ms alive, 100 ms dead
    assert before["voltage_l1"] == 0.0
    assert half == pytest.approx(230 * sqrt(0.5), rel=0.05)


def test_without_supply_nothing_flows_and_energy_stands_still() -> None:
    tree = feeder(Disturbance("incomer", ALL, 0.0, 10.0, 20.0))
    values = tree.values("left", 15.0)
    dead = ("voltage_l1", "current_l1", "current_n", "active_power_total", "apparent_power_total", "frequency")
    assert [values[name] for name in dead] == [0.0] * len(dead)
    assert "power_factor_l1" not in values
    energies = [tree.values("left", t_s)["active_energy_import"] for t_s in (9.0, 10.0, 12.0, 20.0, 21.0)]
    assert energies[0] < energies[1] == energies[2] == energies[3] < energies[4]


def test_current_falls_with_the_voltage_in_a_sag() -> None:
    tree = feeder(Disturbance("left", ALL, 0.6, 10.0, 20.0))
    before, during = tree.values("left", 9.99), tree.values("left", 10.01)
    assert during["current_l1"] == pytest.approx(0.6 * before["current_l1"], rel=0.01)
    assert during["active_power_l1"] == pytest.approx(0.36 * before["active_power_l1"], rel=0.01)


def test_energy_is_the_integral_of_the_power() -> None:
    tree = feeder(Disturbance("left", ("l1",), 0.5, 3.0, 7.0))
    step_s = 0.01
    joules = sum(tree.values("incomer", (k + 0.5) * step_s)["active_power_total"] * step_s for k in range(1000))
    counted = tree.values("incomer", 10.0)["active_energy_import"] - tree.values("incomer", 0.0)["active_energy_import"]
    assert counted == pytest.approx(joules / 3600.0, rel=1e-4)


@given(st.lists(st.floats(0, 5000), min_size=2, max_size=8), st.booleans())
def test_counters_never_run_backwards_in_whatever_order_they_are_asked(times: list[float], repeats: bool) -> None:
    sag = Disturbance("incomer", ALL, 0.4, 13.0, 17.0)
    tree = feeder(sag, period_s=60.0 if repeats else inf)
    first = {t_s: tree.values("left", t_s)["active_energy_import"] for t_s in times}
    ordered = [first[t_s] for t_s in sorted(first)]
    assert ordered == sorted(ordered)
    assert {t_s: tree.values("left", t_s)["active_energy_import"] for t_s in times} == first


def test_a_story_that_repeats_begins_anew() -> None:
    tree = feeder(Disturbance("left", ALL, 0.5, 10.0, 11.0), period_s=60.0)
    assert [tree.factors("left", 10.5 + 60.0 * cycle)[0] for cycle in range(100)] == [0.5] * 100
    assert tree.factors("left", 71.5)[0] == 1.0
    halved = tree.values("left", 3600.0)["active_energy_import"]
    assert halved < feeder().values("left", 3600.0)["active_energy_import"]


def test_voltage_drops_with_the_load() -> None:
    loads = [Node("a", None, 230.0, drop_pu=drop, load_w=THIRD) for drop in (0.0, 0.05)]
    free, dropped = (Feeder([node]).values("a", 5.0)["voltage_l1"] for node in loads)
    assert 0.02 * 230 < free - dropped < 0.08 * 230


def test_a_child_before_its_parent_is_refused() -> None:
    with pytest.raises(ValueError, match="must come before"):
        Feeder([Node("left", "incomer", 230.0), Node("incomer", None, 230.0)])


@given(st.floats(0.05, 100), st.floats(0, 1000), st.floats(0, 10))
@example(0.1, 0.6, 0.3)
def test_pieces_of_time_cover_it_without_gap_and_come_to_an_end(
    period_s: float, from_s: float, length_s: float
) -> None:
    steps = steps_of(["a"], [Disturbance("a", ALL, 0.5, period_s / 3, period_s / 2)], period_s)
    pieces = list(steps.pieces(from_s, from_s + length_s))
    ends = [from_s, *(end_s for _, end_s, _ in pieces)]
    assert [start_s for start_s, _, _ in pieces] == ends[:-1]
    assert ends == sorted(ends)
    assert ends[-1] == from_s + length_s
