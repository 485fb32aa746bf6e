"""Asks one unit of one line who it is: the steps of `drivers.identify` on a real line."""

from collections.abc import Callable, Sequence

from agent.clock import boot_us
from drivers.identify import Verdict, identify
from drivers.line import Line, LineConfig, SerialPort
from drivers.modbus.pdu import Read, Request
from drivers.model import MeterModel
from drivers.plan import wire_time_s

# The slowest documented turn-around is half a second (Carlo Gavazzi); gateways take their own time on top.
_SERIAL_S, _NETWORK_S = 0.6, 1.0
_LONGEST = Read(3, 0, 125)


def deadline_s(request: Request, line: LineConfig) -> float:
    """How long to wait for a reply of a meter that nobody knows yet."""
    if not isinstance(line, SerialPort):
        return _NETWORK_S
    read = request if isinstance(request, Read) else _LONGEST  # identification tells its length only as it comes
    return wire_time_s(read, line.baud, line.bits_per_char, _SERIAL_S)


async def identify_unit(
    line: LineConfig,
    unit: int,
    models: Sequence[MeterModel],
    progress: Callable[[int, str], None],
    *,
    nominal_v: float | None = None,
    timeout_s: float | None = None,
) -> Verdict:
    """The verdict on the meter at `unit`. progress: told the number of each request and what it is for.

    nominal_v: line to neutral, where it is known; timeout_s: in place of each request's own deadline
    LineError if a serial path exists and is no terminal.
    """
    steps = identify(models, nominal_v=nominal_v)
    count = 0
    async with Line("identify", line, boot_us) as port:
        try:
            ask = next(steps)
            while True:
                count += 1
                progress(count, ask.why)
                wait_s = deadline_s(ask.request, line) if timeout_s is None else timeout_s
                ask = steps.send(await port.exchange(unit, ask.request, wait_s))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
