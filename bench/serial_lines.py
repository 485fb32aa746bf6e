"""RTU lines: how much of the legal maximum a master reaches, whether it keeps the silence, what dead units cost.

The slaves are paced in C on pseudo terminals, the lines of one group run side by side: a serial line is mostly waiting.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from broker import broker
from clients import DEFAULT, LAMPLIGHTER, NAIVE
from install import HERE, UnavailableError, libmodbus_client, libmodbus_version
from measure import FailedError, running, wait_until
from results import Results, brief
from sites import Pace, rtu_line, write_site
from slaves import RtuCount, RtuSlave, rtu_slave

SPEED = "RTU {} baud, {} units"
DEAD = "RTU 19200 baud, {} units, {} dead"
_TURNAROUND_US = 5000
# What a C master gets that keeps the silence and does nothing else: the floor of this machine's timers and wake-ups.
LEGAL = "libmodbus + t3.5"


@dataclass(frozen=True, slots=True)
class Bus:
    """One line of an experiment. dead: that many of its units never answer, spread over the addresses.

    No parity: a pty refuses it. Characters of 11 bits are had by two stop bits.
    """

    work: str
    baud: int
    stop_bits: int
    units: int
    dead: int = 0

    @property
    def dead_units(self) -> tuple[int, ...]:
        return tuple(1 + n * self.units // self.dead for n in range(self.dead)) if self.dead else ()

    @property
    def bits(self) -> int:
        return 9 + self.stop_bits

    @property
    def silence_us(self) -> int:
        # Modbus over serial line V1.02, 2.5.1.1: 3.5 characters, 1.75 ms above 19200 baud
        return 1750 if self.baud > 19200 else round(3.5e6 * self.bits / self.baud)


Command = Callable[[Bus, str, Path, int], Sequence[str | Path]]


def _lamplighter(bus: Bus, path: str, directory: Path, broker_port: int) -> Sequence[str | Path]:
    line = rtu_line(path, bus.baud, bus.stop_bits, bus.units)
    # The full set now and then: what is measured is watching.
    site = write_site(directory, [line], "block", Pace("max", "1min"), broker_port)
    return [LAMPLIGHTER, "run", site, "--log-level", "warning"]


def _libmodbus(bus: Bus, path: str, directory: Path, broker_port: int) -> Sequence[str | Path]:
    return _libmodbus_resting(bus, path, 0)


def _legal(bus: Bus, path: str, directory: Path, broker_port: int) -> Sequence[str | Path]:
    return _libmodbus_resting(bus, path, bus.silence_us)


def _libmodbus_resting(bus: Bus, path: str, gap_us: int) -> Sequence[str | Path]:
    return [libmodbus_client(), path, str(bus.baud), "N", str(bus.stop_bits), str(bus.units), str(gap_us)]


def _pymodbus(bus: Bus, path: str, directory: Path, broker_port: int) -> Sequence[str | Path]:
    return [sys.executable, HERE / "naive.py", "rtu", path, str(bus.baud), str(bus.stop_bits), str(bus.units)]


# The name in the tables, what `--only` calls it, its command, its version once it is installed.
_CLIENTS: tuple[tuple[str, str, Command, Callable[[], str]], ...] = (
    ("lamplighter", "lamplighter", _lamplighter, DEFAULT.version),
    ("libmodbus", "libmodbus", _libmodbus, libmodbus_version),
    (LEGAL, "libmodbus", _legal, libmodbus_version),
    ("pymodbus", "naive", _pymodbus, NAIVE.version),
)


def speed(
    results: Results, only: Collection[str], bauds: Sequence[tuple[int, int]], settle_s: float, look_s: float
) -> None:
    for baud, stop_bits in bauds:
        buses = [Bus(SPEED.format(baud, units), baud, stop_bits, units) for units in (1, 8, 32)]
        _group(results, only, buses, settle_s, look_s)


def dead_units(
    results: Results, only: Collection[str], cases: Sequence[tuple[int, int]], settle_s: float, look_s: float
) -> None:
    """cases: units, and how many of them are dead (0: what the others are held against)."""
    buses = [Bus(DEAD.format(units, dead), 19200, 2, units, dead) for units, dead in cases]
    _group(results, only, buses, settle_s, look_s)


def _group(results: Results, only: Collection[str], buses: Sequence[Bus], settle_s: float, look_s: float) -> None:
    for name, peer, command, version in _CLIENTS:
        if peer not in only:
            continue
        print(f"  {name}: {'; '.join(bus.work for bus in buses)}", flush=True)
        try:
            _side_by_side(results, name, command, buses, settle_s, look_s)
            results.versions[peer] = version()
        except (FailedError, UnavailableError) as error:
            for bus in buses:
                results.fail(bus.work, name, error)


def _side_by_side(
    results: Results, name: str, command: Command, buses: Sequence[Bus], settle_s: float, look_s: float
) -> None:
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        seen = stack.enter_context(broker(root))
        slaves = []
        children = []
        for number, bus in enumerate(buses):
            directory = root / str(number)
            directory.mkdir()
            slave = stack.enter_context(rtu_slave(bus.baud, bus.bits, bus.units, bus.dead_units, _TURNAROUND_US))
            started = command(bus, slave.path, directory, seen.port)
            children.append(stack.enter_context(running(started, directory, client=True)))
            slaves.append(slave)
        for child, slave in zip(children, slaves, strict=True):
            wait_until(lambda slave=slave: slave.count().answered > 0, child)  # type: ignore[misc]
        counts = _look(slaves, settle_s, look_s)
        for child in children:
            child.check()
    for bus, (first, last) in zip(buses, counts, strict=True):
        _note(results, name, bus, first, last)


def _look(slaves: Sequence[RtuSlave], settle_s: float, look_s: float) -> list[tuple[RtuCount, RtuCount]]:
    # The silence must be kept from the first request on: violations count from the start, rates after settling.
    time.sleep(settle_s)
    before = [slave.count() for slave in slaves]
    time.sleep(look_s)
    return [(first, slave.count()) for first, slave in zip(before, slaves, strict=True)]


def _note(results: Results, name: str, bus: Bus, first: RtuCount, last: RtuCount) -> None:
    took_ns = last.at_ns - first.at_ns
    answered, to_dead = last.answered - first.answered, last.to_dead - first.to_dead
    metrics = {
        "polls_s": answered / took_ns * 1e9,
        "of_legal_pct": 100 * (last.legal_ns - first.legal_ns) / took_ns,
        "violations": float(last.violations),
        "requests": float(last.answered + last.to_dead),
        "mean_gap_ms": (last.gaps_ns - first.gaps_ns) / max(1, answered + to_dead) / 1e6,
        "shortest_gap_ms": last.shortest_gap_ns / 1e6 if last.answered + last.to_dead > 1 else 0.0,
        "dead_asked_s": to_dead / took_ns * 1e9,
        "slave_late_ms": last.late_ns / 1e6,
    }
    results.add(bus.work, name, **metrics)
    told = ", ".join(f"{metric} {brief(value)}" for metric, value in metrics.items())
    print(f"    {bus.work}: {told}", flush=True)
