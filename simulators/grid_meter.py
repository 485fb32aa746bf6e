"""What a meter at some place of a phasor network reads: RMS values by quantity id, through its voltage and current
transformers. Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import hypot

from simulators.grid import Solved
from simulators.grid_elements import PHASES

# What is left on a channel whose voltage transformer has lost a fuse: coupled in from the other two.
BLOWN_PU = 0.05
_PAIRS = (("l1", "l2"), ("l2", "l3"), ("l3", "l1"))
_QUIET_A = 1e-3


@dataclass(frozen=True, slots=True)
class Place:
    """voltage_node: where its voltage is taken; elements: whose current it measures; terminals: the network phase that
    is really on each terminal; names: the one the site says there is; to_earth: it measures against earth"""

    voltage_node: str
    elements: tuple[str, ...]
    terminals: tuple[str, ...] = PHASES
    names: tuple[str, ...] = PHASES
    to_earth: bool = False


def read(solved: Solved, place: Place, blown: Collection[str] = ()) -> dict[str, float]:
    """Values under the names that the site gives the phases. blown: network phases whose fuse of the VT is gone."""
    volts = (solved.to_earth if place.to_earth else solved.to_neutral)(place.voltage_node)
    by_phase = dict(zip(PHASES, volts, strict=True))
    u = {
        name: by_phase[phase] * (BLOWN_PU if phase in blown else 1.0)
        for name, phase in zip(place.names, place.terminals, strict=True)
    }
    i = {
        name: sum((solved.amps[each].get(phase, 0j) for each in place.elements if each in solved.amps), 0j)
        for name, phase in zip(place.names, place.terminals, strict=True)
    }
    values = {f"voltage_{name}": abs(volt) for name, volt in u.items()}
    values |= {f"voltage_{one}_{two}": abs(u[one] - u[two]) for one, two in _PAIRS}
    values["voltage_residual"] = abs(sum(u.values()))
    values |= {f"current_{name}": _heard(abs(amp)) for name, amp in i.items()}
    values["current_n"] = _heard(abs(sum(i.values())))
    power = {name: u[name] * i[name].conjugate() for name in u}
    power["total"] = sum(power.values(), 0j)
    for name, both in power.items():
        values[f"active_power_{name}"] = both.real
        values[f"reactive_power_{name}"] = both.imag
        values[f"apparent_power_{name}"] = hypot(both.real, both.imag)
    return values


def _heard(amps: float) -> float:
    return amps if amps > _QUIET_A else 0.0
