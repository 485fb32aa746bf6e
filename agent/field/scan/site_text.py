"""A site file with what was found: a new one, or lines and meters for the end of one that is there. Pure."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from agent.field.scan.found import Met
from agent.stanza import line_rows
from drivers.endpoints import LineConfig

_HEAD = """\
# Written by `lamplighter scan`. Names are yours to change; `lamplighter check` says what is wrong with it.
[site]
name = {name}
gateway = {gateway}
nominal_voltage = 230               # line to neutral: compare with the feeder's
state_dir = "state"                 # beside this file; a service uses /var/lib/lamplighter

# Where readings and events go: take away the signs of comment of what is there.
# [mqtt]
# url = "mqtt://127.0.0.1"
# [influxdb]
# url = "http://127.0.0.1:8086"
# bucket = "lamplighter"
"""


def new_site(name: str, gateway: str, found: Sequence[Met]) -> str:
    """name, gateway: whatever this machine calls itself; both become a level of topics."""
    head = _HEAD.format(name=json.dumps(_level(name)), gateway=json.dumps(_level(gateway)))
    return head + addition(found, {}, ())


def addition(found: Sequence[Met], lines: Mapping[str, LineConfig], taken: Collection[tuple[str, int]]) -> str:
    """What is not there yet. lines: of the file, by name; taken: its meters, by line and unit; no name comes twice:
    a meter is called after its line and its unit."""
    parts, known = [], dict(lines)
    for config in dict.fromkeys(met.line for met in found):
        name = next((each for each, there in known.items() if there == config), "")
        new = [met for met in found if met.line == config and (name, met.unit) not in taken]
        if not new:
            continue
        if not name:
            name = _free("line-{}", known)
            known[name] = config
            parts.append("\n".join([f"[lines.{name}]", *line_rows(config)]) + "\n")
        parts += [_meter(name, met) for met in new]
    return "".join(f"\n{part}" for part in parts)


def _level(name: str) -> str:
    return re.sub("[^A-Za-z0-9_-]+", "-", name).strip("-") or "site"


def _free(pattern: str, taken: Collection[str]) -> str:
    return next(name for number in range(1, len(taken) + 2) if (name := pattern.format(number)) not in taken)


def _meter(line: str, met: Met) -> str:
    rows = [f"[meters.{line}-unit-{met.unit}]", f'line = "{line}"', f"unit = {met.unit}"]
    candidate = met.candidate
    if candidate is None:
        others = ", ".join(each.model.id for each in met.verdict.candidates)
        others = others or met.verdict.trouble or "no map fits"
        return "\n".join(_commented([f"unit {met.unit} answers, but is not identified: {others}", *rows, 'model = ""']))
    rows.append(f"model = {json.dumps(candidate.model.id)}")
    if candidate.wiring and candidate.wiring != candidate.model.wiring:
        rows.append(f"wiring = {json.dumps(candidate.wiring)}             # as its voltages look now")
    return "\n".join([f"# {candidate.grade}: {'; '.join(candidate.evidence[:1])}", *rows, ""])


def _commented(rows: Iterable[str]) -> list[str]:
    return [*(f"# {row}" for row in rows), ""]
