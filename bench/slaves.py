"""The two slaves in C, as context managers."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from install import compiled
from measure import FailedError, end

REGISTERS = 30


@dataclass(frozen=True, slots=True)
class TcpCount:
    """at_ns: boot time. polls: registers served over 30, so that one read of 30 counts as much as 15 of 2."""

    at_ns: int
    requests: int
    registers: int
    connections: int
    first_request_ns: int

    @property
    def polls(self) -> float:
        return self.registers / REGISTERS


@dataclass(frozen=True, slots=True)
class RtuCount:
    """violations: requests that came within t3.5 of what was last on the line; legal_ns: the least legal time of all
    answered transactions; late_ns: the slave's own worst lateness, to judge the machine by;
    gaps_ns: sum of the silences before requests."""

    at_ns: int
    answered: int
    to_dead: int
    violations: int
    shortest_gap_ns: int
    damaged: int
    legal_ns: int
    late_ns: int
    gaps_ns: int


@dataclass(frozen=True, slots=True)
class Piped:
    """A program that answers each line with a line."""

    process: subprocess.Popen[str]

    def ask(self, command: str) -> list[int]:
        return [int(number) for number in self.say(command).split()]

    def say(self, command: str | None = None) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if command is not None:
            self.process.stdin.write(f"{command}\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise FailedError("the bench's slave ended")
        return line


@dataclass(frozen=True, slots=True)
class TcpSlave:
    piped: Piped
    ports: tuple[int, ...]

    def count(self, command: str = "stats") -> TcpCount:
        return TcpCount(*self.piped.ask(command))


@dataclass(frozen=True, slots=True)
class RtuSlave:
    piped: Piped
    path: str

    def count(self, command: str = "stats") -> RtuCount:
        return RtuCount(*self.piped.ask(command))


@contextmanager
def tcp_slave(ports: int) -> Iterator[TcpSlave]:
    """100 meters: 100 ports, or one port where a client knows only one connection (a meter is then a unit)."""
    with _piped([str(compiled("slave", "-lm")), str(ports)]) as piped:
        yield TcpSlave(piped, tuple(map(int, piped.say().split()[1:])))


@contextmanager
def rtu_slave(baud: int, bits: int, units: int, dead: Sequence[int], turnaround_us: int) -> Iterator[RtuSlave]:
    command = [str(compiled("rtu_slave", "-lm")), str(baud), str(bits), str(turnaround_us), str(units)]
    with _piped([*command, ",".join(map(str, dead))]) as piped:
        yield RtuSlave(piped, piped.say().split()[1])


@contextmanager
def _piped(command: list[str]) -> Iterator[Piped]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Piped(process)
    finally:
        end(process)
