"""Unbalance formulas against the worked example and against phasors."""

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.unbalance import figure_of, iec_u2, nema

WORKED = (203.0, 210.0, 212.0)


def test_the_worked_example() -> None:
    assert iec_u2(*WORKED) == pytest.approx(2.606, abs=5e-4)
    assert nema(WORKED) == pytest.approx(2.56, abs=5e-3)


def test_balance_is_zero_and_never_a_nan() -> None:
    assert iec_u2(400.0, 400.0, 400.0) == pytest.approx(0, abs=1e-5)
    assert iec_u2(0.0, 0.0, 0.0) == 0.0
    assert nema((0.0, 0.0, 0.0)) == 0.0


def test_three_voltages_that_close_no_triangle_are_a_hundred_percent() -> None:
    assert iec_u2(400.0, 100.0, 100.0) == 100.0


@given(st.floats(0, 0.9), st.floats(0, 2 * math.pi))
def test_it_is_negative_over_positive_sequence(negative: float, angle: float) -> None:
    a = cmath.exp(2j * math.pi / 3)
    u2 = cmath.rect(negative, angle)
    va, vb, vc = 1 + u2, a**2 + a * u2, a + a**2 * u2
    assert iec_u2(abs(va - vb), abs(vb - vc), abs(vc - va)) == pytest.approx(100 * negative, abs=1e-4)


def test_phase_voltages_never_give_u2() -> None:
    assert figure_of(None, WORKED).name == "phase_magnitude"
    assert figure_of(None, WORKED).nema is None
    assert figure_of(WORKED, WORKED).name == "iec_u2"
