"""A site of many meters, both real servers behind wires that can do harm, and the agent that serves them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import http_wire
import mqtt_wire
from half_open import Cable, cable, why_no_cable
from http_wire import HttpWire
from mqtt_wire import MqttWire
from running import Agent, Listener, agent
from server_process import PortTakenError
from servers import Influx, Server, influx_v2_shim, influxd, mosquitto
from soak_meters import Line, Meter, opened

from agent.clock import parse_rfc3339
from agent.status.socket import NotRunningError, ask

TOKEN = "canary-31"
BEHIND_ONE = 5
FEEDER = 20
# Without this many meters there is no line of several, or no feeder.
LEAST_METERS = 2 * FEEDER
# A database reads its log again, which takes its time on a busy machine.
_START_S = 240.0


@dataclass(frozen=True, slots=True)
class Pace:
    """As in the site file."""

    watch_s: float = 1.0
    poll_s: float = 10.0
    publish_s: float = 5.0


def lines_of(meters: int, dice: random.Random) -> list[Line]:
    """Half the meters have an address of their own, the others share one by fives. Two in three live on what they
    measure."""
    made = []
    for number in range(0, meters, BEHIND_ONE):
        group = [
            Meter(f"m{number + n}", n + 1, dice, own_supply=(number + n) % 3 > 0)
            for n in range(min(BEHIND_ONE, meters - number))
        ]
        together = (number // BEHIND_ONE) % 2
        made += [group] if together else [[meter] for meter in group]
    return [Line(f"l{number}", group) for number, group in enumerate(made)]


def feeder_of(meter: Meter) -> int:
    return int(meter.name[1:]) // FEEDER


def site_text(lines: list[Line], pace: Pace, state: Path, mqtt: str, influx: str) -> str:
    parts = [
        f'[site]\nname = "dashi"\ngateway = "gw-01"\nnominal_voltage = 230\nstate_dir = "{state}"\n'
        f'watch = "{pace.watch_s}s"\npoll = "{pace.poll_s}s"\npublish_every = "{pace.publish_s}s"\n'
        f'[mqtt]\nurl = "mqtt://{mqtt}"\nprotocol = "5"\nallow_cleartext = true\n'
        f'[influxdb]\nurl = "{influx}"\norg = "ops"\ntoken_file = "token"\n'
    ]
    for line in lines:
        parts.append(f'[lines.{line.name}]\ntcp = "127.0.0.1:{line.port}"\n')
        parts += [_meter(line, meter) for meter in line.meters.values()]
    return "".join(parts)


def _meter(line: Line, meter: Meter) -> str:
    feeder = feeder_of(meter)
    head = f"m{feeder * FEEDER}"
    above = f'upstream = "{head}"\n' if meter.name != head else ""
    return (
        f'[meters.{meter.name}]\nline = "{line.name}"\nunit = {meter.unit}\nmodel = "eastron-sdm630"\n'
        f'powered_by = "{"self" if meter.own_supply else "ups"}"\nfeeder = "F{feeder}"\ncustomers = 10\n{above}'
    )


class Heard:
    """Names of what a subscriber was told, as `history` names it; bodies would be gigabytes."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, told: tuple[str, bool, Any]) -> None:
        topic, _, body = told
        kind = topic.rpartition("/")[2]
        if kind == "reading":
            self.names.append(f"reading:{body['meter']}@{parse_rfc3339(body['time'])}")
        elif kind in ("event", "incident"):
            # What is told before it is stored is told again when it is.
            self.names.append(f"{kind}:{body['id']}.{body['revision']}")


@dataclass
class Rig:
    lines: list[Line]
    broker: Server
    influx: Influx
    proxy: Server
    mqtt: MqttWire
    http: HttpWire
    net: Cable | None
    heard: Heard
    agent: Agent
    token: Path
    state: Path

    @property
    def meters(self) -> list[Meter]:
        return [meter for line in self.lines for meter in line.meters.values()]

    async def asked(self, what: str, **details: object) -> Any:
        return await asyncio.to_thread(ask, self.state, what, **details)

    async def behind(self) -> dict[str, int]:
        """Rows and parts of traces that each sink lacks."""
        stats = await self.asked("journal")
        return {name: one["rows"] + one["traces"] for name, one in stats["sinks"].items()}

    async def settled(self, within_s: float) -> str:
        """Until every meter is read and nothing is on its way any more; what is missing after so long, in words."""
        until_s, lacking = time.monotonic() + within_s, "an answer"
        while time.monotonic() < until_s:
            lacking = await self._lacking()
            if not lacking:
                return ""
            await asyncio.sleep(0.2)  # the answer itself takes a second
        return f"not settled within {within_s:g} s: {lacking}"

    async def _lacking(self) -> str:
        assert self.agent.process.poll() is None, f"the agent is gone: {self.agent.log[-3000:]}"
        try:
            status = await self.asked("status")
            behind = await self.behind()
        except NotRunningError as error:
            return str(error)
        lost = [meter["meter"] for meter in status["meters"] if meter["comms"] != "ok" or meter["supply"] != "live"]
        # While all goes on some rows are always on their way.
        late = [f"{sink} is {rows} behind" for sink, rows in behind.items() if rows > 2 * len(self.meters)]
        return ", ".join(([f"{len(lost)} meters, {lost[0]} first"] if lost else []) + late)


async def start(server: Server) -> None:
    """On its port again, which a connection of somebody else may hold for a while."""
    until_s = time.monotonic() + _START_S
    while True:
        try:
            return await asyncio.to_thread(server.start, _START_S)
        except PortTakenError:
            assert time.monotonic() < until_s, f"{server.name}: its port {server.port} stays taken"
            await asyncio.sleep(0.5)


@asynccontextmanager
async def rig(place: Path, meters: int, pace: Pace, seed: int) -> AsyncIterator[Rig]:
    """The agent is at work, all meters are well."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    async with AsyncExitStack() as stack:
        net = None if why_no_cable() else stack.enter_context(cable())
        # Saved every other second: after every change would cost more than all the rest.
        extra = ["max_queued_messages 0", "autosave_on_changes false", "autosave_interval 2"]
        broker = stack.enter_context(mosquitto(place, persistence=True, extra=extra))
        influx = stack.enter_context(influxd(place))
        shim = stack.enter_context(influx_v2_shim(place, influx, TOKEN))
        mqtt = await stack.enter_async_context(mqtt_wire.wire(broker.port, net and net.listener, seed))
        http = await stack.enter_async_context(http_wire.wire(shim.server.port))
        heard = Heard()
        stack.enter_context(Listener(broker.port, keep=heard))
        lines = lines_of(meters, dice)
        await opened(lines, dice)
        stack.callback(lambda: [line.close() for line in lines])
        token, site, state = (place / name for name in ("token", "site.toml", "state"))
        renew(token, TOKEN)
        host = net.host if net else "127.0.0.1"
        site.write_text(site_text(lines, pace, state, f"{host}:{mqtt.port}", http.url))
        running = stack.enter_context(agent(site))
        yield Rig(lines, broker, influx, shim.server, mqtt, http, net, heard, running, token, state)


def renew(token: Path, text: str) -> None:
    """As an operator does it: a new file in the place of the old one."""
    fresh = token.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(token)
