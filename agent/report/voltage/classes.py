"""Meters whose minutes are judged together: of a feeder, or of a class of GB/T 12325. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agent.records import VoltageClass
from agent.report.figures import Bounds, Figure
from agent.report.voltage.quality import Quality

CLASSES: tuple[VoltageClass, ...] = ("A", "B", "C", "D")
# The second pair of limits of a meter, for assessment (kaohe) beside qualification (hege).
ASSESSED = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One meter of a group. low_customer_min: None where nobody knows who is fed there"""

    quality: Quality
    low_customer_min: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """assessed: of those meters that have a second pair of limits; None where none has, its rate is that of pair 1"""

    name: str
    meters: int
    quality: Quality
    assessed: Quality | None
    low_customer_min: float | None


def group(name: str, members: Collection[Member]) -> Group:
    with_both = [one.quality for one in members if len(one.quality.beyond) > ASSESSED]
    low = [one.low_customer_min for one in members if one.low_customer_min is not None]
    return Group(
        name, len(members), total(one.quality for one in members), total(with_both) if with_both else None,
        sum(low) if low else None,
    )  # fmt: skip


def total(sums: Iterable[Quality]) -> Quality:
    return sum(sums, Quality())


@dataclass(frozen=True, slots=True)
class Composite:
    """Of one pair of limits, in %. lacking: classes of which no meter was measured; bounds: None while one is"""

    figure: Figure
    bounds: Bounds | None
    lacking: tuple[VoltageClass, ...]


def composite(classes: Mapping[VoltageClass, Quality], pair: int = 0) -> Composite:
    """0.5 VA + 0.5 (VB + VC + VD) / 3 (in common use; the standard's text was not seen)."""
    lacking = tuple(name for name in CLASSES if name not in classes or not classes[name].seen_min(pair))
    if lacking:
        return Composite(Figure(None, 0.0, "%", f"no meter of class {', '.join(lacking)} was measured"), None, lacking)
    found = {name: classes[name] for name in CLASSES}
    value = sum(_weight(name) * one.good_pct(pair) for name, one in found.items())
    bounds = sum((one.rate_bounds(pair).scaled(_weight(name)) for name, one in found.items()), Bounds(0.0, 0.0))
    return Composite(Figure(value, min(one.coverage for one in found.values()), "%"), bounds, ())


def _weight(name: VoltageClass) -> float:
    return 0.5 if name == "A" else 0.5 / 3
