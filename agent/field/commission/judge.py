"""One meter's verdict: what is wrong first, what follows from it last. Pure."""

from collections.abc import Sequence
from typing import Literal

from agent.field.commission import currents, moving, voltages, words
from agent.field.commission.observed import Finding, Fitted, Seen, cannot_tell, failed

# "open": nothing is wrong, but not all could be judged.
Outcome = Literal["pass", "fail", "open"]
_NET_HZ = 1.0


def judge(fitted: Fitted, seen: Seen) -> tuple[Finding, ...]:
    """Findings, the first one the cause where one causes others."""
    volts = voltages.volts_of(fitted, seen.values)
    if not volts.phases and not volts.pairs:
        return (failed(words.NO_ANSWER, why=seen.trouble or "it tells no voltages"),)
    shape = voltages.shape_of(fitted, volts)
    found = [shape] if shape is not None else _of_sound_voltages(fitted, seen, volts)
    if shape is None or shape.code != words.NO_VOLTAGE:
        found += moving.renewal(fitted, seen)
    if seen.trouble:
        found.append(cannot_tell(words.PARTLY, why=seen.trouble))
    return tuple(sorted(found, key=lambda finding: finding.verdict != "fail"))


def outcome_of(findings: Sequence[Finding]) -> Outcome:
    if any(finding.verdict == "fail" for finding in findings):
        return "fail"
    return "open" if findings else "pass"


def _of_sound_voltages(fitted: Fitted, seen: Seen, volts: voltages.Volts) -> list[Finding]:
    values = seen.values
    level = voltages.level_of(fitted, volts)
    found = [level] if level is not None else []
    found += currents.ratios(fitted, values)
    found += currents.directions(fitted, values)
    found += currents.sums(fitted, values)
    found += moving.counting(fitted, seen)
    found += currents.loads(fitted, values)
    return found + _frequency(fitted, values.get("frequency"))


def _frequency(fitted: Fitted, found_hz: float | None) -> list[Finding]:
    if found_hz is None or found_hz <= 0.0 or abs(found_hz - fitted.frequency_hz) <= _NET_HZ:
        return []
    near = 60 if abs(found_hz - 60.0) < abs(found_hz - 50.0) else 50
    return [failed(words.FREQUENCY, found=found_hz, declared=fitted.frequency_hz, near=near)]
