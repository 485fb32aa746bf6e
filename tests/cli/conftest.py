"""What the tests of commands share: the command line itself, and a site file."""

from pathlib import Path

import pytest
from command_line import CommandLine

SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
tcp = "127.0.0.1:1"
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
"""


@pytest.fixture
def lamplighter(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """A sound site of one meter, on a port where nobody listens."""
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path
