"""A message names a path once: who reads it on a narrow screen looks for what is wrong with it."""

from pathlib import Path

import pytest
from command_line import CommandLine

# What is asked for, and the path beneath the test's directory that is wrong.
MISSING = [
    (("replay", "none.csv"), "none.csv"),
    (("replay", "folder"), "folder"),
    (("models", "check", "none.toml"), "none.toml"),
    (("models", "check", "folder"), "folder"),
    (("models", "show", "unreadable", "--beside", "site.toml"), "models/unreadable.toml"),
    (("simulate", "none.toml"), "none.toml"),
    (("check", "none.toml"), "none.toml"),
    (("check", "folder"), "folder"),
    (("run", "none.toml"), "none.toml"),
    (("journal", "site.toml"), "state/journal.sqlite3"),
    (("events", "site.toml"), "state/journal.sqlite3"),
    (("journal", "site.toml", "--export", "gone/out.jsonl"), "gone/out.jsonl"),
    (("status", "site.toml"), "state"),
]


@pytest.mark.parametrize(("words", "wrong"), MISSING, ids=lambda value: " ".join(value) if type(value) is tuple else "")
def test_a_message_names_what_is_wrong_once(
    lamplighter: CommandLine, site_file: Path, words: tuple[str, ...], wrong: str
) -> None:
    home = site_file.parent
    (home / "folder").mkdir()
    (home / "models").mkdir(exist_ok=True)
    (home / "models" / "unreadable.toml").mkdir()
    done = lamplighter(
        *(home / word if word.endswith((".toml", ".csv", ".jsonl", "folder")) else word for word in words)
    )
    assert done.code in (1, 2)
    for line in done.err.splitlines():
        assert line.count(str(home / wrong)) <= 1, line
    assert str(home / wrong) in done.err
