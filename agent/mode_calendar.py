"""The calendar file: when which meters are under test or in maintenance. Pure but for reading the file.

    [[mode]]
    meters = ["tx1-incomer"]            # and, or instead: nodes = ["tx-17"], for all meters below them
    mode = "maintenance"                # or "test"
    from = "2026-11-23T08:00"           # in the site's time zone, unless it says another: ...Z, ...+08:00
    until = "2026-11-23T18:00"
    reason = "new current transformers"

Of a time that comes twice in autumn the first is meant; one that is left out in spring is an hour later.

Everything that is wrong with it is said at once, as with the site file. While the agent runs the file is looked at once
a minute: one that changed is read again; a broken one is said once, and what was read before still counts.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from agent.errors import Finding, SiteError
from agent.modes import Planned
from agent.records import Mode
from agent.sitefile.values import as_toml
from drivers.toml_text import read_toml

if TYPE_CHECKING:
    from agent.site import Site

log = logging.getLogger("lamplighter.modes")

_LOOK_EVERY_US = 60_000_000
INSTANT_ALLOWED = 'a time as "2026-11-23T18:00" (of the site\'s time zone) or "2026-11-23T10:00Z"'
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = ("meters", "nodes", "mode", "from", "until", "reason")
_MODES = tuple(mode for mode in get_args(Mode) if mode != "normal")


def instant_us(told: object, time_zone: str) -> int:
    """A time as people write it -> UTC microseconds. ValueError if it is none."""
    moment = datetime.fromisoformat(told.strip()) if isinstance(told, str) and len(told.strip()) > 10 else told
    if not isinstance(moment, datetime):
        raise ValueError(told)  # a date alone does not say from when either
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    return (moment - _EPOCH) // timedelta(microseconds=1)


def load_calendar(
    path: Path | None, time_zone: str, meters: Collection[str], below: Callable[[str], Collection[str] | None]
) -> tuple[Planned, ...]:
    """The entries of the file in their order; none without a file. SiteError with every finding.

    below: a node's name -> the meters at it and below it, None where there is no such node
    """
    if path is None:
        return ()
    try:
        body = read_toml(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        wrong = Finding("the file itself", reason, "a calendar that can be read", "check site.calendar and its rights")
        raise SiteError(str(path), (wrong,)) from None
    except ValueError as error:
        wrong = Finding("the file itself", f"no TOML: {error}", "[[mode]] tables", "correct that line")
        raise SiteError(str(path), (wrong,)) from None
    return _Reader(time_zone, frozenset(meters), below).read(body, str(path))


def calendar_of(site: "Site") -> tuple[Planned, ...]:
    """The calendar of a site; nothing where it has none. SiteError with every finding."""
    nodes, below = site.network.nodes, site.network.meters_below
    return load_calendar(
        site.calendar, site.time_zone, site.meters, lambda node: below(node) if node in nodes else None
    )


class CalendarFile:
    """The calendar of a site that has one, while the agent runs. now_us: of the boot clock."""

    def __init__(self, site: "Site", now_us: int) -> None:
        """SiteError with every finding."""
        self._site, self._looked_us = site, now_us
        self._stamp = self._stamped()
        self.entries = calendar_of(site)

    def changed(self, now_us: int) -> bool:
        """Whether `entries` are others now."""
        if now_us - self._looked_us < _LOOK_EVERY_US:
            return False
        self._looked_us, before = now_us, self._stamp
        self._stamp = self._stamped()
        return self._stamp != before and self._read()

    def _stamped(self) -> tuple[int, int, int] | None:
        """What another file there, or another text in it, has otherwise; None where it cannot be looked at."""
        try:
            told = self._site.calendar.stat() if self._site.calendar else None
        except OSError:
            return None
        return (told.st_mtime_ns, told.st_size, told.st_ino) if told else None

    def _read(self) -> bool:
        try:
            self.entries = calendar_of(self._site)
        except SiteError as error:
            wrong = "; ".join(map(str, error.findings))
            log.warning("calendar.wrong file=%s what was read before still counts. %s", self._site.calendar, wrong)
            return False
        log.info("calendar.read file=%s entries=%d", self._site.calendar, len(self.entries))
        return True


class _Reader:
    def __init__(self, time_zone: str, meters: frozenset[str], below: Callable[[str], Collection[str] | None]) -> None:
        self._time_zone = time_zone
        self._meters = meters
        self._below = below
        self._findings: list[Finding] = []

    def read(self, body: dict[str, Any], file: str) -> tuple[Planned, ...]:
        tables = body.pop("mode", [])
        for key in body:
            self._wrong(key, "a key of that name", "[[mode]] tables", "take it out")
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._wrong("mode", as_toml(tables), "[[mode]] tables", "write [[mode]] in double brackets")
            tables = []
        entries = [self._entry(f"mode[{number}]", table) for number, table in enumerate(tables, 1)]
        if self._findings:
            raise SiteError(file, tuple(self._findings))
        return tuple(entry for entry in entries if entry is not None)

    def _entry(self, where: str, table: dict[str, Any]) -> Planned | None:
        before = len(self._findings)
        for key in table.keys() - set(_KEYS):
            self._wrong(f"{where}.{key}", "a key of that name", ", ".join(_KEYS), "correct it or take it out")
        meters = (*self._named(where, table, "meters"), *self._named(where, table, "nodes"))
        if not {"meters", "nodes"} & table.keys():
            self._wrong(f"{where}.meters", "nothing", "meters = [..] or nodes = [..]", "say whom it concerns")
        mode, reason = table.get("mode"), table.get("reason", "")
        if mode not in _MODES:
            self._wrong(f"{where}.mode", as_toml(mode), " or ".join(_MODES), "name one of these")
        if not isinstance(reason, str):
            self._wrong(f"{where}.reason", as_toml(reason), "a text in quotation marks", "put it in quotation marks")
        from_us, until_us = self._instant(where, table, "from"), self._instant(where, table, "until")
        if from_us is not None and until_us is not None and until_us <= from_us:
            self._wrong(f"{where}.until", as_toml(table["until"]), "a time after `from`", "correct one of them")
        if len(self._findings) > before or from_us is None or until_us is None or mode is None:
            return None
        return Planned(tuple(dict.fromkeys(meters)), mode, from_us, until_us, reason)

    def _named(self, where: str, table: dict[str, Any], key: str) -> Iterator[str]:
        names = table.get(key, [])
        if not isinstance(names, list) or (key in table and not names):
            self._wrong(f"{where}.{key}", as_toml(names), "a list of names", "write it as [..]")
            return
        for name in names:
            found = self._meter(name) if key == "meters" else self._below(name) if isinstance(name, str) else None
            if found is None:
                allowed = f"names of {key} in the site file"
                self._wrong(f"{where}.{key}", as_toml(name), allowed, "correct it, or add it to the site file")
            yield from found or ()

    def _meter(self, name: object) -> tuple[str, ...] | None:
        return (name,) if isinstance(name, str) and name in self._meters else None

    def _instant(self, where: str, table: dict[str, Any], key: str) -> int | None:
        told = table.get(key)
        try:
            return instant_us(told, self._time_zone)
        except ValueError:
            found = "nothing" if told is None else as_toml(told)
            self._wrong(f"{where}.{key}", found, INSTANT_ALLOWED, "write date and time")
            return None

    def _wrong(self, where: str, found: str, allowed: str, todo: str) -> None:
        self._findings.append(Finding(where, found, allowed, todo))
