"""The state directory at a start: had, not to be had, had later."""

import asyncio
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from samples import MIDNIGHT_US
from small_site import DASHI

from agent.errors import StateHeldError
from agent.journal.file import FILE_NAME, JournalVersionError
from agent.journal.hold import hold
from agent.journal.journal import Journal
from agent.journal.state_place import AGAIN_S, LOOK_S, first_place, later_place
from agent.journal.view import view
from agent.site import Site, load_site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site.toml").write_text(DASHI)
    return load_site(tmp_path / "site.toml", tmp_path / "none" / "state")


def now_us() -> int:
    return MIDNIGHT_US


async def test_without_a_directory_there_is_a_place_in_memory_and_the_log_says_what_to_do(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    place = await first_place(site, now_us)
    assert "does not exist; create it" in place.why
    assert f"state.none dir={site.state_dir}" in caplog.text
    assert caplog.messages[-1].count(str(site.state_dir)) == 1, "the parent's path is a shorter one"
    assert place.why.count(str(site.state_dir)) == 1
    place.leave()


async def test_with_one_it_is_taken(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    place = await first_place(site, now_us)
    assert (place.why, (site.state_dir / FILE_NAME).exists()) == ("", True)
    place.leave()


async def test_it_is_tried_every_five_seconds_and_taken_when_it_comes(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        if len(slept) == 3:
            (tmp_path / "none").mkdir()

    place = await later_place(site, now_us, why="", sleep=sleep)
    assert slept == [AGAIN_S] * 3
    assert place.why == ""
    place.leave()
    assert caplog.text.count("state.none") == 1


async def test_what_is_no_directory_is_tried_again_as_well(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("a file")
    place = await first_place(site, now_us)
    assert "Not a directory" in place.why
    place.leave()


async def test_two_agents_end_the_start_and_a_newer_journal_whenever_that_turns_out(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    other = await first_place(site, now_us)
    with pytest.raises(StateHeldError, match=f"process {os.getpid()}"):
        await first_place(site, now_us)
    other.leave()
    file = site.state_dir / FILE_NAME
    content = bytearray(file.read_bytes())
    content[60:64] = (99).to_bytes(4, "big")
    file.write_bytes(content)
    for starting in (first_place(site, now_us), later_place(site, now_us, why="", sleep=lambda _: asyncio.sleep(0))):
        with pytest.raises(JournalVersionError):
            await starting


async def test_what_is_in_memory_does_not_end_because_somebody_holds_the_directory_when_it_comes(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "none").mkdir()
    held, slept = ExitStack(), list[float]()
    site.state_dir.mkdir()
    held.enter_context(hold(site.state_dir))

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        if len(slept) == 3:
            held.close()

    place = await later_place(site, now_us, why="", sleep=sleep)
    assert slept == [AGAIN_S] * 3
    assert caplog.text.count(f"held by another agent (process {os.getpid()})") == 1
    place.leave()


async def lived(site: Site) -> None:
    async with Journal.at(await first_place(site, now_us), [], now_us=now_us):
        pass


async def test_a_start_waits_for_a_look_to_end(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    await lived(site)
    looking, slept = ExitStack(), list[float]()
    looking.enter_context(view(site.state_dir))

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        if len(slept) == 3:
            looking.close()

    place = await first_place(site, now_us, sleep=sleep)
    assert (place.why, slept) == ("", [LOOK_S] * 3)
    place.leave()


async def test_a_look_that_takes_long_keeps_no_agent_from_starting(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    await lived(site)
    with view(site.state_dir):
        place = await first_place(site, now_us, sleep=lambda _: asyncio.sleep(0))
        assert "somebody is looking at the journal" in place.why
        place.leave()
    place = await later_place(site, now_us, why=place.why, sleep=lambda _: asyncio.sleep(0))
    assert place.why == ""
    place.leave()


async def test_the_sixth_start_after_five_short_lives_is_gentle(site: Site, tmp_path: Path) -> None:
    site = replace(site, state_dir=tmp_path)
    found = []
    for _ in range(7):
        place = await first_place(site, now_us)
        found.append(place.gentle)
        async with Journal.at(place, [], now_us=now_us):
            pass
    assert found == [False] * 5 + [True] * 2


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_directory_of_another_owner_is_none_until_it_is_given_over(site: Site) -> None:
    # Once all is imported: the interpreter may lie where nobody else can read.
    script = """
import asyncio, os, sys
from dataclasses import replace
from pathlib import Path
from agent.site import load_site
from agent.journal.state_place import first_place
site = load_site(Path(sys.argv[1]), Path(sys.argv[2]))
os.setuid(65534)
print(asyncio.run(first_place(site, lambda: 1)).why, flush=True)
os._exit(0)
"""
    told = []
    with TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        state_dir = Path(open_to_all, "state")
        state_dir.mkdir(mode=0o700)
        for owner in (0, 65534):
            os.chown(state_dir, owner, owner)
            command = [sys.executable, "-c", script, site.file, state_dir]
            told.append(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    assert "Permission denied" in told[0]
    assert told[1] == "\n"
