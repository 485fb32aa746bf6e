"""Who disciplines the wall clock, and what is it worth? chronyd, systemd-timesyncd or the kernel, in this order.

Nothing here holds up the loop: chrony is asked by a child with a deadline, from a task of its own; `state` only reads
what is known. A kernel that says "unsynchronised" is no source: where nobody disciplines it, it says so for ever.
"""

import asyncio
import ctypes
import logging
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.records import ClockState

log = logging.getLogger("lamplighter.clock")

TIMESYNC = Path("/run/systemd/timesync")
CHRONY = Path("/run/chrony")
CHRONYC = ("chronyc", "-c", "-n", "tracking")
ASK_EVERY_S = 10.0
_ANSWER_S = 3.0
# At the start polling must not wait.
_FIRST_ANSWER_S = 1.0
# What chrony said longer ago says nothing.
_STALE_US = 60_000_000
# chrony.texi, "tracking" in CSV: reference, name, stratum, time, system, last offset, RMS, frequency, residual, skew,
# root delay, root dispersion, interval, leap status.
_SYSTEM, _LAST_OFFSET, _DELAY, _DISPERSION, _LEAP, _FIELDS = 4, 5, 10, 11, 13, 14
# linux/timex.h
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5

_NONE = ClockState(None, None)


def chrony_state(text: str) -> ClockState:
    """What `chronyc -c tracking` printed. ValueError: it is something else."""
    fields = text.strip().split(",")
    if len(fields) != _FIELDS:
        raise ValueError(f"chronyc: found {len(fields)} fields, allowed: {_FIELDS}")
    if fields[_LEAP] == "Not synchronised":
        return ClockState(False, None)
    system_s, last_s, delay_s, dispersion_s = (float(fields[n]) for n in (_SYSTEM, _LAST_OFFSET, _DELAY, _DISPERSION))
    # What is still to be slewed counts, too: at a start that may be seconds.
    return ClockState(True, dispersion_s + delay_s / 2 + max(abs(last_s), abs(system_s)))


def timesync_state(directory: Path) -> ClockState:
    """By timesyncd's flag files."""
    if not directory.is_dir():
        return _NONE
    synced = (directory / "synchronized").exists()
    # timesyncd leaves its flag once it has set the clock: better than 1 s is all it promises without asking it.
    return ClockState(synced, 1.0 if synced else None)


class _Timex(ctypes.Structure):
    """linux/timex.h as far as it is read here, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_long * 32),
    )  # fmt: skip


def kernel_state() -> ClockState:
    """By adjtimex, where the sandbox allows a look; nothing where the kernel says that nobody disciplines it."""
    timex = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return _NONE
    if not 0 <= answer < _TIME_ERROR or timex.status & _STA_UNSYNC:
        return _NONE
    return ClockState(True, timex.maxerror / 1e6)


async def run_chronyc(command: Sequence[str], answer_s: float) -> str | None:
    """What it printed; None where it cannot be started, fails or does not answer in time."""
    try:
        child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except OSError:
        return None
    try:
        async with asyncio.timeout(answer_s):
            out, _ = await child.communicate()
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return out.decode(errors="replace") if child.returncode == 0 else None


class TimeSource:
    """`state` for the clock, once a second; `watch` is the child that asks chrony."""

    def __init__(
        self, *, timesync: Path = TIMESYNC, chrony: Path = CHRONY, command: Sequence[str] = CHRONYC,
        kernel: Callable[[], ClockState] = kernel_state, boot_us: Callable[[], int],
        run: Callable[[Sequence[str], float], Awaitable[str | None]] = run_chronyc,
    ) -> None:  # fmt: skip
        self._timesync = timesync
        self._chrony = chrony
        self._command = command
        self._kernel = kernel
        self._boot_us = boot_us
        self._run = run
        self._told = _NONE
        self._told_us: int | None = None
        self._failing = False
        self.name = ""

    def state(self) -> ClockState:
        for name, told in (("chrony", self._by_chrony()), ("timesyncd", timesync_state(self._timesync))):
            if told.synced is not None:
                self.name = name
                return told
        told = self._kernel()
        self.name = "" if told.synced is None else "adjtimex"
        return told

    def _by_chrony(self) -> ClockState:
        if not self.is_there():
            return _NONE
        if self._told_us is None or self._boot_us() - self._told_us > _STALE_US:
            return ClockState(False, None) if self._told_us is not None else _NONE
        return self._told

    def is_there(self) -> bool:
        """Whether chronyd keeps its things here (a tmpfs, so in this boot), and can be asked."""
        if not self._chrony.is_dir():
            return False
        from shutil import which  # with two compressors, 0.4 MB

        return which(self._command[0]) is not None

    async def ask(self, answer_s: float = _FIRST_ANSWER_S) -> None:
        """Ask chrony once."""
        text = await self._run(self._command, answer_s) if self.is_there() else None
        try:
            told = None if text is None else chrony_state(text)
        except ValueError as error:
            log.warning("clock.source_unreadable source=chrony error=%s", error)
            told = None
        if told is not None:
            self._told, self._told_us = told, self._boot_us()
        failing = told is None and self.is_there()
        if failing != self._failing:
            log.log(logging.WARNING if failing else logging.INFO, "clock.source_asked source=chrony ok=%s", not failing)
        self._failing = failing

    async def watch(self) -> None:
        while True:
            await self.ask(_ANSWER_S)
            await asyncio.sleep(ASK_EVERY_S)
