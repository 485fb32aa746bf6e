"""Sampled sine waves with a sag in them, and what a meter that averages over whole half cycles shows of them.

Ground truth that shares nothing with the detector, the feeder or the theory: instantaneous values, squared and summed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import pi, sin, sqrt

HALF_CYCLE_US = 10_000
# 24 samples in a half cycle put the phases a whole number of samples, 16, apart.
SAMPLES = 24
PHASES = 3


@dataclass(frozen=True)
class SaggingWave:
    """A 50 Hz three-phase voltage of 1 pu RMS with a sag from instant 0 on, known from `before` half cycles before it.
    squares: running sums of the squared samples, by phase."""

    before: int
    squares: tuple[tuple[float, ...], ...]

    def rms(self, end: int, halves: int) -> tuple[float, ...]:
        """By phase, over so many half cycles; `end` counts half cycles from the beginning of the sag."""
        last = (self.before + end) * SAMPLES
        first = last - halves * SAMPLES
        return tuple(sqrt((sums[last] - sums[first]) / (halves * SAMPLES)) for sums in self.squares)


def sagging_wave(residuals: Sequence[float], halves: int, before: int, after: int) -> SaggingWave:
    """Phase i falls to residuals[i] for `halves` half cycles; `after` more are known behind that."""
    samples = range(-before * SAMPLES, (halves + after) * SAMPLES)
    return SaggingWave(before, tuple(_sums(phase, pu, halves, samples) for phase, pu in enumerate(residuals)))


def _sums(phase: int, residual: float, halves: int, samples: range) -> tuple[float, ...]:
    period, shift = 2 * SAMPLES, phase * 2 * SAMPLES // PHASES
    sine = [sqrt(2) * sin(2 * pi * i / period) for i in range(period)]
    waves = (sine[(i - shift) % period] * (residual if 0 <= i < halves * SAMPLES else 1.0) for i in samples)
    return tuple(accumulate((value * value for value in waves), initial=0.0))
