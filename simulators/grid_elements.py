"""What a network is made of, as elements between terminals. Pure; in V, A, Ohm, S.

A terminal is (node, ``l1 l2 l3 n``); an element adds some of its own (``star``). Earth is None.

    Source        three voltages behind an impedance; its star point solid, through an impedance, or free
    Conductor     a line, a cable, a row of fuses, a switch: each of its terminals may be open
    Transformer   windings in pairs on limbs, leakage and magnetising; by vector group
    Shunt         anything between terminals of one node, or from there to earth: load, capacitance, fault
"""

import cmath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import radians, sqrt

from simulators.grid_solve import Equations

PHASES = ("l1", "l2", "l3")
WIRES = (*PHASES, "n")
Terminal = tuple[str, str]
Volts = Mapping[Terminal, complex]
Amps = dict[str, complex]
Closed = Callable[[str], bool]

_SOLID_S = 1e3


def turned(degrees: float) -> complex:
    return cmath.rect(1.0, radians(degrees))


def phasors(volts: float, degrees: float = 0.0) -> dict[str, complex]:
    """Three of one length; l1 at `degrees`, l2 120 degrees behind it."""
    return {phase: volts * turned(degrees - 120.0 * index) for index, phase in enumerate(PHASES)}


@dataclass(frozen=True, slots=True)
class Source:
    """volts: line to line; ohm: per phase; star_ohm: from its star point to earth, None where it is free; with_n: its
    star point is the neutral of its node."""

    name: str
    node: str
    volts: float
    ohm: complex
    star_ohm: complex | None = 0j
    with_n: bool = False
    off: bool = False

    def stamp(self, into: Equations[Terminal], closed: Closed, level: float) -> None:
        star = self._star
        into.admit(star, None, _earthing(self.star_ohm))
        for phase, volts in phasors(level * self.volts / sqrt(3)).items():
            if closed(phase):
                into.admit((self.node, phase), star, 1 / self.ohm)
                into.inject((self.node, phase), volts / self.ohm)
                into.inject(star, -volts / self.ohm)

    def amps(self, volts: Volts, closed: Closed, level: float) -> Amps:
        """Into its node."""
        inner = phasors(level * self.volts / sqrt(3))
        star = volts[self._star]
        return {
            phase: (star + inner[phase] - volts[self.node, phase]) / self.ohm if closed(phase) else 0j
            for phase in PHASES
        }

    @property
    def _star(self) -> Terminal:
        return (self.node, "n") if self.with_n else (self.name, "star")


@dataclass(frozen=True, slots=True)
class Conductor:
    """From `upper` to `lower`. off: a switch that is normally open."""

    name: str
    upper: str
    lower: str
    ohm: complex
    wires: tuple[str, ...] = PHASES
    off: bool = False

    def stamp(self, into: Equations[Terminal], closed: Closed, level: float) -> None:
        for wire in self.wires:
            into.admit((self.upper, wire), (self.lower, wire), 1 / self.ohm if closed(wire) else 0j)

    def amps(self, volts: Volts, closed: Closed, level: float) -> Amps:
        """Towards `lower`."""
        return {
            wire: (volts[self.upper, wire] - volts[self.lower, wire]) / self.ohm if closed(wire) else 0j
            for wire in self.wires
        }


@dataclass(frozen=True, slots=True)
class Shunt:
    """At one node. between: (wire, wire or None for earth, siemens). off: not there until it is put on, as a fault."""

    name: str
    node: str
    between: tuple[tuple[str, str | None, complex], ...]
    off: bool = False

    def stamp(self, into: Equations[Terminal], closed: Closed, level: float) -> None:
        for wire, other, siemens in self.between:
            if closed(wire):
                end = None if other is None else (self.node, other)
                into.admit((self.node, wire), end, level * siemens)


@dataclass(frozen=True, slots=True)
class Transformer:
    """From `upper` to `lower`, whose neutral is its star point. volts, low_volts: line to line; uk: short-circuit
    voltage per unit; star_ohm: from the neutral to earth. Opening a wire opens it on the upper side: its fuse."""

    name: str
    upper: str
    lower: str
    group: str
    volts: float
    low_volts: float
    kva: float
    uk: float = 0.045
    star_ohm: complex | None = 1 + 0j
    off: bool = False

    def stamp(self, into: Equations[Terminal], closed: Closed, level: float) -> None:
        for wire in PHASES:
            into.admit((self.upper, wire), self._inside(wire), self._fuse_s if closed(wire) else 0j)
        into.admit((self.lower, "n"), None, _earthing(self.star_ohm))
        for high, low, turns, siemens, magnetising in self._limbs():
            into.couple(high, low, turns, siemens)
            into.admit(high[0], high[1], magnetising)

    def amps(self, volts: Volts, closed: Closed, level: float) -> Amps:
        """Out of its lower terminals, towards the load."""
        made: Amps = dict.fromkeys(WIRES, 0j)
        for high, low, turns, siemens, _ in self._limbs():
            across = volts[high[0]] - volts[high[1]] - turns * (volts[low[0]] - volts[low[1]])
            for end, sign in ((low[0], 1), (low[1], -1)):
                if end[1] in made:
                    made[end[1]] += sign * turns * siemens * across
        return made

    @property
    def _fuse_s(self) -> complex:
        """A hundredth of its short-circuit impedance."""
        return 100 / self.uk * 1e3 * self.kva / self.volts**2

    def _inside(self, wire: str) -> Terminal:
        return (self.lower, f"high {wire}")

    def _limbs(self) -> list[tuple[tuple[Terminal, Terminal], tuple[Terminal, Terminal], float, complex, complex]]:
        """(high winding, low winding, turns, leakage and magnetising admittance on the high side) for each pair."""
        shape = GROUPS[self.group]
        high_v = self.volts if self.group[0] == "D" else self.volts / sqrt(3)
        limbs = []
        for high, low, share in shape:
            turns = high_v / (share * self.low_volts / sqrt(3))
            base_s = 1e3 * self.kva / 3 / high_v**2 / (2 if len(shape) > 3 else 1)
            leakage = base_s / (self.uk * (0.25 + 0.97j))
            ends = self._high(high[0]), self._high(high[1])
            limbs.append((ends, ((self.lower, low[0]), (self.lower, low[1])), turns, leakage, base_s * (0.002 - 0.01j)))
        return limbs

    def _high(self, wire: str) -> Terminal:
        return (self.lower, "high star") if wire == "star" else self._inside(wire)


def _earthing(ohm: complex | None) -> complex:
    if ohm is None:
        return 0j
    return complex(_SOLID_S) if ohm == 0 else 1 / ohm


_Pair = tuple[tuple[str, str], tuple[str, str], float]


def _star(order: tuple[tuple[str, str], ...], *, reverse: bool = False) -> tuple[_Pair, ...]:
    """One limb for each low phase, between that phase and the neutral. order: what each lies between on top."""
    ends = tuple((phase, "n") if not reverse else ("n", phase) for phase in PHASES)
    return tuple((high, low, 1.0) for high, low in zip(order, ends, strict=True))


_AB, _BC, _CA = ("l1", "l2"), ("l2", "l3"), ("l3", "l1")
_AC, _CB, _BA = ("l1", "l3"), ("l3", "l2"), ("l2", "l1")
_STARS = (("l1", "star"), ("l2", "star"), ("l3", "star"))
# Two halves of equal turns on two limbs make a low phase: each has 1/sqrt(3) of its voltage.
_HALF = 1 / sqrt(3)

# Vector group -> pairs of windings on one limb: between what on top, between what below, and which part of the low
# phase voltage. The clock: u_ab leads u_a by 30 degrees, so a low phase on it is at 11 (IEC 60076-1).
GROUPS: Mapping[str, tuple[_Pair, ...]] = {
    "Dyn11": _star((_AB, _BC, _CA)),
    "Dyn1": _star((_AC, _BA, _CB)),
    "Dyn5": _star((_BA, _CB, _AC)),
    "Dyn7": _star((_CA, _AB, _BC)),
    "Yyn0": _star(_STARS),
    "Yyn6": _star(_STARS, reverse=True),
    "Dzn0": (
        (_AB, ("l1", "z1"), _HALF), (_CA, ("n", "z1"), _HALF),
        (_BC, ("l2", "z2"), _HALF), (_AB, ("n", "z2"), _HALF),
        (_CA, ("l3", "z3"), _HALF), (_BC, ("n", "z3"), _HALF),
    ),
}  # fmt: skip
