"""Asks a serial line for every unit on it. It only reads, and listens first: a line has one master."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.field.doctor.listening import Ear, between_s, ear
from agent.field.doctor.overheard import others
from agent.field.scan import words
from agent.field.scan.heard import replies
from agent.field.scan.plan import QUESTION, WAIT_S, Round, Settings, after, left_s, rounds
from agent.field.scan.words import told
from drivers.endpoints import SerialPort
from drivers.modbus.rtu import frame

LISTEN_S = 10.0
# As of `doctor`: so many bytes before anybody was asked are no accident of opening the port.
_ENOUGH_BYTES = 16
# Who is slow answers the last question within this.
_SLOWEST_S = 1.0

# What is done just now, and how many seconds are left at most.
Progress = Callable[[str, float], None]


@dataclass(slots=True)
class Asked:
    """As far as it came. units: that answered, at these settings; left: what a stop left out, in words."""

    settings: Settings | None = None
    units: set[int] = field(default_factory=set)
    spoilt: dict[str, int] = field(default_factory=dict)
    master: str = ""
    trouble: str = ""
    left: str = ""

    def messages(self, path: str) -> tuple[str, ...]:
        said = [told(words.OTHER_MASTER, path=path, what=self.master)] if self.master else []
        said += [self.trouble] if self.trouble else []
        if sum(self.spoilt.values()) >= _ENOUGH_BYTES:
            most = max(self.spoilt, key=lambda name: self.spoilt[name])
            said.append(told(words.SPOILT, count=sum(self.spoilt.values()), settings=most))
        if self.left:
            said.append(told(words.STOPPED, left=self.left))
        elif not (self.units or said):
            said.append(told(words.NOBODY, path=path))
        return tuple(said)


async def ask_serial(
    path: str,
    tried: tuple[Settings, ...],
    units: tuple[int, ...],
    stop: asyncio.Event,
    progress: Progress,
    *,
    listen_s: float = LISTEN_S,
) -> Asked:
    """stop: set, it ends after the request that is on its way. LineError for a path that is no terminal."""
    asked = Asked()
    plan = rounds(tried, units)
    try:
        asked.master = await _listen(_port(path, tried[0]), listen_s, stop, progress, left_s(plan))
        while plan and not (asked.master or stop.is_set()):
            this, rest = plan[0], plan[1:]
            before = len(asked.units)
            left = await _round(_port(path, this.settings), this, asked, stop, progress, left_s(rest))
            if len(asked.units) > before:
                asked.settings = this.settings
            plan = after(this, rest, found=asked.settings is not None)
            plan = (Round(this.settings, left), *plan) if left else plan
    except OSError as error:
        code = words.PORT_LOST if asked.units or asked.spoilt else words.PORT_CLOSED
        asked.trouble = told(code, path=path, why=(error.strerror or str(error)).removeprefix(f"{path}: "))
    if plan and stop.is_set():
        asked.left = ", ".join(f"units {each.units[0]} to {each.units[-1]} at {each.settings}" for each in plan[:3])
        asked.left += f" and {len(plan) - 3} more rounds" if len(plan) > 3 else ""
    return asked


def _port(path: str, settings: Settings) -> SerialPort:
    return SerialPort(path, settings.baud, settings.parity, settings.stop_bits)


async def _listen(config: SerialPort, for_s: float, stop: asyncio.Event, progress: Progress, then_s: float) -> str:
    """Who else talks; empty where nobody does. A talker at another baud rate is heard as bytes that are no frame."""
    async with ear(config) as listening:
        heard = b""
        for second in range(round(for_s)):
            if stop.is_set():
                return ""
            progress("listening whether another master talks", for_s - second + then_s)
            heard += await listening.listen(1.0)
            if (who := others(heard)) or len(heard) >= _ENOUGH_BYTES:
                return who or f"{len(heard)} bytes in {second + 1} s that nobody here asked for"
    return ""


async def _round(
    config: SerialPort, this: Round, asked: Asked, stop: asyncio.Event, progress: Progress, rest_s: float
) -> tuple[int, ...]:
    """The units that a stop left out."""
    done: set[int] = set()
    async with ear(config) as listening:
        for at, unit in enumerate(this.units):
            if stop.is_set():
                return this.units[at:]
            left = Round(this.settings, this.units[at:])
            progress(f"{this.settings}: unit {unit}, found {len(asked.units)}", left.longest_s + rest_s)
            done.add(unit)
            await _ask(listening, config, unit, done, asked, last=at == len(this.units) - 1)
    return ()


async def _ask(listening: Ear, config: SerialPort, unit: int, done: set[int], asked: Asked, *, last: bool) -> None:
    await asyncio.sleep(between_s(config))
    pieces = await listening.ask(unit, QUESTION, _SLOWEST_S if last else WAIT_S)
    if listening.lost:
        raise OSError(listening.lost)
    found = replies(b"".join(piece.data for piece in pieces), frame(unit, QUESTION), done)
    asked.units |= found.units
    if found.spoilt:
        name = f"{config.baud} 8{config.parity}{config.stop_bits}"
        asked.spoilt[name] = asked.spoilt.get(name, 0) + found.spoilt
