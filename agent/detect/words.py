"""Evidence in words, from the numbers of a change. A person reads them; no program should."""

from agent.detect.changes import Change
from agent.detect.thresholds import Rules

_AT_START = "already there at the first reading: the true start is earlier and not known"


def evidence(change: Change, rules: Rules) -> tuple[str, ...]:
    """What the detector said, then what the numbers say."""
    at_start = (_AT_START,) if change.open_at_start else ()
    return change.evidence + _measured(change, rules) + at_start


def _measured(change: Change, rules: Rules) -> tuple[str, ...]:
    at, of = rules.thresholds, rules.reference_v
    match change.kind:
        case "sag":
            return _each(change, rules, "down to", f"below {at.sag:.0%} of {of:g} V")
        case "swell":
            return _each(change, rules, "up to", f"above {at.swell:.0%} of {of:g} V")
        case "phase_loss":
            lost = f"below {at.phase_loss:.0%} of {of:g} V for {at.phase_loss_after_us / 1e6:g} s"
            return _each(change, rules, "down to", f"{lost} while another stayed above {at.phase_alive:.0%}")
        case "supply_loss":
            return _each(change, rules, "down to", f"all below {at.interruption:.0%} of {of:g} V")
        case _:
            return ()


def _each(change: Change, rules: Rules, moved: str, beyond: str) -> tuple[str, ...]:
    # By network phase, as the readings are: `channels` names the terminals.
    volts = [(rules.phases[i], change.extremes[i]) for i in change.crossed]
    seen = ", ".join(f"{phase} {moved} {value:.1f} V" for phase, value in volts if value is not None)
    return (f"{seen}: {beyond}",)
