"""Which sans-I/O master a line gets: by its endpoint. Pure."""

import math
from collections.abc import Callable
from typing import Protocol

from drivers.endpoints import LineConfig, SerialPort, TcpEndpoint
from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.overhear import Overhearing
from drivers.modbus.pdu import Read, Request
from drivers.modbus.rtu import char_s, silence_s
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster

# A serial server far away does not tell its baud rate: t3.5 of the slowest common one, by the book.
_FAR_BAUD = 9600
_FAR_BITS = 11


class Master(Protocol):
    """The sans-I/O half of a line: see RtuMaster and TcpMaster. prompt: there is never a silence to keep."""

    prompt: bool
    function_at: int
    broken: str
    again_us: int | None

    def opened(self, now_us: int, paced: bool) -> None: ...
    def clear_us(self, asked_us: int, patience_us: int) -> int: ...
    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes: ...
    def again(self, now_us: int) -> bytes: ...
    def receive(self, chunk: bytes | memoryview, now_us: int) -> Exchange | None: ...
    def expire(self, now_us: int) -> Exchange: ...
    def lost(self, now_us: int) -> int: ...


def master_of(
    config: LineConfig, counters: LineCounters, jitter: Callable[[], float], others: Overhearing, listen_us: int
) -> Master:
    """others, listen_us: see RtuMaster; on Modbus TCP nobody else can be heard."""
    if isinstance(config, TcpEndpoint):
        return TcpMaster(int(jitter() * 0x10000), counters)
    if isinstance(config, SerialPort):
        silence_us = math.ceil(silence_s(config.baud, config.bits_per_char) * 1e6)
        char_us = char_s(config.baud, config.bits_per_char) * 1e6
        return RtuMaster(silence_us, char_us, counters, others, listen_us)
    return RtuMaster(math.ceil(silence_s(_FAR_BAUD, _FAR_BITS) * 1e6), 0, counters, others, listen_us)
