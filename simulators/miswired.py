"""A cabinet whose meter is wired as somebody left it: what its terminals get of the network, and what it makes of that.
Pure.

The network is three phasors of voltage and three of current. Wiring decides which of them reaches which terminal, with
which sign and ratio; the meter then does what meters do, P + jQ = U times the conjugate of I, element by element.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

from simulators.chance import spread
from simulators.feeder import PHASES, Feeder, Node, Triple

Phasors = tuple[complex, complex, complex]
Source = int | None  # index of the network phase that reaches a terminal; None: nothing does

_STEP = complex(-0.5, -sqrt(3.0) / 2.0)  # a third of a turn backwards: phases follow each other clockwise
_PAIRS = ((0, 1), (1, 2), (2, 0))
_NAMES = ("l1_l2", "l2_l3", "l3_l1")
# What a terminal that hangs in the air shows, of nominal: coupled in from its neighbours.
_COUPLED = 0.06
_NOISE = 0.0005
STRAIGHT: tuple[Source, Source, Source] = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Cabinet:
    """The network behind the terminals, primary.

    nominal_v: line to neutral; volts_pu: of each phase; amps, degrees: of each phase's load, by which its current lags
    (180: it feeds in); wiring: of the meter; seed: of the noise
    """

    nominal_v: float = 230.0
    amps: Triple = (40.0, 36.0, 44.0)
    degrees: Triple = (18.0, 22.0, 16.0)
    volts_pu: Triple = (1.0, 1.004, 0.997)
    frequency_hz: float = 50.0
    wiring: str = "3p4w"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Wiring:
    """What reaches the terminals. As it stands here, all is right.

    volts, amps:     network phase on each terminal
    volt_signs:      -1 where a voltage transformer stands on its head
    amp_signs:       -1 where a current transformer faces the wrong way
    neutral:         network phase on the terminal of the neutral, None for the neutral itself
    star_pu:         of nominal: how far an open neutral lets the star point drift
    volt_scale:      what a wrong ratio makes of voltages; power_scale: of powers alone; amp_scale: of currents
    total_of:        elements that the total counts
    counts:          of the energy that flows, how much the counter gets
    frozen:          the registers no longer change
    """

    volts: tuple[Source, Source, Source] = STRAIGHT
    amps: tuple[Source, Source, Source] = STRAIGHT
    volt_signs: Triple = (1.0, 1.0, 1.0)
    amp_signs: Triple = (1.0, 1.0, 1.0)
    neutral: Source = None
    star_pu: complex = 0j
    volt_scale: float = 1.0
    amp_scale: float = 1.0
    power_scale: float = 1.0
    total_of: tuple[int, ...] = (0, 1, 2)
    counts: float = 1.0
    frozen: bool = False


RIGHT = Wiring()


def values(cabinet: Cabinet, wiring: Wiring = RIGHT, t_s: float = 0.0) -> dict[str, float]:
    """What the meter shows at an instant, by quantity id, as for `Feeder.values`."""
    at_s = 0.0 if wiring.frozen else t_s
    volts, amps = _at_terminals(cabinet, wiring, at_s)
    if cabinet.wiring == "3p3w":
        shown = _two_elements(volts, amps, wiring)
    else:
        shown = _elements(volts, amps, wiring, single=cabinet.wiring == "1p2w")
    shown["frequency"] = cabinet.frequency_hz + spread(cabinet.seed, 0.01, "f", _tick(at_s))
    power_w = shown["active_power_total"] * wiring.counts
    flowed_wh = power_w * t_s / 3600.0
    shown["active_energy_import"] = 8_123_450.0 + max(0.0, flowed_wh)
    shown["active_energy_export"] = 61_230.0 + max(0.0, -flowed_wh)
    for way in ("import", "export"):
        counted_wh = shown[f"active_energy_{way}"]
        shown |= {f"active_energy_{way}_t1": 0.7 * counted_wh, f"active_energy_{way}_t2": 0.3 * counted_wh}
    shown["operating_hours"] = 0.0
    return shown


class MiswiredFeeder(Feeder):
    """The world of one meter in such a cabinet, for a simulated meter to be served from."""

    def __init__(self, name: str, cabinet: Cabinet, wiring: Wiring = RIGHT) -> None:
        super().__init__([Node(name, None, cabinet.nominal_v)], seed=cabinet.seed, frequency_hz=cabinet.frequency_hz)
        self._cabinet, self._wiring = cabinet, wiring

    def values(self, name: str, t_s: float, window_s: float = 0.0) -> dict[str, float]:
        return values(self._cabinet, self._wiring, t_s)


def _at_terminals(cabinet: Cabinet, wiring: Wiring, t_s: float) -> tuple[Phasors, Phasors]:
    net_u, net_i = _network(cabinet, t_s)
    zero = wiring.star_pu * cabinet.nominal_v + (0j if wiring.neutral is None else net_u[wiring.neutral])
    air = _COUPLED * cabinet.nominal_v
    # A terminal that gets phase -1 is on the neutral: the phase that belongs there went to the neutral's terminal.
    ends = [air if source is None else 0j if source < 0 else net_u[source] for source in wiring.volts]
    volts = [
        wiring.volt_scale * sign * (end - (0j if source is None else zero))
        for end, source, sign in zip(ends, wiring.volts, wiring.volt_signs, strict=True)
    ]
    amps = [
        wiring.amp_scale * sign * (0j if source is None else net_i[source])
        for source, sign in zip(wiring.amps, wiring.amp_signs, strict=True)
    ]
    return (volts[0], volts[1], volts[2]), (amps[0], amps[1], amps[2])


def _network(cabinet: Cabinet, t_s: float) -> tuple[Phasors, Phasors]:
    turn = (1 + 0j, _STEP, _STEP * _STEP)
    noise = [1.0 + spread(cabinet.seed, _NOISE, phase, _tick(t_s)) for phase in PHASES]
    volts = [cabinet.nominal_v * cabinet.volts_pu[k] * noise[k] * turn[k] for k in range(3)]
    amps = [cabinet.amps[k] * turn[k] * _lag(cabinet.degrees[k]) for k in range(3)]
    return (volts[0], volts[1], volts[2]), (amps[0], amps[1], amps[2])


def _lag(degrees: float) -> complex:
    angle: complex = complex(0.0, -pi * degrees / 180.0)
    power: complex = 2.718281828459045**angle
    return power


def _tick(t_s: float) -> int:
    return int(t_s / 0.2)


def _elements(volts: Phasors, amps: Phasors, wiring: Wiring, *, single: bool) -> dict[str, float]:
    powers = [wiring.power_scale * u * i.conjugate() for u, i in zip(volts, amps, strict=True)]
    if single:
        shown = {"voltage_l1": abs(volts[0]), "current_l1": abs(amps[0])}
        return shown | _power("l1", powers[0]) | _power("total", powers[0])
    shown = {f"voltage_{phase}": abs(u) for phase, u in zip(PHASES, volts, strict=True)}
    shown |= _line_voltages(volts) | _currents(amps)
    for phase, power in zip(PHASES, powers, strict=True):
        shown |= _power(phase, power)
    return shown | _power("total", sum((powers[k] for k in wiring.total_of), 0j))


def _two_elements(volts: Phasors, amps: Phasors, wiring: Wiring) -> dict[str, float]:
    """Two wattmeters, terminal 2 their common point; the current of phase 2 is what the other two leave."""
    one, _, three = amps
    power = (volts[0] - volts[1]) * one.conjugate() + (volts[2] - volts[1]) * three.conjugate()
    shown = _line_voltages(volts) | _currents((one, -one - three, three))
    return shown | _power("total", wiring.power_scale * power)


def _line_voltages(volts: Sequence[complex]) -> dict[str, float]:
    return {f"voltage_{name}": abs(volts[a] - volts[b]) for name, (a, b) in zip(_NAMES, _PAIRS, strict=True)}


def _currents(amps: Sequence[complex]) -> dict[str, float]:
    return {f"current_{phase}": abs(i) for phase, i in zip(PHASES, amps, strict=True)}


def _power(phase: str, power: complex) -> dict[str, float]:
    size = abs(power)
    factor = {f"power_factor_{phase}": power.real / size} if size else {}
    return {
        f"active_power_{phase}": power.real,
        f"reactive_power_{phase}": power.imag,
        f"apparent_power_{phase}": size,
    } | factor
