"""Does the database have what it acknowledged? Once an hour it is asked how many rows of the hour before it holds.

There are servers that say 204 and look at the lines later (InfluxDB Cloud): what they reject then, no answer tells.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Never

from agent.clock import rfc3339
from agent.journal.entries import Entry
from agent.publish.forwarder import ACCEPT, Send, Verdict
from agent.publish.influx_rules import Answer, meaning
from agent.records import HOUR_US, Reading

log = logging.getLogger(__name__)

# By then the last rows of the hour have been sent, and what is looked at later has been looked at.
PATIENCE_US = 600_000_000
_EVERY_S = 60.0
# Of older hours that nobody answered for nothing is asked any more; a backlog may bring rows of any.
_HOURS_KEPT = 3
# Hours that lacked rows are asked of again with each hour that ends: so many of them, the newest.
_MOST_LACKING = 24
_BLOCK = 4096


class Rows:
    """Which readings were acknowledged, by the hour they belong to. What is sent twice counts once: one bit a row."""

    def __init__(self) -> None:
        self._hours: dict[int, dict[int, int]] = {}

    def add(self, time_us: int, seq: int) -> None:
        blocks = self._hours.setdefault(time_us // HOUR_US, {})
        blocks[seq // _BLOCK] = blocks.get(seq // _BLOCK, 0) | 1 << seq % _BLOCK

    def count(self, hour: int) -> int:
        return sum(block.bit_count() for block in self._hours.get(hour, {}).values())

    def forget_before(self, hour: int, but: Collection[int] = ()) -> None:
        self._hours = {known: blocks for known, blocks in self._hours.items() if known >= hour or known in but}


class ReadBack:
    """Stands before a sink's `send` and counts what it accepts. site, gateway: the tags of our rows; wall_us: UTC.

    missing: why somebody has to look there, until each hour that lacked rows was seen whole; empty where all is there,
    None where nobody knows. trouble: why not
    """

    def __init__(
        self, send: Send, ask: Callable[[str], Awaitable[Answer]], site: str, gateway: str, wall_us: Callable[[], int]
    ) -> None:
        self._send = send
        self._ask = ask
        self._where = f"\"site\" = '{site}' AND \"gateway\" = '{gateway}'"
        self._wall_us = wall_us
        self._rows = Rows()
        self._newest: int | None = None
        self._due: list[int] = []
        self._lacking: dict[int, str] = {}
        self.missing: str | None = None
        self.trouble = ""

    async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
        verdicts = await self._send(entries)
        for entry, verdict in zip(entries, verdicts, strict=False):
            if verdict == ACCEPT and isinstance(entry.record, Reading):
                self._rows.add(entry.record.time_us, entry.seq)
        return verdicts

    async def run(self) -> Never:
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Asks of each hour, some minutes after its end, until it has an answer."""
        hour = (self._wall_us() - PATIENCE_US) // HOUR_US - 1
        if hour != self._newest:
            self._newest = hour
            self._another(hour)
        for due in tuple(self._due):
            sent = self._rows.count(due)
            if sent and not await self._compare(due, sent):
                return
            self._due.remove(due)

    def _another(self, hour: int) -> None:
        """One more hour is due, before those without an answer, and those that lacked rows: these may have come."""
        if len(self._lacking) > _MOST_LACKING:
            oldest = min(self._lacking)
            log.warning("influxdb.read_back_given_up hour=%s: %s", _named(oldest), self._lacking.pop(oldest))
        late = [due for due in self._due if due not in self._lacking and due <= hour - _HOURS_KEPT]
        for old in late:
            log.warning("influxdb.read_back_given_up hour=%s: no answer in %d h", _named(old), _HOURS_KEPT)
        self._due = sorted({hour, *self._due, *self._lacking} - {*late}, reverse=True)
        self._rows.forget_before(hour + 1 - _HOURS_KEPT, but=self._lacking)

    async def _compare(self, hour: int, sent: int) -> bool:
        """False: there was no answer."""
        span = f"time >= {hour * HOUR_US * 1000} AND time < {(hour + 1) * HOUR_US * 1000}"
        # A field that every reading has. Names are letters, digits, - and _: the site loader admits no others.
        answer = await self._ask(f'SELECT count("window_s") FROM "reading" WHERE {self._where} AND {span}')  # noqa: S608
        try:
            there = counted(answer)
        except ValueError as error:
            self._unknown(str(error))
            return False
        self.trouble = ""
        self._judge(hour, sent, there)
        self.missing = self._words()
        log.info("influxdb.read_back hour=%s sent=%d there=%d", _named(hour), sent, there)
        return True

    def _judge(self, hour: int, sent: int, there: int) -> None:
        self._lacking.pop(hour, None)
        if there < sent:
            begin, end = (rfc3339(one * HOUR_US)[:16] for one in (hour, hour + 1))
            words = f"of {sent} readings from {begin}Z to {end}Z that it acknowledged {sent - there} are not there"
            self._lacking[hour] = words

    def _words(self) -> str:
        """Of the newest hour that lacks rows, and how many others do."""
        if not self._lacking:
            return ""
        others = len(self._lacking) - 1
        more = f"; nor are all of {others} other hour{'s' * (others > 1)}" if others else ""
        return f"{self._lacking[max(self._lacking)]}{more}; ask its operator what it rejects, and why"

    def _unknown(self, why: str) -> None:
        if why != self.trouble:
            log.warning("influxdb.read_back_failed: %s", why)
        self.trouble, self.missing = why, self._words() or None


def _named(hour: int) -> str:
    return rfc3339(hour * HOUR_US)[:13]


def counted(answer: Answer) -> int:
    """The one number of a count. ValueError: it is no answer to that, in words."""
    if answer.status != 200:
        raise ValueError(f"it could not be asked what it has: {meaning(answer)[1]}")
    with suppress(ValueError, RecursionError, KeyError, IndexError, TypeError):
        (result,) = json.loads(answer.words)["results"]
        if isinstance(result, dict) and "error" not in result:
            number = result["series"][0]["values"][0][1] if result.get("series") else 0
            if type(number) in (int, float) and 0 <= number < 1e15:
                return int(number)
    raise ValueError(f"it could not be asked what it has: {' '.join(answer.words.split())[:200]}")
