"""Where a line is: a serial port, a Modbus TCP server, a serial server that passes RTU frames. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SerialPort:
    """An RTU line on a terminal. parity: N, E or O."""

    path: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    @property
    def bits_per_char(self) -> int:
        """Start, eight data, parity, stop."""
        return 1 + 8 + (self.parity != "N") + self.stop_bits


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A Modbus TCP server or gateway."""

    host: str
    port: int = 502


@dataclass(frozen=True, slots=True)
class RtuOverTcpEndpoint:
    """A serial server that passes raw RTU frames through a TCP stream."""

    host: str
    port: int


LineConfig = SerialPort | TcpEndpoint | RtuOverTcpEndpoint


def address(config: LineConfig) -> str:
    """In a word: ``/dev/ttyUSB0``, ``10.0.0.1:502``."""
    return config.path if isinstance(config, SerialPort) else f"{config.host}:{config.port}"
