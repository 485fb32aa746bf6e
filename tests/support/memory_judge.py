"""What samples of a process's memory, descriptors and threads tell: how high it was, and whether it grows. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median


@dataclass(frozen=True, slots=True)
class Sample:
    """at_s: since the process was at work; peak_mb: the highest rss_mb so far, as the kernel saw it (MB of 10^6)."""

    at_s: float
    rss_mb: float
    peak_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Limits:
    """warm_up_s: left out of the slope. Code is imported when it is first needed, each meter's looks and windows fill,
    SQLite's cache does, and the first outages find the allocator's high-water mark: that ends, a leak does not.
    block_s: of so long the mean is taken, so that neighbouring points of the slope know little of each other.
    more: descriptors and threads by which the median of the last quarter may be above that of the first."""

    peak_mb: float = 110.0
    slope_mb_h: float = 1.0
    warm_up_s: float = 1200.0
    block_s: float = 300.0
    more: int = 2


@dataclass(frozen=True, slots=True)
class Trend:
    """Least squares, with what it is known to in 95 of 100 cases."""

    slope_mb_h: float
    give_or_take_mb_h: float
    blocks: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """trend: None where there was too little time for one. wrong: in words, empty if all is as it should be."""

    peak_mb: float
    trend: Trend | None
    wrong: tuple[str, ...]


_LEAST_BLOCKS = 4


def judge(samples: Sequence[Sample], limits: Limits) -> Judgement:
    peak_mb = max(one.peak_mb for one in samples)
    found = trend(samples, limits)
    wrong = [f"RSS was {peak_mb:.1f} MB (allowed {limits.peak_mb:g})"] * (peak_mb > limits.peak_mb)
    if found is not None and found.slope_mb_h > limits.slope_mb_h:
        wrong.append(f"RSS grows by {found.slope_mb_h:.2f} MB/h (allowed {limits.slope_mb_h:g})")
    elif found is not None and found.slope_mb_h + found.give_or_take_mb_h > limits.slope_mb_h:
        wrong.append(f"{told(found)} may be more than {limits.slope_mb_h:g} MB/h: nothing is proven, run it for longer")
    return Judgement(peak_mb, found, (*wrong, *_grown(samples, limits)))


def told(found: Trend | None) -> str:
    if found is None:
        return "too short for a slope"
    return f"a slope of {found.slope_mb_h:+.2f} ± {found.give_or_take_mb_h:.2f} MB/h"


def trend(samples: Sequence[Sample], limits: Limits) -> Trend | None:
    """Of what came after the warm-up."""
    late = [one for one in samples if one.at_s >= limits.warm_up_s]
    blocks = [list(block) for _, block in groupby(late, lambda one: (one.at_s - limits.warm_up_s) // limits.block_s)]
    whole = [block for block in blocks if 2 * len(block) > max(map(len, blocks))]
    if len(whole) < _LEAST_BLOCKS:
        return None
    return _line([(fmean(one.at_s for one in block) / 3600, fmean(one.rss_mb for one in block)) for block in whole])


def _line(points: Sequence[tuple[float, float]]) -> Trend:
    at, free = fmean(x for x, _ in points), len(points) - 2
    mean = fmean(y for _, y in points)
    spread = sum((x - at) ** 2 for x, _ in points)
    slope = sum((x - at) * (y - mean) for x, y in points) / spread
    rest = sum((y - mean - slope * (x - at)) ** 2 for x, y in points)
    return Trend(slope, _student(free) * math.sqrt(rest / free / spread), len(points))


def _student(free: int) -> float:
    """The 97.5 % point of Student's distribution."""
    # Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    x = 1.959964
    terms = (x, (x**3 + x) / 4, (5 * x**5 + 16 * x**3 + 3 * x) / 96, (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384)
    return sum(term / free**power for power, term in enumerate(terms))


def _grown(samples: Sequence[Sample], limits: Limits) -> list[str]:
    """Descriptors and threads come and go with connections: their medians tell."""
    quarter = len(samples) // 4
    if not quarter:
        return []
    wrong = []
    for what in ("descriptors", "threads"):
        first, last = (median(getattr(one, what) for one in part) for part in (samples[:quarter], samples[-quarter:]))
        if last > first + limits.more:
            wrong.append(f"{what}: {first:g} in the first quarter, {last:g} in the last (allowed {limits.more} more)")
    return wrong
