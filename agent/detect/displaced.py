"""A star point that has moved: three voltages against it, and what they tell of the voltages from line to line.

The three lines stand at the corners of a triangle; voltages to earth, or to a neutral, are the distances a, b, c of a
point from them. Where the triangle is equilateral its side s, which is the voltage from line to line, follows from the
three distances alone, wherever the point lies inside the circle through the corners:

    s² = (a² + b² + c²)/2 + (√3/2) √(2(a²b² + b²c² + c²a²) - (a⁴ + b⁴ + c⁴))

(The second root is 4 times the area of a triangle with the sides a, b, c, by Heron: by Pompeiu's theorem there is one.)
So an earth fault in a network without an earthed star point, and a broken neutral, leave s as it was; a short
circuit, a lost phase or a blown fuse in the voltage circuit do not:

    a, b, c in pu                s/√3 in pu     what it may be
    ---------------------------  -------------  ---------------------------------------------
    1.00  1.00  1.00             1.00           nothing
    0.00  1.73  1.73             1.00           dead earth fault of one line
    0.62  1.31  1.18             1.00           a star point at 0.4 pu from where it belongs
    0.80  1.00  1.00             0.93           a sag on one phase
    0.00  1.00  1.00             0.58           a fuse of a voltage transformer, or a dead phase
    0.50  0.50  1.00             0.50           one line open above a Dyn transformer
    1.00  0.66  0.66             0.75           a short circuit between two lines, 50 %

How far the point lies from the middle, the voltage of the star point: v0² = (a² + b² + c²)/3 - s²/3.
"""

from collections.abc import Sequence
from math import sqrt

_ROOT3 = sqrt(3)


def side_v(volts: Sequence[float]) -> float:
    """Line-line voltage of an even network with these three voltages against one point. Where no such network has
    them, the least uneven one: its root is taken as 0."""
    a, b, c = (one * one for one in volts)
    heron = 2 * (a * b + b * c + c * a) - (a * a + b * b + c * c)
    return sqrt((a + b + c) / 2 + _ROOT3 / 2 * sqrt(max(0.0, heron)))


def fits(volts: Sequence[float], side: float, tolerance: float) -> bool:
    """Whether they may be distances from the corners of a triangle of this side, within this part of it: the three of
    them make a triangle, and its network has that side."""
    low, middle, high = sorted(volts)
    return high <= low + middle + tolerance * side and abs(side_v(volts) - side) <= tolerance * side


def star_point_v(volts: Sequence[float], side: float) -> float:
    """How far the star point is from the middle of the triangle."""
    return sqrt(max(0.0, (sum(one * one for one in volts) - side * side) / 3))


def even_side_v(lines: Sequence[float], tolerance: float) -> float | None:
    """Of three line-line voltages as read: their mean, or None where they differ by more than this part of it."""
    mean = sum(lines) / len(lines)
    return mean if max(lines) - min(lines) <= tolerance * mean else None
