"""systemd's notify protocol: datagrams to $NOTIFY_SOCKET. Without that variable every call is a quiet no-op."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Notify:
    """address: a path, or ``@name`` in the abstract namespace; None where no systemd listens."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self.address = address
        self.watchdog_s = watchdog_s
        self._said = ""
        # Opened once: on the day on which no descriptor is left the watchdog must still be fed.
        self._socket = None if address is None else socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if self._socket is not None:
            self._socket.setblocking(False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Notify":
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        return cls(environ.get("NOTIFY_SOCKET"), int(watchdog_us) / 1e6 if watchdog_us.isdigit() else None)

    def ready(self, status: str) -> None:
        self._said = status
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """Said where it is another one."""
        if status != self._said:
            self._said = status
            self._send(f"STATUS={status}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _send(self, text: str) -> None:
        if self._socket is None or self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        # A full or vanished notify socket must not stop the polling; systemd's own watchdog will speak.
        with suppress(OSError):
            self._socket.sendto(text.encode(), address)
