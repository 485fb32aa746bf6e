"""Everything that may go wrong at a site, again and again: at the meters, at the broker, at the database, side by side,
each in an order that a seed draws."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import http_wire
import mqtt_wire
from hostile_sinks import answers, cuts, lies
from servers import Server
from soak_meters import Line, Meter
from soak_rig import TOKEN, Rig, feeder_of, renew, start

from agent.publish.mqtt_rules import UNCLEAR_TRIES

Scene = Callable[[], Awaitable[None]]

# A fault between agent and server that nobody met within this time is not counted.
_MET_S = 240.0
# After the time is over: a fault lasts so long at least, and one that nobody has met yet is given up.
_LEAST_S, _LATE_S = 4.0, 20.0
_SEVERAL = 10
_CALM_MESSAGES_S = 300
# The broker's reasons that pass: quota exceeded, packet identifier in use.
_REFUSALS = (0x97, 0x91)


@dataclass(frozen=True, slots=True)
class Dip:
    """A sag or a loss that a meter had to show. at_us: UTC; looks: how often it was looked at meanwhile."""

    meter: str
    at_us: int
    lasted_s: float
    looks: int


@dataclass
class Faults:
    """scale: of all lengths; brief: of the faults between agent and servers only one of each sort. now: what is wrong
    at this moment; met: how often each fault was."""

    rig: Rig
    dice: random.Random
    scale: float = 1.0
    brief: bool = False
    met: Counter[str] = field(default_factory=Counter)
    dips: list[Dip] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    until_s: float = 0.0

    async def go_on(self, until_s: float) -> None:
        """For so long; brief: and at least once through all there is."""
        self.until_s = until_s
        turns = (self.at_meters, self.at_broker, self.at_database)
        await asyncio.gather(*map(self._rounds, turns))

    async def _rounds(self, turn: Callable[[], dict[str, Scene]]) -> None:
        first = self.brief
        while first or time.monotonic() < self.until_s:
            scenes = turn()
            for name in self.dice.sample(list(scenes), len(scenes)):
                if not first and time.monotonic() >= self.until_s:
                    return
                self.now.append(name)
                await scenes[name]()
                self.now.remove(name)
                await self._for(4.0, 20.0)
            first = False

    async def _for(self, least_s: float, most_s: float) -> None:
        """A fault that is on when the time is over ends."""
        drawn_s = self.dice.uniform(least_s, most_s) * self.scale
        left_s = self.until_s - time.monotonic()
        await asyncio.sleep(min(drawn_s, max(left_s, _LEAST_S)))

    async def _until(self, done: Callable[[], object]) -> None:
        """But no longer than a fault may take to meet somebody."""
        last_s = time.monotonic() + (_MET_S if self.brief else min(_MET_S, self.until_s + _LATE_S - time.monotonic()))
        while not done() and time.monotonic() < last_s:  # noqa: ASYNC110 - plain lists
            await asyncio.sleep(0.05)

    # --- meters -------------------------------------------------------------------------------------------------

    def at_meters(self) -> dict[str, Scene]:
        return {
            **{f"sag {n}": partial(self._sag, phases) for n, phases in enumerate((1, 2, 3, 3, 3))},
            **{f"loss {n}": partial(self._loss, 1) for n in range(3)},
            "feeder loses its supply": self._feeder,
            "meter dead": partial(self._units, "meter dead", "silent"),
            "meter refuses": partial(self._units, "meter refuses", "busy"),
            "meter late": partial(self._units, "meter late", "late_s"),
            "line dead": partial(self._lines_dead, "line dead", 1),
            "switch dead": partial(self._lines_dead, "switch dead", _SEVERAL),
            "line mute": self._line_mute,
            "line reset": self._line_reset,
        }

    async def _sag(self, phases: int) -> None:
        some = self.dice.sample(self.rig.meters, self.dice.randint(1, 4))
        for meter in some:
            meter.sag(self.dice.uniform(0.62, 0.85), phases)
        await self._dip("sag", some)

    async def _loss(self, count: int) -> None:
        await self._lose("supply lost", self.dice.sample(self.rig.meters, count))

    async def _feeder(self) -> None:
        which = feeder_of(self.dice.choice(self.rig.meters))
        await self._lose("feeder lost", [meter for meter in self.rig.meters if feeder_of(meter) == which])

    async def _lose(self, name: str, some: Sequence[Meter]) -> None:
        for meter in some:
            meter.lose_supply()
        await self._dip(name, some)

    async def _dip(self, name: str, some: Sequence[Meter]) -> None:
        began_s, at_us = time.monotonic(), time.time_ns() // 1000
        looks = {meter.name: meter.looks for meter in some}
        await self._for(4.0, 30.0)
        for meter in some:
            if not meter.silent:
                seen = meter.looks - looks[meter.name]
                self.dips.append(Dip(meter.name, at_us, time.monotonic() - began_s, seen))
            meter.heal()
        self.met[name] += 1

    async def _units(self, name: str, how: str) -> None:
        some = self.dice.sample(self.rig.meters, self.dice.randint(1, 3))
        asked = sum(meter.asked for meter in some)
        for meter in some:
            setattr(meter, how, 2.0 if how == "late_s" else True)
        await self._for(5.0, 60.0)
        if how != "silent":
            await self._until(lambda: sum(meter.asked for meter in some) > asked)
        for meter in some:
            meter.heal()
        self.met[name] += how == "silent" or sum(meter.asked for meter in some) > asked

    async def _lines_dead(self, name: str, count: int) -> None:
        some = self.dice.sample(self.rig.lines, min(count, len(self.rig.lines) // 2))
        for line in some:
            line.close()
        await self._for(5.0, 90.0)
        for line in some:
            await line.reopen()
        self.met[name] += 1

    async def _line_mute(self) -> None:
        """A gateway that took the connection and forgot it."""
        line = self.dice.choice(self.rig.lines)
        for meter in line.meters.values():
            meter.silent = True
        await self._for(5.0, 60.0)
        for meter in line.meters.values():
            meter.heal()
        self.met["line mute"] += 1

    async def _line_reset(self) -> None:
        some: Sequence[Line] = self.dice.sample(self.rig.lines, min(_SEVERAL, len(self.rig.lines)))
        for _ in range(5):
            for line in some:
                line.reset()
            await self._for(1.0, 3.0)
        self.met["line reset"] += 1

    # --- servers ------------------------------------------------------------------------------------------------

    async def _frozen(self, name: str, server: Server) -> None:
        server.freeze()
        await self._for(5.0, 50.0)
        server.thaw()
        self.met[name] += 1

    async def _away(self, name: str, server: Server, end: Callable[[], None], most_s: float) -> None:
        await asyncio.to_thread(end)
        await self._for(2.0, most_s)
        await start(server)
        self.met[name] += 1

    # --- broker -------------------------------------------------------------------------------------------------

    def at_broker(self) -> dict[str, Scene]:
        broker = self.rig.broker
        some = {} if self.brief else {fault.name: partial(self._connection, fault) for fault in self._lies_and_cuts()}
        refused = {} if self.brief else {f"refused 0x{code:02x}": partial(self._refused, code) for code in _REFUSALS}
        return {
            "broker frozen": partial(self._frozen, "broker frozen", broker),
            "broker killed": partial(self._broker_killed, 60.0),
            **({} if self.brief else {"broker away for long": partial(self._broker_killed, 300.0)}),
            "broker restarted": partial(self._broker_away, "broker restarted", broker.stop, 5.0),
            "connection cut": self._cut,
            "PUBACKs swallowed": partial(self._lossy, mqtt_wire.Fault("PUBACKs swallowed", swallow=0.1)),
            "half-open TCP": self._dark,
            **refused,
            **some,
        }

    def _lies_and_cuts(self) -> list[mqtt_wire.Fault]:
        return [*self.dice.sample(lies(), 4), *self.dice.sample(cuts(), 4)]

    async def _broker_killed(self, most_s: float) -> None:
        """Not while it has a backlog for the subscriber, which it would take with it."""
        for _ in range(60):
            before = self.rig.mqtt.published
            await asyncio.sleep(1.0 * min(1.0, self.scale))
            if self.rig.mqtt.published - before < _CALM_MESSAGES_S * min(1.0, self.scale):
                break
        await self._broker_away("broker killed", self.rig.broker.kill, most_s)

    async def _broker_away(self, name: str, end: Callable[[], None], most_s: float) -> None:
        """And until its subscriber is there again, for what it keeps for one that is not is lost by another kill."""
        heard = len(self.rig.heard.names)
        await self._away(name, self.rig.broker, end, most_s)
        await self._until(lambda: len(self.rig.heard.names) > heard)

    async def _cut(self) -> None:
        for _ in range(3):
            self.rig.mqtt.cut()
            await self._for(1.0, 10.0)
        self.met["connection cut"] += 1

    async def _connection(self, fault: mqtt_wire.Fault) -> None:
        """The fault meets the next connection."""
        self.rig.mqtt.plan = [fault]
        self.rig.mqtt.cut()
        await self._until(lambda: not self.rig.mqtt.plan)
        self.met[fault.name] += not self.rig.mqtt.plan
        await self._for(1.0, 10.0)
        self.rig.mqtt.plan.clear()

    async def _refused(self, code: int) -> None:
        await self._lossy(mqtt_wire.Fault(f"refused 0x{code:02x}", refuse=(code,), share=0.2, in_row=UNCLEAR_TRIES - 1))

    async def _lossy(self, fault: mqtt_wire.Fault) -> None:
        """A connection with that fault for a while."""
        wire = self.rig.mqtt
        before = wire.swallowed + wire.refused
        wire.plan = [fault]
        wire.cut()
        await self._until(lambda: not wire.plan)
        await self._for(10.0, 40.0)
        wire.plan.clear()
        wire.cut()
        self.met[fault.name] += wire.swallowed + wire.refused > before

    async def _dark(self) -> None:
        if self.rig.net is None:
            return
        self.rig.net.dark()
        await self._for(5.0, 60.0)
        self.rig.net.light()
        self.met["half-open TCP"] += 1

    # --- database -----------------------------------------------------------------------------------------------

    def at_database(self) -> dict[str, Scene]:
        influxd, proxy = self.rig.influx.server, self.rig.proxy
        told = [fault for fault in answers() if not self.brief or fault.name in ("401", "413", "503, later in words")]
        return {
            "database frozen": partial(self._frozen, "database frozen", influxd),
            "database killed": partial(self._killed, influxd, 60.0),
            **({} if self.brief else {"database away for long": partial(self._killed, influxd, 300.0)}),
            "database restarted": partial(self._away, "database restarted", influxd, influxd.stop, 5.0),
            "proxy killed": partial(self._away, "proxy killed", proxy, proxy.kill, 20.0),
            "token renewed": self._token,
            **{fault.name: partial(self._answered, fault) for fault in told},
        }

    async def _killed(self, database: Server, most_s: float) -> None:
        await self._away("database killed", database, database.kill, most_s)

    async def _answered(self, fault: http_wire.Fault) -> None:
        self.rig.http.plan = [fault]
        await self._until(lambda: not self.rig.http.plan)
        self.met[fault.name] += not self.rig.http.plan
        self.rig.http.plan.clear()
        if self.brief:
            renew(self.rig.token, TOKEN)  # ends the pause, if it is one

    async def _token(self) -> None:
        """Taken back, and after a while a new one is laid down."""
        renew(self.rig.token, "taken-back")
        await self._for(10.0, 60.0)
        renew(self.rig.token, TOKEN)
        self.met["token renewed"] += 1
