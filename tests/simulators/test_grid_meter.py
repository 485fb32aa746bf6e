"""A meter in the phasor world: what it says through crossed terminals, a blown fuse, against earth."""

from math import sqrt

import pytest

from simulators.grid import NORMAL, Grid, star
from simulators.grid_elements import WIRES, Conductor, Source
from simulators.grid_meter import BLOWN_PU, Place, read

LV = 400.0
PHASE_V = LV / sqrt(3)


@pytest.fixture
def street() -> Grid:
    return Grid(
        (
            Source("grid", "low", LV, 0.001j, with_n=True),
            Conductor("house", "low", "house", 0.001, WIRES),
            star("homes", "house", (6_000.0, 3_000.0, 1_500.0), PHASE_V, 1.0),
        )
    )


def test_power_current_and_voltage_agree(street: Grid):
    said = read(street.solve(), Place("house", ("house",)))
    assert said["voltage_l1"] == pytest.approx(PHASE_V, rel=0.001)
    assert said["voltage_l1_l2"] == pytest.approx(LV, rel=0.001)
    assert said["active_power_l1"] == pytest.approx(6_000.0, rel=0.001)
    assert said["active_power_total"] == pytest.approx(10_500.0, rel=0.001)
    assert said["current_l1"] == pytest.approx(6_000.0 / PHASE_V, rel=0.001)
    assert said["current_n"] == pytest.approx(said["current_l3"] * sqrt(7), rel=0.001)


def test_crossed_terminals_are_told_under_the_names_the_site_gives_them(street: Grid):
    crossed = Place("house", ("house",), terminals=("l2", "l1", "l3"))
    dead = street.solve(NORMAL.opened("house.l2"))
    assert read(dead, crossed)["voltage_l1"] < 0.01 < read(dead, crossed)["voltage_l2"]
    known = Place("house", ("house",), terminals=("l2", "l1", "l3"), names=("l2", "l1", "l3"))
    assert read(dead, known)["voltage_l2"] < 0.01 < read(dead, known)["voltage_l1"]


def test_a_blown_fuse_takes_the_voltage_and_leaves_the_current(street: Grid):
    whole, blown = (read(street.solve(), Place("house", ("house",)), fuses) for fuses in ((), ("l1",)))
    assert blown["voltage_l1"] == pytest.approx(BLOWN_PU * PHASE_V, rel=0.01)
    assert 0.55 * LV < blown["voltage_l1_l2"] < 0.65 * LV
    assert blown["voltage_l2_l3"] == whole["voltage_l2_l3"]
    assert blown["current_l1"] == whole["current_l1"]


def test_a_bay_has_the_voltage_of_its_bus_and_the_current_of_its_feeder(street: Grid):
    said = read(street.solve(NORMAL.opened("house")), Place("low", ("house",), to_earth=True))
    assert said["voltage_l1"] == pytest.approx(PHASE_V, rel=0.001)
    assert (said["current_l1"], said["active_power_total"]) == (0.0, 0.0)
