"""systemd's notify protocol: datagrams to $NOTIFY_SOCKET. Without that variable every call is a quiet no-op."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notify:
    """address: a path, or ``@name`` in the abstract namespace; None where no systemd listens."""

    address: str | None
    watchdog_s: float | None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Notify":
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        return cls(environ.get("NOTIFY_SOCKET"), int(watchdog_us) / 1e6 if watchdog_us.isdigit() else None)

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(text.encode(), address)
            except OSError:
                # A full or vanished notify socket must not stop the polling; systemd's own watchdog will speak.
                return
