"""A network of phasors: which voltages and currents there are, given what is open, closed, shorted or broken. Pure.

Steady states of 50 Hz, one after the other: no transients, no saturation, no arcs. What a fuse, a breaker or a reclose
relay does is for the caller to say, as a change of `Switching`; here it is only solved for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from simulators.grid_elements import PHASES, Amps, Conductor, Shunt, Source, Terminal, Transformer
from simulators.grid_solve import Equations

Element = Source | Conductor | Transformer | Shunt


@dataclass(frozen=True, slots=True)
class Switching:
    """What differs from normal. open: (element, wire); on, off: elements; levels: of sources and shunts, else 1."""

    open: frozenset[Terminal] = frozenset()
    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    levels: tuple[tuple[str, float], ...] = ()

    def opened(self, *places: str) -> "Switching":
        """place: an element, or one of its wires as ``F12.l2``."""
        return replace(self, open=self.open | _wires(places))

    def closed(self, *places: str) -> "Switching":
        """An element closes with all its wires."""
        shut = _wires(places)
        return replace(self, open=frozenset(one for one in self.open if one not in shut))

    def put_on(self, *names: str) -> "Switching":
        return replace(self, on=self.on | set(names), off=self.off - set(names))

    def put_off(self, *names: str) -> "Switching":
        return replace(self, on=self.on - set(names), off=self.off | set(names))

    def at_level(self, name: str, level: float) -> "Switching":
        return replace(self, levels=tuple(sorted({**dict(self.levels), name: level}.items())))


def _wires(places: Iterable[str]) -> frozenset[Terminal]:
    made = set()
    for place in places:
        name, dot, wire = place.partition(".")
        made |= {(name, wire)} if dot else {(name, each) for each in (*PHASES, "n")}
    return frozenset(made)


NORMAL = Switching()


@dataclass(frozen=True, slots=True)
class Solved:
    """One steady state. volts: to earth, by (node, wire); amps: by element, towards the load."""

    volts: Mapping[Terminal, complex]
    amps: Mapping[str, Amps]

    def to_earth(self, node: str) -> tuple[complex, complex, complex]:
        a, b, c = (self.volts.get((node, phase), 0j) for phase in PHASES)
        return a, b, c

    def to_neutral(self, node: str) -> tuple[complex, complex, complex]:
        a, b, c = self.to_earth(node)
        n = self.volts.get((node, "n"), 0j)
        return a - n, b - n, c - n


@dataclass(slots=True)
class Grid:
    """elements: by name; each feeds its `lower` node, or the node it is at. Solutions are kept: states come again."""

    elements: tuple[Element, ...]
    _known: dict[Switching, Solved] = field(default_factory=dict)

    def feeding(self, node: str) -> tuple[str, ...]:
        """Elements that bring current to a node."""
        return tuple(
            each.name
            for each in self.elements
            if (isinstance(each, Source) and each.node == node)
            or (isinstance(each, Conductor | Transformer) and each.lower == node)
        )

    def solve(self, switching: Switching = NORMAL) -> Solved:
        if switching not in self._known:
            self._known[switching] = self._solved(switching)
        return self._known[switching]

    def _solved(self, switching: Switching) -> Solved:
        levels, equations = dict(switching.levels), Equations[Terminal]()
        for each in self.elements:
            if self._is_on(each, switching):
                each.stamp(equations, partial(_is_closed, switching, each.name), levels.get(each.name, 1.0))
            elif isinstance(each, Conductor):
                for end in (each.upper, each.lower):
                    for wire in each.wires:
                        equations.admit((end, wire), None, 0j)
        volts = equations.solve()
        amps = {
            each.name: each.amps(volts, partial(_is_closed, switching, each.name), levels.get(each.name, 1.0))
            for each in self.elements
            if not isinstance(each, Shunt) and self._is_on(each, switching)
        }
        return Solved(volts, amps)

    @staticmethod
    def _is_on(element: Element, switching: Switching) -> bool:
        if element.name in switching.off:
            return False
        return not element.off or element.name in switching.on


def _is_closed(switching: Switching, name: str, wire: str) -> bool:
    return (name, wire) not in switching.open


def star(name: str, node: str, watts: tuple[float, float, float], volts: float, pf: float = 0.95) -> Shunt:
    """A load of constant impedance from each phase to the neutral. volts: line to neutral; watts: at that."""
    return Shunt(name, node, tuple((p, "n", _load_s(w, volts, pf)) for p, w in zip(PHASES, watts, strict=True)))


def delta(name: str, node: str, watts: float, volts: float, pf: float = 0.95) -> Shunt:
    """A balanced load between the lines. volts: line to line."""
    siemens = _load_s(watts / 3, volts, pf)
    return Shunt(name, node, (("l1", "l2", siemens), ("l2", "l3", siemens), ("l3", "l1", siemens)))


def _load_s(watts: float, volts: float, pf: float) -> complex:
    reactive = watts * (1 / pf**2 - 1) ** 0.5
    return complex(watts, -reactive) / volts**2


def capacitance(name: str, node: str, amps: float, volts: float) -> Shunt:
    """Cables to earth, by the current they would feed a dead earth fault with; volts: line to line."""
    siemens = 1j * amps / (3**0.5 * volts)
    return Shunt(name, node, tuple((phase, None, siemens) for phase in PHASES))


def coil(amps: float, volts: float) -> complex:
    """The impedance of a Petersen coil that takes so much at line-to-neutral voltage; volts: line to line."""
    return complex(0.02, 1.0) * volts / 3**0.5 / amps


def earth_fault(name: str, node: str, wire: str, ohm: float = 1.0) -> Shunt:
    return Shunt(name, node, ((wire, None, complex(1 / ohm)),), off=True)


def short(name: str, node: str, ohm: float = 0.05, wires: tuple[str, ...] = PHASES) -> Shunt:
    """Between wires, not to earth."""
    pairs = [(one, other) for i, one in enumerate(wires) for other in wires[i + 1 :]]
    return Shunt(name, node, tuple((one, other, complex(1 / ohm)) for one, other in pairs), off=True)
