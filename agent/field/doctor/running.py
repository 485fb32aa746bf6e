"""What a running agent knows of its silent meters, in doctor's words: its lines are its own, nobody else asks them.
Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.field.doctor import words
from agent.field.doctor.findings import Finding, found
from agent.field.doctor.opening import Around, of_opening
from agent.field.doctor.silence import unheard
from agent.site import Meter, Site


def told_by_agent(site: Site, name: str, told: Mapping[str, Any], around: Around) -> tuple[Finding, ...]:
    """told: of this line in the agent's status."""
    meters = [meter for meter in site.meters.values() if meter.line == name]
    silent = [meter for meter in meters if told["health"].get(meter.name) == "silent"]
    cause = _of_line(site, name, told, around, all_silent=bool(meters) and len(silent) == len(meters))
    findings = [] if cause is None else [cause]
    others = ", ".join(meter.name for meter in meters if meter not in silent) or "no other meter"
    for meter in silent:
        subject = f"meter {meter.name}"
        if cause is not None:
            findings.append(unheard(meter.name, meter.unit, cause))
        else:
            findings.append(found(words.METER_SILENT, subject, unit=meter.unit, others=others))
    findings += [
        _mute(meter, mute) for meter in meters if meter not in silent and (mute := told["mute"].get(meter.name))
    ]
    return tuple(findings)


def _mute(meter: Meter, what: Sequence[str]) -> Finding:
    detail = f"without an answer: {'; '.join(what)}"
    return found(words.WRONG_MODEL, f"meter {meter.name}", unit=meter.unit, model=meter.model.id, exception=detail)


def _of_line(site: Site, name: str, told: Mapping[str, Any], around: Around, *, all_silent: bool) -> Finding | None:
    subject, counters = f"line {name}", told["counters"]
    if told["error"]:
        return of_opening(name, site.lines[name], told["error"], around)
    if told["foreign_master"]:
        return found(words.OTHER_MASTER, subject, detail=told["foreign_master"])
    if not all_silent:
        return None
    if counters["garbled"] > counters["silent"]:
        counts = f"{counters['garbled']} damaged, {counters['silent']} without an answer"
        return found(words.LINE_DAMAGED, subject, counts=counts)
    meters = ", ".join(meter.name for meter in site.meters.values() if meter.line == name)
    return found(words.LINE_SILENT, subject, meters=meters)
