"""Evidence in words, from the numbers of a change. A person reads them; no program should."""

from agent.detect.changes import Change
from agent.detect.slow import UNBALANCE_PCT
from agent.detect.thresholds import Rules

_AT_START = "already there at the first reading: the true start is earlier and not known"


def evidence(change: Change, rules: Rules) -> tuple[str, ...]:
    """What the detector said, then what the numbers say."""
    side = () if change.side is None else (change.side.reason,)
    energy = () if change.sag_energy_s is None else (_energy(change.sag_energy_s),)
    at_start = (_AT_START,) if change.open_at_start else ()
    unseen = (f"not observed for {change.unseen_us / 1e6:.4g} s",) if change.unseen_us else ()
    return change.evidence + _measured(change, rules) + side + energy + at_start + unseen


def _measured(change: Change, rules: Rules) -> tuple[str, ...]:
    at, of, declared = rules.thresholds, change.reference_v or rules.reference_v, rules.nominal_v
    sliding = " (sliding)" if rules.reference == "sliding" else ""
    match change.kind:
        case "sag":
            return _each(change, rules, "down to", f"below {at.sag:.0%} of {of:g} V{sliding}")
        case "swell":
            return _each(change, rules, "up to", f"above {at.swell:.0%} of {of:g} V{sliding}")
        case "phase_loss":
            lost = f"below {at.phase_loss:.0%} of {declared:g} V for {at.phase_loss_after_us / 1e6:g} s"
            return _each(change, rules, "down to", f"{lost} while another stayed above {at.phase_alive:.0%}")
        case "supply_loss":
            return _each(change, rules, "down to", f"all below {at.interruption:.0%} of {declared:g} V")
        case "undervoltage":
            return _each(change, rules, "down to", f"1-min means below {rules.limits_v[0]:.5g} V")
        case "overvoltage":
            return _each(change, rules, "up to", f"1-min means above {rules.limits_v[1]:.5g} V")
        case "unbalance":
            return _unbalance(change)
        case _:
            return ()


def _each(change: Change, rules: Rules, moved: str, beyond: str) -> tuple[str, ...]:
    # By network phase, as the readings are: `channels` names the terminals.
    volts = [(rules.phases[i], change.extremes[i]) for i in change.crossed]
    seen = ", ".join(f"{phase} {moved} {value:.1f} V" for phase, value in volts if value is not None)
    return (f"{seen}: {beyond}",)


def _unbalance(change: Change) -> tuple[str, ...]:
    figure = change.figure
    if figure is None:
        return ()
    beyond = f"{figure.percent:.2f} % on a 1-min mean: above {UNBALANCE_PCT[figure.name]:g} %"
    if figure.name == "phase_magnitude":
        return (f"phase magnitude unbalance {beyond} (no u2: the line-line voltages are not known)",)
    nema = "" if figure.nema is None else f"; NEMA {figure.nema:.2f} %"
    return (f"u2 {beyond} (IEC, from line-line voltages){nema}",)


def _energy(energy_s: float) -> str:
    return f"missing energy {energy_s:.4g} s on the phase that misses most: every refresh of the register was read"
