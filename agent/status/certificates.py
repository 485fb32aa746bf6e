"""Which certificates the sinks live by, and how long each is valid: ours, our CA's, the server's as it was seen last.

A certificate that has run out is a sink that is shut, on a day that was known for years.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.clock import rfc3339
from agent.publish.certificate import Validity, certificates_in, validity_of
from agent.records import DAY_US

Role = Literal["client certificate", "CA", "server certificate"]
# Facts of the design, 4.3: alarms 30, 7 and 1 days ahead.
_AHEAD_DAYS = (1, 7, 30)
_LOOK_US = 3_600_000_000
_TODO: Mapping[Role, str] = {
    "client certificate": "renew it; the new file is taken with the next connection",
    "CA": "put its successor into the same file, beside it",
    "server certificate": "its operator has to renew it",
}


@dataclass(frozen=True, slots=True)
class Files:
    """What a sink's table names."""

    ca: Path | None
    cert: Path | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One certificate as it stands. file: None for the server's; validity: None where it was not seen, or is none"""

    sink: str
    role: Role
    file: Path | None
    validity: Validity | None

    @property
    def place(self) -> str:
        return f"{self.sink} {self.role}"


def days_left(standing: Standing, now_us: int) -> float | None:
    """None where it was not seen yet, or its file is none."""
    return None if standing.validity is None else round((standing.validity.until_us - now_us) / DAY_US, 1)


def warning(standing: Standing, now_us: int) -> str | None:
    """Why somebody has to act; empty while nobody has, None where nothing is known. It changes with each step nearer to
    the end, not with each day."""
    if standing.validity is None:
        return None  # of a file that is none, whoever connects says so
    which = "it" if standing.file is None else str(standing.file)
    until_us, todo = standing.validity.until_us, _TODO[standing.role]
    until, left_us = rfc3339(until_us)[:16] + "Z", until_us - now_us
    if left_us < 0:
        return f"{which} has expired, at {until}; {todo}, or set this gateway's clock right"
    # One that is made for days is renewed by a machine, when half of them are over or later.
    half_us = (until_us - standing.validity.from_us) // 2
    for days in _AHEAD_DAYS:
        if left_us < days * DAY_US <= half_us:
            return f"{which} expires at {until}, in less than {days} {'day' if days == 1 else 'days'}; {todo}"
    return ""


class Certificates:
    """files: of each sink that uses TLS. `seen` may be called in any thread, all else in one."""

    def __init__(self, files: Mapping[str, Files]) -> None:
        self._files = dict(files)
        self._servers: dict[str, bytes] = {}
        self._looked: tuple[int, dict[str, bytes]] | None = None
        self.standings: tuple[Standing, ...] = ()

    def seen(self, sink: str) -> Callable[[bytes], None]:
        """Takes the certificate that this sink's server shows."""

        def take(der: bytes) -> None:
            self._servers[sink] = der

        return take

    def look(self, boot_us: int) -> tuple[Standing, ...]:
        """Read anew once an hour, and where a server has another certificate."""
        servers = dict(self._servers)
        if self._looked is None or boot_us - self._looked[0] >= _LOOK_US or servers != self._looked[1]:
            self._looked = boot_us, servers
            self.standings = tuple(self._read(servers))
        return self.standings

    def _read(self, servers: Mapping[str, bytes]) -> list[Standing]:
        found = []
        for sink, files in self._files.items():
            if files.cert is not None:
                # The first is ours, those behind it lead to a CA: RFC 8446, 4.4.2.
                found.append(Standing(sink, "client certificate", files.cert, _last(_in_file(files.cert)[:1])))
            if files.ca is not None:
                # Of several the last: the old one stays in the file until nobody needs it.
                found.append(Standing(sink, "CA", files.ca, _last(_in_file(files.ca))))
            found.append(Standing(sink, "server certificate", None, _last([servers.get(sink, b"")])))
        return found


def _in_file(file: Path) -> list[bytes]:
    try:
        return certificates_in(file.read_text(encoding="ascii", errors="replace"))
    except (OSError, ValueError):
        return []


def _last(certificates: list[bytes]) -> Validity | None:
    known = [validity for validity in map(_validity, certificates) if validity is not None]
    return max(known, default=None, key=lambda validity: validity.until_us)


def _validity(der: bytes) -> Validity | None:
    try:
        return validity_of(der)
    except ValueError:
        return None
