"""Looks how everything stands and gives it to the journal, for the database: each minute, meters also when they change.

One task for meters, which no slow card holds up, and one for the rest, which asks the journal's file.
"""

import asyncio
import logging
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Never

from agent import VERSION
from agent.journal.entries import JournalStats
from agent.records import Health, MeterStatus
from agent.replaced import replaced
from agent.status import health
from agent.status.certificates import Standing, days_left
from agent.status.descriptors import OPEN, limit

if TYPE_CHECKING:
    from agent.app import App

log = logging.getLogger("lamplighter.health")

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Half a millisecond of work, then whoever waits for a meter's answer is let in.
_SLICE = 25
# By then lines are open, sinks connected, and there are figures of two looks at each line.
_SETTLED_S = 6.0


def watches(app: "App") -> dict[str, Callable[[], Awaitable[None]]]:
    """What a run does for it, by the names of its tasks. Nobody but a database has a use for it: without one it would
    wear the card for nothing."""
    if app.site.influxdb is None:
        return {}
    since = health.Since()
    meters = MeterWatch(app, since)
    return {"health:meters": meters.run, "health": GatewayWatch(app, since, meters.lag).run}


class MeterWatch:
    """Of one run."""

    def __init__(self, app: "App", since: health.Since) -> None:
        self._app = app
        self._since = since
        self._lag = health.Lag()
        self._minutes = health.EachMinute(_phase_us(app))
        self._told: dict[str, MeterStatus] = {}

    @property
    def lag(self) -> health.Lag:
        return self._lag

    async def run(self) -> Never:
        now_s = asyncio.get_running_loop().time
        while True:
            due_s = now_s() + 1.0
            await self.look()
            await asyncio.sleep(max(0.0, due_s - now_s()))
            self._lag.late(max(0.0, now_s() - due_s))

    async def look(self) -> None:
        """Once a second."""
        board = self._app.board
        whole = self._minutes.due(self._app.clock.wall_us())
        if whole or board.altered.is_set():
            board.altered.clear()
            await self._tell(board.each(), whole=whole)

    async def _tell(self, statuses: Iterable[MeterStatus], *, whole: bool) -> None:
        # One instant for all: it is told once in a chunk, and a look takes milliseconds.
        now_us, paces = self._app.clock.wall_us(), _watch_hz(self._app) if whole else {}
        for number, status in enumerate(statuses, start=1):
            essence = replaced(status, last_good_us=None)
            if whole or self._told.get(status.meter) != essence:
                self._told[status.meter] = essence
                more = self._more(status.meter, paces) if whole else {}
                self._app.journal.add_reading(health.meter_health(status, now_us, more))
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    def _more(self, meter: str, paces: dict[str, float]) -> health.Numbers:
        poller = self._app.pollers[self._app.site.meters[meter].line]
        refresh_us = poller.refresh_us(meter)
        return {
            "watch_hz": paces.get(meter),
            "refresh_s": None if refresh_us is None else refresh_us / 1e6,
            "mute": len(poller.mute(meter)),
            **self._since.of(f"meter:{meter}", {"missed_ticks": poller.missed_ticks(meter)}),
        }


class GatewayWatch:
    """Of one run. lag: of the event loop, as another task sees it"""

    def __init__(self, app: "App", since: health.Since, lag: health.Lag) -> None:
        self._app = app
        self._since = since
        self._lag = lag
        self._minutes = health.EachMinute(_phase_us(app))
        self._began_us = self._looked_us = app.clock.boot_us()
        self._offset_us = app.clock.offset_us
        self._cpu_s = time.process_time()

    async def run(self) -> Never:
        await asyncio.sleep(_SETTLED_S)
        while True:
            if self._minutes.due(self._app.clock.wall_us()):
                await self.look()
            await asyncio.sleep(1.0)

    async def look(self) -> None:
        app = self._app
        for name in app.lines:
            app.journal.add_reading(self._line(name))
        stats = await self._stats()
        for name in app.sinks:
            app.journal.add_reading(self._sink(name, stats))
        app.journal.add_reading(self._gateway(stats))

    async def _stats(self) -> JournalStats | None:
        try:
            return await self._app.journal.stats()
        except OSError as error:
            log.warning("health.journal_not_read error=%s", error)
            return None

    def _line(self, name: str) -> Health:
        app = self._app
        line, poller = app.lines[name], app.pollers[name]
        meters = [meter.name for meter in app.site.meters.values() if meter.line == name]
        states = [poller.health(meter).state for meter in meters]
        numbers: health.Numbers = {
            "line_up": health.truth(line.state == "open"),
            "foreign_master": health.truth(bool(line.foreign_master)),
            "units": len(meters),
            "units_silent": states.count("silent"),
            "units_doubtful": states.count("doubtful"),
            "units_mute": sum(bool(poller.mute(meter)) for meter in meters),
        }
        pace = health.pace_numbers(poller.recent.figures(), meters)
        missed = sum(map(poller.missed_ticks, meters))
        counts = health.line_numbers(line.counters, missed, self._since, name)
        texts = {"line_state": line.state, "line_error": line.error}
        return Health("line", name, app.clock.wall_us(), health.known(numbers, pace, counts), texts)

    def _sink(self, name: str, stats: JournalStats | None) -> Health:
        app, now_us = self._app, self._app.clock.wall_us()
        progress, blocked = app.sinks[name], app.blocked[name]()
        of_file = stats.sinks.get(name) if stats is not None else None
        backlog = health.backlog_numbers(of_file, stats, now_us) if stats is not None and of_file is not None else {}
        valid = {
            f"{one.role.replace(' ', '_').lower()}_days_left": left for one, left in self._valid() if one.sink == name
        }
        numbers = health.known(health.sink_numbers(progress, blocked, self._since, name), backlog, valid)
        return Health("sink", name, now_us, numbers, {"sink_error": progress.error, "sink_blocked": blocked or ""})

    def _gateway(self, stats: JournalStats | None) -> Health:
        app, now_us = self._app, self._app.clock.wall_us()
        standing = [kind for kind, alarm in app.alarms.items() if alarm.standing]
        card = app.upkeep.card()
        mains = app.gateway.mains.lost_since is not None if app.gateway.source is not None else None
        numbers = health.known(
            self._process(),
            self._clock(),
            {} if stats is None else health.journal_numbers(stats, self._since, now_us),
            health.network_numbers(app.board.statuses(), len(app.desk.incidents), len(standing)),
            {
                "supply_lost": health.truth(mains),
                "certificate_days_left": min((left for _, left in self._valid()), default=None),
            },
            {} if card is None else health.card_numbers(*card),
        )
        texts = {
            "version": VERSION, "session": app.journal.epoch, "alarms": ",".join(standing),
            "clock_source": app.clock.source_name, "journal_error": app.journal.error,
            "card_device": "" if card is None else card[0].device,
        }  # fmt: skip
        return Health("gateway", "", now_us, numbers, texts)

    def _valid(self) -> Iterator[tuple[Standing, float]]:
        """Certificates and the days that are left of each. What a clock that is not set says of a day is nothing."""
        for one in () if self._app.clock.guess else self._app.upkeep.certificates:
            left = days_left(one, self._app.clock.wall_us())
            if left is not None:
                yield one, left

    def _process(self) -> health.Numbers:
        app, now_us, cpu_s = self._app, self._app.clock.boot_us(), time.process_time()
        passed_s, used_s = (now_us - self._looked_us) / 1e6, cpu_s - self._cpu_s
        self._looked_us, self._cpu_s = now_us, cpu_s
        still = {"stalled_s": app.stalls.total_us / 1e6, "suspended_s": app.clock.suspended_us / 1e6}
        return {
            "uptime_s": round((now_us - self._began_us) / 1e6, 1),
            "machine_uptime_s": round(now_us / 1e6, 1),
            "rss_bytes": _rss_bytes(),
            "cpu_share": round(used_s / passed_s, 4) if passed_s else None,
            **self._lag.told(),
            **self._since.of("gateway", still),
            "descriptors": _descriptors(),
            "descriptors_max": limit(),
            "state_free_bytes": _free_bytes(app.site.state_dir),
        }

    def _clock(self) -> health.Numbers:
        clock = self._app.clock
        moved_us, self._offset_us = clock.offset_us - self._offset_us, clock.offset_us
        return {
            "clock_synced": health.truth(clock.state.synced),
            "clock_uncertainty_s": clock.state.uncertainty_s,
            "clock_moved_s": moved_us / 1e6,
            "clock_guess": health.truth(clock.guess),
            "clock_waits": health.truth(bool(self._app.times.waits())),
        }


def _phase_us(app: "App") -> int:
    # Not hash(): that one differs from process to process.
    return health.phase_us(zlib.crc32(f"{app.site.name}/{app.site.gateway}".encode()))


def _watch_hz(app: "App") -> dict[str, float]:
    """By meter, over the last minute."""
    figures = [poller.recent.figures() for poller in app.pollers.values()]
    return {meter: round(hz, 3) for one in figures if one is not None for meter, hz in one.watch_hz.items()}


def _rss_bytes() -> float | None:
    try:
        # proc_pid_statm(5): the second number is the resident set, in pages.
        return int(_STATM.read_text("ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _descriptors() -> float | None:
    try:
        return len(os.listdir(OPEN))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return None


def _free_bytes(directory: Path) -> float | None:
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
