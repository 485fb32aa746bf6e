"""What `check --live` finds out about lines: the other framing, another master. Asked are real sockets and ptys."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from ptys import Pty
from running import command
from scripted_peer import (
    RTU_REQUEST,
    TCP_REQUEST,
    Step,
    crc,
    on_pty,
    on_tcp,
    rtu_exception,
    rtu_reply,
    sealed,
    tcp_exception,
    tcp_reply,
)  # fmt: skip

from agent.probe import Looked, look
from agent.site import Site, load_site

SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
{line}
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
[meters.spare]
line = "cabinet"
unit = 7
model = "eastron-sdm120"
"""


def site_on(tmp_path: Path, line: str) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(line=line), encoding="utf-8")
    return load_site(path)


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


def rtu(number: int, request: bytes) -> Iterable[Step]:
    if crc(request[:-2]) == request[-2:]:
        yield rtu_reply(request)


def rtu_refuses(number: int, request: bytes) -> Iterable[Step]:
    if crc(request[:-2]) == request[-2:] and request[0] == 7:
        yield rtu_exception(request, 2)


def mbap(number: int, request: bytes) -> Iterable[Step]:
    yield tcp_reply(request)


async def found(tmp_path: Path, key: str, port: int) -> Looked:
    _, (looked,) = await look(site_on(tmp_path, f'{key} = "127.0.0.1:{port}"'))
    assert (looked.line, looked.address) == ("cabinet", f"127.0.0.1:{port}")
    return looked


@pytest.mark.e2e
@pytest.mark.parametrize("script", [rtu, rtu_refuses])
async def test_a_serial_server_taken_for_modbus_tcp_is_told(tmp_path: Path, script: object) -> None:
    async with on_tcp(script, RTU_REQUEST) as peer:
        looked = await found(tmp_path, "tcp", peer.port)
    assert looked.trouble == (
        "speaks raw RTU frames, not Modbus/TCP: in [lines.cabinet] "
        f'write rtu_over_tcp = "127.0.0.1:{peer.port}" instead of tcp'
    )
    assert {request[1] for request in peer.heard.requests if crc(request[:-2]) == request[-2:]} <= {3, 4}


@pytest.mark.e2e
async def test_a_modbus_tcp_server_taken_for_a_serial_server_is_told(tmp_path: Path) -> None:
    async with on_tcp(mbap, TCP_REQUEST) as peer:
        looked = await found(tmp_path, "rtu_over_tcp", peer.port)
    assert looked.trouble == (
        "speaks Modbus/TCP, not raw RTU frames: in [lines.cabinet] "
        f'write tcp = "127.0.0.1:{peer.port}" instead of rtu_over_tcp'
    )


@pytest.mark.parametrize(("key", "script", "size"), [("tcp", mbap, TCP_REQUEST), ("rtu_over_tcp", rtu, RTU_REQUEST)])
async def test_an_endpoint_that_is_what_the_site_file_says_is_not_asked_otherwise(
    tmp_path: Path, key: str, script: object, size: int
) -> None:
    async with on_tcp(script, size) as peer:
        assert (await found(tmp_path, key, peer.port)).trouble == ""
        assert peer.heard.connections == 1


async def test_nor_is_one_that_only_refuses(tmp_path: Path) -> None:
    async with on_tcp(lambda number, request: [tcp_exception(request, 11)], TCP_REQUEST) as peer:
        assert (await found(tmp_path, "tcp", peer.port)).trouble == ""
        assert peer.heard.connections == 1


@pytest.mark.e2e
async def test_an_endpoint_that_answers_neither_way_is_only_silent(tmp_path: Path) -> None:
    async with on_tcp(lambda number, request: [], TCP_REQUEST) as peer:
        assert (await found(tmp_path, "tcp", peer.port)).trouble == ""


async def test_a_port_where_nobody_listens_is_not_tried_twice(tmp_path: Path) -> None:
    answers, (looked,) = await look(site_on(tmp_path, 'tcp = "127.0.0.1:1"'))
    assert looked.trouble == ""
    assert all(answer.trouble.startswith("down") for answer in answers)


async def test_another_master_on_a_serial_line_is_told(tmp_path: Path, pty: Pty) -> None:
    asks = sealed(bytes.fromhex("090300640014"))

    async def talk() -> None:
        while True:
            os.write(pty.fd, asks)
            await asyncio.sleep(0.01)
            os.write(pty.fd, rtu_reply(asks))
            await asyncio.sleep(0.05)

    talking = asyncio.create_task(talk())
    async with on_pty(pty, rtu):
        _, (looked,) = await look(site_on(tmp_path, f'serial = "{pty.path}"'))
    talking.cancel()
    assert looked.address == pty.path
    assert looked.trouble.startswith("another master is on this line: ")
    assert looked.trouble.endswith("units 9")


@pytest.mark.e2e
async def test_check_live_says_it_in_one_line_and_ends_with_1(tmp_path: Path) -> None:
    async with on_tcp(rtu, RTU_REQUEST) as peer:
        site = site_on(tmp_path, f'tcp = "127.0.0.1:{peer.port}"')
        done = await asyncio.to_thread(command, "check", site.file, "--live")
    assert done.returncode == 1
    said = f"line cabinet, 127.0.0.1:{peer.port}: speaks raw RTU frames, not Modbus/TCP: in [lines.cabinet] write"
    assert [row.startswith(said) for row in done.stdout.splitlines()].count(True) == 1
