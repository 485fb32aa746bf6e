"""A small NUT daemon in a thread: RFC 9271's GET VAR for one UPS, and whatever a test wants it to say instead."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NutServer:
    """says: the status of `ups`, or a whole line where it begins with a letter and a space is wanted verbatim; hang_up:
    close instead of answering; silent: never answer. connections and questions: what came."""

    def __init__(self) -> None:
        self.status = "OL"
        self.verbatim: bytes | None = None
        self.hang_up = False
        self.silent = False
        self.connections = 0
        self.questions: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._peers: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            peer.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as lines:
            try:
                for line in lines:
                    self.questions.append(line.decode().rstrip("\n"))
                    if self.hang_up:
                        return
                    if not self.silent:
                        peer.sendall(self._answer(self.questions[-1]))
            except OSError:
                return

    def _answer(self, question: str) -> bytes:
        if self.verbatim is not None:
            return self.verbatim
        if question == "GET VAR ups ups.status":
            return f'VAR ups ups.status "{self.status}"\n'.encode()
        return b"ERR UNKNOWN-UPS\n" if question.startswith("GET VAR ") else b"ERR UNKNOWN-COMMAND\n"


@contextmanager
def nut_server() -> Iterator[NutServer]:
    server = NutServer()
    try:
        yield server
    finally:
        server.close()
