"""Names of servers, with a name server that is late, gone or wrong. The system's own is never asked here."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from agent.publish.resolver import Address, Resolver
from agent.publish.tls import explain

SOON_S = 0.05


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


class Names:
    """What a name server says: one answer after the other, the last one for ever. None: it hangs until let go."""

    def __init__(self, *answers: str | OSError | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.go_on = threading.Event()

    def ask(self, host: str, port: int) -> Sequence[Address]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer is None:
            self.go_on.wait(10)
            answer = "127.0.0.1"
        if isinstance(answer, OSError):
            raise answer
        return [Address(socket.AF_INET, (one, port)) for one in answer.split()]


def gone() -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def connected(names: Names, server: socket.socket, resolver: Resolver | None = None) -> Resolver:
    resolver = resolver or Resolver(names.ask, deadline_s=SOON_S)
    resolver.connect("broker.example", port_of(server), 1.0).close()
    return resolver


def settled(true: Callable[[], bool]) -> None:
    """Other threads come to their end by themselves."""
    for thread in threading.enumerate():
        if thread.name == "resolver":
            thread.join(5)
    assert true()


def test_a_name_is_asked_for_with_each_connection(server: socket.socket) -> None:
    names = Names("127.0.0.1")
    connected(names, server, connected(names, server))
    assert names.asked == 2


def test_the_first_address_that_takes_a_connection_is_it(server: socket.socket) -> None:
    connected(Names("127.0.0.9 127.0.0.1"), server)


def test_a_name_that_is_gone_is_reached_at_the_address_of_before_and_that_is_said_once(
    server: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    names = Names("127.0.0.1", gone(), gone(), "127.0.0.1")
    resolver = Resolver(names.ask, deadline_s=SOON_S)
    for _ in range(4):
        connected(names, server, resolver)
    told = [line for line in caplog.messages if line.startswith("resolver.")]
    assert told == [
        "resolver.last_address host=broker.example address=127.0.0.1: Temporary failure in name resolution",
        "resolver.recovered host=broker.example",
    ]


def test_the_address_of_before_is_the_one_that_took_the_connection(server: socket.socket) -> None:
    names = Names("127.0.0.9 127.0.0.1", gone())
    resolver = connected(names, server)
    connected(names, server, resolver)


def test_an_answer_that_changes_is_followed(server: socket.socket) -> None:
    names = Names("127.0.0.1", "127.0.0.9")
    resolver = connected(names, server)
    with pytest.raises(ConnectionRefusedError):
        connected(names, server, resolver)


def test_a_name_that_never_was_known_is_an_error_in_an_engineers_words(server: socket.socket) -> None:
    with pytest.raises(OSError, match="name resolution") as caught:
        connected(Names(gone()), server)
    assert "no name server answered" in explain(caught.value)


def test_a_name_server_that_hangs_ends_with_the_deadline_and_holds_one_thread_only(server: socket.socket) -> None:
    names = Names(None)
    resolver = Resolver(names.ask, deadline_s=SOON_S)
    for _ in range(5):
        with pytest.raises(OSError, match=r"no answer within 0\.05 s") as caught:
            connected(names, server, resolver)
        assert "no name server answered" in explain(caught.value)
    assert names.asked == 1
    assert len([thread for thread in threading.enumerate() if thread.name == "resolver"]) == 1
    names.go_on.set()
    settled(lambda: names.asked == 1)


def test_an_answer_that_came_too_late_serves_the_next_attempt(server: socket.socket) -> None:
    """A first name server that is dead makes every answer late."""
    names = Names(None, gone())
    resolver = Resolver(names.ask, deadline_s=SOON_S)
    with pytest.raises(OSError, match="name resolution"):
        connected(names, server, resolver)
    names.go_on.set()
    settled(lambda: names.asked == 1)
    connected(names, server, resolver)
    assert names.asked == 1


def test_a_name_server_that_hangs_after_a_good_connection_costs_the_deadline_alone(server: socket.socket) -> None:
    names = Names("127.0.0.1", None)
    resolver = connected(names, server)
    connected(names, server, resolver)
    names.go_on.set()


def test_a_name_that_stands_for_nothing_is_said(server: socket.socket) -> None:
    with pytest.raises(OSError, match="stands for no address"):
        connected(Names(""), server)


def test_a_name_that_is_no_name_is_an_error_and_no_defect(server: socket.socket) -> None:
    with pytest.raises(OSError, match="Name or service not known"):
        Resolver(deadline_s=5.0).connect("a" * 70 + ".example", port_of(server), 1.0)
