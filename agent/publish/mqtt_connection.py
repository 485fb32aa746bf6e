"""One connection to a broker: opened, used and ended. The only file that knows aiomqtt and paho, whose privates it uses
(`tests/publish/test_mqtt_privates.py` says which)."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from agent.errors import SinkError
from agent.publish.mqtt_packets import PUBLISH, Inlet, publish_packet
from agent.publish.mqtt_rules import TOO_LARGE, Timing, ping_s
from agent.publish.mqtt_window import Window
from agent.publish.resolver import Resolver
from agent.publish.tls import Seen, client_context, explain
from agent.publish.topics import Message
from agent.secret import Secret
from agent.site import MqttSite

_UNSPECIFIED = 0x80
# Messages that may wait for their PUBACK, entries or statuses: both together no more than brokers in the field take.
# MQTT 5.0, 3.2.2.3.3: a broker may take fewer, and ends a connection that sends more; mosquitto says 20.
_MOST = 100
# MQTT 3.1.1, 2.2.3: what four bytes of length allow, and the five before.
_LARGEST = 268_435_455 + 5
_PROTOCOLS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}


# MQTT 3.1.1 has no code for it; mosquitto closes the connection upon a will that is to be retained.
_SAYS_NOTHING = (
    "the broker hangs up instead of answering; with protocol 3.1.1 it cannot say why: does it allow retained messages "
    '(mosquitto: retain_available true)? protocol = "5" may tell'
)


class LostError(SinkError):
    """The network, or a broker that hung up: another attempt may do."""


class NotLetInError(SinkError):
    """The broker refuses the connection. code: of CONNACK, None where it hung up instead."""

    def __init__(self, words: str, code: int | None) -> None:
        super().__init__(words)
        self.code = code


@asynccontextmanager
async def connected(
    site: MqttSite,
    password: Secret | None,
    will: Message,
    timing: Timing,
    *,
    resolver: Resolver,
    seen: Seen = lambda _der: None,
) -> AsyncIterator["Connection"]:
    """NotLetInError, LostError; SinkError where certificates cannot be used. seen: gets the broker's certificate."""
    diary = _Diary()
    client = _client(site, password, will, timing, diary, seen)
    _through(client, partial(resolver.connect, site.host, site.port, timing.open_s), diary, timing.alive_s)
    limits = _limits(client)
    v5 = site.protocol == "5"
    gone = client._disconnected
    try:
        await _whole(client.__aenter__(), timing.goodbye_s)
        if gone.done():  # with the very bytes that let us in; aiomqtt has forgotten it
            raise LostError(diary.explain(_how_it_ended(gone.exception())))
        paho: Any = client._client
        paho._keepalive = ping_s(timing.alive_s)
        connection = Connection(client, diary, timing.puback_s, limits(), v5=v5)
        try:
            yield connection
        finally:
            await connection.close(timing.goodbye_s)
    except MqttConnectError as error:
        code = error.rc
        raise NotLetInError(str(code), code.value if isinstance(code, ReasonCode) else code) from error
    except aiomqtt.MqttError as error:
        if not v5 and not diary.last and diary.hung_up:
            raise NotLetInError(_SAYS_NOTHING, None) from error
        raise LostError(diary.explain(str(error))) from error
    finally:
        # aiomqtt keeps the socket of a failed attempt open until paho's keep-alive comes across it.
        client._client._sock_close()


def _client(
    site: MqttSite, password: Secret | None, will: Message, timing: Timing, diary: "_Diary", seen: Seen
) -> aiomqtt.Client:
    client = aiomqtt.Client(
        site.host,
        site.port,
        username=site.username,
        password=None if password is None else password.value,
        identifier=site.client_id,
        # Made anew for each connection, so that renewed certificates are taken without a restart.
        tls_context=client_context(site.ca_file, site.cert_file, site.key_file, seen) if site.tls else None,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
        timeout=timing.open_s,
        keepalive=timing.alive_s,
        protocol=_PROTOCOLS[site.protocol],
        logger=diary,
    )
    paho: Any = client._client
    paho.connect_timeout = timing.open_s
    paho.on_socket_register_write = _registering(paho)
    return client


def _through(client: aiomqtt.Client, connect: Callable[[], socket.socket], diary: "_Diary", alive_s: int) -> None:
    """The client connects by `connect`, and reads through an inlet. TLS, by the host's name, stays paho's."""
    paho: Any = client._client
    paho._create_socket_connection = connect
    open_ = paho._create_socket

    def opened() -> Inlet:
        carrier = open_()
        # aiomqtt's socket_options are for sockets only, which an inlet is not.
        # The kernel gives up on a silent network, too, not only on a silent broker.
        carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, alive_s * 1000)
        # Without it the second message of a window waits 40 ms for the broker's delayed ACK of the first.
        carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A broker without TCP_NODELAY holds back all PUBACKs but the first until our kernel has acknowledged that one,
        # which it does 40 ms late: 230 messages a second where 20 may fly. The kernel forgets it: it is told each time.
        eager = partial(carrier.setsockopt, socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        diary.inlet = Inlet(carrier, refused=diary.note, after=eager)
        return diary.inlet

    paho._create_socket = opened


def _registering(paho: Any) -> Callable[[Any, Any, Any], None]:
    """aiomqtt's own hands the loop a descriptor for its next turn, in which it may be closed, or another's."""
    loop = asyncio.get_running_loop()

    def write() -> None:
        # A broken connection is told by the reader, in aiomqtt's words.
        with suppress(OSError):
            paho.loop_write()

    def register(_paho: Any, _userdata: Any, sock: Inlet) -> None:
        loop.call_soon_threadsafe(lambda: loop.add_writer(sock.fileno(), write) if sock.fileno() >= 0 else None)

    return register


class Connection:
    """What is published on one connection, and what came back.

    aiomqtt and paho open it, keep it alive and end it. Messages go out as packets of our own, many in one piece, as
    acknowledgements come in (see `mqtt_window`); those are taken out of what paho reads (see `mqtt_packets`).

    hung_up: the reason that the broker gave for the end, 0x80 if it gave none; None where it was not the broker's doing
    """

    def __init__(
        self, client: aiomqtt.Client, diary: "_Diary", puback_s: float, limits: "_Limits", *, v5: bool
    ) -> None:
        self.hung_up: int | None = None
        self._largest_bytes = limits.largest_bytes
        self._v5 = v5
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client = client
        self._diary = diary
        self._puback_s = puback_s
        loop = asyncio.get_running_loop()
        self._now_s = loop.time
        self._window = Window(limits.many, self._send, loop.call_later, loop.time, v5=v5)
        if isinstance(client._client._sock, Inlet):
            client._client._sock.listen(self._window.acknowledged, self.end)
        self._watcher = asyncio.create_task(self._watch(), name="mqtt:watch")

    def why(self) -> str:
        """Why it is over."""
        return self._diary.explain(self.over.result())

    async def publish(self, messages: Sequence[Message], deadline_s: float | None = None) -> list[int | None]:
        """The PUBACK reason code of each message (0 with 3.1.1), None for those that were not acknowledged. What is
        larger than the broker said it takes does not go out: it would end the connection."""
        if self._largest_bytes == _LARGEST:
            return await self._publish(messages, deadline_s)
        fits = [len(publish_packet(message, 1, v5=self._v5)) <= self._largest_bytes for message in messages]
        codes = iter(await self._publish([one for one, fit in zip(messages, fits, strict=True) if fit], deadline_s))
        return [next(codes) if fit else TOO_LARGE for fit in fits]

    async def _publish(self, messages: Sequence[Message], deadline_s: float | None) -> list[int | None]:
        within_s = deadline_s or self._puback_s
        full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream = self._window.open(messages, partial(_settle, full))
        try:
            while not full.done() and not self.over.done():
                left_s = self._window.waits_since_s(stream) + within_s - self._now_s()
                if left_s <= 0:
                    self.end(f"no acknowledgement within {within_s:g} s")
                await asyncio.wait((full, self.over), timeout=max(0.0, left_s), return_when="FIRST_COMPLETED")
        finally:
            self._window.close(stream)
        return stream.codes

    def _send(self, packets: bytes) -> None:
        self._client._client._packet_queue(PUBLISH, packets, 0, 1)

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
            if not self.over.done():
                self.hung_up = _reason(error.__cause__) or (_UNSPECIFIED if self._diary.hung_up else None)
            self.end(_how_it_ended(error.__cause__))

    def end(self, why: str) -> None:
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
        self.inlet: Inlet | None = None

    @property
    def hung_up(self) -> bool:
        """Whether the other end closed the connection; a silent network does not."""
        return self.inlet is not None and self.inlet.hung_up

    def handle(self, record: logging.LogRecord) -> None:
        self.note(record.getMessage())

    def note(self, words: str) -> None:
        self.last = words

    def explain(self, error: str) -> str:
        return explain("; ".join(filter(None, (error, self.last))))


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of one broker. many: messages that may wait for their PUBACK; largest_bytes: of a packet."""

    many: int = _MOST
    largest_bytes: int = _LARGEST


def _limits(client: aiomqtt.Client) -> Callable[[], _Limits]:
    """What this broker takes, once the client is connected."""
    told = [_Limits()]
    paho: Any = client._client
    let_in = paho.on_connect

    def on_connect(paho: Any, userdata: Any, flags: Any, code: Any, properties: Any = None) -> None:
        # MQTT 5.0, 3.2.2.3.3: without it, 65535; 3.2.2.3.6: without it, no limit.
        many = min(_MOST, getattr(properties, "ReceiveMaximum", _MOST))
        told.append(_Limits(many, min(_LARGEST, getattr(properties, "MaximumPacketSize", _LARGEST))))
        let_in(paho, userdata, flags, code, properties)

    paho.on_connect = on_connect
    return lambda: told[-1]


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


def _reason(cause: BaseException | None) -> int | None:
    """What the broker said with its DISCONNECT; None where it said nothing, or nothing in particular."""
    code = cause.rc if isinstance(cause, aiomqtt.MqttCodeError) else None
    # What paho says of every connection that simply ends; MQTT 5 brokers may give a better reason.
    return code.value if isinstance(code, ReasonCode) and code.value != _UNSPECIFIED else None


def _how_it_ended(cause: BaseException | None) -> str:
    code = cause.rc if isinstance(cause, aiomqtt.MqttCodeError) else None
    if isinstance(code, ReasonCode) and _reason(cause) is None:
        return "the broker hung up, or the network did"
    return str(cause)
