"""How unequal three voltages are, in percent. Pure formulas."""

from collections.abc import Sequence
from math import sqrt

from agent.detect.changes import Figure


def iec_u2(u12: float, u23: float, u31: float) -> float:
    """Negative over positive sequence from three line-line RMS values, exact (IEC 61000-4-30, 5.7)."""
    squares = u12**2 + u23**2 + u31**2
    if squares <= 0:
        return 0.0
    beta = (u12**4 + u23**4 + u31**4) / squares**2
    # Rounding may leave the interval at either end: balance, and three voltages that close no triangle.
    root = sqrt(min(1.0, max(0.0, 3 - 6 * beta)))
    return 100 * sqrt((1 - root) / (1 + root))


def nema(volts: Sequence[float]) -> float:
    """Largest difference from the mean, of the mean (NEMA MG-1); of phase voltages IEEE calls it PVUR."""
    mean = sum(volts) / len(volts)
    return 100 * max(abs(one - mean) for one in volts) / mean if mean > 0 else 0.0


def figure_of(lines: Sequence[float] | None, phases: Sequence[float]) -> Figure:
    """From line-line voltages where there are any. Phase magnitudes alone cannot give u2: they have the zero
    sequence in them, so theirs has another name."""
    if lines is None:
        return Figure("phase_magnitude", nema(phases))
    return Figure("iec_u2", iec_u2(*lines), nema(lines))
