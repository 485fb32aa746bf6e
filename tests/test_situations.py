"""Physical situations, from the network to the messages: each folder of ``tests/cases`` is a site, what happens there,
and what must be told. What is expected was written from the physics of it, not from what the code says."""

from pathlib import Path

import pytest
from situation_judge import findings, shown
from situations import Case, Play

CASES = Path(__file__).resolve().parent / "cases"
# Played in less than 0.3 s of CPU each: for `make check` too.
SHORT = (
    "adapter-unplugged", "auxiliary-meter-silent", "broken-neutral", "bus-vt-fuse", "bus-vt-fuse-and-an-idle-bay",
    "dead-cable", "deep-brownout-starves-meters", "downstream-lives", "exception-0a", "exception-0b",
    "flapping-adapter", "garbled-line", "gateway-box-restarts", "head-lives-houses-silent",
    "hours-ran-on-in-a-dark-site", "idle-bay-says-nothing", "injection-test", "island-below-a-silent-head",
    "line-back-but-one", "line-line-basis-sees-no-earth-fault", "low-voltage-fuse-of-a-measuring-lead",
    "mains-of-another-feeder", "mains-of-another-feeder-in-silence", "maintenance-counts-nowhere", "one-meter-silent",
    "only-unit-of-its-line", "own-breaker-and-a-cut-cable", "own-breaker-of-the-gateway", "router-outage",
    "sag-is-not-a-vt-failure", "self-powered-meter-restarts", "three-phase-sag-is-no-outage",
    "two-cables-in-one-duct", "two-line-short-elsewhere", "vt-breaker-trips", "vt-fuse-of-one-phase",
)  # fmt: skip
NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "scenario.toml").is_file())


def test_there_are_fifty_and_more():
    assert len(NAMES) >= 50


@pytest.mark.parametrize(
    "name", [name if name in SHORT else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_situation(name: str):
    play = Play(Case(CASES / name)).run()
    wrong = findings(play)
    assert not wrong, "\n".join([*wrong, "told:", *(shown(one) for one in play.told)])
