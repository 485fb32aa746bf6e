"""What a month of twenty meters costs the machine that the report is made on: the command itself, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest
from report_site import MEASURED, PERIOD, month_of_twenty


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    return await month_of_twenty(tmp_path)


@pytest.mark.e2e
def test_a_month_of_twenty_meters_takes_seconds_and_little_memory(site: Path, tmp_path: Path) -> None:
    """Promised on a quiet machine are 5 s; here others may be busy. Memory does not depend on that."""
    command = [
        Path(sys.executable).with_name("lamplighter"),
        "report",
        site,
        "--period",
        PERIOD,
        "--out",
        "page.html",
    ]
    done = subprocess.run([sys.executable, "-c", MEASURED, *command], cwd=tmp_path, capture_output=True, check=True)
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    print(f"{seconds:.2f} s of CPU, {megabytes:.0f} MB")  # noqa: T201 - what a run is for
    assert "m19" in (tmp_path / "page.html").read_text()
    assert megabytes < 150
    assert seconds < 15
