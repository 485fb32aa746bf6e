"""One meter's detector, fed in pu and seconds of virtual time, and what it said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from looks import U, rules, s

from agent.detect.changes import Change
from agent.detect.meter import MeterDetector
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look

Pu = Sequence[float | None]


@dataclass
class Judged:
    """A detector that is asked every `period_s`; wall minutes begin where boot minutes do.

    unheard: kinds that are left out of `changes`
    """

    by: Rules = field(default_factory=rules)
    period_s: float = 0.2
    floor_a: float = 0.1
    reference_v: float = U
    unheard: tuple[str, ...] = ("rapid_change",)
    changes: list[Change] = field(default_factory=list)
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.detector = MeterDetector(self.by, self.floor_a)

    def look(self, pu: Pu, amps: Sequence[float] = (), *, questionable: bool = False) -> list[Change]:
        volts = tuple(None if one is None else one * self.reference_v for one in pu)
        at_us = s(self.at_s)
        one = Look(at_us, at_us + 20_000, volts, questionable, (*amps, None, None, None)[:3])
        said = [change for change in self.detector.look(one, one.received_boot_us) if change.kind not in self.unheard]
        self.changes += said
        self.at_s += self.period_s
        return said

    def hold(self, for_s: float, *pu: float | None, amps: Sequence[float] = ()) -> list[Change]:
        """The same voltages for so long."""
        return self.follow(for_s, lambda _: pu, amps)

    def follow(self, for_s: float, pu: Callable[[float], Pu], amps: Sequence[float] = ()) -> list[Change]:
        """Voltages as a function of the seconds since now."""
        start_s, said = self.at_s, []
        while self.at_s < start_s + for_s - 1e-9:
            said += self.look(pu(self.at_s - start_s), amps)
        return said

    def told(self) -> list[tuple[str, str]]:
        return [(change.action, change.kind) for change in self.changes]
