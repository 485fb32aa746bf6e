"""The lock file: whose it is, who may look, and that nothing beside it is ever touched."""

import os
import stat
from pathlib import Path

import pytest

from agent.errors import StateHeldError
from agent.journal.hold import LOCK_NAME, LookedAtError, hold, look


def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    for make in (os.symlink, os.link):
        make(victim, state_dir / LOCK_NAME)
        for way in (hold, look):
            with pytest.raises(OSError, match="is no lock of an agent; remove it"), way(state_dir):
                pass
        assert victim.read_text() == "precious"
        (state_dir / LOCK_NAME).unlink()


def test_a_lock_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK_NAME)
    for way in (hold, look):
        with pytest.raises(OSError, match="is no lock of an agent; remove it"), way(tmp_path):
            pass
    assert stat.S_ISFIFO((tmp_path / LOCK_NAME).stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_root_gives_away_its_own_lock_only(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    with look(tmp_path):
        assert (tmp_path / LOCK_NAME).stat().st_uid == 1234
    os.chown(tmp_path / LOCK_NAME, 4321, 4321)
    with hold(tmp_path):
        assert (tmp_path / LOCK_NAME).stat().st_uid == 4321


def test_a_look_is_refused_beside_an_agent_and_leaves_its_words(tmp_path: Path) -> None:
    with hold(tmp_path):
        words = (tmp_path / LOCK_NAME).read_text()
        with pytest.raises(StateHeldError, match=rf"held by another agent \(process {os.getpid()}\)"), look(tmp_path):
            pass
        assert (tmp_path / LOCK_NAME).read_text() == words == f"{os.getpid()}\n"


def test_an_agent_beside_a_look_is_told_that_it_is_no_agent(tmp_path: Path) -> None:
    with look(tmp_path), look(tmp_path), pytest.raises(LookedAtError, match="somebody is looking"), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass
