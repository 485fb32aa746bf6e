"""What a simulated meter counts of its own voltages: sags, swells and interruptions per phase, lowest and highest since
the scenario began, and flags that stand while a voltage is out of its band and some seconds longer. From what its
voltages truly are, as a meter sees them that measures every half cycle: nothing is averaged, nothing depends on when it
is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from simulators.feeder import PHASES, Steps

# As power quality meters are delivered (IEC 61000-4-30 in style): 90, 110 and 5 % of nominal, hysteresis 2 %.
_SAG, _SWELL, _CUT, _BACK = 0.90, 1.10, 0.05, 0.02
# No document says how long: long enough that a person at the meter sees it.
_HOLD_S = 5.0
FLAGS = ("undervoltage_flag", "power_failure_flag", "overvoltage_flag")


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
    sag_s: float = -inf
    cut_s: float = -inf
    swell_s: float = -inf

    def put(self, pu: float, until_s: float) -> None:
        """The voltage has become this, and stays so."""
        self.low_pu, self.high_pu = min(self.low_pu, pu), max(self.high_pu, pu)
        was_sag, was_swell, was_cut = self.in_sag, self.in_swell, self.in_cut
        self.in_sag = pu < _SAG + _BACK * was_sag
        self.in_swell = pu > _SWELL - _BACK * was_swell
        self.in_cut = pu < _CUT + _BACK * was_cut
        self.sags += self.in_sag and not was_sag
        self.swells += self.in_swell and not was_swell
        self.cuts += self.in_cut and not was_cut
        self.sag_s = until_s if self.in_sag else self.sag_s
        self.cut_s = until_s if self.in_cut else self.cut_s
        self.swell_s = until_s if self.in_swell else self.swell_s


class OwnCounts:
    """Of one meter. undisturbed: its line-to-neutral volts without the steps, at an instant; wired: what its flags are
    about."""

    def __init__(
        self,
        steps: Steps,
        nominal_v: float,
        undisturbed: Callable[[float], Sequence[float]],
        wired: Sequence[str] = PHASES,
    ) -> None:
        self._steps = steps
        self._nominal_v = nominal_v
        self._undisturbed = undisturbed
        self._wired = wired
        self._begin()

    def _begin(self) -> None:
        self._until_s, self._phases = 0.0, tuple(_Phase() for _ in PHASES)

    def values(self, t_s: float) -> dict[str, float]:
        """By quantity id, as they stand at t_s. Instants that go back cost a new count."""
        if t_s < self._until_s:
            self._begin()
        for start_s, end_s, factors in self._steps.pieces(self._until_s, t_s):
            self._put(start_s, end_s, factors)
        self._put(t_s, t_s, self._steps.at(t_s))
        self._until_s = t_s
        mine = (phase for name, phase in zip(PHASES, self._phases, strict=True) if name in self._wired)
        lasts_s = [(phase.sag_s, phase.cut_s, phase.swell_s) for phase in mine]
        last_s = map(max, zip(*lasts_s, strict=True))
        values = {flag: float(t_s - at_s < _HOLD_S) for flag, at_s in zip(FLAGS, last_s, strict=True)}
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

    def _put(self, t_s: float, until_s: float, factors: Sequence[float]) -> None:
        volts = self._undisturbed(t_s)
        for phase, volt, factor in zip(self._phases, volts, factors, strict=True):
            phase.put(volt * factor / self._nominal_v, until_s)
