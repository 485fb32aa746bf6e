"""What of the gateway itself keeps rows from being stored or sent: clock, state directory, disk, card, backlog."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.clock import boot_us, set_by_others_us
from agent.clock_discipline import BUILT_US, OVER_US
from agent.errors import StateHeldError
from agent.field.doctor import words
from agent.field.doctor.findings import Finding, found
from agent.journal.figures import backlog
from agent.journal.file import FILE_NAME
from agent.journal.hold import refuse_no_place
from agent.journal.view import view
from agent.probe_clock import look_at_clock
from agent.site import Site
from agent.status import card
from agent.status.socket import NotRunningError, ask
from agent.time_source import TimeSource

_MIB = 2**20
# Rows of a group of readings wait 10 s, and a sink that is restarted takes a minute or two.
_WAITS_H = 0.1


@dataclass(frozen=True, slots=True)
class Machine:
    """What is looked at; for tests another one."""

    source: TimeSource
    wall_us: Callable[[], int] = set_by_others_us
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    sysfs: Path = card.SYSFS


def this_machine() -> Machine:
    return Machine(TimeSource(boot_us=boot_us))


async def examine_clock(site: Site, machine: Machine) -> tuple[Finding, ...]:
    seen = await look_at_clock(site.clock, machine.source, machine.wall_us)
    if not seen.trouble:
        return ()
    if not BUILT_US <= machine.wall_us() <= OVER_US:
        return (found(words.CLOCK_WRONG, "clock", time=seen.time),)
    detail = seen.trouble.split(":")[0].split(";")[0]
    return (found(words.CLOCK_UNSYNCED, "clock", detail=detail, source=seen.source),)


def examine_disk(site: Site, machine: Machine, numbers: tuple[int, int] | None = None) -> tuple[Finding, ...]:
    """numbers: of the filesystem below the state directory, for tests."""
    try:
        refuse_no_place(site.state_dir)
    except OSError as error:
        return (found(words.STATE_DIR, "disk", detail=str(error)),)
    place = site.state_dir if site.state_dir.exists() else site.state_dir.parent
    return (*_room(site, place, machine.statvfs(place)), *_worn(place, machine.sysfs, numbers))


def _room(site: Site, place: Path, seen: os.statvfs_result) -> tuple[Finding, ...]:
    if seen.f_flag & os.ST_RDONLY:
        return (found(words.DISK_READ_ONLY, "disk", path=place),)
    free_mib = seen.f_bavail * seen.f_frsize / _MIB
    wanted_mib = site.journal.cap_mib - sum(file.stat().st_size for file in place.glob(f"{FILE_NAME}*")) / _MIB
    if free_mib < wanted_mib:
        return (found(words.DISK_FULL, "disk", path=place, free_mib=free_mib, wanted_mib=wanted_mib),)
    return ()


def _worn(place: Path, sysfs: Path, numbers: tuple[int, int] | None) -> tuple[Finding, ...]:
    device = card.device_beneath(place, sysfs, numbers)
    seen = None if device is None else card.look(device)
    if seen is None or not seen.trouble:
        return ()
    return (found(words.CARD_WORN, "disk", device=seen.device, detail=seen.trouble),)


def examine_backlog(site: Site, machine: Machine) -> tuple[Finding, ...]:
    """What the agent says of its journal, or the file where none runs."""
    try:
        told = _journal(site)
    except (FileNotFoundError, StateHeldError):
        return ()  # the agent has not run yet, or is just starting or stopping
    except OSError as error:
        return (found(words.JOURNAL_FAILS, "journal", detail=error.strerror or str(error)),)
    wanted = [name for name, table in (("mqtt", site.mqtt), ("influxdb", site.influxdb)) if table is not None]
    return tuple(each for name in wanted if name in told["sinks"] for each in _waiting(name, told, machine.wall_us()))


def _journal(site: Site) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = ask(site.state_dir, "journal")
    except NotRunningError:
        with view(site.state_dir) as kept:
            return asdict(kept.stats())
    if "sinks" not in told:
        raise OSError(told["error"])
    return told


def _waiting(name: str, told: Mapping[str, Any], now_us: int) -> Sequence[Finding]:
    sink = told["sinks"][name]
    hours = backlog(sink, told, now_us)["backlog_h"]
    findings = []
    if hours > _WAITS_H:
        findings.append(found(words.BACKLOG, name, rows=sink["rows"], hours=hours))
    if sink["dead_letters"]:
        findings.append(found(words.ROWS_REFUSED, name, count=sink["dead_letters"]))
    return findings
