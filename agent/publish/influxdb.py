"""The InfluxDB sink: entries as line protocol, what becomes of each, and when to wait. `influx_post` carries the bytes.

Only 204 is an acknowledgement. A refused line is found by halving; sending the others again changes nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from agent.errors import SinkError
from agent.journal.entries import Entry
from agent.publish.forwarder import ACCEPT, Verdict
from agent.publish.influx_post import ANSWER_S, Poster
from agent.publish.influx_rules import Meaning, meaning
from agent.publish.line_protocol import LineEncoder
from agent.publish.resolver import Resolver
from agent.publish.tls import Seen
from agent.records import Event, Gap, Health, Incident, Interval, MeterInfo, Reading, Trace
from agent.site import InfluxSite

log = logging.getLogger("lamplighter.publish")

_PAUSE_S = 60.0  # after a refusal that only hands can change
_MOST_ROWS = 4096  # a power of two is halved fewest times
_MOST_TOGETHER = 5000  # with what is left of a search
_EVENTS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Row:
    """The lines of one entry, and where it stands in the batch."""

    index: int
    body: bytes


class InfluxSink:
    """Writes one gateway's entries to one bucket. `send` and `rest` are what the forwarder calls.

    hold:   says why nothing may be written now (a clock that is not set), None to go ahead
    infos:  what stands at the meters' places: each is written once, with the next entries
    newest: latest revisions of events and incidents known from before: an older one from the backlog must not overwrite
            a newer one that was sent live
    """

    def __init__(
        self,
        site: InfluxSite,
        encoder: LineEncoder,
        *,
        hold: Callable[[], str | None] = lambda: None,
        newest: Iterable[Event | Incident] = (),
        infos: Callable[[], Iterable[MeterInfo]] = tuple,
        timeout_s: float = ANSWER_S,
        pause_s: float = _PAUSE_S,
        resolver: Resolver | None = None,
        seen: Seen = lambda _der: None,
    ) -> None:
        self._poster = Poster(site, resolver or Resolver(), seen, timeout_s)
        # Why only hands can help; empty while they are not needed, None before the first answer.
        self.blocked: str | None = None
        self._encoder = encoder
        self._hold = hold
        self._infos = infos
        self._told: dict[str, MeterInfo] = {}
        self._revisions = {event.id: event.revision for event in newest}
        self._pause_s = pause_s
        self._most_rows = _MOST_ROWS
        self._not_before_s = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poster.close()

    def renew(self) -> None:
        """Somebody says that what keeps us from writing was put right: the token is read anew, and tried at once."""
        self._poster.token.ask()

    async def send(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Write entries. Accepted is what a 204 covered, rejected what the server refuses for ever."""
        held = self._hold()
        if held:
            raise SinkError(held)
        verdicts: dict[int, Verdict] = {}
        rows = self._encode(entries, verdicts)
        news = [info for info in self._infos() if self._told.get(info.meter) != info]
        # Their places in the batch are negative: no entry stands there.
        rows += [_Row(-1 - n, self._encoder.meter_info(info)) for n, info in enumerate(news)]
        try:
            await self._deliver(rows, verdicts)
            why = ""
        except SinkError as error:
            why = str(error)
        self._told |= {info.meter: info for n, info in enumerate(news) if _settled(info, verdicts.get(-1 - n))}
        for index, entry in enumerate(entries):
            if isinstance(entry.record, Event | Incident) and verdicts.get(index) == ACCEPT:
                self._remember(entry.record)
        return [verdicts.get(index, Verdict("keep", why)) for index in range(len(entries))]

    async def rest(self, seconds: float) -> None:
        """The forwarder's pause between attempts: longer where the server asked for it or hands are needed, over
        when the token was renewed."""
        until_s = max(_now_s(), self._not_before_s) + seconds
        token = self._poster.token
        while (left_s := until_s - _now_s()) > 0 and not token.changed:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(min(left_s, 1.0))
        if token.changed:  # taken here, lest one that is not asked for, as while the clock is not set, ends every pause
            self._poster.renew()
        self._not_before_s = 0.0

    def _encode(self, entries: Sequence[Entry], verdicts: dict[int, Verdict]) -> list[_Row]:
        """The rows to write; what cannot be written at all gets its verdict here."""
        top = dict(self._revisions)
        for entry in entries:
            if isinstance(entry.record, Event | Incident):
                top[entry.record.id] = max(entry.record.revision, top.get(entry.record.id, 0))
        rows = []
        for index, entry in enumerate(entries):
            try:
                lines = self._lines(entry, top)
            except ValueError as error:
                verdicts[index] = Verdict("reject", str(error))
                continue
            if lines:
                rows.append(_Row(index, b"\n".join(lines)))
            else:
                # A part of a trace in which every reply was lost, or an incident's revision that another overtook.
                verdicts[index] = ACCEPT
        return rows

    def _lines(self, entry: Entry, top: dict[str, int]) -> list[bytes]:
        match entry.record:
            case Reading() as reading:
                return [self._encoder.reading(reading, entry.seq)]
            case Gap() as gap:
                return [self._encoder.gap(gap)]
            case Trace() as trace:
                return self._encoder.trace(trace)
            case Interval() as interval:
                return [self._encoder.interval(interval)]
            case Health() as health:
                return [self._encoder.health(health, entry.seq)]
            case Incident() as incident:
                return [] if incident.revision < top[incident.id] else [self._encoder.incident(incident)]
            case event:
                overtaken = event.revision < top[event.id]
                return [self._encoder.event_log(event)] + ([] if overtaken else [self._encoder.event(event)])

    async def _deliver(self, rows: Sequence[_Row], verdicts: dict[int, Verdict]) -> None:
        """Posts all rows in parts the server takes, halving what it refuses. SinkError where it must stop."""
        # Where hands are needed one row shows whether they have been at work.
        probe = min(len(rows), 1) if self.blocked else 0
        parts = deque([rows[:probe]] * bool(probe) + _cut(rows[probe:], self._most_rows))
        found = False
        while parts:
            part = parts.popleft()
            what, why = await self._answered(part)
            if what == "stored":
                verdicts.update((row.index, ACCEPT) for row in part)
                # Room again, slowly: a front server's limit may have been lifted.
                self._most_rows = min(_MOST_ROWS, self._most_rows + 1)
            elif what == "refused" and not found:
                # Where one more is at fault all may be, as behind an outage longer than the retention: then by halves.
                found = True
                rest = await self._find(list(part), why, verdicts)
                if rest:
                    after = parts.popleft() if parts else []
                    size = _MOST_TOGETHER if self._most_rows == _MOST_ROWS else self._most_rows
                    parts.extendleft(reversed(_cut([*rest, *after], size)))
            elif len(part) == 1:
                verdicts[part[0].index] = Verdict("reject", why)
            else:
                parts.extendleft((part[len(part) // 2 :], part[: len(part) // 2]))

    async def _find(self, part: list[_Row], why: str, verdicts: dict[int, Verdict]) -> list[_Row]:
        """The row at fault in a part that was refused, as a verdict; the rows of which nothing is known yet.

        One post a halving: where the first half is stored the second has the fault. So one bad line among 4096 takes
        12 posts, and what is left of the others one more.
        """
        unknown: list[_Row] = []
        while len(part) > 1:
            half, other = part[: len(part) // 2], part[len(part) // 2 :]
            what, words = await self._answered(half)
            if what == "stored":
                verdicts.update((row.index, ACCEPT) for row in half)
                part = other
            else:
                part, why, unknown = half, words, other + unknown
        verdicts[part[0].index] = Verdict("reject", why)
        return unknown

    async def _answered(self, part: Sequence[_Row]) -> tuple[Meaning, str]:
        """``stored``, ``refused`` or ``too_large``, and why. SinkError where nothing more is to be sent now."""
        what, why = meaning(answer := await self._poster.post(b"\n".join(row.body for row in part)))
        if what in ("stored", "refused", "blocked"):
            self.blocked = why if what == "blocked" else ""
        if what == "too_large":
            self._most_rows = max(1, len(part) // 2)
        if what in ("later", "blocked"):
            self._pause(answer.retry_after_s if what == "later" else self._pause_s)
            raise SinkError(why)
        return what, why

    def _pause(self, seconds: float) -> None:
        self._not_before_s = _now_s() + seconds

    def _remember(self, told: Event | Incident) -> None:
        self._revisions[told.id] = max(told.revision, self._revisions.pop(told.id, 0))
        if len(self._revisions) > _EVENTS_REMEMBERED:
            del self._revisions[next(iter(self._revisions))]


def _settled(info: MeterInfo, verdict: Verdict | None) -> bool:
    """Stored, or refused for ever: the second is said."""
    if verdict is not None and verdict != ACCEPT:
        log.warning("influxdb.info_refused meter=%s: %s", info.meter, verdict.reason)
    return verdict is not None


def _cut(rows: Sequence[_Row], size: int) -> list[Sequence[_Row]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _now_s() -> float:
    return asyncio.get_running_loop().time()
