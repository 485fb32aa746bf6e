"""The floor: a bare epoll loop that sends prebuilt requests and looks at the heads of the replies. No values.

usage: floor.py HZ PORT,PORT,...     HZ 0: the next request follows at once
"""

import select
import socket
import sys
import time
from dataclasses import dataclass

_READ_30 = bytes.fromhex("000000000006 01 04 0000 001e")
_REPLY_BYTES = 9 + 60


@dataclass(slots=True)
class Connection:
    """transaction counts up; waiting: a reply is due."""

    sock: socket.socket
    transaction: int = 0
    waiting: bool = False

    def ask(self) -> None:
        self.transaction = (self.transaction + 1) & 0xFFFF
        self.sock.send(self.transaction.to_bytes(2, "big") + _READ_30[2:])
        self.waiting = True

    def take(self, view: memoryview) -> None:
        size = self.sock.recv_into(view)
        good = size == _REPLY_BYTES and int.from_bytes(view[:2], "big") == self.transaction and view[7] == 4
        if not good:
            raise SystemExit(f"unexpected reply of {size} bytes")
        self.waiting = False


def _connected(port: int) -> Connection:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return Connection(sock)


def main(hz: float, ports: list[int]) -> None:
    poller, view = select.epoll(), memoryview(bytearray(512))
    connections = {one.sock.fileno(): one for one in map(_connected, ports)}
    for fd in connections:
        poller.register(fd, select.EPOLLIN)
    period_s = 1 / hz if hz else 0.0
    due_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        if now_s >= due_s:
            due_s = (now_s // period_s + 1) * period_s if hz else now_s
            for one in connections.values():
                if not one.waiting:
                    one.ask()
        for fd, _ in poller.poll(max(0.0, due_s - now_s) if hz else -1):
            connections[fd].take(view)


if __name__ == "__main__":
    main(float(sys.argv[1]), [int(port) for port in sys.argv[2].split(",")])
