"""Physical situations, from the network to the messages: each folder of ``tests/cases`` is a site, what happens there,
and what must be told. What is expected was written from the physics of it, not from what the code says."""

from pathlib import Path

import pytest
from situation_judge import findings, shown
from situations import Case, Play

CASES = Path(__file__).resolve().parent / "cases"
# Played for some half a second each or longer: for `make test`.
LONG = (
    "agent-killed-at-once-after-a-dark-site", "agent-restarts-after-the-return",
    "agent-restarts-inside-a-broken-conductor", "agent-restarts-inside-a-staged-return",
    "agent-restarts-inside-an-outage", "agent-restarts-while-a-dark-site-is-awaited",
    "agent-restarts-while-one-is-not-heard", "aux-meters-silent-below-a-dead-head", "back-feed",
    "back-feed-is-no-reclosing", "both-supplies-of-a-ring-dead", "broken-conductor-on-the-ground", "bus-dead",
    "cache-goes-on-saying-dead", "cache-hides-an-outage", "clock-set-and-agent-restarted-inside-an-outage",
    "clock-steps-back-inside-an-outage", "customers-that-nobody-wrote-down", "dark-site",
    "dark-site-comes-back-in-parts", "dark-site-of-a-feeder", "dark-site-while-another-is-awaited",
    "dead-feeder-is-not-frozen", "earth-fault-90-minutes", "everything-dead", "frozen-head-above-a-dead-street",
    "gateway-runs-empty-inside-an-outage", "generator-start-in-a-village", "half-of-a-branch-dead",
    "hospital-on-its-generator", "hour-counter-proves-it", "hours-ran-on-without-load", "maintenance-inside-an-outage",
    "nested-fault", "never-heard-since-the-outage", "one-counted-on-through-an-outage", "one-in-test-inside-an-outage",
    "one-stays-dead-across-a-boot", "one-stays-dead-when-its-cause-is-over", "outage-outlasts-a-test",
    "probe-of-a-frozen-and-dead-line", "reclose-to-lockout", "ring-takes-over", "second-outage-after-four-minutes",
    "slow-clock-at-a-boot-inside-an-outage", "storm-forty-meters", "supply-loss-over-a-lost-phase", "village-evening",
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
