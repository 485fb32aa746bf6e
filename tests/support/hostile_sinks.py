"""Both sinks at work while a real broker and a real database freeze, and while what lies before them cuts, swallows,
delays and lies. In the end everything that was stored is there, once, and in order.
"""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import http_wire
import mqtt_wire
from half_open import Cable, cable, why_no_cable
from http_wire import HttpWire, said
from mqtt_wire import CONNACK_V5, MqttWire
from observer import observe
from servers import Influx, Server, influx_v2_shim, influxd, mosquitto
from sink_trial import TOKEN, Trial, trial

from agent.publish.mqtt_rules import UNCLEAR_TRIES

# So many packets there are on a connection before its first readings: CONNECT, state, two statuses.
_BOUNDARIES = 9
_DRAIN_S = 40.0
# A message that is refused more often, while others are taken, is given up for good: that is another test's.
_IN_ROW = UNCLEAR_TRIES - 1

Scene = Callable[[], Awaitable[None]]

_HUGE = b"\x30\xff\xff\xff\x7f"  # a PUBLISH of 256 MB
_LIES = {
    "no CONNACK": b"",
    "half a CONNACK": CONNACK_V5[:2],
    "a CONNACK with an unknown reason": b"\x20\x03\0\x7f\0",
    "a CONNACK with flags that are reserved": b"\x20\x03\xff\0\0",
    "a CONNACK of no length": b"\x20\0",
    "a CONNACK with properties that end too soon": b"\x20\x05\0\0\x7f\x21\0",
    "a CONNACK that refuses": b"\x20\x03\0\x88\0",
    "a PINGRESP first": b"\xd0\0",
    "a length without end": b"\x20\xff\xff\xff\xff\xff",
    "256 MB at once": _HUGE,
    "256 MB once it is connected": CONNACK_V5 + _HUGE,
    "noise once it is connected": CONNACK_V5 + bytes(range(255, 100, -1)),
    "a PUBACK that nobody waits for": CONNACK_V5 + b"\x40\x02\xff\xff" * 50,
    "a web server": said("400 Bad Request", b"<html>"),
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
}


def lies() -> list[mqtt_wire.Fault]:
    """What a broker may say instead, and then hang up; and what it may be slow with."""
    told = [mqtt_wire.Fault(name, instead=bytes_, hang_up=True) for name, bytes_ in _LIES.items()]
    slow = mqtt_wire.Fault("a CONNACK byte by byte", instead=CONNACK_V5, trickle_s=0.6)
    return [*told, slow, mqtt_wire.Fault("256 MB, and then silence", instead=CONNACK_V5 + _HUGE)]


def cuts() -> list[mqtt_wire.Fault]:
    """At every boundary of packets there is, in either direction."""
    up = [mqtt_wire.Fault(f"cut after {n} packets up", up=n) for n in range(_BOUNDARIES)]
    return up + [mqtt_wire.Fault(f"cut after {n} packets down", down=n) for n in range(_BOUNDARIES)]


def losses() -> list[mqtt_wire.Fault]:
    """A connection on which PUBACKs vanish, and some on which messages are refused."""
    refusals = [
        mqtt_wire.Fault(f"refused 0x{code:02x}", refuse=(code,), share=0.2, in_row=_IN_ROW)
        for code in (0x83, 0x91, 0x97)
    ]
    return [mqtt_wire.Fault("PUBACKs swallowed", swallow=0.1), mqtt_wire.Fault("no PUBACK", swallow=1.0), *refusals]


def answers() -> list[http_wire.Fault]:
    """What an agent may be told that asked a database."""
    http = http_wire.Fault
    stored = said("204 No Content")
    return [
        http("a portal's page", said("200 OK", b"<html>Please log in</html>")),
        http("302", said("302 Found", b"", "Location: http://127.0.0.1:1/login")),
        http("307 to itself", said("307 Temporary Redirect", b"", "Location: /api/v2/write")),
        http("202", said("202 Accepted")),
        http("401", said("401 Unauthorized", b'{"code":"unauthorized","message":"no"}')),
        http("403", said("403 Forbidden")),
        http("404", said("404 Not Found", b'{"error":"database not found"}')),
        http("400 of a proxy", said("400 Bad Request", b"<html>plain HTTP to an HTTPS port</html>")),
        http("413", said("413 Request Entity Too Large", b"<html>"), over=1),
        http("413 again", said("413 Request Entity Too Large", b"<html>"), over=1),
        http("429", said("429 Too Many Requests", b"", "Retry-After: 1")),
        http("503, later in words", said("503 Service Unavailable", b"", "Retry-After: soon")),
        http("503, later in 1970", said("503 Service Unavailable", b"", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")),
        http("500", said("500 Internal Server Error", b'{"error":"engine: timeout"}')),
        http("502", said("502 Bad Gateway", b"<html>")),
        http("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        http("half a status line", b"HTTP/1.1 20"),
        http("a status that is no number", b"HTTP/1.1 yes OK\r\n\r\n"),
        http("a head that is too long", b"HTTP/1.1 204 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"),
        http("heads without end", b"HTTP/1.1 204 OK\r\n" + b"X: x\r\n" * 500),
        http("a body shorter than said", b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\nshort"),
        http("chunks that are none", b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"),
        http("gzip that is none", said("500 No", b"no gzip", "Content-Encoding: gzip")),
        http("nothing"),
        http("nothing, after it was stored", stored=True),
        http("half of the 204", stored[:12], stored=True),
        http("a 204 that comes too late", stored, stored=True, silent_s=0.8),
        http("500 after it was stored", said("500 Internal Server Error"), stored=True),
    ]


def trickles() -> list[http_wire.Fault]:
    """Each holds a post for as long as it may take in all."""
    return [http_wire.Fault("a byte at a time", said("204 No Content"), trickle_s=0.4, stored=True)]


@dataclass
class Rig:
    trial: Trial
    mqtt: MqttWire
    http: HttpWire
    broker: Server
    influx: Influx
    net: Cable | None
    dice: random.Random
    share: float = 1.0
    met: Counter[str] = field(default_factory=Counter)

    async def connections(self, plan: Sequence[mqtt_wire.Fault]) -> None:
        self.mqtt.plan = list(plan)
        self.mqtt.cut()
        await mqtt_wire.ended(self.mqtt, 5.0 + 2 * len(plan))
        self.met.update(fault.name for fault in plan[: len(plan) - len(self.mqtt.plan)])
        # What lasts as long as its connection has its time.
        await asyncio.sleep(self.dice.uniform(0.2, 0.8))
        self.mqtt.plan.clear()
        self.mqtt.cut()

    async def requests(self, plan: Sequence[http_wire.Fault]) -> None:
        self.http.plan = list(plan)
        async with asyncio.timeout(20 + 8 * len(plan)):
            while self.http.plan:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.02)
        self.met.update(fault.name for fault in plan)

    async def frozen(self, server: Server, name: str) -> None:
        server.freeze()
        await asyncio.sleep(self.dice.uniform(0.6, 3.0))
        server.thaw()
        self.met[name] += 1

    async def dark(self) -> None:
        if self.net is None:
            return
        self.net.dark()
        await asyncio.sleep(self.dice.uniform(0.5, 4.0))
        self.net.light()
        self.met["half-open TCP"] += 1

    def broker_turn(self) -> list[Scene]:
        turn: list[Scene] = [
            partial(self.connections, self._some(lies())),
            partial(self.connections, self._some(cuts())),
            *(partial(self.connections, [fault]) for fault in losses()),
            partial(self.frozen, self.broker, "broker frozen"),
            self.dark,
        ]
        return self._mixed(turn)

    def database_turn(self) -> list[Scene]:
        turn: list[Scene] = [
            *(partial(self.requests, [fault]) for fault in answers()),
            *(partial(self.requests, [fault]) for fault in (trickles() if self.share == 1 else ())),
            partial(self.frozen, self.influx.server, "database frozen"),
        ]
        return self._mixed(turn)

    def _some(self, faults: list[mqtt_wire.Fault]) -> list[mqtt_wire.Fault]:
        return self.dice.sample(faults, round(self.share * len(faults)))

    def _mixed(self, turn: list[Scene]) -> list[Scene]:
        return self.dice.sample(turn, len(turn))


@dataclass(frozen=True, slots=True)
class Outcome:
    """wrong: what broke a promise, in words; met: how often each fault was; dead: what was refused for good."""

    wrong: tuple[str, ...]
    met: Counter[str]
    made: int
    twice: Counter[str]
    connections: int
    requests: int
    dead: tuple[str, ...]


async def campaign(
    place: Path, rounds: int, seed: int, share: float = 1.0, tell: Callable[[str], object] = str
) -> Outcome:
    """Each round every fault there is, in an order of its own, those of broker and database side by side. share: of
    the faults that end a connection."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    unheard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(str(told)))
    async with AsyncExitStack() as stack:
        net = None if why_no_cable() else stack.enter_context(cable())
        broker = stack.enter_context(mosquitto(place, extra=["max_queued_messages 0"]))
        influx = stack.enter_context(influxd(place))
        shim = stack.enter_context(influx_v2_shim(place, influx, TOKEN))
        mqtt = await stack.enter_async_context(mqtt_wire.wire(broker.port, net and net.listener, seed))
        http = await stack.enter_async_context(http_wire.wire(shim.server.port))
        observer = await stack.enter_async_context(observe(broker.port))
        host = net.host if net else "127.0.0.1"
        async with trial(place / "state", mqtt, host, http, seed) as at_work:
            rig = Rig(at_work, mqtt, http, broker, influx, net, dice, share)
            making = asyncio.create_task(at_work.make())
            for number in range(rounds):
                await asyncio.gather(_all(rig.broker_turn()), _all(rig.database_turn()))
                tell(f"sinks: round {number + 1} of {rounds}, {at_work.made} records")
            making.cancel()
            late = await at_work.drained(_DRAIN_S)
            await at_work.reached(observer)
        found = [at_work.heard(observer), at_work.found(influx)]
        gc.collect()  # errors that nobody asked for are told when they are thrown away
        wrong = (*late, *unheard, *map(str, at_work.verdict(place / "state", found)))
        dead = tuple(f"{seen}: {why}" for seen, one in at_work.watched.items() for why in one.dead.values())
        return Outcome(wrong, rig.met, at_work.made, at_work.twice(), mqtt.connections, http.requests, dead)


async def _all(turn: Sequence[Scene]) -> None:
    for scene in turn:
        await scene()
