"""What the tests of commands share: the command line itself, and a site file."""

from pathlib import Path

import pytest
from command_line import CommandLine
from small_site import WORKSHOP


@pytest.fixture
def lamplighter(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """A sound site of one meter, on a port where nobody listens."""
    path = tmp_path / "site.toml"
    path.write_text(WORKSHOP, encoding="utf-8")
    return path
