"""A cut of tests/soak/fuzz_campaign.py, and that it finds what there is to be found."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fuzz_targets import Target, feed_inlet, targets
from fuzzing import fuzzed
from http_fuzz import fuzzed_answers

INPUTS = {"inlet": 8000, "rtu": 1500, "tcp": 4000, "influx": 8000, "site": 60, "map": 150}
# What has to come up, or nothing was tested.
OUTCOMES = {
    "inlet": {"acknowledged", "passed", "refused"}, "rtu": {"answered", "refused", "garbled", "foreign", "silent"},
    "tcp": {"answered", "refused", "garbled", "foreign", "open"}, "influx": {"stored", "refused", "later", "blocked"},
    "site": {"refused", "read"}, "map": {"refused", "read"},
}  # fmt: skip


def target(name: str, place: Path) -> Target:
    return next(one for one in targets(place) if one.name == name)


@pytest.mark.e2e
@pytest.mark.parametrize("name", INPUTS)
def test_nothing_that_others_write_is_too_much_for_who_reads_it(name: str, tmp_path: Path) -> None:
    found = fuzzed(target(name, tmp_path), INPUTS[name], seed=1)
    assert found.examples == []
    assert found.outcomes.keys() >= OUTCOMES[name]


@pytest.mark.e2e
async def test_no_answer_of_a_database_is_too_much_for_the_sink() -> None:
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    outcomes, wrong = await fuzzed_answers(400, seed=1)
    assert wrong == []
    assert outcomes.keys() == {"accept", "reject", "keep"}


@pytest.mark.parametrize(
    ("name", "feed", "words"),
    [
        ("tcp", lambda data: {0: "x"}[len(data) % 7], "KeyError"),
        ("map", lambda data: str(sum(n * n for n in range(250 * len(data)))), "ms per KiB"),
    ],
)
def test_what_is_raised_and_what_takes_long_is_found(
    name: str, feed: Callable[[bytes], str], words: str, tmp_path: Path
) -> None:
    found = fuzzed(replace(target(name, tmp_path), feed=feed), 5 if name == "tcp" else 1, seed=1)
    assert any(words in example for example in found.examples)


@pytest.mark.parametrize(
    ("stream", "outcome"),
    [
        (b"\x40\x02\x00\x01" * 3, "acknowledged"),
        (b"\xd0\x00\x40\x00\x15\x80\x80\x80\x80\x01\x40\x02\x00\x01", "passed"),
        (b"\x40\x02\x00\x01\x30\xff\xff\xff\x7f", "refused"),
        (b"\x40\x02\x00", "passed"),
        (b"", "passed"),
    ],
)
def test_the_oracle_of_the_inlet_says_what_the_standard_does(stream: bytes, outcome: str) -> None:
    assert feed_inlet(stream) == outcome


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    one, other = (fuzzed(target("influx", tmp_path), 300, seed=5) for _ in range(2))
    assert one.outcomes == other.outcomes
    assert one.outcomes != fuzzed(target("influx", tmp_path), 300, seed=6).outcomes
