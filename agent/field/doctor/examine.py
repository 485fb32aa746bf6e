"""All of one look: what a running agent knows, or the lines asked by ourselves; broker, database and gateway."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.field.doctor.findings import Finding, chained
from agent.field.doctor.gateway import Machine, examine_backlog, examine_clock, examine_disk, this_machine
from agent.field.doctor.lines import around, examine_lines
from agent.field.doctor.running import told_by_agent
from agent.field.doctor.sinks import examine_sinks
from agent.site import Site
from agent.status.socket import NotRunningError, ask


@dataclass(frozen=True, slots=True)
class Examined:
    """beside: whether a running agent was asked, and the lines left to it."""

    beside: bool
    findings: tuple[Finding, ...]


async def examine(site: Site, machine: Machine | None = None) -> Examined:
    """Everything of this site. machine: the one this runs on, if it is not said."""
    machine = machine or this_machine()
    status = await asyncio.to_thread(status_of, site)
    clock, lines, sinks = await asyncio.gather(
        examine_clock(site, machine),
        _lines(site, status, tuple(site.lines)),
        examine_sinks(site, machine.wall_us()),
    )
    rest = (*examine_disk(site, machine), *await asyncio.to_thread(examine_backlog, site, machine))
    return Examined(status is not None, chained((*clock, *lines, *sinks, *rest)))


def status_of(site: Site) -> Mapping[str, Any] | None:
    """What the agent says of itself; None where none runs."""
    try:
        told: Mapping[str, Any] = ask(site.state_dir, "status")
    except NotRunningError:
        return None
    return told


async def _lines(site: Site, status: Mapping[str, Any] | None, names: Sequence[str]) -> tuple[Finding, ...]:
    if status is None:
        return await examine_lines(site, names)
    parts = [told_by_agent(site, name, status["lines"][name], around(site.lines[name])) for name in names]
    return tuple(finding for part in parts for finding in part)
