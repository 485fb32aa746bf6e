"""The short way into `run`: it takes what typer would take alike, and leaves the rest to typer."""

import os
from pathlib import Path
from typing import Any

import pytest
import typer

from agent.cli.main import app
from agent.cli.plain_run import Run, understood

PLAIN = (
    "run site.toml",
    "run site.toml --state-dir /tmp/try",
    "run --state-dir /tmp/try site.toml",
    "run --state-dir=/tmp/try --log-level=debug site.toml",
    "run site.toml --log-level warning --state-dir a=b",
    "run site=1.toml --log-level error",
)
TYPERS = (
    "", "--help", "check site.toml", "run", "run --help", "run -h", "run site.toml -h", "run a.toml b.toml",
    "run site.toml --state-dir", "run site.toml --state-dir=", "run site.toml --state-dir --log-level info",
    "run site.toml --log-level", "run site.toml --log-level loud", "run site.toml --log-level INFO",
    "run site.toml --log-level info --log-level debug", "run site.toml --nope", "run -- site.toml", "run -x",
    "run site.toml --state x", "run -",
)  # fmt: skip


def typers(words: list[str]) -> dict[str, Any]:
    """What typer makes of the words after `run`."""
    command: Any = typer.main.get_command(app)
    context = command.commands["run"].make_context("run", words)
    return dict(context.params)


@pytest.mark.parametrize("line", PLAIN)
def test_plain_words_mean_what_they_mean_to_typer(line: str) -> None:
    asked, wanted = understood(line.split(), {}), typers(line.split()[1:])
    assert asked is not None
    assert str(asked.site) == str(wanted["site"])
    assert asked.state_dir == (wanted["state_dir"] and Path(wanted["state_dir"]))
    assert asked.log_level == wanted["log_level"]


def test_every_parameter_of_the_command_is_known() -> None:
    assert set(typers(["site.toml"])) == {*Run.__slots__}


@pytest.mark.parametrize("line", TYPERS)
def test_everything_else_is_left_to_typer(line: str) -> None:
    assert understood(line.split(), {}) is None


@pytest.mark.parametrize("words", [["run", ""], ["run", "site.toml", "--state-dir", ""]])
def test_so_are_empty_words(words: list[str]) -> None:
    assert understood(words, {}) is None


def test_so_is_the_shell_that_asks_for_completions() -> None:
    assert understood(["run", "site.toml"], {"_LAMPLIGHTER_COMPLETE": "complete_bash"}) is None
    assert understood(["run", "site.toml"], os.environ) is not None
