"""Asks a device on the network for its units, in Modbus TCP first and then as a serial server that passes RTU frames:
a wrong guess looks like silence, as each side waits for the rest of a frame."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import boot_us
from agent.field.scan import words
from agent.field.scan.plan import QUESTION
from agent.field.scan.serial_line import Progress
from agent.field.scan.words import told
from drivers.endpoints import LineConfig, RtuOverTcpEndpoint, TcpEndpoint, address
from drivers.line import Line

# A gateway asks its own serial line first.
_WAIT_S = 1.0
# Modbus application protocol V1.1b3, section 7: the gateway has no way to it, or nobody answered it.
_NOBODY_THERE = (0x0A, 0x0B)
# Units that no installation has beside each other: who answers to these does not look at the unit.
_UNLIKELY = (246, 241, 239)


@dataclass(frozen=True, slots=True)
class Reached:
    """line: as it speaks; None where nobody answered; units: that answered; said: with codes."""

    line: LineConfig | None
    units: tuple[int, ...]
    said: tuple[str, ...] = ()


async def ask_network(
    place: TcpEndpoint, units: Sequence[int], stop: asyncio.Event, progress: Progress, *, wait_s: float = _WAIT_S
) -> Reached:
    """In the framing that is answered. stop: set, it ends after the request that is on its way."""
    trouble = ""
    for line in (place, RtuOverTcpEndpoint(place.host, place.port)):
        heard = await _Asking(line, wait_s, stop, progress).all(units)
        if heard.line is not None:
            return heard
        trouble = trouble or (heard.said[0] if heard.said else "")
        if stop.is_set():
            return Reached(None, (), (told(words.STOPPED, left=f"{address(place)} from some unit on"),))
    return Reached(None, (), (told(words.NO_ANSWER, place=address(place), why=trouble or "nobody answered"),))


@dataclass(frozen=True, slots=True)
class _Asking:
    config: LineConfig
    wait_s: float
    stop: asyncio.Event
    progress: Progress

    async def all(self, units: Sequence[int]) -> Reached:
        """said: why the line is down, without a code."""
        async with Line("scan", self.config, boot_us, listen_s=0) as line:
            first = [await self._outcome(line, unit) for unit in _UNLIKELY]
            if "down" in first:
                return Reached(None, (), (line.error.removesuffix(address(self.config)).strip(),))
            if first == ["there"] * len(_UNLIKELY):
                said = told(words.ANY_UNIT, place=address(self.config), unit=units[0])
                return Reached(self.config, (units[0],), (said,))
            return await self._each(line, units, speaks="silent" not in first)

    async def _each(self, line: Line, units: Sequence[int], *, speaks: bool) -> Reached:
        found: list[int] = []
        for at, unit in enumerate(units):
            if self.stop.is_set():
                left = told(words.STOPPED, left=f"units {unit} to {units[-1]} of {address(self.config)}")
                return Reached(self.config if found else None, tuple(found), (left,))
            self.progress(f"{address(self.config)}: unit {unit}, found {len(found)}", self.wait_s * (len(units) - at))
            outcome = await self._outcome(line, unit)
            speaks |= outcome != "silent"
            found += [unit] if outcome == "there" else []
        silent = told(words.NO_ANSWER, place=address(self.config), why="a gateway answers, no unit behind it")
        said = (silent,) if speaks and not found else ()
        return Reached(self.config if speaks else None, tuple(found), said)

    async def _outcome(self, line: Line, unit: int) -> str:
        """ "there", "absent" (a gateway says so), "silent", "down"."""
        exchange = await line.exchange(unit, QUESTION, self.wait_s)
        if exchange.outcome == "refused":
            return "absent" if exchange.code in _NOBODY_THERE else "there"
        return {"answered": "there", "down": "down"}.get(exchange.outcome, "silent")
