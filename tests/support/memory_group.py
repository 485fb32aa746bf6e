"""A control group with a bound on memory, beneath our own: what a unit's MemoryMax is made of. Needs root."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        limit = directory / "memory.max"
        if limit.exists():
            limit.write_text(str(limit_bytes))
            self._optional("memory.swap.max", "0")
        else:
            (directory / "memory.limit_in_bytes").write_text(str(limit_bytes))
            self._optional("memory.swappiness", "0")

    def add(self, pid: int) -> None:
        (self._directory / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How often the kernel has killed somebody here for want of memory."""
        files = (self._directory / name for name in ("memory.events", "memory.oom_control"))
        counts = next(file for file in files if file.exists()).read_text().splitlines()
        return next(int(line.split()[1]) for line in counts if line.startswith("oom_kill "))

    def _optional(self, name: str, value: str) -> None:
        if (self._directory / name).exists():
            (self._directory / name).write_text(value)


def _own() -> Path | None:
    """Our group, where it may have others with a bound beneath it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return _ROOT / "memory" / path.lstrip("/")
        directory = _ROOT / path.lstrip("/")
        given = directory / "cgroup.subtree_control"
        if not controllers and given.exists() and "memory" in given.read_text().split():
            return directory
    return None


def why_no_memory_group() -> str:
    if os.geteuid():
        return "not root"
    try:
        own = _own()
        if own is None or not own.is_dir():
            return "the kernel gives out no memory controller here"
        with memory_group(1 << 30) as group:
            return "" if group.kills == 0 else "the count of kills begins anywhere"
    except (OSError, StopIteration) as error:
        return str(error) or "no count of kills"


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """Whoever is still in it when the block is left is in our own group again."""
    own = _own()
    assert own is not None
    directory = own / f"lamplighter-test-{os.getpid()}"
    directory.mkdir()
    try:
        yield MemoryGroup(directory, limit_bytes)
    finally:
        for pid in (directory / "cgroup.procs").read_text().split():
            (own / "cgroup.procs").write_text(pid)
        _remove(directory)


def _remove(directory: Path) -> None:
    """The kernel lets go of a killed process's memory in its own time."""
    for _ in range(100):
        try:
            directory.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return
    directory.rmdir()
