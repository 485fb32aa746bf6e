"""Physical situations, from the network to the messages: each folder of ``tests/cases`` is a site, what happens there,
and what must be told. What is expected was written from the physics of it, not from what the code says."""

from pathlib import Path

import pytest
from situation_judge import findings, shown
from situations import Case, Play

CASES = Path(__file__).resolve().parent / "cases"
# Played for over a second each: for `make test`.
LONG = (
    "dark-site", "earth-fault-90-minutes", "generator-start-in-a-village", "maintenance-inside-an-outage",
    "reclose-to-lockout", "storm-forty-meters", "supply-loss-over-a-lost-phase", "village-evening",
    "wider-outage-over-a-running-one",
)  # fmt: skip
NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "scenario.toml").is_file())


def test_there_are_fifty_and_more():
    assert len(NAMES) >= 50


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.e2e) if name in LONG else name for name in NAMES]
)
def test_situation(name: str):
    play = Play(Case(CASES / name)).run()
    wrong = findings(play)
    assert not wrong, "\n".join([*wrong, "told:", *(shown(one) for one in play.told)])
