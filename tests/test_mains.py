"""The gateway's own supply: files as the kernel writes them, a small NUT daemon of our own, and a real one."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nut_server import NutServer, nut_server
from server_process import Server, free_port, program

from agent.mains import NutMains, SysfsMains

# -- sysfs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "lost"), [("1\n", False), ("0\n", True), ("2\n", False)])
async def test_online_is_what_the_kernel_says(tmp_path: Path, text: str, lost: bool) -> None:
    (tmp_path / "online").write_text(text)
    mains = SysfsMains(tmp_path)
    assert (await mains.lost(), mains.trouble, mains.words) == (lost, "", text.strip())


async def test_it_is_read_anew_each_time(tmp_path: Path) -> None:
    mains, file = SysfsMains(tmp_path), tmp_path / "online"
    assert (await mains.lost(), mains.trouble) == (None, f"{file}: No such file or directory")
    for text, lost in (("1", False), ("0", True), ("1", False)):
        file.write_text(text)
        assert (await mains.lost(), mains.trouble) == (lost, "")


@pytest.mark.parametrize("text", [b"", b"Unknown\n", b"-1", b"\xff"])
async def test_what_is_neither_is_not_known(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "online").write_bytes(text)
    mains = SysfsMains(tmp_path)
    assert await mains.lost() is None
    assert mains.trouble.startswith(str(tmp_path / "online"))


# -- NUT -------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[NutServer]:
    with nut_server() as running:
        yield running


@asynccontextmanager
async def asking(server: NutServer, ups: str = "ups") -> AsyncIterator[NutMains]:
    mains = NutMains(ups, "127.0.0.1", server.port, answer_s=0.3)
    try:
        yield mains
    finally:
        await mains.close()


@pytest.mark.parametrize(
    ("status", "lost"),
    [
        ("OL", False),
        ("OL CHRG", False),
        ("OL BOOST LB", False),
        ("OB DISCHRG", True),
        ("OB LB", True),
        ("ALARM OB LB RB", True),
        ("FSD OB LB", True),
    ],
)
async def test_a_ups_is_on_line_or_on_battery(server: NutServer, status: str, lost: bool) -> None:
    server.status = status
    async with asking(server) as mains:
        assert (await mains.lost(), mains.trouble, mains.words) == (lost, "", status)
    assert server.questions == ["GET VAR ups ups.status"]


@pytest.mark.parametrize("status", ["", "OFF", "BYPASS", "OBL", "WAIT"])
async def test_a_status_that_says_neither_is_not_known(server: NutServer, status: str) -> None:
    server.status = status
    async with asking(server) as mains:
        assert await mains.lost() is None
        assert mains.trouble == f"upsd says {status!r}: neither OL nor OB"


async def test_one_connection_serves_many_questions(server: NutServer) -> None:
    async with asking(server) as mains:
        for status, lost in (("OL", False), ("OB", True), ("OL", False)):
            server.status = status
            assert await mains.lost() is lost
    assert server.connections == 1


async def test_an_unknown_ups_says_what_to_do(server: NutServer) -> None:
    async with asking(server, "other") as mains:
        assert await mains.lost() is None
        assert mains.trouble == "upsd says 'ERR UNKNOWN-UPS': upsd knows no UPS of that name; correct mains.nut"


@pytest.mark.parametrize(
    "answer",
    [
        b"ERR DATA-STALE\n",
        b"ERR DRIVER-NOT-CONNECTED\n",
        b"\n",
        b'VAR other ups.status "OB"\n',
        b'VAR sup ups.status "OB"\n',
        b'VAR ups battery.charge "OB"\n',
        b'VAR ups ups.status "OB\n',
        b"\xff\xfe\n",
        b"x" * 5000 + b"\n",
    ],
)
async def test_what_answers_something_else_is_never_taken_for_a_loss(server: NutServer, answer: bytes) -> None:
    server.verbatim = answer
    async with asking(server) as mains:
        assert await mains.lost() is None
        assert mains.trouble
        server.verbatim = None
        assert (await mains.lost(), mains.trouble) == (False, "")


async def test_a_silent_daemon_is_given_up_and_its_late_answer_is_nobody_elses(server: NutServer) -> None:
    server.silent = True
    async with asking(server) as mains:
        assert await mains.lost() is None
        assert mains.trouble == f"upsd at 127.0.0.1:{server.port}: no answer within 0.3 s"
        server.silent = False
        assert await mains.lost() is False
    assert server.connections == 2


async def test_a_daemon_that_hangs_up_is_asked_again(server: NutServer) -> None:
    server.hang_up = True
    async with asking(server) as mains:
        assert await mains.lost() is None
        assert mains.trouble == f"upsd at 127.0.0.1:{server.port}: it hung up"
        server.hang_up = False
        assert await mains.lost() is False


async def test_where_nobody_listens_nothing_is_known() -> None:
    port = free_port()
    mains = NutMains("ups", "127.0.0.1", port)
    assert await mains.lost() is None
    assert f"upsd at 127.0.0.1:{port}: " in mains.trouble


# -- the real daemon -------------------------------------------------------------------------------------------


@pytest.fixture
def upsd(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """NUT's own upsd with its own dummy driver, which says what a file says."""
    program("upsd", "nut-server")
    # What lies in the path is a script that starts nothing unless /etc says so.
    daemon, driver, port = Path("/lib/nut/upsd"), Path("/lib/nut/dummy-ups"), free_port()
    status = tmp_path / "dummy.dev"
    status.write_text("ups.status: OL\n")
    run = tmp_path / "run"
    run.mkdir(mode=0o755)
    (tmp_path / "nut.conf").write_text("MODE=standalone\n")
    (tmp_path / "ups.conf").write_text(
        f"[ups]\n driver = dummy-ups\n port = {status}\n mode = dummy-loop\n pollinterval = 1\n"
    )
    (tmp_path / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\n")
    (tmp_path / "upsd.users").write_text("")
    for file in tmp_path.glob("ups*"):
        file.chmod(0o640)
    environment = {"NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(run), "NUT_ALTPIDPATH": str(run)}
    user = ["-u", "root"] if os.geteuid() == 0 else []
    words = [f"{key}={value}" for key, value in environment.items()]
    # Both stay in the foreground with -D, so that their process ids are ours.
    drives = Server("dummy-ups", ["env", *words, str(driver), "-D", "-a", "ups", *user], port, tmp_path / "driver.log")
    serves = Server("upsd", ["env", *words, str(daemon), "-D", *user], port, tmp_path / "upsd.log")
    serves.start()
    try:
        with drives.log.open("ab") as log:
            drives.process = subprocess.Popen(drives.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        yield serves, status
    finally:
        drives.stop()
        serves.stop()


@pytest.mark.e2e
async def test_a_real_upsd_is_understood_and_its_silence_is_no_loss(upsd: tuple[Server, Path]) -> None:
    server, status = upsd
    mains = NutMains("ups", "127.0.0.1", server.port)

    async def until(wanted: bool) -> None:
        for _ in range(300):
            if await mains.lost() is wanted:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"not {wanted}: {mains.words} {mains.trouble}")

    await until(False)
    status.write_text("ups.status: OB DISCHRG\nTIMER 1\n")
    await until(True)
    assert mains.words == "OB DISCHRG"
    status.write_text("ups.status: OL CHRG\nTIMER 1\n")
    await until(False)
    other = NutMains("none", "127.0.0.1", server.port)
    assert await other.lost() is None
    assert "UNKNOWN-UPS" in other.trouble
    server.stop()
    assert await mains.lost() is None
    server.start()
    await until(False)
    await other.close()
    await mains.close()
