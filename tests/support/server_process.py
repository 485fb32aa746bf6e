"""A server as a child process: started on a free port, killed, restarted, frozen, and stopped by its process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_START_S = 10.0
_STOP_S = 5.0
_PORT_ATTEMPTS = 5


class PortTakenError(Exception):
    """The port was free a moment ago; try another."""


def program(name: str, package: str) -> str:
    """Path of an installed server. AssertionError that says how to get it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is not installed: `make test` installs it, or run `apt-get install {package}`"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A child process that listens on `port`."""

    name: str
    command: Sequence[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, within_s: float = _START_S) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + within_s
        while not self._listens():
            if self.process.poll() is not None:
                self._explain_exit()
            assert time.monotonic() < deadline, f"{self.name} does not listen: {self.log_text()[-2000:]}"
            time.sleep(0.005)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen to it."""
        if self.process is None:
            return
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_S)
        self.process = None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(_STOP_S)
        self.process = None

    def restart(self) -> None:
        """Starts it again on the same port, after `kill` or `stop`, or stopping it now."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def reload(self) -> None:
        """It reads its files anew."""
        self._signal(signal.SIGHUP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _explain_exit(self) -> None:
        self.process = None
        if "already in use" in self.log_text().lower():
            self.log.unlink()
            raise PortTakenError
        raise AssertionError(f"{self.name} ended at once: {self.log_text()[-2000:]}")


@contextmanager
def running_server(make: Callable[[], Server]) -> Iterator[Server]:
    for _ in range(_PORT_ATTEMPTS):
        server = make()
        try:
            server.start()
            break
        except PortTakenError:
            continue
    else:
        raise AssertionError(f"no free port in {_PORT_ATTEMPTS} attempts")
    try:
        yield server
    finally:
        server.stop()
