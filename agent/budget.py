"""What the wire of one line can carry: time per round, utilisation, the watch rate that is left. Pure.

A full set that does not fit is a mistake in the site file; watching is best effort, so its rate is worked out
instead of demanded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.line import LineConfig, RtuOverTcpEndpoint, SerialPort
from drivers.modbus.pdu import Read
from drivers.model import MeterModel
from drivers.plan import Plan, plan_reads, wire_time_s

# A meter that is late by more than this, beyond its documented turn-around, is silent.
_MARGIN_S = 0.05
_NETWORK_MARGIN_S = 0.2
# A serial server does not tell its baud rate: a long reply at 9600 baud comes on top.
_FAR_SERIAL_S = 0.3
# A request and its reply on a switched local network: round trip and the gateway's own wake-ups.
_NETWORK_S = 0.002


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a meter is read. watch_us: None = as fast as the line goes."""

    poll_us: int
    watch_us: int | None


@dataclass(frozen=True, slots=True)
class Load:
    """What one meter asks of its line. poll_s, watch_s: wire time of the full set and of the watched one;
    watch_us: None = as fast as the line goes."""

    meter: str
    poll_us: int
    watch_us: int | None
    poll_s: float
    watch_s: float
    poll_reads: int
    watch_reads: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one meter gets. asked_hz: None = as fast as the line goes; got_hz: watched sets a second; late_s: how long
    the wire may keep one waiting, behind the watches of the others and a read of a full set that has begun."""

    load: Load
    asked_hz: float | None
    got_hz: float
    late_s: float


@dataclass(frozen=True, slots=True)
class LineBudget:
    """One line. round_s: wire time that full sets need in the shortest poll period of the line, period_s;
    utilisation: their part of the wire, 1.0 = all of it."""

    round_s: float
    period_s: float
    utilisation: float
    shares: tuple[Share, ...]

    @property
    def possible(self) -> bool:
        return self.utilisation <= 1


def read_time_s(read: Read, model: MeterModel, line: LineConfig) -> float:
    """Wire time of one read. Behind an RTU-over-TCP converter the baud rate is not known: a lower bound."""
    if isinstance(line, SerialPort):
        return wire_time_s(read, line.baud, line.bits_per_char, model.turnaround_s)
    return model.turnaround_s + _NETWORK_S


def wire_s(read: Read, line: LineConfig) -> float:
    """What request and reply take on the wire, without any turn-around; nothing worth counting on a network."""
    return wire_time_s(read, line.baud, line.bits_per_char, 0.0) if isinstance(line, SerialPort) else 0.0


def ceiling_s(model: MeterModel, line: LineConfig) -> float:
    """The longest turn-around that is waited for: the slowest that is documented, and what lies between us and it."""
    if isinstance(line, SerialPort):
        return model.turnaround_max_s + _MARGIN_S
    far_s = _FAR_SERIAL_S if isinstance(line, RtuOverTcpEndpoint) else 0.0
    return model.turnaround_max_s + _NETWORK_MARGIN_S + far_s


def timeout_s(read: Read, model: MeterModel, line: LineConfig) -> float:
    """How long to wait for the reply to one read of a unit that is not known yet, from writing the request."""
    return wire_s(read, line) + ceiling_s(model, line)


def load(meter: str, model: MeterModel, watched: Sequence[str], line: LineConfig, pace: Pace) -> Load:
    """The load of a meter on a line: its whole map each poll, `watched` each watch."""
    poll, watch = plan_reads(model, model.quantities), plan_reads(model, watched)
    return Load(
        meter=meter,
        poll_us=pace.poll_us,
        watch_us=pace.watch_us,
        poll_s=_plan_s(poll, line),
        watch_s=_plan_s(watch, line),
        poll_reads=len(poll.reads),
        watch_reads=len(watch.reads),
    )


def _plan_s(plan: Plan, line: LineConfig) -> float:
    return sum(read_time_s(planned.read, plan.model, line) for planned in plan.reads)


def line_budget(loads: Sequence[Load]) -> LineBudget:
    """The sum of a line's meters. A line without meters needs nothing."""
    utilisation = sum(load.poll_s * 1e6 / load.poll_us for load in loads)
    period_s = min((load.poll_us for load in loads), default=0) / 1e6
    return LineBudget(utilisation * period_s, period_s, utilisation, _shares(loads, 1 - utilisation))


def _shares(loads: Sequence[Load], free: float) -> tuple[Share, ...]:
    """Max-min fair: who asks for little gets it, the others share what is left at one equal rate.

    free: the part of the wire that full sets leave.
    """
    got: dict[str, float] = {}
    waiting = sorted(loads, key=_asked_hz)
    while waiting:
        equal_hz = max(free, 0) / (sum(load.watch_s for load in waiting) or math.inf)
        load = waiting.pop(0)
        got[load.meter] = min(_asked_hz(load), equal_hz)
        free -= got[load.meter] * load.watch_s
    return tuple(
        Share(load, None if load.watch_us is None else _asked_hz(load), got[load.meter], _late_s(load, loads))
        for load in loads
    )


def _late_s(load: Load, loads: Sequence[Load]) -> float:
    others_s = sum(other.watch_s for other in loads if other is not load)
    return others_s + max(one.poll_s / max(1, one.poll_reads) for one in loads)


def _asked_hz(load: Load) -> float:
    return math.inf if load.watch_us is None else 1e6 / load.watch_us
