"""A journal that is missing or empty where a life was before is a loss that is said, no first start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent import known_meters
from agent.journal import gone
from agent.journal.ballast import BALLAST_NAME
from agent.journal.entries import Damage
from agent.journal.file import FILE_NAME
from agent.journal.journal import Journal
from agent.journal.lives import ANY, LIVES, Ended, ended
from agent.sitefile import copy as site_copy


@asynccontextmanager
async def opened(state_dir: Path) -> AsyncIterator[Journal]:
    call_later = Timers().call_later
    async with Journal.open(state_dir, ["mqtt"], "gw-01", call_later=call_later, now_us=lambda: MIDNIGHT_US) as journal:
        yield journal


async def lived(state_dir: Path) -> None:
    async with opened(state_dir) as journal:
        journal.add_reading(reading(1))
        await journal.add_event(event())


async def runs_before(journal: Journal) -> tuple[Ended, ...]:
    return await journal.look(lambda reader: ended(reader, "gw-01", journal.epoch))


def emptied(state_dir: Path) -> None:
    (state_dir / FILE_NAME).write_bytes(b"")


def deleted(state_dir: Path) -> None:
    (state_dir / FILE_NAME).unlink()


@pytest.mark.parametrize(("lose", "how"), [(emptied, "is empty"), (deleted, "is gone")])
async def test_a_journal_that_is_gone_is_damage_is_said_and_the_runs_before_are_any(
    tmp_path: Path, lose: object, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    await lived(tmp_path)
    assert callable(lose)
    lose(tmp_path)
    async with opened(tmp_path) as journal:
        (damage,) = journal.damages()
        assert damage.note.startswith(f"{FILE_NAME} {how}, beside {BALLAST_NAME} of an earlier life")
        assert damage == Damage(damage.note, salvaged=False, lost=0)
        assert not journal.left_clean
        assert (await journal.stats()).note == damage.note
        assert await runs_before(journal) == (Ended(ANY),)
    assert "journal.gone" in caplog.text
    assert how in caplog.text


async def test_a_first_start_says_nothing_even_after_one_that_was_cut_off_before_it_had_a_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emptied(tmp_path)
    (tmp_path / "starts").write_text("0003")
    (tmp_path / site_copy.NAME).write_bytes(b"")  # on a card without room
    async with opened(tmp_path) as journal:
        assert journal.damages() == ()
        assert await runs_before(journal) == ()
    assert "journal.gone" not in caplog.text


async def test_that_runs_cannot_be_named_is_told_for_as_long_as_runs_are(tmp_path: Path) -> None:
    await lived(tmp_path)
    deleted(tmp_path)
    told = []
    for _ in range(LIVES + 2):
        async with opened(tmp_path) as journal:
            told.append(Ended(ANY) in await runs_before(journal))
            await journal.add_event(event())
    assert told == [True] * LIVES + [False] * 2


async def test_a_journal_that_was_moved_aside_by_a_start_that_was_then_cut_off_is_gone(tmp_path: Path) -> None:
    await lived(tmp_path)
    (tmp_path / FILE_NAME).rename(tmp_path / f"{FILE_NAME}.bad-20261123T000000Z")
    (tmp_path / BALLAST_NAME).unlink()
    async with opened(tmp_path) as journal:
        assert [damage.note.split(",")[0] for damage in journal.damages()] == [f"{FILE_NAME} is gone"]


def test_what_a_life_leaves_is_called_what_it_is_called() -> None:
    assert gone.LEFT == (BALLAST_NAME, site_copy.NAME, known_meters.NAME)
