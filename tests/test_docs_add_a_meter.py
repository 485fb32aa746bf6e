"""docs/add-a-meter.md as a new user would try it: its files are written, its commands run, its output compared."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import LAMPLIGHTER, eventually

PAGE = Path(__file__).resolve().parent.parent / "docs" / "add-a-meter.md"
_BLOCK = re.compile(r"(?:^`([^`\n]+)`(, its rows)?:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROWS = re.compile(r"^rows = \[.*?^\]\n", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Block:
    """file: what it is the text of; rows: only of its rows; otherwise commands and their output."""

    file: str
    rows: bool
    text: str


def blocks(port: int) -> Iterator[Block]:
    for file, rows, kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        assert file or kind == "console"
        yield Block(file, bool(rows), text.replace("5020", str(port)))


def write(block: Block, folder: Path) -> None:
    path = folder / block.file
    path.parent.mkdir(exist_ok=True)
    text = block.text
    if block.rows:
        text = _ROWS.sub(lambda match: block.text, path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


def commands(block: Block) -> Iterator[tuple[list[str], list[str]]]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command.split(), output.splitlines()


def compare(found: list[str], wanted: list[str]) -> None:
    """Line by line; ``...`` stands for any lines."""
    place, skipping = 0, False
    for line in wanted:
        if line == "...":
            skipping = True
            continue
        if skipping and line in found[place:]:
            place = found.index(line, place)
        assert found[place : place + 1] == [line], "\n".join(found)
        place, skipping = place + 1, False
    assert skipping or not any(found[place:]), "\n".join(found[place:])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_every_command_of_the_page_says_what_the_page_says(tmp_path: Path) -> None:
    port = free_port()
    page = list(blocks(port))
    assert [block.file for block in page if block.file] == [
        "acme.py", "models/acme-ex1.toml", "models/acme-ex1.toml", "site.toml",
    ]  # fmt: skip
    write(page[0], tmp_path)
    path = os.environ | {"PATH": f"{Path(LAMPLIGHTER).parent}:{os.environ['PATH']}", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "acme.py"], cwd=tmp_path) as meter:
        try:
            eventually("the meter listens", lambda: listens(port))
            for block in page[1:]:
                if block.file:
                    write(block, tmp_path)
                    continue
                for words, wanted in commands(block):
                    done = subprocess.run(
                        words, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=30, check=False
                    )
                    assert done.stderr == ""
                    compare(done.stdout.splitlines(), wanted)
        finally:
            meter.kill()


@pytest.mark.parametrize("wanted", [["a", "..."], ["...", "c"], ["a", "...", "c"], ["a", "b", "c"]])
def test_the_comparison_itself_takes_what_fits(wanted: list[str]) -> None:
    compare(["a", "b", "c"], wanted)


@pytest.mark.parametrize("wanted", [["a", "b"], ["b", "..."], ["...", "b"], ["a", "...", "d"], ["a", "c"]])
def test_the_comparison_itself_refuses_what_does_not(wanted: list[str]) -> None:
    with pytest.raises(AssertionError):
        compare(["a", "b", "c"], wanted)
