"""What a simulated meter counts of its own voltages: sags, swells and interruptions per phase, lowest and highest since
the scenario began. From what its voltages truly are, as a meter sees them that measures every half cycle: nothing is
averaged, nothing depends on when it is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from simulators.feeder import PHASES, Steps

# As power quality meters are delivered (IEC 61000-4-30 in style): 90, 110 and 5 % of nominal, hysteresis 2 %.
_SAG, _SWELL, _CUT, _BACK = 0.90, 1.10, 0.05, 0.02


@dataclass(slots=True)
class _Phase:
    low_pu: float = inf
    high_pu: float = 0.0
    sags: int = 0
    swells: int = 0
    cuts: int = 0
    in_sag: bool = False
    in_swell: bool = False
    in_cut: bool = False

    def put(self, pu: float) -> None:
        """The voltage has become this."""
        self.low_pu, self.high_pu = min(self.low_pu, pu), max(self.high_pu, pu)
        was_sag, was_swell, was_cut = self.in_sag, self.in_swell, self.in_cut
        self.in_sag = pu < _SAG + _BACK * was_sag
        self.in_swell = pu > _SWELL - _BACK * was_swell
        self.in_cut = pu < _CUT + _BACK * was_cut
        self.sags += self.in_sag and not was_sag
        self.swells += self.in_swell and not was_swell
        self.cuts += self.in_cut and not was_cut


class OwnCounts:
    """Of one meter. undisturbed: its line-to-neutral volts without the steps, at an instant."""

    def __init__(self, steps: Steps, nominal_v: float, undisturbed: Callable[[float], Sequence[float]]) -> None:
        self._steps = steps
        self._nominal_v = nominal_v
        self._undisturbed = undisturbed
        self._begin()

    def _begin(self) -> None:
        self._until_s, self._phases = 0.0, tuple(_Phase() for _ in PHASES)

    def values(self, t_s: float) -> dict[str, float]:
        """By quantity id, as they stand at t_s. Instants that go back cost a new count."""
        if t_s < self._until_s:
            self._begin()
        for start_s, _, factors in self._steps.pieces(self._until_s, t_s):
            self._put(start_s, factors)
        self._put(t_s, self._steps.at(t_s))
        self._until_s = t_s
        values: dict[str, float] = {}
        for name, phase in zip(PHASES, self._phases, strict=True):
            values |= {
                f"sag_count_{name}": float(phase.sags),
                f"swell_count_{name}": float(phase.swells),
                f"overvoltage_count_{name}": float(phase.swells),
                f"interruption_count_{name}": float(phase.cuts),
                f"voltage_{name}_min": phase.low_pu * self._nominal_v,
                f"voltage_{name}_max": phase.high_pu * self._nominal_v,
            }
        return values

    def _put(self, t_s: float, factors: Sequence[float]) -> None:
        volts = self._undisturbed(t_s)
        for phase, volt, factor in zip(self._phases, volts, factors, strict=True):
            phase.put(volt * factor / self._nominal_v)
