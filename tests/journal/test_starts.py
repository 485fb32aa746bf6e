"""Starts in a row that did not live for long."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.journal.starts import CALM_US, NAME, SHORT_LIVES, Rest, forget, is_restless


def test_after_five_short_lives_a_start_does_less(tmp_path: Path) -> None:
    assert [is_restless(tmp_path) for _ in range(SHORT_LIVES + 2)] == [False] * SHORT_LIVES + [True] * 2


def test_a_life_that_lasts_ends_the_row(tmp_path: Path) -> None:
    for _ in range(SHORT_LIVES + 1):
        is_restless(tmp_path)
    forget(tmp_path)
    forget(tmp_path)
    assert not is_restless(tmp_path)


@pytest.mark.parametrize("torn", [b"", b"0", b"\0\0\0\0", b"\xff\xfe", b"-900", b"12e4", b"9" * 5000])
def test_a_torn_count_is_no_error(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / NAME).write_bytes(torn)
    is_restless(tmp_path)
    assert (tmp_path / NAME).read_bytes()[:4].isdigit()


def test_a_directory_that_takes_nothing_counts_nothing(tmp_path: Path) -> None:
    assert not is_restless(tmp_path / "none")


@dataclass
class Place:
    gentle: bool = True

    def at_ease(self) -> None:
        self.gentle = False


def test_what_waited_is_done_once_a_life_has_lasted_for_two_minutes(tmp_path: Path) -> None:
    is_restless(tmp_path)
    place = Place()
    rest = Rest(tmp_path, place, 5_000_000)
    rest.look(5_000_000 + CALM_US - 1)
    assert (place.gentle, (tmp_path / NAME).exists()) == (True, True)
    rest.look(5_000_000 + CALM_US)
    assert (place.gentle, (tmp_path / NAME).exists()) == (False, False)
    is_restless(tmp_path)
    rest.look(5_000_000 + 2 * CALM_US)
    assert (tmp_path / NAME).exists()
