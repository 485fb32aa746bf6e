"""Power cuts on a real ext4: a cut of tests/soak/store_cuts.py. Where no disk can be had, the torn images of
test_torn.py, which run everywhere, are what stands for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from power_cuts import why_no_disk

SUPPORT = Path(__file__).parents[1] / "support"
CAMPAIGN = Path(__file__).parents[1] / "soak" / "store_cuts.py"


@pytest.mark.e2e
def test_nothing_that_was_said_to_be_stored_is_lost_in_power_cuts_and_a_weaker_journal_would_lose_it() -> None:
    why_not = why_no_disk()
    if why_not:
        pytest.skip(f"no power was cut: {why_not}")
    environment = os.environ | {"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"}
    command = [sys.executable, CAMPAIGN, "--rounds", "40", "--control", "20"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "store cuts: ok, negative control" in done.stdout
    assert "store cuts: ok, seed 1, 40 cuts" in done.stdout
