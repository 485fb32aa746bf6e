"""Ride-through curves, and verdicts over everything that can truly have happened. Pure.

A poller knows neither the duration of an event nor its extreme voltage: it knows a window's RMS and bounds in time.
`Locus` is the set of (duration, extreme) that agree with them. A verdict is a word on all of it:

    violates   every point of the locus lies outside the curve
    ok         every point lies inside
    undecided  some do, some do not, or the curve says nothing there

What filled windows like one long event may have been a row of short ones, each of which the curve allows. `violates`
is said only of what no such row can have shown; where one can, it is `undecided`.

In the style of the named curves: a poller's verdict is no certificate of conformity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

Verdict = Literal["violates", "ok", "undecided"]

# IEC 61000-4-30, typical settings: outside of sag and swell a voltage is within 90 % and 110 % (Hioki PQ3198 p204).
LOWEST_OUTSIDE, HIGHEST_OUTSIDE = 0.90, 1.10
# IEC 61000-4-30: an event ends by a value that is taken over a cycle; the shorter of the two, at 60 Hz. A window that
# is no longer than about a cycle is what the curves themselves are read by.
_RECOVERY_S, _CYCLE_S = 1 / 60, 0.025


@dataclass(frozen=True, slots=True)
class Step:
    """The level from the step before until this duration, this one included, pu. ends: the curve ends before it: what
    already lay outside there stays outside, of anything else it says nothing."""

    until_s: float
    level: float
    ends: bool = False


Curve = tuple[Step, ...]

# ITIC (CBEMA 2000), lower corners: power-quality.md section 4, from a book's figure and a power-monitoring article.
ITIC_LOWER: Curve = (Step(0.02, 0.0), Step(0.5, 0.7), Step(10.0, 0.8), Step(inf, 0.9))
# ITIC, upper corners; 200 % to 1 ms is general knowledge, 500 % holds for a hundredth of a 60 Hz cycle.
ITIC_UPPER: Curve = (Step(167e-6, 5.0), Step(1e-3, 2.0), Step(3e-3, 1.4), Step(0.5, 1.2), Step(inf, 1.1))


def semi_f47(frequency_hz: float) -> Curve:
    """Stepped at its test points, with the recommended ones: 0 % for a cycle, 80 % to 10 s, 90 % from there on."""
    # SEMI F47-0706: 50 % 0.2 s, 70 % 0.5 s, 80 % 1 s (Power Standards Lab); 10 s and 90 % are general knowledge.
    points = (Step(0.2, 0.5), Step(0.5, 0.7), Step(1.0, 0.8), Step(10.0, 0.8), Step(inf, 0.9))
    return (Step(1 / frequency_hz, 0.0), *points)


def iec_class_3(frequency_hz: float) -> Curve:
    """Test levels of class 3, which -4-11 (to 16 A) and -4-34 (above) share; they end with the longest."""
    # IEC 61000-4-11 class 3, cycles at 50/60 Hz: 0 % 1; 40 % 10/12; 70 % 25/30; 80 % 250/300.
    cycles = (1.0, 10.0, 25.0, 250.0) if frequency_hz < 55 else (1.0, 12.0, 30.0, 300.0)
    levels = (0.0, 0.4, 0.7, 0.8)
    tested = (Step(count / frequency_hz, level) for count, level in zip(cycles, levels, strict=True))
    return (*tested, Step(inf, levels[-1], ends=True))


@dataclass(frozen=True, slots=True)
class Locus:
    """What can truly have happened, voltages in pu.

    swell:                 the extreme is a peak, otherwise a residual
    shortest_s, longest_s: bounds of the true duration, longest_s may be infinite
    seen:                  the extreme reading, as (lowest, highest) that the meter's accuracy allows
    window_s:              averaging window behind `seen`; 0: the reading is the extreme itself, no bound
    gap_s:                 at most so much lay between the ends of two windows that were read, and the event had one
                           level (a rectangle); None: nothing is taken for granted, one side stays open
    outside:               lowest and highest the voltage can have been before and after. Lower than what a window of a
                           sag shows (of a swell: higher) says that nothing is known of that side
    """

    swell: bool
    shortest_s: float
    longest_s: float
    seen: tuple[float, float]
    window_s: float
    gap_s: float | None = None
    outside: tuple[float, float] = (LOWEST_OUTSIDE, HIGHEST_OUTSIDE)

    def mildest(self, duration_s: float) -> float:
        """The extreme nearest to normal at this duration: the window held the event at its best.

        power-quality.md 9.6: D(1 - ur²) = W(1 - m²) where the window outlasts the event; D = W where it does not.
        The voltage outside is taken at its edge, which makes the extreme milder still.
        """
        near, outside = (self.seen[0], self.outside[1]) if self.swell else (self.seen[1], self.outside[0])
        if (outside >= near) == self.swell:
            return near if duration_s > 0 or not self.window_s else _nothing(self.swell)
        if not self.window_s:
            return near
        share = min(1.0, duration_s / self.window_s)
        return _inside(near, outside, share) if share > 0 else _nothing(self.swell)

    def harshest(self, duration_s: float) -> float:
        """The extreme furthest from normal at this duration: the windows held as little of it as they could."""
        far, outside = (self.seen[1], self.outside[0]) if self.swell else (self.seen[0], self.outside[1])
        if not self.window_s:
            return far
        if self.gap_s is None:
            return _nothing(self.swell)
        share = min(1.0, duration_s / self.window_s, (duration_s + self.window_s - self.gap_s) / (2 * self.window_s))
        return _inside(far, outside, share) if share > 0 else _nothing(self.swell)

    @property
    def shortest_possible_s(self) -> float:
        """Not only the clock bounds a sag: less than this could not have taken so much out of a window."""
        if self.swell or not self.window_s:
            return self.shortest_s
        outside = self.outside[0]
        proven_s = self.window_s * max(0.0, 1 - (self.seen[1] / outside) ** 2) if outside else 0.0
        return min(max(self.shortest_s, proven_s), self.longest_s)


def _inside(seen: float, outside: float, share: float) -> float:
    """RMS of the part of a window that makes the whole read `seen` while the rest is at `outside`."""
    return sqrt(max(0.0, outside**2 + (seen**2 - outside**2) / share))


def _nothing(swell: bool) -> float:
    """The extreme of which nothing is known: no voltage, or any."""
    return inf if swell else 0.0


def pieces(edges_s: tuple[float, ...], locus: Locus) -> Iterator[tuple[int, float, float]]:
    """(index, from, to) of the columns (edge before, edge] which the durations of a locus touch: one at least."""
    before_s, shortest_s = 0.0, locus.shortest_possible_s
    for index, until_s in enumerate(edges_s):
        if shortest_s <= until_s and (locus.longest_s > before_s or not index):
            yield index, max(before_s, shortest_s), min(until_s, locus.longest_s)
        before_s = until_s


def verdict(curve: Curve, locus: Locus) -> Verdict:
    """Both sides move one way with duration: the mildest extreme of a piece is that of its longest duration, the
    harshest that of its shortest."""
    words = {
        _word(curve[index], locus.mildest(to_s), locus.harshest(from_s), locus.swell)
        for index, from_s, to_s in pieces(tuple(step.until_s for step in curve), locus)
    }
    word = words.pop() if len(words) == 1 else "undecided"
    return "undecided" if word == "violates" and _row_explains(curve, locus) else word


def _row_explains(curve: Curve, locus: Locus) -> bool:
    """Whether events that the curve allows, one after the other, can have filled a window to what it showed.

    Each of n events in a window W lasts d at the level L that its step allows; a recovery c, at r, parts it from the
    next: with one more recovery at the end, W + c holds n pairs, whose mean square is at its extreme for the step with
    the extreme (d L² + c r²) / (d + c). Longer recoveries, and events that the window cuts, are nearer to normal.
    """
    window_s, spaced_s = locus.window_s, _RECOVERY_S
    if window_s <= _CYCLE_S:
        return False
    square = (HIGHEST_OUTSIDE if locus.swell else LOWEST_OUTSIDE) ** 2
    pairs = [_mean_square(step, spaced_s, square) for step in curve]
    extreme = max(pairs) if locus.swell else min(pairs)
    bound = ((window_s + spaced_s) * extreme - spaced_s * square) / window_s
    shown = locus.seen[0] if locus.swell else locus.seen[1]
    return shown**2 <= bound if locus.swell else shown**2 >= bound


def _mean_square(step: Step, spaced_s: float, square: float) -> float:
    if step.until_s == inf:
        return step.level**2
    return (step.until_s * step.level**2 + spaced_s * square) / (step.until_s + spaced_s)


def _word(step: Step, mildest: float, harshest: float, swell: bool) -> Verdict:
    if (mildest > step.level) if swell else (mildest < step.level):
        return "violates"
    inside = harshest <= step.level if swell else harshest >= step.level
    return "ok" if inside and not step.ends else "undecided"
