"""The MQTT sink: one connection at a time, kept up by `MqttSink.run`, used by `MqttSink.send`.

The journal alone owns what is unacknowledged: every connection is a new client with an empty queue, and an entry
is accepted only by its PUBACK. Nothing is ever subscribed to.
"""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Never

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from agent.errors import SinkError
from agent.journal.entries import Entry
from agent.publish.forwarder import Verdict, backoff_s
from agent.publish.mqtt_packets import PUBLISH, Inlet, Unacknowledged
from agent.publish.mqtt_rules import REFUSALS, Timing, encode, essence, judge
from agent.publish.tls import client_context, explain
from agent.publish.topics import GatewayState, Message, Session, no_status_message, state_message, status_message
from agent.records import MeterStatus
from agent.site import MqttSite

log = logging.getLogger(__name__)

_UNSPECIFIED = 0x80
# So many short connections in a row look like two clients with one id that throw each other out.
_CONTESTED = 3
# Messages that may wait for their PUBACK: entries and statuses together no more than any broker in the field takes.
# MQTT 5.0, 3.2.2.3.3: a broker may take fewer, and ends a connection that sends more; mosquitto says 20.
_FLIGHT = 50
_FLIGHT_V5 = 10


@dataclass(frozen=True, slots=True)
class StatusFeed:
    """Where the retained statuses come from. The sink clears `changed` and publishes what differs."""

    statuses: Callable[[], Sequence[MeterStatus]]
    changed: asyncio.Event
    retired: tuple[str, ...] = ()


class MqttSink:
    """Publishes one gateway. `run` is a task of its own; `send` and `rest` are what the forwarder calls.

    protocol: 3.1.1 is what every broker in the field speaks. With 5 a broker can say that it refuses a message;
    with 3.1.1 it acknowledges and drops what its access list forbids.
    """

    def __init__(
        self,
        site: MqttSite,
        session: Session,
        feed: StatusFeed,
        timing: Timing | None = None,
        *,
        share: Callable[[], float] = random.random,
        protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V311,
    ) -> None:
        self._site = site
        self._session = session
        self._feed = feed
        self._timing = timing or Timing()
        self._share = share
        self._protocol = protocol
        self._connection: _Connection | None = None
        self._since_s: float | None = None
        self._up = asyncio.Event()
        self.trouble = "not connected yet"
        self._tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def run(self) -> Never:
        """Connect, stay connected, connect again. Ended by cancellation, upon which it says `offline`."""
        failures = short = 0
        while True:
            self._since_s = None
            pause_s = await self._once()
            up_s = self._up_for_s()
            lasted = up_s is not None and up_s >= self._timing.stable_s
            failures = 1 if lasted else failures + 1
            short = 0 if lasted or up_s is None else short + 1
            if short == _CONTESTED:
                log.warning("mqtt.contested client_id=%s seems to be used by another client", self._site.client_id)
            await asyncio.sleep(max(pause_s, backoff_s(failures, self._share())))

    async def send(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Publish entries in order; accepted is what the broker acknowledged. SinkError if not connected."""
        if not self._tried.is_set():
            # The agent has just started: that the first connection takes its time is no failure.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.open_s):
                    await self._tried.wait()
        if self._connection is None:
            raise SinkError(self.trouble)
        encoded = [encode(self._site.prefix, entry) for entry in entries]
        messages = [item for item in encoded if isinstance(item, Message)]
        codes = iter(await self._connection.publish(messages))
        return [item if isinstance(item, Verdict) else judge(item, next(codes)) for item in encoded]

    async def rest(self, seconds: float) -> None:
        """The forwarder's pause between attempts: over at once when the broker is back."""
        if self.connected:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    async def _once(self) -> float:
        """One connection from CONNECT to its end. Returns how long to pause at least."""
        diary = _Diary()
        try:
            async with self._open(diary) as connection:
                await self._serve(connection)
                self._note("mqtt.lost", diary.explain(connection.over.result()))
        except MqttConnectError as error:
            return self._refused(error.rc)
        except aiomqtt.MqttError as error:
            self._note("mqtt.lost", diary.explain(str(error)))
        except SinkError as error:
            self._note("mqtt.refused", str(error))
            return self._timing.refused_s
        return 0.0

    @asynccontextmanager
    async def _open(self, diary: "_Diary") -> "AsyncIterator[_Connection]":
        client = self._client(diary)
        try:
            await _whole(client.__aenter__(), self._timing.goodbye_s)
            connection = _Connection(client, self._timing.puback_s, v5=self._protocol is aiomqtt.ProtocolVersion.V5)
            try:
                yield connection
            finally:
                await connection.close(self._timing.goodbye_s)
        finally:
            # aiomqtt keeps the socket of a failed attempt open until paho's keep-alive comes across it.
            client._client._sock_close()

    def _client(self, diary: "_Diary") -> aiomqtt.Client:
        site, timing = self._site, self._timing
        will = self._state("offline")
        client = aiomqtt.Client(
            site.host,
            site.port,
            username=site.username,
            password=None if site.password is None else site.password.value,
            identifier=site.client_id,
            # Made anew for each connection, so that renewed certificates are taken without a restart.
            tls_context=client_context(site.ca_file, site.cert_file, site.key_file) if site.tls else None,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
            timeout=timing.open_s,
            keepalive=timing.alive_s,
            protocol=self._protocol,
            logger=diary,
            socket_options=[
                # The kernel gives up on a silent network, too, not only on a silent broker.
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timing.alive_s * 1000),
                # Without it the second message of a window waits 40 ms for the broker's delayed ACK of the first.
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            ],
        )
        client._client.connect_timeout = timing.open_s
        return client

    async def _serve(self, connection: "_Connection") -> None:
        """State and statuses first, then open for entries. Returns when the connection is over."""
        try:
            await self._publish_statuses(connection)
        except asyncio.CancelledError:
            await connection.publish([self._state("offline")], self._timing.goodbye_s)
            raise
        finally:
            self._connection = None
            self._up.clear()

    async def _publish_statuses(self, connection: "_Connection") -> None:
        """What is retained: at first and every `refresh_s` all of it, in between the statuses that changed."""
        shown: dict[str, MeterStatus] = {}
        refresh_at_s = _now_s()
        while not connection.over.done():
            self._feed.changed.clear()
            messages = []
            if _now_s() >= refresh_at_s:
                # `online` again as well: a broker may publish the will of the connection that this one replaced late.
                messages, shown = [self._state("online")], {}
                messages += [no_status_message(self._site.prefix, meter) for meter in self._feed.retired]
                refresh_at_s = _now_s() + self._timing.refresh_s
            now = {status.meter: status for status in self._feed.statuses()}
            messages += [
                status_message(self._site.prefix, status)
                for status in now.values()
                if essence(status) != shown.get(status.meter)
            ]
            await connection.publish(messages)
            shown = {meter: essence(status) for meter, status in now.items()}
            self._opened(connection)
            await connection.wait(self._feed.changed, refresh_at_s - _now_s())

    def _opened(self, connection: "_Connection") -> None:
        if self._connection is None and not connection.over.done():
            self._connection = connection
            self._since_s = _now_s()
            self._up.set()
            self._tried.set()
            self.trouble = ""
            log.info("mqtt.connected host=%s port=%d", self._site.host, self._site.port)

    def _up_for_s(self) -> float | None:
        """How long the connection of this attempt was open for entries; None if it never was."""
        return None if self._since_s is None else _now_s() - self._since_s

    def _refused(self, code: int | ReasonCode | None) -> float:
        value = code.value if isinstance(code, ReasonCode) else code
        if value in REFUSALS:
            self._note("mqtt.refused", REFUSALS[value])
            return self._timing.refused_s
        self._note("mqtt.lost", f"the broker does not let us in now: {code}")
        return 0.0

    def _note(self, event: str, why: str) -> None:
        """Logs the edge: the same trouble is said once, however often it is tried."""
        self._tried.set()
        if why != self.trouble:
            log.warning("%s host=%s port=%d: %s", event, self._site.host, self._site.port, why)
        self.trouble = why

    def _state(self, state: GatewayState) -> Message:
        return state_message(self._site.prefix, state, self._session)


class _Connection:
    """What is published on one connection, and what came back.

    aiomqtt and paho open it, keep it alive and end it. Messages go out as packets of our own, many in one piece, and
    are awaited together; their PUBACKs are taken out of what paho reads (see `mqtt_packets`).
    """

    def __init__(self, client: aiomqtt.Client, puback_s: float, *, v5: bool) -> None:
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client = client
        self._puback_s = puback_s
        self._flight = _FLIGHT_V5 if v5 else _FLIGHT
        self._unacknowledged = Unacknowledged(v5=v5)
        if client._client._sock is not None:
            client._client._sock = Inlet(client._client._sock, self._unacknowledged.acknowledged)
        self._watcher = asyncio.create_task(self._watch(), name="mqtt:watch")

    async def publish(self, messages: Sequence[Message], deadline_s: float | None = None) -> list[int | None]:
        """The PUBACK reason code of each message (0 with 3.1.1), None for those that were not acknowledged."""
        codes: list[int | None] = []
        while len(codes) < len(messages) and None not in codes:
            codes += await self._fly(messages[len(codes) : len(codes) + self._flight], deadline_s or self._puback_s)
        return codes + [None] * (len(messages) - len(codes))

    async def _fly(self, messages: Sequence[Message], within_s: float) -> list[int | None]:
        full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        flight, packets = self._unacknowledged.take_off(messages, partial(_settle, full))
        self._client._client._packet_queue(PUBLISH, packets, 0, 1)
        await asyncio.wait((full, self.over), timeout=within_s, return_when="FIRST_COMPLETED")
        if flight.missing:
            self._end(f"no acknowledgement within {within_s:g} s")
        return flight.codes

    async def wait(self, changed: asyncio.Event, timeout_s: float) -> None:
        """Until something changed, time is up or the connection is over."""
        waiting = asyncio.create_task(changed.wait())
        try:
            await asyncio.wait((waiting, self.over), timeout=timeout_s, return_when="FIRST_COMPLETED")
        finally:
            waiting.cancel()

    async def close(self, within_s: float) -> None:
        self._watcher.cancel()
        with suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(within_s):
                await self._client.__aexit__(None, None, None)

    async def _watch(self) -> None:
        """Nothing ever arrives: iterating is how aiomqtt tells that the connection is gone."""
        try:
            async for _ in self._client.messages:
                pass
        except aiomqtt.MqttError as error:
            self._end(_how_it_ended(error.__cause__))

    def _end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


def _settle(full: asyncio.Future[None]) -> None:
    if not full.done():
        full.set_result(None)


class _Diary(logging.Logger):
    """paho's log of one connection. Its last line is kept: with TLS 1.3 a refused client certificate is told there
    and nowhere else."""

    def __init__(self) -> None:
        super().__init__("paho", logging.WARNING)
        self.last = ""

    def handle(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()

    def explain(self, error: str) -> str:
        return explain("; ".join(filter(None, (error, self.last))))


async def _whole(opening: Coroutine[Any, Any, object], patience_s: float) -> None:
    """aiomqtt connects in a thread that nobody can stop: a cancellation waits a little for its end, so that the
    socket it opens is there to be closed."""
    task = asyncio.ensure_future(opening)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait((task,), timeout=patience_s)
        for ended in done:
            ended.exception()
        raise


def _how_it_ended(cause: BaseException | None) -> str:
    code = cause.rc if isinstance(cause, aiomqtt.MqttCodeError) else None
    # What paho says of every connection that simply ends; MQTT 5 brokers may give a better reason.
    if isinstance(code, ReasonCode) and code.value == _UNSPECIFIED:
        return "the broker hung up, or the network did"
    return str(cause)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
