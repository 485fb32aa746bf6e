"""What a process tree uses, and how a child is started, pinned and ended."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
# The one under test has a core to itself; slave, broker and runner share the other.
CLIENT_CORE = _CORES[-1]
OTHER_CORE = _CORES[0]


class FailedError(Exception):
    """A run that gave no figure. The text says why."""


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def pin_runner() -> None:
    """This process and the children it starts from now on, except those started with `running(client=True)`."""
    os.sched_setaffinity(0, {OTHER_CORE})


@dataclass(frozen=True, slots=True)
class Child:
    """A started program. log: its standard output and error."""

    process: subprocess.Popen[bytes]
    log: Path
    started_ns: int

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """FailedError with the last words of its log if it is no longer there."""
        if self.process.poll() is not None:
            words = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise FailedError(f"ended with {self.process.returncode}: {words[0][:160]}")


@contextmanager
def running(
    command: Sequence[str | Path],
    directory: Path,
    *,
    client: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Runs a program until the block ends. client: on the core of the one under test."""
    pinned = ["taskset", "-c", str(CLIENT_CORE)] if client else []
    log = directory / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        started_ns = boot_ns()
        process = subprocess.Popen(
            [*pinned, *map(str, command)],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
        )  # fmt: skip
    try:
        yield Child(process, log, started_ns)
    finally:
        end(process)


def wait_until(true: Callable[[], bool], child: Child, limit_s: float = 20.0) -> None:
    """Looks often until something about a child has come true; FailedError when it ends or the time is over."""
    deadline_s = time.monotonic() + limit_s
    while not true():
        child.check()
        if time.monotonic() > deadline_s:
            raise FailedError(f"asked for nothing within {limit_s:.0f} s")
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """User and system time of a process, its threads, its living and its waited-for children."""
    return sum(_one_cpu_s(one) for one in _tree(pid))


def _one_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # man 5 proc: utime, stime, cutime, cstime are fields 14 to 17; the name took the first two
    return sum(map(int, fields[11:15])) * _TICK_S


def memory_mb(pid: int) -> tuple[float, float]:
    """VmRSS and VmHWM of a process tree in MB of 10^6 bytes, added up."""
    now = peak = 0
    for one in _tree(pid):
        try:
            text = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines())
        now += int(fields.get("VmRSS", "0 kB").split()[0])
        peak += int(fields.get("VmHWM", "0 kB").split()[0])
    return now * 1024 / 1e6, peak * 1024 / 1e6


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found
