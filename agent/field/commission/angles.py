"""Which wiring makes these angles? Pure.

The angle of an element is that of its current behind its voltage, from P and Q. A load's own angle is small; a current
transformer the wrong way round adds 180 degrees, one on the wrong phase 120 or 240. All ways of wiring three currents
to three voltages are tried; what leaves each phase a load that loads have, with the fewest mistakes, is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product

# Degrees by which a current lags its voltage in what is wired right: from a power factor of 0.57 leading to 0.26
# lagging. Nothing is found within; beyond, no common load explains it.
_SOUND = (-55.0, 75.0)
# The narrower range in which the load of a suspected mistake must lie: wider than 60 and two mistakes may look alike.
_USUAL = (-35.0, 68.0)
_TYPICAL, _SCALE = 20.0, 30.0
# Power backwards with the reactive power of a load, or of none: what a generator behind the meter makes of it.
_FEEDS_IN = (75.0, 188.0)
# So much worse the next best explanation must be for the best one to be told alone.
_MARGIN = 0.45

Angles = Mapping[int, tuple[float, ...]]  # element -> its angle; two of them where only P is known, not the sign of Q


@dataclass(frozen=True, slots=True)
class Mistake:
    """reversed_at: elements whose current is turned; kind and pair: what is on the wrong terminal

    order: the phase whose current is on each element
    """

    kind: str  # "straight" | "cts_swapped" | "voltages_swapped" | "cts_shifted"
    order: tuple[int, int, int]
    reversed_at: tuple[int, ...]

    @property
    def moved(self) -> tuple[int, ...]:
        return tuple(element for element in range(3) if self.order[element] != element)


@dataclass(frozen=True, slots=True)
class Explained:
    """state: "sound"; "backwards": a generator explains it as well; "wrong": mistakes[0] and no other; "strange": more
    than one of them, or none."""

    state: str
    mistakes: tuple[Mistake, ...] = ()


def wrap(degrees: float) -> float:
    """Into (-180, 180]."""
    return 180.0 - (180.0 - degrees) % 360.0


def explain(angles: Angles, *, feeds_in: bool) -> Explained:
    """angles: of the elements that carry enough current; feeds_in: something may."""
    if not angles or all(any(_within(a, _SOUND) for a in each) for each in angles.values()):
        return Explained("sound")
    ranked = _ranked(angles)
    best = tuple(mistake for cost, mistake in ranked if cost < ranked[0][0] + _MARGIN)
    if feeds_in and (_generated(angles) or (best and _all_turned(best[0], angles))):
        return Explained("backwards", best[:1])
    if len(best) == 1:
        return Explained("wrong", best)
    return Explained("strange", best[:3])


def _generated(angles: Angles) -> bool:
    def may_be(degrees: float) -> bool:
        return _within(degrees, _SOUND) or _within(degrees, _FEEDS_IN) or degrees + 360.0 <= _FEEDS_IN[1]

    return all(any(may_be(a) for a in each) for each in angles.values())


def _all_turned(mistake: Mistake, angles: Angles) -> bool:
    """A generator that gives reactive power as well looks like transformers that all face the wrong way."""
    return mistake.kind == "straight" and set(mistake.reversed_at) == set(angles)


def _within(degrees: float, span: tuple[float, float]) -> bool:
    return span[0] <= degrees <= span[1]


def _ranked(angles: Angles) -> list[tuple[float, Mistake]]:
    """Cheapest first; of those that differ only in elements nobody could judge, one."""
    found: dict[tuple[str, tuple[int, ...], tuple[int, ...]], tuple[float, Mistake]] = {}
    for mistake in _mistakes(tuple(angles)):
        for seen in product(*angles.values()):
            cost = _cost(mistake, dict(zip(angles, seen, strict=True)))
            key = (mistake.kind, mistake.order, mistake.reversed_at)
            if cost is not None and (key not in found or cost < found[key][0]):
                found[key] = (cost, mistake)
    return sorted(found.values(), key=lambda each: each[0])


def _mistakes(elements: Sequence[int]) -> Iterator[Mistake]:
    signs = [tuple(e for e, turned in zip(elements, each, strict=True) if turned)
             for each in product((False, True), repeat=len(elements))]  # fmt: skip
    for one, two, three in permutations(range(3)):
        order = (one, two, three)
        stays = sum(order[element] == element for element in range(3))
        for turned in signs:
            if stays == 1:
                yield Mistake("voltages_swapped", order, turned)
            kind = {3: "straight", 1: "cts_swapped", 0: "cts_shifted"}[stays]
            yield Mistake(kind, order, turned)


def _cost(mistake: Mistake, seen: Mapping[int, float]) -> float | None:
    """Less is likelier; None where some phase would have no load that loads have."""
    # The voltages of two phases changed over turn the phases round: angles shift the other way.
    way = -120.0 if mistake.kind == "voltages_swapped" else 120.0
    loads = [
        wrap(degrees - way * (mistake.order[element] - element) - 180.0 * (element in mistake.reversed_at))
        for element, degrees in seen.items()
    ]
    if not all(_within(load, _USUAL) for load in loads):
        return None
    mean = sum(loads) / len(loads)
    turned = len(mistake.reversed_at)
    mistakes = 2.0 * (mistake.kind != "straight") + (1.5 if turned == len(seen) > 1 else turned)
    return mistakes + (max(loads) - min(loads)) / 60.0 + abs(mean - _TYPICAL) / _SCALE


def turned_back(seen: tuple[float, ...], *, feeds_in: bool, three_phase: bool) -> str:
    """The state of a meter with one angle alone: "sound", "backwards", "wrong" (turned round) or "strange"."""
    if any(_within(a, _SOUND) for a in seen):
        return "sound"
    turned = any(_within(wrap(a - 180.0), _USUAL) for a in seen)
    if feeds_in and (_generated({0: seen}) or (three_phase and turned)):
        return "backwards"
    return "wrong" if turned else "strange"
