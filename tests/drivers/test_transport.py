"""What the byte transports promise by themselves; how lines use them is in test_line_*.py."""

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ptys import Pty
from scripted_peer import on_tcp

from drivers.readers import Readers
from drivers.transport import TcpTransport, holder, open_serial, open_tcp


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


def unheard(chunk: bytes | memoryview) -> None:
    raise AssertionError(f"heard {bytes(chunk)!r}")


def not_lost(text: str) -> None:
    raise AssertionError(f"lost: {text}")


def connected_to(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


async def test_a_connection_sends_at_once_and_notices_a_peer_that_is_gone() -> None:
    async with on_tcp(lambda number, request: []) as peer:
        sock = connected_to(peer.port)
        made = TcpTransport(sock, "peer", Readers(), unheard, not_lost)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert 0 < sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 5000
        made.close()


async def test_a_closed_connection_does_not_say_that_it_is_lost() -> None:
    lost: list[str] = []
    async with on_tcp(lambda number, request: []) as peer:
        made = await open_tcp("127.0.0.1", peer.port, 1.0, Readers(), unheard, lost.append)
        made.close()
        await asyncio.sleep(0.01)
        assert lost == []
        with pytest.raises(OSError, match="not connected"):
            made.write(b"x")


async def test_a_name_with_several_addresses_is_refused_in_words() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(OSError, match=f"connection refused localhost:{port}"):
        await open_tcp("localhost", port, 5.0, Readers(), unheard, not_lost)


async def test_a_name_is_connected_to_by_the_first_of_its_addresses_that_answers() -> None:
    async with on_tcp(lambda number, request: []) as peer:
        made = await open_tcp("localhost", peer.port, 5.0, Readers(), unheard, not_lost)
        made.close()


async def test_a_peer_that_takes_no_more_bytes_is_lost_and_said_so_once_the_writing_is_done() -> None:
    lost: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = TcpTransport(connected_to(server.getsockname()[1]), "peer", Readers(), unheard, lost.append)
        made.write(bytes(50_000_000))
        assert lost == []
        await asyncio.sleep(0)
        assert lost == ["takes no more bytes peer"]


async def test_a_connection_that_was_reset_is_lost_in_words_by_whoever_notices_first_and_once() -> None:
    lost: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = TcpTransport(connected_to(server.getsockname()[1]), "peer", Readers(), unheard, lost.append)
        other, _ = server.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        made.write(b"request")
        await asyncio.sleep(0.05)
        assert lost in (["connection reset by peer peer"], ["broken pipe peer"])
        with pytest.raises(OSError, match="not connected"):
            made.write(b"request")


async def test_a_port_that_opens_too_late_is_closed_again(pty: Pty) -> None:
    loop, gate = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, gate.wait, 10.0)
    with pytest.raises(OSError, match="opening took more than"):
        await open_serial(pty.path, 9600, "N", 1, 0.02, unheard, not_lost)
    gate.set()
    await busy
    await loop.run_in_executor(None, int)  # the one thread has opened the port by now, and its callback closed it
    made = await open_serial(pty.path, 9600, "N", 1, 1.0, unheard, not_lost)  # else it would still be locked
    made.close()


async def test_a_port_that_takes_no_more_bytes_is_an_error(pty: Pty) -> None:
    made = await open_serial(pty.path, 9600, "N", 1, 1.0, unheard, not_lost)
    with pytest.raises(OSError, match=r"bytes written|unavailable"):
        made.write(bytes(1_000_000))
    made.close()


async def test_a_pty_is_not_paced(pty: Pty) -> None:
    made = await open_serial(pty.path, 9600, "N", 1, 1.0, unheard, not_lost)
    assert made.paced is False
    made.close()


def test_the_holder_of_a_port_is_found_among_the_processes(tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.touch()
    for pid, target in (("17", tmp_path / "other"), ("42", port)):
        descriptors = tmp_path / "proc" / pid / "fd"
        descriptors.mkdir(parents=True)
        (descriptors.parent / "comm").write_text(f"program-{pid}\n")
        (descriptors / "3").symlink_to(target)
    assert holder(str(port), tmp_path / "proc") == "program-42 (pid 42)"
    assert holder(str(tmp_path / "free"), tmp_path / "proc") == ""


def test_our_own_descriptors_are_seen(tmp_path: Path) -> None:
    port = tmp_path / "port"
    with port.open("w"):
        assert holder(str(port)).endswith(f"(pid {os.getpid()})")
