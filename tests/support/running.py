"""The product as a user runs it: the installed command as a child process, and a foreign MQTT client listening."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LAMPLIGHTER = Path(sys.executable).with_name("lamplighter")
_STOP_S = 5.0


class Agent:
    """`lamplighter run SITE` as a child. log: its stderr so far."""

    def __init__(self, site: Path, log: Path, stdin: int | None = None) -> None:
        self.site = site
        self._stdin = stdin
        self._log = log
        self.process = self._start()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """kill -9: no good-bye to anybody."""
        self.process.kill()
        self.process.wait(_STOP_S)

    def start(self) -> None:
        self.process = self._start()

    def stop(self) -> tuple[int, float]:
        """SIGTERM. Returns the exit code and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S + 5), time.monotonic() - started

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen([LAMPLIGHTER, "run", str(self.site)], stdin=self._stdin, stderr=log, stdout=log)


def catches_sigterm(running: Agent) -> bool:
    """Whether Python runs our first lines. proc(5): SigCgt is the mask of caught signals, bit n-1 for signal n."""
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask.split()[1], 16) & 1 << signal.SIGTERM - 1)


@contextmanager
def agent(site: Path, stdin: int | None = None) -> Iterator[Agent]:
    running = Agent(site, site.with_suffix(".log"), stdin)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def command(*words: str | Path, timeout_s: float = 20.0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One `lamplighter ...` to its end."""
    return subprocess.run([LAMPLIGHTER, *map(str, words)], capture_output=True, text=True, timeout=timeout_s, cwd=cwd)


class Listener:
    """mosquitto_sub on everything: (topic, retained, payload) in order of arrival, payloads parsed. keep: who takes
    them instead of `messages`."""

    def __init__(
        self, port: int, arguments: Sequence[str] = (), keep: Callable[[tuple[str, bool, Any]], None] | None = None
    ) -> None:
        self.messages: list[tuple[str, bool, Any]] = []
        self._keep = keep or self.messages.append
        broker = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port)]
        # A session that outlives the connection: what is published while the broker restarts waits for us.
        session = ["-c", "-i", f"listener-{port}"]
        wanted = [*session, "-t", "#", "-q", "1", "-F", "%t %r %p", *arguments]
        command = [*broker, *wanted]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def of(self, ending: str) -> list[Any]:
        """Bodies of the topics that end so, in order."""
        return [body for topic, _, body in list(self.messages) if topic.endswith(ending)]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_S)
        self._thread.join(_STOP_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            topic, retained, body = line.decode().rstrip("\n").split(" ", 2)
            self._keep((topic, retained == "1", json.loads(body) if body else None))


def retained(port: int, topic: str) -> Any:
    """The retained message of one topic as a newcomer gets it; None if there is none."""
    done = subprocess.run(
        ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-C", "1", "-W", "2"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    return json.loads(done.stdout) if done.stdout else None


def eventually(what: str, condition: Callable[[], Any], within_s: float = 10.0) -> Any:
    """The first truthy answer of `condition`; AssertionError with `what` when the time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s:g} s: {what}")
