"""Each cause of silence on a real line: ptys and sockets with slaves that do what the cause makes a meter do, and the
first cause that doctor names."""

import asyncio
import errno
import fcntl
import os
import socket
import termios
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from ptys import Pty
from scripted_peer import (
    RTU_REQUEST,
    TCP_REQUEST,
    Script,
    Step,
    crc,
    on_pty,
    on_tcp,
    rtu_exception,
    rtu_reply,
    sealed,
    tcp_exception,
)  # fmt: skip
from server_process import free_port

from agent.field.doctor import words
from agent.field.doctor.findings import Finding
from agent.field.doctor.lines import Patience, examine_line
from agent.field.doctor.opening import Around, of_opening
from agent.site import Site, load_site
from drivers.endpoints import SerialPort

pytestmark = pytest.mark.e2e

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
VOLTS = bytes.fromhex("43660000")  # 230.0, a float of two words
# What is heard before the first request, and at other settings, is for the tests about just that.
HURRIED = Patience(listen_s=0.05, late_s=1.0, usual=())
Say = Callable[[bytes], Iterable[Step]]


def site_on(tmp_path: Path, line: str) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(line=line), encoding="utf-8")
    return load_site(path)


def healthy(request: bytes) -> bytes:
    """Each float of what was asked is 230."""
    count = int.from_bytes(request[4:6], "big")
    return sealed(request[:2] + bytes((2 * count,)) + (VOLTS * count)[: 2 * count])


def fine(request: bytes) -> Iterable[Step]:
    yield healthy(request)


def silent(request: bytes) -> Iterable[Step]:
    return ()


def late(request: bytes) -> Iterable[Step]:
    yield 0.8
    yield healthy(request)


def twice(request: bytes) -> Iterable[Step]:
    yield healthy(request)
    yield 0.1
    yield sealed(healthy(request)[:-4] + b"\x43\x67")


def collided(request: bytes) -> Iterable[Step]:
    answer = healthy(request)
    yield answer[:6] + bytes(each & 0x55 for each in answer[6:])


def as_another(request: bytes) -> Iterable[Step]:
    yield sealed(bytes((request[0] + 1,)) + healthy(request)[1:-2])


def spoilt(request: bytes) -> Iterable[Step]:
    answer = healthy(request)
    yield answer[:-1] + bytes((answer[-1] ^ 0x10,))


def cut(request: bytes) -> Iterable[Step]:
    yield healthy(request)[:-6]


def echoes(request: bytes) -> Iterable[Step]:
    yield request


def breaks(request: bytes) -> Iterable[Step]:
    yield bytes(12) + b"\xff"


def refuses(code: int) -> Say:
    def say(request: bytes) -> Iterable[Step]:
        yield rtu_exception(request, code)

    return say


def absurd(request: bytes) -> Iterable[Step]:
    yield rtu_reply(request)


def bus(main: Say, spare: Say) -> Script:
    """Who answers for which unit; only a whole request is answered."""
    turns = {1: main, 7: spare}

    def script(number: int, request: bytes) -> Iterable[Step]:
        return turns[request[0]](request) if crc(request[:-2]) == request[-2:] else ()

    return script


def at_times(good: Say, bad: Say) -> Say:
    asked = [0]

    def say(request: bytes) -> Iterable[Step]:
        asked[0] += 1
        return bad(request) if asked[0] % 2 else good(request)

    return say


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


def causes(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Code and subject of what is a cause; each says what to do, and no word is left open."""
    found = list(findings)
    assert all(each.text and each.todo and "{" not in each.text + each.todo for each in found)
    return [(each.code, each.subject) for each in found if not each.because]


CABINET, MAIN, SPARE = "line cabinet", "meter main", "meter spare"


@pytest.mark.parametrize(
    ("main", "spare", "expected"),
    [
        (fine, fine, []),
        (echoes, echoes, [(words.ECHO_ONLY, CABINET)]),
        (breaks, breaks, [(words.POLARITY, CABINET)]),
        (spoilt, spoilt, [(words.LINE_DAMAGED, CABINET)]),
        (silent, fine, [(words.METER_SILENT, MAIN)]),
        (fine, late, [(words.METER_LATE, SPARE)]),
        (twice, fine, [(words.UNIT_TWICE, MAIN)]),
        (collided, fine, [(words.METER_DAMAGED, MAIN)]),
        (fine, spoilt, [(words.METER_DAMAGED, SPARE)]),
        (fine, cut, [(words.METER_CUT, SPARE)]),
        (as_another, fine, [(words.METER_OTHER_UNIT, MAIN)]),
        (refuses(2), fine, [(words.WRONG_MODEL, MAIN)]),
        (fine, refuses(1), [(words.WRONG_MODEL, SPARE)]),
        (refuses(4), fine, [(words.METER_FAILS, MAIN)]),
        (refuses(6), fine, [(words.METER_BUSY, MAIN)]),
        (absurd, fine, [(words.WRONG_VALUES, MAIN)]),
        (fine, at_times(fine, silent), [(words.METER_UNSTEADY, SPARE)]),
        (at_times(fine, spoilt), fine, [(words.METER_UNSTEADY, MAIN)]),
        (silent, refuses(6), [(words.METER_SILENT, MAIN), (words.METER_BUSY, SPARE)]),
    ],
)  # fmt: skip
async def test_the_first_cause_on_a_serial_line(
    tmp_path: Path, pty: Pty, main: Say, spare: Say, expected: list[tuple[str, str]]
) -> None:
    async with on_pty(pty, bus(main, spare)) as peer:
        found = await examine_line(site_on(tmp_path, f'serial = "{pty.path}"'), "cabinet", HURRIED)
    assert causes(found) == expected
    assert {request[1] for request in peer.requests} <= {3, 4}


async def test_meters_that_answer_at_other_settings_are_told_with_what_to_write(tmp_path: Path, pty: Pty) -> None:
    """The far end of a pty sees the baud rate that the near end was opened with."""

    def script(number: int, request: bytes) -> Iterable[Step]:
        return fine(request) if termios.tcgetattr(pty.fd)[4] == termios.B19200 else ()

    async with on_pty(pty, script):
        site = site_on(tmp_path, f'serial = "{pty.path}"')
        usual = ((38400, "N", 1), (19200, "E", 1))
        found = await examine_line(site, "cabinet", Patience(listen_s=0.05, late_s=0.3, usual=usual))
    assert causes(found) == [(words.OTHER_SETTINGS, CABINET)]
    assert "main answers at 19200 8E1" in found[0].text
    assert 'baud = 19200, parity = "E", stop_bits = 1' in found[0].todo


async def test_a_line_on_which_nobody_answers_at_any_settings(tmp_path: Path, pty: Pty) -> None:
    async with on_pty(pty, bus(silent, silent)):
        site = site_on(tmp_path, f'serial = "{pty.path}"')
        found = await examine_line(site, "cabinet", Patience(listen_s=0.05, late_s=0.3, usual=((19200, "E", 1),)))
    assert causes(found) == [(words.LINE_SILENT, CABINET)]
    assert [(each.subject, each.because) for each in found[1:]] == [
        (MAIN, words.LINE_SILENT),
        (SPARE, words.LINE_SILENT),
    ]


@asynccontextmanager
async def talking(pty: Pty, *pieces: bytes) -> AsyncIterator[None]:
    """These bytes again and again, whoever asks."""

    async def talk() -> None:
        while True:
            for piece in pieces:
                os.write(pty.fd, piece)
                await asyncio.sleep(0.02)

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()


ASKS = sealed(bytes.fromhex("090300640014"))


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((ASKS, rtu_reply(ASKS)), words.OTHER_MASTER),
        ((b"\x00\x00\x00", b"\x00\xff"), words.POLARITY),
        ((bytes.fromhex("9a31c7"), bytes.fromhex("55e2")), words.LINE_NOISE),
    ],
)
async def test_what_is_heard_before_anybody_is_asked(
    tmp_path: Path, pty: Pty, pieces: tuple[bytes, ...], code: str
) -> None:
    async with on_pty(pty, bus(silent, silent)) as peer, talking(pty, *pieces):
        site = site_on(tmp_path, f'serial = "{pty.path}"')
        found = await examine_line(site, "cabinet", Patience(listen_s=0.5, late_s=0.3, usual=()))
    assert causes(found) == [(code, CABINET)]
    assert [each.because for each in found[1:]] == [code, code]
    if code == words.OTHER_MASTER:
        assert peer.requests == []  # two masters spoil each other's replies


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    found = await examine_line(site_on(tmp_path, f'serial = "{tmp_path}/none"'), "cabinet")
    assert causes(found) == [(words.PORT_ABSENT, CABINET)]


async def test_a_port_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    found = await examine_line(site_on(tmp_path, f'serial = "{tmp_path}/port"'), "cabinet")
    assert causes(found) == [(words.PORT_NO_TERMINAL, CABINET)]


async def test_a_port_that_another_program_holds(tmp_path: Path, pty: Pty) -> None:
    site = site_on(tmp_path, f'serial = "{pty.path}"')
    with held(pty.path):
        found = await examine_line(site, "cabinet")
    assert causes(found) == [(words.PORT_BUSY, CABINET)]
    assert "(pid " in found[0].text
    assert [each.because for each in found[1:]] == [words.PORT_BUSY] * 2


@contextmanager
def held(path: str) -> Iterator[None]:
    """As programs lock a port: flock(2)."""
    with open(path, "rb", buffering=0) as port:  # noqa: PTH123
        fcntl.flock(port, fcntl.LOCK_EX)
        yield


async def test_a_port_that_does_not_open_at_all(tmp_path: Path) -> None:
    """The terminal of a process that has none: ENXIO."""
    found = await examine_line(site_on(tmp_path, 'serial = "/dev/tty"'), "cabinet")
    assert [code for code, _ in causes(found)] == [words.PORT_FAILS]


@pytest.mark.parametrize("gone", ["", "x"])
def test_a_port_that_belongs_to_others(tmp_path: Path, gone: str) -> None:
    """Root may open everything, so the words of the attempt stand for it."""
    config = SerialPort("/dev/ttyUSB0")
    told = f"/dev/ttyUSB0: permission denied{gone and '; is the user in the group of the port?'}"
    found = of_opening("cabinet", config, told, Around(("/dev/ttyUSB0",), group="dialout"))
    assert causes([found]) == [(words.PORT_DENIED, CABINET)]
    assert "usermod -aG dialout" in found.todo
    assert os.strerror(errno.EACCES).lower() == "permission denied"


def mbap(main: Say, spare: Say) -> Script:
    return lambda number, request: {1: main, 7: spare}[request[6]](request)


def tcp_fine(request: bytes) -> Iterable[Step]:
    count = int.from_bytes(request[10:12], "big")
    yield request[:5] + bytes((3 + 2 * count,)) + request[6:8] + bytes((2 * count,)) + (VOLTS * count)[: 2 * count]


def tcp_refuses(code: int) -> Say:
    def say(request: bytes) -> Iterable[Step]:
        yield tcp_exception(request, code)

    return say


def tcp_late(request: bytes) -> Iterable[Step]:
    yield 0.8
    yield from tcp_fine(request)


def hangs_up(request: bytes) -> Iterable[Step]:
    yield "reset"


@pytest.mark.parametrize(
    ("main", "spare", "expected"),
    [
        (tcp_fine, tcp_fine, []),
        (tcp_refuses(10), tcp_refuses(10), [(words.GATEWAY_PATH, CABINET)]),
        (tcp_refuses(11), tcp_refuses(11), [(words.GATEWAY_UNANSWERED, CABINET)]),
        (tcp_fine, tcp_refuses(11), [(words.METER_FAILS, SPARE)]),
        (tcp_fine, tcp_refuses(2), [(words.WRONG_MODEL, SPARE)]),
        (silent, tcp_fine, [(words.METER_SILENT, MAIN)]),
        (tcp_late, tcp_fine, [(words.METER_LATE, MAIN)]),
        (silent, silent, [(words.UNITS_SILENT, CABINET)]),
        (hangs_up, hangs_up, [(words.HOST_HANGS_UP, CABINET)]),
    ],
)
async def test_the_first_cause_behind_modbus_tcp(
    tmp_path: Path, main: Say, spare: Say, expected: list[tuple[str, str]]
) -> None:
    async with on_tcp(mbap(main, spare), TCP_REQUEST) as peer:
        found = await examine_line(site_on(tmp_path, f'tcp = "127.0.0.1:{peer.port}"'), "cabinet", HURRIED)
    assert causes(found) == expected


async def test_a_serial_server_that_is_taken_for_modbus_tcp(tmp_path: Path) -> None:
    async with on_tcp(bus(fine, fine), RTU_REQUEST) as peer:
        found = await examine_line(site_on(tmp_path, f'tcp = "127.0.0.1:{peer.port}"'), "cabinet", HURRIED)
        assert causes(found) == [(words.OTHER_FRAMING, CABINET)]
        site = site_on(tmp_path, f'rtu_over_tcp = "127.0.0.1:{peer.port}"')
        assert await examine_line(site, "cabinet", HURRIED) == ()


async def test_a_modbus_tcp_device_that_is_taken_for_a_serial_server(tmp_path: Path) -> None:
    async with on_tcp(mbap(tcp_fine, tcp_fine), TCP_REQUEST) as peer:
        site = site_on(tmp_path, f'rtu_over_tcp = "127.0.0.1:{peer.port}"')
        found = await examine_line(site, "cabinet", HURRIED)
    assert causes(found) == [(words.OTHER_FRAMING, CABINET)]


async def test_a_host_where_nobody_listens(tmp_path: Path) -> None:
    found = await examine_line(site_on(tmp_path, f'tcp = "127.0.0.1:{free_port()}"'), "cabinet")
    assert causes(found) == [(words.HOST_REFUSES, CABINET)]


async def test_a_host_that_has_no_address(tmp_path: Path) -> None:
    found = await examine_line(site_on(tmp_path, 'tcp = "no-such-host.invalid:502"'), "cabinet")
    assert causes(found) == [(words.HOST_UNKNOWN, CABINET)]


async def test_a_host_that_takes_no_connection(tmp_path: Path) -> None:
    """A queue that is full: the kernel lets the next SYN pass unanswered."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        found = await examine_line(site_on(tmp_path, f'tcp = "127.0.0.1:{full.getsockname()[1]}"'), "cabinet")
    assert causes(found) == [(words.HOST_SILENT, CABINET)]
