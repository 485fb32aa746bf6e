"""Exit codes, messages and help of every command."""

import re
from pathlib import Path

import pytest
from command_line import CommandLine

COMMANDS = ("demo", "check", "run", "simulate", "read", "events", "journal", "models", "status")
TAKE_A_SITE = ("check", "run", "read", "events", "journal", "status")


def test_without_a_word_it_helps(lamplighter: CommandLine) -> None:
    done = lamplighter()
    assert "lamplighter demo" in done.out + done.err
    assert all(f" {command} " in done.out + done.err for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example(lamplighter: CommandLine, command: str) -> None:
    done = lamplighter(command, "--help")
    assert done.code == 0
    assert re.search(rf"Examples?: lamplighter {command}", done.out)


def test_version(lamplighter: CommandLine) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", lamplighter("--version").out)


@pytest.mark.parametrize("command", TAKE_A_SITE)
def test_a_wrong_site_file_is_one_clear_message_and_exit_2(
    lamplighter: CommandLine, site_file: Path, command: str
) -> None:
    site_file.write_text(site_file.read_text(encoding="utf-8").replace("unit = 1", "unit = 300"), encoding="utf-8")
    done = lamplighter(command, site_file)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{site_file}: meters.main.unit: found 300; allowed: 1 to 247; on a tcp line also 255; read it off the meter\n"
    )


@pytest.mark.parametrize("command", TAKE_A_SITE)
def test_no_site_file_is_exit_2(lamplighter: CommandLine, tmp_path: Path, command: str) -> None:
    done = lamplighter(command, tmp_path / "none.toml")
    assert done.code == 2
    assert "no such file" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", TAKE_A_SITE)
def test_a_forgotten_argument_is_exit_2(lamplighter: CommandLine, command: str) -> None:
    assert lamplighter(command).code == 2


def test_an_unknown_command_is_exit_2(lamplighter: CommandLine) -> None:
    assert lamplighter("chekc").code == 2


@pytest.mark.parametrize("command", ["status", "events", "journal"])
def test_without_agent_and_journal_there_is_nothing_to_ask_exit_1(
    lamplighter: CommandLine, site_file: Path, command: str
) -> None:
    done = lamplighter(command, site_file)
    assert (done.code, done.out) == (1, "")
    assert str(site_file.parent / "state") in done.err
    assert "Traceback" not in done.err
