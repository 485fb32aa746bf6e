"""Profiles, and the rules one meter is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.records import Reference, VoltageBasis


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Fractions of the reference voltage. "In the style of" the named practice: no claim of conformity.

    interruption: below it on every wired channel there is no supply
    hysteresis:   how far past its threshold a voltage must come back before an event ends
    phase_loss:   below it for phase_loss_after_us, while another channel stays above phase_alive, a phase is lost
    limits, limits_ll: what 1-min means must stay within where the site file says nothing; ll on basis ``ll``
    """

    interruption: float
    # IEC 61000-4-30, typical settings: sag 90 %, swell 110 %, hysteresis 2 % (Hioki PQ3198 p204).
    sag: float = 0.90
    swell: float = 1.10
    hysteresis: float = 0.02
    # Our own kind: a standard would call it a sag on one phase of three.
    phase_loss: float = 0.60
    phase_alive: float = 0.80
    phase_loss_after_us: int = 5_000_000
    # EN 50160: Un +-10 %; IEEE 1159-2009 table 2: under- and overvoltage are what lasts beyond 0.9 and 1.1.
    limits: tuple[float, float] = (0.90, 1.10)
    limits_ll: tuple[float, float] = (0.90, 1.10)


PROFILES: Mapping[str, Thresholds] = MappingProxyType(
    {
        # EN 50160: u < 5 %.
        "iec": Thresholds(interruption=0.05),
        # GB/T 30137: below 0.1 pu.
        # GB/T 12325-2008: 220 V single-phase +7/-10 %, three-phase up to 20 kV +-7 %.
        "gb": Thresholds(interruption=0.10, limits=(0.90, 1.07), limits_ll=(0.93, 1.07)),
        # IEEE 1159-2009 table 2: < 0.1 pu (Rockwell 1426-UM001 p81).
        "ieee": Thresholds(interruption=0.10),
    }
)

# A resonance may double a voltage, a lost neutral brings up to 1.73 of it; ten times it is a broken register.
HIGHEST_PU = 10.0

# Float32 carries 2**-24 of its value: "exactly 90 %" must stay exactly 90 % after the wire and a multiplication.
_ROUNDING = 1e-7


@dataclass(frozen=True, slots=True)
class Levels:
    """The thresholds in volts. A voltage is beyond sag, loss and phase when below, beyond swell when above;
    it is back at or past the matching ``*_end``. A reading that equals its threshold is on the good side."""

    sag: float
    sag_end: float
    swell: float
    swell_end: float
    loss: float
    loss_end: float
    phase: float
    phase_end: float
    alive: float


def levels_of(thresholds: Thresholds, reference_v: float, declared_v: float | None = None) -> Levels:
    """Sag and swell against the reference; whether there is voltage at all against the declared one, where the two
    differ: a sliding reference that has sunk with the voltage must not hide a dead line."""
    base_v = reference_v if declared_v is None else declared_v

    def at_least(fraction: float, of_v: float) -> float:
        return (fraction - _ROUNDING) * of_v

    def at_most(fraction: float, of_v: float) -> float:
        return (fraction + _ROUNDING) * of_v

    back = thresholds.hysteresis
    return Levels(
        sag=at_least(thresholds.sag, reference_v),
        sag_end=at_least(thresholds.sag + back, reference_v),
        swell=at_most(thresholds.swell, reference_v),
        swell_end=at_most(thresholds.swell - back, reference_v),
        loss=at_least(thresholds.interruption, base_v),
        loss_end=at_least(thresholds.interruption + back, base_v),
        phase=at_least(thresholds.phase_loss, base_v),
        phase_end=at_least(thresholds.phase_loss + back, base_v),
        alive=at_most(thresholds.phase_alive, base_v),
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the voltages of one meter are judged by. ValueError if they cannot be judged at all.

    profile:     name of the thresholds, recorded in every event
    reference_v: what sags and swells are measured by, volts on the basis in use
    declared_v:  nominal voltage; None: the reference is the declared one
    channels:    the wired terminals, one to three, in the order of `Look.volts`
    phases:      the network phase on each terminal, in the same order
    window_us:   averaging window of the meter's RMS value
    age_us:      how old a register may be when it is read: the meter's refresh interval
    basis:       ``ln``, ``ll`` or ``le``
    limits:      low and high in volts that 1-min means must stay within; None: as the profile has them
    reference:   ``sliding``: reference_v follows the voltage (`agent.detect.sliding`)
    watch_us:    how often the site wants the voltages looked at; 0: as fast as the line goes, or not known
    limits_v:    the site's limits, else the profile's
    """

    profile: str
    thresholds: Thresholds
    reference_v: float
    channels: tuple[str, ...]
    phases: tuple[str, ...]
    window_us: int
    age_us: int
    basis: VoltageBasis
    limits: tuple[float, float] | None = None
    reference: Reference = "declared"
    declared_v: float | None = None
    watch_us: int = 0
    levels: Levels = field(init=False, repr=False, compare=False)
    limits_v: tuple[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= 3 or len(self.channels) != len(self.phases):
            raise ValueError(f"channels {self.channels}, phases {self.phases}: want 1 to 3, one phase for each")
        if not self.reference_v > 0 or self.window_us < 0 or self.age_us < 0:
            raise ValueError(
                f"reference {self.reference_v} V, window {self.window_us} us, age {self.age_us} us: "
                "want a positive reference, and no negative time"
            )
        object.__setattr__(self, "levels", levels_of(self.thresholds, self.reference_v, self.declared_v))
        low, high = self.thresholds.limits_ll if self.basis == "ll" else self.thresholds.limits
        usual_v = (low - _ROUNDING) * self.nominal_v, (high + _ROUNDING) * self.nominal_v
        object.__setattr__(self, "limits_v", usual_v if self.limits is None else self.limits)

    @property
    def nominal_v(self) -> float:
        return self.reference_v if self.declared_v is None else self.declared_v

    @property
    def reach_us(self) -> int:
        """How far before the request a reading reaches back: register age and averaging window."""
        return self.window_us + self.age_us
