"""`lamplighter run` as a service manager starts it: a notify socket, a state directory by argument."""

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from running import LAMPLIGHTER


class Service:
    """said: all that the service manager was told so far."""

    def __init__(self, site: Path, state_dir: Path) -> None:
        self.said: list[str] = []
        self._log = site.with_name("service.log")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = str(site.with_name("notify"))
        Path(address).unlink(missing_ok=True)
        self._socket.bind(address)
        self._socket.setblocking(False)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [LAMPLIGHTER, "run", site, "--state-dir", state_dir], stderr=log, stdout=log,
                env=os.environ | {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def heard(self) -> list[str]:
        with suppress(BlockingIOError):
            while True:
                self.said += self._socket.recv(4096).decode().splitlines()
        return self.said

    @property
    def is_ready(self) -> bool:
        return "READY=1" in self.heard()

    @property
    def status(self) -> str:
        """The last one."""
        told = [line for line in self.heard() if line.startswith("STATUS=")]
        return told[-1].removeprefix("STATUS=") if told else ""

    @property
    def pats(self) -> int:
        return self.heard().count("WATCHDOG=1")

    def limit_descriptors(self, more: int) -> None:
        """So many can be opened beside those that are, and none beyond. prlimit(2)"""
        used = {int(each.name) for each in Path(f"/proc/{self.process.pid}/fd").iterdir()}
        limit = next(limit for limit in range(1, 4096) if len(set(range(limit)) - used) > more)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (limit - 1, 4096))

    def lift_limit(self) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self._socket.close()


@contextmanager
def service(site: Path, state_dir: Path) -> Iterator[Service]:
    running = Service(site, state_dir)
    try:
        yield running
    finally:
        running.end()
