"""What ten minutes of voltage, unbalance and distortion are held against, by profile. Pure.

In the style of the named standards; none of them was open in full text.
"""

from dataclasses import dataclass

from agent.report.voltage.ten_minutes import Rule

# IEC 60038: low voltage is up to 1000 V between lines.
LOW_VOLTAGE_V = 1000.0
# A nominal voltage belongs to a level of GB/T 14549 if it is as near to it as this.
_NEAR = 0.2
# GB/T 14549-93: voltage THD at 0.38 kV (read), 6 and 10 kV, 35 and 66 kV, 110 kV (general knowledge). V, %
_GB_THD = ((380.0, 5.0), (6e3, 4.0), (10e3, 4.0), (35e3, 3.0), (66e3, 3.0), (110e3, 2.0))


@dataclass(frozen=True, slots=True)
class TenMinuteRules:
    """Rules in V, and in % of u2 and of THD; none where the profile has none for this voltage."""

    volts: tuple[Rule, ...] = ()
    unbalance: tuple[Rule, ...] = ()
    thd: tuple[Rule, ...] = ()


NO_RULES = TenMinuteRules()


def rules_for(profile: str, nominal_v: float, line_v: float) -> TenMinuteRules:
    """nominal_v: on the basis that is judged; line_v: between lines."""
    return TenMinuteRules(_volts(nominal_v, line_v), _unbalance(profile), _thd(profile, line_v))


def _volts(nominal_v: float, line_v: float) -> tuple[Rule, ...]:
    """Under every profile: what other countries' inspectors ask for, too."""
    if line_v > LOW_VOLTAGE_V:
        return ()
    # EN 50160:2010, low voltage: 95 % of the 10-min means of a week within +-10 %, all within +10/-15 % (general).
    return (
        Rule(0.95, 1.10 * nominal_v, "EN 50160", 0.90 * nominal_v, weekly=True),
        Rule(1.0, 1.10 * nominal_v, "EN 50160", 0.85 * nominal_v, weekly=True),
    )


def _unbalance(profile: str) -> tuple[Rule, ...]:
    match profile:
        case "iec":
            # EN 50160:2010: 95 % of the 10-min means of a week up to 2 % (general).
            return (Rule(0.95, 2.0, "EN 50160", weekly=True),)
        case "gb":
            # GB/T 15543-2008: 95 % up to 2 %, short-term 4 % (read).
            return (Rule(0.95, 2.0, "GB/T 15543"), Rule(1.0, 4.0, "GB/T 15543"))
    return ()


def _thd(profile: str, line_v: float) -> tuple[Rule, ...]:
    match profile:
        case "iec" if line_v <= LOW_VOLTAGE_V:
            # EN 50160:2010: 95 % of the 10-min means of a week up to 8 % (general).
            return (Rule(0.95, 8.0, "EN 50160", weekly=True),)
        case "gb":
            found = [limit for at_v, limit in _GB_THD if abs(line_v / at_v - 1) <= _NEAR]
            return (Rule(0.95, found[0], "GB/T 14549"),) if found else ()
    return ()
