"""Whether the gateway has its own supply: a sysfs power supply, or a UPS behind NUT. Both are only asked, never told.

Who asks gets True (it is lost), False (it is there) or None (nobody can tell now, and `trouble` says why).
"""

import asyncio
from pathlib import Path
from typing import Protocol

from agent.site import MainsSite

# A daemon that does not answer within that has nothing to say that helps.
_ANSWER_S = 2.0
# upsd says DATA-STALE where its driver has said nothing for so long (MAXAGE in upsd.conf): a status is no older.
_NUT_AGE_US = 15_000_000
# NUT developer guide, ups.status: OL on line, OB on battery.
_ON_LINE, _ON_BATTERY = "OL", "OB"
_ERRORS = {
    "UNKNOWN-UPS": "upsd knows no UPS of that name; correct mains.nut",
    "DATA-STALE": "upsd has no current data from the UPS; check its cable and its driver",
    "DRIVER-NOT-CONNECTED": "upsd's driver does not run; start it",
    "ACCESS-DENIED": "upsd does not answer this gateway; correct its access rules",
    "VAR-NOT-SUPPORTED": "this UPS does not say whether it is on battery",
}


class Mains(Protocol):
    """age_us: how old what it says may be; trouble: why it cannot tell, empty while it can; words: its source's own."""

    age_us: int
    trouble: str
    words: str

    async def lost(self) -> bool | None: ...

    async def close(self) -> None: ...


def mains_of(site: MainsSite) -> "Mains":
    """Who tells, as the site file has it."""
    if site.nut is not None:
        return NutMains(*site.nut)
    assert site.sysfs is not None  # noqa: S101 - a rule demands one of them
    return SysfsMains(site.sysfs)


class SysfsMains:
    """A directory of /sys/class/power_supply with `online` in it: 1 or 0 (Linux, sysfs-class-power; 2 is a
    programmable supply, and there)."""

    age_us = 0

    def __init__(self, directory: Path) -> None:
        self._file = directory / "online"
        self.trouble = ""
        self.words = ""

    async def lost(self) -> bool | None:
        try:
            # In a thread: some drivers ask a chip behind a slow bus.
            self.words = (await asyncio.to_thread(self._file.read_text)).strip()
        except (OSError, UnicodeDecodeError) as error:
            self.trouble = f"{self._file}: {getattr(error, 'strerror', None) or error}"
            return None
        known = self.words in ("0", "1", "2")
        self.trouble = "" if known else f"{self._file}: found {self.words!r}; allowed: 0, 1 or 2"
        return self.words == "0" if known else None

    async def close(self) -> None:
        """Nothing stays open."""


class NutMains:
    """One UPS of a NUT daemon, by its text protocol (RFC 9271). One connection, opened anew after any trouble."""

    age_us = _NUT_AGE_US

    def __init__(self, ups: str, host: str, port: int, *, answer_s: float = _ANSWER_S) -> None:
        self._ups = ups
        self._place = (host, port)
        self._answer_s = answer_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.trouble = ""
        self.words = ""

    async def lost(self) -> bool | None:
        try:
            async with asyncio.timeout(self._answer_s):
                line = await self._asked(f"GET VAR {self._ups} ups.status")
        except (OSError, TimeoutError, ValueError) as error:
            await self.close()
            host, port = self._place
            why = f"no answer within {self._answer_s:g} s" if isinstance(error, TimeoutError) else str(error)
            self.trouble = f"upsd at {host}:{port}: {why or type(error).__name__}"
            return None
        return self._understood(line)

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _asked(self, question: str) -> str:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place, limit=1024)
        reader, writer = self._streams
        writer.write(question.encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("it hung up")
        return line.decode("ascii", "replace").strip()

    def _understood(self, line: str) -> bool | None:
        head = f'VAR {self._ups} ups.status "'
        if not line.startswith(head) or not line.endswith('"'):
            word = line.removeprefix("ERR ")
            self.trouble = f"upsd says {line!r}: {_ERRORS.get(word, 'no answer to what was asked')}"
            return None
        self.words = line[len(head) : -1]
        flags = self.words.split()
        known = _ON_BATTERY in flags or _ON_LINE in flags
        self.trouble = "" if known else f"upsd says {self.words!r}: neither {_ON_LINE} nor {_ON_BATTERY}"
        return _ON_BATTERY in flags if known else None
