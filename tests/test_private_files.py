"""Whatever umask an agent is started with, nobody but its owner reads what it keeps."""

import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from shutil import copytree

import pytest
from running import Listener, agent, eventually
from samples import MIDNIGHT_US, event, interval
from small_rig import SmallRig
from timers import Timers

from agent.journal.file import FILE_NAME, PAGE_BYTES
from agent.journal.journal import Journal
from agent.known_meters import retired_meters
from agent.private_file import ensure_private, write_private
from agent.report.record.history import History
from agent.report.record.history_file import FILE_NAME as HISTORY


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """The umask of a careless hand."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(state_dir: Path) -> dict[str, int]:
    return {file.name: file.lstat().st_mode & 0o777 for file in state_dir.rglob("*")}


def others_read(state_dir: Path) -> dict[str, str]:
    found = modes(state_dir)
    assert found
    return {name: oct(mode) for name, mode in found.items() if mode & 0o077}


def journal_in(state_dir: Path) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ("mqtt",), "gw-01", now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later)


async def test_a_journal_its_log_and_what_is_moved_aside_are_their_owners(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with journal_in(state) as journal:
        await journal.add_event(event(state="open"))
        assert (state / f"{FILE_NAME}-wal").exists()
        assert others_read(state) == {}
    content = (state / FILE_NAME).read_bytes()
    (state / FILE_NAME).write_bytes(bytes(PAGE_BYTES) + content[PAGE_BYTES:])
    async with journal_in(state) as journal:
        await journal.add_event(event(id="ev-2"))
        assert list(state.glob("*-page1"))
        assert others_read(state) == {}


async def test_what_an_earlier_agent_left_open_to_all_is_shut_and_a_group_stays(tmp_path: Path) -> None:
    for name in (FILE_NAME, HISTORY, "meters.json"):
        (tmp_path / name).touch(0o646)
    async with journal_in(tmp_path), History.open(tmp_path, lambda: MIDNIGHT_US) as history:
        history.add(interval())
    retired_meters(tmp_path, ["tx1"])
    found = modes(tmp_path)
    assert {found[name] for name in (FILE_NAME, HISTORY, "meters.json")} == {0o640}


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_an_agent_that_was_killed_left_beside_a_file_is_shut_with_it(tmp_path: Path, end: str) -> None:
    file, beside = tmp_path / FILE_NAME, tmp_path / f"{FILE_NAME}{end}"
    beside.touch(0o646)
    ensure_private(file)
    assert modes(tmp_path) == {file.name: 0o600, beside.name: 0o640}


async def test_a_log_that_was_left_open_to_all_takes_no_new_event(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    async with journal_in(tmp_path / "state") as journal:
        await journal.add_event(event(state="open"))
        copytree(tmp_path / "state", killed)
    for file in killed.iterdir():
        file.chmod(0o644)
    async with journal_in(killed) as journal:
        await journal.add_event(event(id="ev-2"))
        assert modes(killed)[f"{FILE_NAME}-wal"] == 0o640


@pytest.mark.parametrize("trap", ["link", "second name", "pipe", "directory"])
def test_it_writes_into_nothing_that_somebody_put_in_its_files_place(tmp_path: Path, trap: str) -> None:
    precious, file = tmp_path / "precious", tmp_path / "meters.json"
    precious.write_text("precious")
    precious.chmod(0o644)
    if trap == "pipe":
        os.mkfifo(file)
    elif trap == "directory":
        file.mkdir()
    else:
        (file.symlink_to if trap == "link" else file.hardlink_to)(precious)
    with pytest.raises(OSError, match=r"meters\.json"):
        write_private(file, b"ours")
    assert retired_meters(tmp_path, ("tx1",)) == ()
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("precious", 0o644)


async def test_the_long_record_and_the_list_of_meters_are_their_owners(tmp_path: Path) -> None:
    async with History.open(tmp_path, lambda: MIDNIGHT_US) as history:
        history.add(interval())
        await history.write()
        (tmp_path / HISTORY).write_bytes(b"no database at all, of some length" * 200)
        history.add(interval(1))
        await history.write()
    retired_meters(tmp_path, ["tx1"])
    assert {"history.sqlite3", "history.sqlite3.bad", "meters.json"} <= modes(tmp_path).keys()
    assert others_read(tmp_path) == {}


@pytest.mark.e2e
def test_all_that_a_running_agent_keeps_is_its_owners(tmp_path: Path) -> None:
    with ExitStack() as stack:
        rig = SmallRig(tmp_path, stack)
        with Listener(rig.broker.port) as listener, agent(rig.site) as running:
            eventually("readings", lambda: len(listener.of("/m/reading")) > 2, 20)
            eventually("the copy of the site file", (rig.state / "site.good").exists)
            kept = {"journal.sqlite3", "journal.sqlite3-wal", "agent.lock", "ballast", "starts", "meters.json"}
            assert kept <= modes(rig.state).keys()
            assert others_read(rig.state) == {}
            assert rig.state.stat().st_mode & 0o777 == 0o700
            assert running.stop()[0] == 0
            assert others_read(rig.state) == {}
