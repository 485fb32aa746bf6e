"""From a server's name to a connected socket, whatever the name server does.

The system's resolver may take half a minute and cannot be stopped. It is asked in a thread of its own, one a name at
most, and left behind when it takes too long; then, and where it knows no answer, the address that was reached last is
taken.
Who checks certificates does so by the name: an address proves nothing.
"""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

# A first name server that is dead costs 5 s (resolv.conf(5), timeout): what the second says serves the next attempt.
DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True)
class Address:
    """As `socket` wants it."""

    family: int
    place: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.place[0])


Ask = Callable[[str, int], Sequence[Address]]


def ask_system(host: str, port: int) -> list[Address]:
    """What resolv.conf and hosts have. Takes as long as it takes."""
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(family, place) for family, _, _, _, place in told]


@dataclass(slots=True)
class _Query:
    """One question on its way. found: addresses, or why there are none."""

    done: threading.Event = field(default_factory=threading.Event)
    found: Sequence[Address] | OSError = ()


class Resolver:
    """Of one sink. `connect` blocks; it is for the threads in which sinks connect.

    ask: may block for as long as it likes, and raises OSError
    """

    def __init__(self, ask: Ask = ask_system, *, deadline_s: float = DEADLINE_S) -> None:
        self._ask = ask
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], _Query] = {}
        self._reached: dict[tuple[str, int], Address] = {}
        self._makeshift: set[tuple[str, int]] = set()

    def connect(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        """The first address that takes a connection. OSError as `socket.create_connection`, timeout_s for each."""
        why = OSError(f"{host}: its name stands for no address")
        for address in self._addresses(host, port):
            try:
                carrier = _connected(address, timeout_s)
            except OSError as error:
                why = error
            else:
                self._reached[host, port] = address
                return carrier
        raise why

    def _addresses(self, host: str, port: int) -> Sequence[Address]:
        query = self._query(host, port)
        found = self._taken(query, host, port) if query.done.wait(self._deadline_s) else _late(self._deadline_s)
        if not isinstance(found, OSError):
            self._resolved(host, port)
            return found
        last = self._reached.get((host, port))
        if last is None:
            raise found
        self._made_shift(host, port, last, found)
        return [last]

    def _query(self, host: str, port: int) -> _Query:
        """The question that is on its way or came back late, or a new one: a resolver that hangs costs one thread, not
        one an attempt."""
        with self._lock:
            query = self._pending.get((host, port))
            if query is None:
                query = self._pending[host, port] = _Query()
                asking = threading.Thread(target=self._answer, args=(query, host, port), name="resolver", daemon=True)
                asking.start()
        return query

    def _answer(self, query: _Query, host: str, port: int) -> None:
        try:
            query.found = self._ask(host, port)
        except OSError as error:
            query.found = error
        except UnicodeError:  # of the name's IDNA: a label that is empty or too long
            query.found = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        finally:
            query.done.set()
        if isinstance(query.found, OSError):
            self._taken(query, host, port)  # nobody is served by an old refusal

    def _taken(self, query: _Query, host: str, port: int) -> Sequence[Address] | OSError:
        with self._lock:
            if self._pending.get((host, port)) is query:
                del self._pending[host, port]
        return query.found

    def _made_shift(self, host: str, port: int, last: Address, why: OSError) -> None:
        if (host, port) not in self._makeshift:
            log.warning("resolver.last_address host=%s address=%s: %s", host, last, why.strerror or why)
        self._makeshift.add((host, port))

    def _resolved(self, host: str, port: int) -> None:
        if (host, port) in self._makeshift:
            log.info("resolver.recovered host=%s", host)
        self._makeshift.discard((host, port))


def _connected(address: Address, timeout_s: float | None) -> socket.socket:
    carrier = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        carrier.settimeout(timeout_s)
        carrier.connect(address.place)
    except OSError:
        carrier.close()
        raise
    return carrier


def _late(deadline_s: float) -> OSError:
    words = f"Temporary failure in name resolution: no answer within {deadline_s:g} s"
    return socket.gaierror(socket.EAI_AGAIN, words)
