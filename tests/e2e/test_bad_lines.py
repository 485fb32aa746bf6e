"""A cut of the ten minutes of `make soak`: lines on ptys, with late, garbled, foreign and noisy answers."""

from pathlib import Path

import pytest
from bad_ptys import WIRES, campaign

SECONDS = 6.0


@pytest.mark.e2e
async def test_lines_on_ptys_hand_over_nothing_that_the_oracle_rejects(tmp_path: Path) -> None:
    tally, _ = await campaign(SECONDS, 20, tmp_path)
    assert tally.sound, tally.examples
    assert tally.transactions > 20 * len(WIRES)
    assert tally.outcomes["answered"] > 0.8 * tally.transactions
