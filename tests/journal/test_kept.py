"""Texts by name that one run leaves for the next."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from samples import MIDNIGHT_US, event
from timers import Timers

from agent.journal.journal import POSITIONS_S, Journal


def opened(state_dir: Path, timers: Timers | None = None) -> AbstractAsyncContextManager[Journal]:
    call_later = (timers or Timers()).call_later
    return Journal.open(state_dir, ("mqtt",), "gw-01", call_later=call_later, now_us=lambda: MIDNIGHT_US)


async def test_the_last_text_of_a_name_is_there_for_the_next_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        assert journal.kept("m") is None
        journal.keep("m", "one")
        journal.keep("m", "two")
        journal.keep("note", "ours")
        assert journal.kept("m") is None, "of the last run, not of this one"
    async with opened(tmp_path) as journal:
        assert (journal.kept("m"), journal.kept("note")) == ("two", "ours")
        assert (await journal.stats()).note == ""


async def test_it_is_durable_with_an_event_of_the_same_turn(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        journal.keep("m", "with the event")
        await journal.add_event(event())
        kept = await journal._writer.ask(lambda reader: reader.kept())
        assert kept == {"m": "with the event"}
        commits = (await journal.stats()).commits
        journal.keep("m", "later")
        timers.advance(POSITIONS_S + 0.1)
        await journal.add_event(event())
        assert await journal._writer.ask(lambda reader: reader.kept()) == {"m": "later"}
        assert (await journal.stats()).commits > commits
