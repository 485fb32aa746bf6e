"""The triangle's side from three distances, against phasors."""

import cmath
from math import pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.displaced import even_side_v, fits, side_v, star_point_v

CORNERS = [cmath.rect(1, pi / 2 + turn * 2 * pi / 3) for turn in (0, 1, 2)]
ROOT3 = sqrt(3)


def seen_from(point: complex, size: float = 1.0) -> tuple[float, ...]:
    return tuple(size * abs(corner - point) for corner in CORNERS)


@given(st.floats(0, 0.999), st.floats(0, 2 * pi), st.floats(0.1, 20_000))
def test_wherever_the_star_point_is_the_side_is_found(far: float, turned: float, size: float) -> None:
    volts = seen_from(cmath.rect(far, turned), size)
    assert side_v(volts) == pytest.approx(ROOT3 * size, rel=1e-6)
    assert star_point_v(volts, ROOT3 * size) == pytest.approx(far * size, abs=1e-5 * size)
    assert fits(volts, ROOT3 * size, 0.001)


@pytest.mark.parametrize(
    ("volts", "side_pu"),
    [
        ((1, 1, 1), 1.0),
        ((0, ROOT3, ROOT3), 1.0),
        ((0.8, 1, 1), 0.929),
        ((0, 1, 1), 0.577),
        ((0.5, 0.5, 1), 0.5),
        ((1, 0.661, 0.661), 0.75),
        ((0, 0, 0), 0.0),
    ],
)
def test_the_table_of_the_docstring(volts: tuple[float, ...], side_pu: float) -> None:
    assert side_v(volts) / ROOT3 == pytest.approx(side_pu, abs=5e-4)


def test_what_makes_no_triangle_fits_none() -> None:
    assert not fits((0, 0.2, ROOT3), side_v((0, 0.2, ROOT3)), 0.05)
    assert fits((0.02, ROOT3 + 0.01, ROOT3 - 0.02), ROOT3, 0.05), "a dead earth fault, read by a real meter"


def test_lines_as_read_have_a_side_if_they_are_even() -> None:
    assert even_side_v((400, 402, 398), 0.05) == pytest.approx(400)
    assert even_side_v((400, 350, 398), 0.05) is None
