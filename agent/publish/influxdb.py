"""The InfluxDB sink: our line protocol, carried by influxdb-client's synchronous write call, one post at a time.

No batching, no retries in the client: its batching API blocks behind the first batch and drops it after its retries.
Only 204 is an acknowledgement. A refused line is found by halving; sending the others again changes nothing.
"""

import asyncio
import gzip
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.errors import SinkError
from agent.journal.entries import Entry
from agent.publish.credential import Credential
from agent.publish.forwarder import ACCEPT, Verdict
from agent.publish.influx_rules import Answer, Meaning, meaning, retry_after_s, words_of
from agent.publish.line_protocol import LineEncoder
from agent.publish.tls import client_context, explain
from agent.records import Event, Gap, Incident, MeterInfo, Reading, Trace
from agent.site import InfluxSite

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient

log = logging.getLogger("lamplighter.publish")

_CONNECT_S = 3.0
_ANSWER_S = 10.0
_PAUSE_S = 60.0  # after a refusal that only hands can change
_MOST_ROWS = 4096  # a power of two is halved fewest times
_MOST_TOGETHER = 5000  # with what is left of a search
_EVENTS_REMEMBERED = 4096
# Level 1: thousands of lines that resemble each other shrink a hundredfold in a millisecond; 9 gains little more.
_GZIP_LEVEL = 1


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
        timeout_s: float = _ANSWER_S,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._site = site
        self._token = Credential(site.token, site.token_file)
        # Why only hands can help; empty while they are not needed, None before the first answer.
        self.blocked: str | None = None
        self._encoder = encoder
        self._hold = hold
        self._infos = infos
        self._told: dict[str, MeterInfo] = {}
        self._revisions = {event.id: event.revision for event in newest}
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._most_rows = _MOST_ROWS
        self._not_before_s = 0.0
        self._client: InfluxDBClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()

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
        while (left_s := until_s - _now_s()) > 0 and not self._token.changed:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(min(left_s, 1.0))
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
        what, why = meaning(answer := await self._post(part))
        if what in ("stored", "refused", "blocked"):
            self.blocked = why if what == "blocked" else ""
        if what == "too_large":
            self._most_rows = max(1, len(part) // 2)
        if what in ("later", "blocked"):
            self._pause(answer.retry_after_s if what == "later" else self._pause_s)
            raise SinkError(why)
        return what, why

    async def _post(self, part: Sequence[_Row]) -> Answer:
        body = b"\n".join(row.body for row in part)
        within_s = 2 * _CONNECT_S + self._timeout_s
        try:
            # The client's own timeouts start anew with each byte that arrives.
            async with asyncio.timeout(within_s):
                answer = await _in_thread(lambda: self._write(gzip.compress(body, _GZIP_LEVEL)))
        except TimeoutError:
            answer = Answer(0, f"no complete answer within {within_s:g} s")
        if not answer.status:
            self._disconnect()  # certificates may have been renewed meanwhile: they are read by the next client
        return answer

    def _write(self, body: bytes) -> Answer:
        """One post, in a thread. redirect=False: a redirected POST becomes a GET that answers 200."""
        from influxdb_client.rest import ApiException
        from influxdb_client.service.write_service import WriteService
        from urllib3.exceptions import HTTPError

        try:
            service = WriteService(self._connected().api_client)  # type: ignore[no-untyped-call]
            _, status, _ = service.post_write_with_http_info(  # type: ignore[no-untyped-call]
                self._site.org,
                self._site.bucket,
                body,
                precision="ns",
                content_encoding="gzip",
                urlopen_kw={"redirect": False},
            )
        except ApiException as error:
            if not error.status:
                return Answer(0, explain(str(error.reason)))
            words = words_of(error.body or "")
            words = explain(words) if error.status == 400 else words
            return Answer(error.status, words, retry_after_s(error.headers or {}))
        except UnicodeDecodeError:
            return Answer(0, "the answer is not UTF-8: a proxy answers there, not InfluxDB; check url")
        except OverflowError:  # of urllib3: a chunk longer than memory could be
            return Answer(0, "the answer is not HTTP: something else answers there, not InfluxDB; check url")
        except (HTTPError, OSError) as error:  # a SinkError, too: certificates that cannot be used
            return Answer(0, explain(error))
        return Answer(status)

    def _connected(self) -> "InfluxDBClient":
        # Imported by the first post, in its thread: 200 ms and 15 MB that only this sink needs.
        from influxdb_client.client.influxdb_client import InfluxDBClient

        if self._token.changed:
            self._disconnect()
        if self._client is None:
            site, token = self._site, self._token.fresh()
            secure = site.url.startswith("https:")
            self._client = InfluxDBClient(
                site.url,
                token=token.value if token else "",
                timeout=(round(_CONNECT_S * 1000), round(self._timeout_s * 1000)),
                ssl_context=client_context(site.ca_file, site.cert_file, site.key_file) if secure else None,
            )
        return self._client

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

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


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Runs `work` in a thread of its own, not in an executor: the process would wait for its end at exit, and thus
    for a server that is silent."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Answer] = loop.create_future()

    def settle(answer: Answer | None) -> None:
        if result.done():
            return
        if answer is None:
            result.set_exception(RuntimeError("the InfluxDB thread failed; its traceback says where"))
        else:
            result.set_result(answer)

    def run() -> None:
        answer = None
        try:
            answer = work()
        finally:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=run, name="influxdb", daemon=True).start()
    return await result


def _now_s() -> float:
    return asyncio.get_running_loop().time()
