"""The phasor world against figures of textbooks: transformers with an open line, earth faults, neutrals, shorts."""

import cmath
from math import degrees, sqrt

import pytest

from simulators.grid import NORMAL, Grid, capacitance, coil, delta, earth_fault, short, star
from simulators.grid_elements import GROUPS, PHASES, WIRES, Conductor, Shunt, Source, Transformer

KV = 10_000.0
LV = 400.0
PHASE_V = LV / sqrt(3)


def lengths(triple: tuple[complex, ...], base: float) -> list[float]:
    return [round(abs(each) / base, 3) for each in triple]


def lines(triple: tuple[complex, complex, complex], base: float) -> list[float]:
    a, b, c = triple
    return lengths((a - b, b - c, c - a), base)


def below_a_transformer(group: str, watts: float = 20_000.0) -> Grid:
    return Grid(
        (
            Source("grid", "bus", KV, 0.5j),
            Conductor("line", "bus", "pole", 0.5 + 0.3j),
            Transformer("tx", "pole", "low", group, KV, LV, 630.0),
            star("homes", "low", (watts, watts, watts), PHASE_V),
        )
    )


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_transformer_turns_by_its_clock_number(group: str):
    solved = below_a_transformer(group).solve()
    assert lengths(solved.to_neutral("low"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.01)
    turn = degrees(cmath.phase(solved.to_neutral("low")[0] / solved.to_earth("pole")[0]))
    clock = int(group.lstrip("DYyzn"))
    assert cmath.rect(1, turn / 180 * cmath.pi) == pytest.approx(cmath.rect(1, -30 * clock / 180 * cmath.pi), abs=0.02)


@pytest.mark.parametrize(
    ("group", "wire", "expected"),
    [
        ("Dyn11", "l1", [0.5, 1.0, 0.5]),
        ("Dyn11", "l2", [0.5, 0.5, 1.0]),
        ("Dyn11", "l3", [1.0, 0.5, 0.5]),
        ("Dyn1", "l1", [0.5, 0.5, 1.0]),
        ("Dyn5", "l1", [0.5, 1.0, 0.5]),
        ("Yyn0", "l1", [0.0, 0.866, 0.866]),
        ("Yyn0", "l2", [0.866, 0.0, 0.866]),
        ("Yyn6", "l3", [0.866, 0.866, 0.0]),
    ],
)
def test_one_open_line_above_a_transformer(group: str, wire: str, expected: list[float]):
    """Delta: the winding between the two sound lines has all of its voltage, the other two in series half each.
    Star with a free star point: the two sound phases share the line voltage, the third has nothing to drive it."""
    opened = NORMAL.opened(f"line.{wire}")
    found = lengths(below_a_transformer(group, 5_000.0).solve(opened).to_neutral("low"), PHASE_V)
    assert found == pytest.approx(expected, abs=0.03)


def test_below_a_delta_the_two_halves_lie_in_line_against_the_whole():
    solved = below_a_transformer("Dyn11", 3_000.0).solve(NORMAL.opened("line.l1"))
    one, two, three = solved.to_neutral("low")
    assert abs(one + two + three) < 0.02 * PHASE_V
    assert (one / two).imag == pytest.approx(0, abs=0.02)


def isolated(star_ohm: complex | None = None, amps: float = 30.0) -> Grid:
    return Grid(
        (
            Source("grid", "bus", KV, 0.5j, star_ohm=star_ohm),
            capacitance("cables", "bus", amps, KV),
            Conductor("F1", "bus", "one", 0.3 + 0.3j),
            Conductor("F2", "bus", "two", 0.3 + 0.3j),
            delta("load", "two", 500_000.0, KV),
            Transformer("tx", "one", "low", "Dyn11", KV, LV, 630.0),
            star("homes", "low", (50_000.0, 50_000.0, 50_000.0), PHASE_V),
            earth_fault("fault", "one", "l2", 0.5),
        )
    )


def test_an_earth_fault_on_an_isolated_network_lifts_the_healthy_phases_and_leaves_the_lines_alone():
    solved = isolated().solve(NORMAL.put_on("fault"))
    assert lengths(solved.to_earth("bus"), KV / sqrt(3)) == pytest.approx([sqrt(3), 0, sqrt(3)], abs=0.02)
    assert lines(solved.to_earth("bus"), KV) == pytest.approx([1, 1, 1], abs=0.01)
    assert lengths(solved.to_neutral("low"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.02)
    assert abs(solved.volts["one", "l2"] / 0.5) == pytest.approx(30.0, rel=0.05)


def test_a_fault_of_some_resistance_displaces_the_star_point_by_part():
    """|U0| = E / |1 + 3 R j w C|: with R = 1 / (3 w C) it is E / sqrt 2."""
    grid = Grid((*isolated().elements, earth_fault("weak", "one", "l2", KV / sqrt(3) / 30.0)))
    one, two, three = grid.solve(NORMAL.put_on("weak")).to_earth("bus")
    assert abs(one + two + three) / 3 / (KV / sqrt(3)) == pytest.approx(1 / sqrt(2), abs=0.02)


def test_a_coil_takes_the_current_out_of_the_fault():
    solved = isolated(coil(30.0, KV)).solve(NORMAL.put_on("fault"))
    assert abs(solved.volts["one", "l2"] / 0.5) < 1.5
    assert lengths(solved.to_earth("bus"), KV / sqrt(3)) == pytest.approx([sqrt(3), 0, sqrt(3)], abs=0.02)


def test_the_current_of_the_sound_line_hardly_notices_an_earth_fault():
    grid = isolated()
    before, during = (abs(grid.solve(state).amps["F2"]["l1"]) for state in (NORMAL, NORMAL.put_on("fault")))
    assert during == pytest.approx(before, rel=0.02)


def village(watts: tuple[float, float, float]) -> Grid:
    return Grid(
        (
            Source("grid", "low", LV, 0.01 + 0.02j, with_n=True),
            Conductor("street", "low", "house", 0.1 + 0.05j, WIRES),
            star("homes", "house", watts, PHASE_V, 1.0),
        )
    )


def test_a_broken_neutral_puts_two_loads_in_series_on_a_line_voltage():
    """One phase idle: the other two share the line voltage by their resistances, as 1 to 3 here."""
    solved = village((9_000.0, 3_000.0, 0.0)).solve(NORMAL.opened("street.n"))
    one, two, _ = solved.to_neutral("house")
    assert abs(two) / abs(one) == pytest.approx(3, abs=0.01)
    assert abs(one) + abs(two) == pytest.approx(LV, rel=0.03)
    assert lines(solved.to_earth("house"), LV) == pytest.approx([1, 1, 1], abs=0.03)


def test_a_broken_neutral_over_equal_loads_does_not_show():
    solved = village((3_000.0, 3_000.0, 3_000.0)).solve(NORMAL.opened("street.n"))
    assert lengths(solved.to_neutral("house"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.02)


def test_a_blown_fuse_leaves_one_phase_dead_to_neutral_where_loads_are_single_phase():
    solved = village((3_000.0, 3_000.0, 3_000.0)).solve(NORMAL.opened("street.l2"))
    assert lengths(solved.to_neutral("house"), PHASE_V) == pytest.approx([1, 0, 1], abs=0.02)


def test_a_short_between_three_lines_draws_what_the_impedances_let_through_and_sags_the_bus():
    grid = Grid(
        (
            Source("grid", "bus", KV, 0.5j),
            Conductor("F1", "bus", "far", 0.5j),
            Conductor("F2", "bus", "near", 0.5j),
            delta("load", "near", 500_000.0, KV),
            short("bolted", "far", 1e-4),
        )
    )
    solved = grid.solve(NORMAL.put_on("bolted"))
    assert abs(solved.amps["F1"]["l1"]) == pytest.approx(KV / sqrt(3), rel=0.02)
    assert lengths(solved.to_earth("bus"), KV / sqrt(3)) == pytest.approx([0.5] * 3, abs=0.02)
    assert lengths(solved.to_earth("near"), KV / sqrt(3)) == pytest.approx([0.5] * 3, abs=0.02)


def test_what_hangs_on_nothing_has_no_voltage_and_no_current():
    solved = below_a_transformer("Dyn11").solve(NORMAL.opened("line"))
    assert max(map(abs, solved.to_neutral("low"))) < 0.01
    assert max(map(abs, solved.amps["tx"].values())) < 0.01


def test_a_second_source_feeds_what_the_first_one_lost():
    grid = Grid(
        (
            Source("grid", "bus", LV, 0.02j, with_n=True),
            Conductor("main", "bus", "house", 0.05, WIRES),
            Source("generator", "house", LV, 0.1j, with_n=True, off=True),
            star("load", "house", (10_000.0, 10_000.0, 10_000.0), PHASE_V),
        )
    )
    dark = NORMAL.opened("main")
    assert max(map(abs, grid.solve(dark).to_neutral("house"))) < 0.01
    lit = grid.solve(dark.put_on("generator").put_off("grid"))
    assert lengths(lit.to_neutral("house"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.03)
    assert max(map(abs, lit.to_neutral("bus"))) < 0.01
    back = grid.solve(NORMAL.put_on("generator").put_off("grid"))
    assert lengths(back.to_neutral("bus"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.03)
    assert grid.feeding("house") == ("main", "generator")


def test_the_power_of_a_load_is_what_it_was_made_for():
    solved = village((3_000.0, 2_000.0, 1_000.0)).solve()
    volts, amps = solved.to_neutral("house"), solved.amps["street"]
    watts = [abs(u * amps[phase].conjugate()) for u, phase in zip(volts, PHASES, strict=True)]
    assert watts == pytest.approx([3_000.0, 2_000.0, 1_000.0], rel=0.03)


def test_levels_lower_a_source_and_raise_a_load():
    grid = village((3_000.0, 3_000.0, 3_000.0))
    low = grid.solve(NORMAL.at_level("grid", 0.9).at_level("homes", 2.0))
    assert abs(low.to_neutral("house")[0]) < 0.9 * abs(grid.solve().to_neutral("house")[0])
    assert abs(low.amps["street"]["l1"]) > 1.7 * abs(grid.solve().amps["street"]["l1"])


def test_a_switch_that_is_normally_open_is_closed_by_putting_it_on():
    grid = Grid((*isolated().elements, Conductor("tie", "two", "one", 0.1 + 0j, off=True), Shunt("x", "one", ())))
    cut = NORMAL.opened("F1")
    assert lengths(grid.solve(cut).to_neutral("low"), PHASE_V) == [0, 0, 0]
    assert lengths(grid.solve(cut.put_on("tie")).to_neutral("low"), PHASE_V) == pytest.approx([1, 1, 1], abs=0.02)
    assert grid.solve(NORMAL.opened("F1").closed("F1")) is grid.solve(NORMAL)
