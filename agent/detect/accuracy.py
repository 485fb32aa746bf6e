"""How far a voltage may be off, in percent of the declared one: meter and voltage transformer together. Pure."""

from dataclasses import dataclass

# Of a meter whose documents say nothing: four times what class 0.5 meters have.
UNKNOWN_METER_PCT = 2.0
# IEC 61869-3: class 3 is the last one for measuring.
UNKNOWN_VT_PCT = 3.0

_METER_WORDS = f"the meter's accuracy is not known: verdicts reckon with {UNKNOWN_METER_PCT:g} %"
_VT_WORDS = f"the voltage transformer's class is not known: verdicts reckon with {UNKNOWN_VT_PCT:g} %"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """meter_pct: None where no document says it; vt_pct: 0 without a transformer, None where its class is not known."""

    meter_pct: float | None = None
    vt_pct: float | None = 0.0

    @property
    def known_pct(self) -> float | None:
        return None if self.meter_pct is None or self.vt_pct is None else self.meter_pct + self.vt_pct

    @property
    def reckoned_pct(self) -> float:
        """What verdicts rest on: a number in any case."""
        meter_pct = UNKNOWN_METER_PCT if self.meter_pct is None else self.meter_pct
        return meter_pct + (UNKNOWN_VT_PCT if self.vt_pct is None else self.vt_pct)

    @property
    def words(self) -> tuple[str, ...]:
        """What had to be assumed."""
        return (_METER_WORDS,) * (self.meter_pct is None) + (_VT_WORDS,) * (self.vt_pct is None)
