"""What is wrong with the currents and powers a meter shows, and what cannot be judged with so little load. Pure."""

from collections.abc import Mapping, Sequence
from math import acos, atan2, degrees, hypot, sqrt

from agent.field.commission import words
from agent.field.commission.angles import Explained, Mistake, explain, turned_back
from agent.field.commission.observed import Finding, Fitted, cannot_tell, failed, named, terminals
from drivers.quantities import PHASES, VOLTAGES_LL

# 5 % of the 5 A that secondaries are rated for: where the errors of class 0.5 and 1 begin to be told (IEC 61869-2).
_LEAST_A = 0.25
# 120 % of the rated 5 A may flow for ever (IEC 61869-2); half as much again is no secondary circuit's load.
_MOST_A = 9.0
# Apparent power of U times I. Harmonics in the current alone take some away, nothing adds to it.
_FITS = (0.5, 1.12)
_SUM_FITS = 0.05
# Terminal 2 of two wattmeters gets what the others leave: the root of 3 of it where one of them is turned.
_ARON = (1.55, 1.9)
_ARON_SOUND = (-20.0, 60.0)
# Of the root of 3 times U times I: with the two currents changed over, two wattmeters show hardly any power.
_ARON_NOTHING = 0.3

Values = Mapping[str, float]


def currents_of(fitted: Fitted, values: Values) -> dict[str, float]:
    wired = fitted.terminals[:1] if fitted.wiring == "1p2w" else PHASES
    return {phase: values[f"current_{phase}"] for phase in wired if f"current_{phase}" in values}


def least_a(fitted: Fitted) -> float:
    """The current below which nothing is said of directions."""
    return _LEAST_A * fitted.ct


def ratios(fitted: Fitted, values: Values) -> list[Finding]:
    """Of currents and powers."""
    amps = currents_of(fitted, values)
    highest = max(amps.values(), default=0.0)
    if fitted.ct > 1.0 and highest / fitted.ct > _MOST_A:
        return [failed(words.CT_TWICE, amps=told(amps), secondary=highest / fitted.ct)]
    found = {phase: pair for phase in _loaded(fitted, amps) if (pair := _apparent(values, phase)) is not None}
    wrong = [phase for phase, (s_va, ui_va) in found.items() if not _FITS[0] <= s_va / ui_va <= _FITS[1]]
    if not wrong or fitted.wiring == "3p3w":
        return []
    s_va, ui_va = (sum(found[phase][which] for phase in wrong) / 1000.0 for which in (0, 1))
    return [failed(words.POWER_DISAGREES, kva=s_va, ui=ui_va, phases=named(wrong))]


def directions(fitted: Fitted, values: Values) -> list[Finding]:
    """Whose current meets whose voltage, and which way round."""
    if fitted.wiring == "3p4w":
        return _by_element(fitted, values)
    return _as_a_whole(fitted, values)


def loads(fitted: Fitted, values: Values) -> list[Finding]:
    """What carries too little to be judged."""
    amps = currents_of(fitted, values)
    least = least_a(fitted)
    light = [phase for phase, amp in amps.items() if amp < least]
    without = [phase for phase in light if amps[phase] < 0.1 * least]
    rest = [phase for phase in amps if phase not in light]
    if without and rest:
        missing = cannot_tell(words.CURRENT_MISSING, phases=named(without), others=named(rest), amps=told(amps))
        light = [phase for phase in light if phase not in without]
        return [missing, *([_light(light, least, amps)] if light else [])]
    return [_light(light, least, amps)] if light else []


def sums(fitted: Fitted, values: Values) -> list[Finding]:
    """The total against the sum of the phases."""
    parts = [values.get(f"active_power_{phase}") for phase in PHASES]
    total = values.get("active_power_total")
    known = [part for part in parts if part is not None]
    if fitted.wiring != "3p4w" or total is None or len(known) != 3:
        return []
    amps = currents_of(fitted, values)
    flowing = sum(values.get(f"voltage_{phase}", 0.0) * amp for phase, amp in amps.items())
    if not _loaded(fitted, amps) or abs(total - sum(known)) <= _SUM_FITS * flowing:
        return []
    return [failed(words.SUM_DIFFERS, total=total / 1000.0, sum=sum(known) / 1000.0)]


def told(amps: Values) -> str:
    return ", ".join(f"{phase} {amp:.3g} A" for phase, amp in amps.items())


def _light(phases: Sequence[str], least: float, amps: Values) -> Finding:
    return cannot_tell(words.LIGHT_LOAD, phases=named([*phases]), least=least, amps=told(amps))


def _loaded(fitted: Fitted, amps: Values) -> list[str]:
    return [phase for phase, amp in amps.items() if amp >= least_a(fitted)]


def _apparent(values: Values, phase: str) -> tuple[float, float] | None:
    """As told, and U times I; None where the meter does not tell all three."""
    s_va = _told_power(values, phase)
    ui_va = values.get(f"voltage_{phase}", 0.0) * values.get(f"current_{phase}", 0.0)
    return None if s_va is None or ui_va <= 0.0 else (s_va, ui_va)


def _told_power(values: Values, phase: str) -> float | None:
    """VA, as told or from what is."""
    active, reactive = values.get(f"active_power_{phase}"), values.get(f"reactive_power_{phase}")
    s_va = hypot(active, reactive) if active is not None and reactive is not None else None
    return values.get(f"apparent_power_{phase}", s_va)


def angle_of(values: Values, phase: str) -> tuple[float, ...]:
    """By which the current lags; both ways where only its cosine is known; nothing where not even that."""
    active, reactive = values.get(f"active_power_{phase}"), values.get(f"reactive_power_{phase}")
    if active is not None and reactive is not None:
        return (degrees(atan2(reactive, active)),)
    ui_va = values.get(f"voltage_{phase}", 0.0) * values.get(f"current_{phase}", 0.0)
    s_va = values.get(f"apparent_power_{phase}", ui_va)
    if active is None or s_va <= 0.0:
        return ()
    angle = degrees(acos(max(-1.0, min(1.0, active / s_va))))
    return (angle, -angle)


def _by_element(fitted: Fitted, values: Values) -> list[Finding]:
    seen = {phase: angle_of(values, phase) for phase in _loaded(fitted, currents_of(fitted, values))}
    mute = [phase for phase, angles in seen.items() if not angles]
    angles = {PHASES.index(phase): each for phase, each in seen.items() if each}
    found = _explained(fitted, explain(angles, feeds_in=fitted.feeds_in), seen)
    return found + ([cannot_tell(words.NO_ANGLES, phases=named(mute))] if mute else [])


def _explained(fitted: Fitted, explained: Explained, seen: Mapping[str, tuple[float, ...]]) -> list[Finding]:
    shown = _angles_told(seen)
    guesses = [_guess(mistake) for mistake in explained.mistakes]
    if explained.state == "sound":
        return []
    if explained.state == "backwards":
        back = [phase for phase, each in seen.items() if each and abs(each[0]) > 90.0] or [*seen]
        guess = guesses[0] if guesses else "currents are on the wrong terminals"
        return [cannot_tell(words.POWER_BACKWARDS, phases=named(back), angles=shown, guess=guess)]
    if explained.state == "wrong":
        return [_mistaken(fitted, explained.mistakes[0], shown)]
    places = terminals(fitted, [*seen])
    why = "; or ".join(guesses) or "no common mistake"
    return [failed(words.ANGLES_STRANGE, angles=shown, guesses=why, terminals=places)]


def _mistaken(fitted: Fitted, mistake: Mistake, shown: str) -> Finding:
    turned = [PHASES[element] for element in mistake.reversed_at]
    moved = [PHASES[element] for element in mistake.moved]
    if mistake.kind == "straight":
        places = terminals(fitted, turned)
        return failed(words.CT_REVERSED, phases=named(turned), angles=shown, terminals=places)
    code = {
        "cts_swapped": words.CTS_SWAPPED, "voltages_swapped": words.VOLTAGES_SWAPPED, "cts_shifted": words.CTS_SHIFTED,
    }[mistake.kind]  # fmt: skip
    also = f", and on the terminals of {named(turned)} they face the wrong way" if turned else ""
    order = ", ".join(PHASES[each] for each in mistake.order)
    places = terminals(fitted, moved)
    return failed(code, phases=named(moved), angles=shown, terminals=places, also=also, order=order)


def _guess(mistake: Mistake) -> str:
    turned, moved = (named([PHASES[each] for each in which]) for which in (mistake.reversed_at, mistake.moved))
    words_of = {
        "straight": "",
        "cts_swapped": f"the current transformers of {moved} are changed over",
        "voltages_swapped": f"the voltages of {moved} are changed over",
        "cts_shifted": "each current transformer is on the next phase's terminal",
    }
    parts = [words_of[mistake.kind], f"that of {turned} faces the wrong way" if mistake.reversed_at else ""]
    if mistake.kind == "straight":
        return f"the current transformer of {turned} faces the wrong way"
    return ", and ".join(filter(None, parts))


def _angles_told(seen: Mapping[str, tuple[float, ...]]) -> str:
    return "current behind voltage by " + ", ".join(
        f"{phase} {'±' * (len(each) > 1)}{each[0]:.0f}°" for phase, each in seen.items() if each
    )


def _as_a_whole(fitted: Fitted, values: Values) -> list[Finding]:
    """From one angle: of a two-wire meter's phase, or of what two wattmeters have together."""
    amps = currents_of(fitted, values)
    if not amps or min(amps.values()) < least_a(fitted):
        return []
    phases = [*amps]
    seen = angle_of(values, "total") or (angle_of(values, phases[0]) if len(phases) == 1 else ())
    if not seen:
        return [cannot_tell(words.NO_ANGLES, phases=named(phases))]
    shown = _angles_told({"all together" if len(phases) > 1 else phases[0]: seen})
    if fitted.wiring == "3p3w" and _one_of_two_turned(fitted, amps, seen):
        outer = [fitted.terminals[0], fitted.terminals[2]]
        places = terminals(fitted, outer)
        return [failed(words.CT_REVERSED, phases=" or ".join(outer), angles=f"{told(amps)}, {shown}", terminals=places)]
    if fitted.wiring == "3p3w" and _two_swapped(values, amps):
        return [_swapped_of_two(fitted, f"{told(amps)}, but hardly any power")]
    state = turned_back(seen, feeds_in=fitted.feeds_in, three_phase=len(phases) > 1)
    places = terminals(fitted, phases)
    if state == "wrong":
        return [failed(words.CT_REVERSED, phases=named(phases), angles=shown, terminals=places)]
    if state == "backwards":
        guess = "the current transformers face the wrong way"
        return [cannot_tell(words.POWER_BACKWARDS, phases=named(phases), angles=shown, guess=guess)]
    if state == "strange":
        guess = "currents and voltages of different phases"
        return [failed(words.ANGLES_STRANGE, angles=shown, guesses=guess, terminals=places)]
    return []


def _one_of_two_turned(fitted: Fitted, amps: Values, seen: tuple[float, ...]) -> bool:
    one, two, three = (amps.get(phase, 0.0) for phase in fitted.terminals)
    outer = (one + three) / 2.0
    even = outer > 0.0 and abs(one - three) < 0.2 * outer
    off = all(not _ARON_SOUND[0] <= angle <= _ARON_SOUND[1] for angle in seen)
    return even and off and _ARON[0] <= two / outer <= _ARON[1]


def _two_swapped(values: Values, amps: Values) -> bool:
    pairs = [values[name] for name in VOLTAGES_LL if name in values]
    power = _told_power(values, "total")
    if power is None or len(pairs) != 3 or max(amps.values()) > 1.2 * min(amps.values()):
        return False
    full_va = sqrt(3.0) * sum(pairs) / 3.0 * sum(amps.values()) / 3.0
    return power < _ARON_NOTHING * full_va


def _swapped_of_two(fitted: Fitted, shown: str) -> Finding:
    outer = [fitted.terminals[0], fitted.terminals[2]]
    places = terminals(fitted, outer)
    return failed(words.CTS_SWAPPED, phases=named(outer), angles=shown, terminals=places, also="")
