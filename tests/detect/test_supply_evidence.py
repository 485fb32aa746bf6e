"""The table of evidence: each row, their order, and that silence alone never is dead."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.detect.supply_evidence import EVIDENCE, Around, Cause, Seen, verdict
from agent.detect.tracking import Bounds
from agent.evidence_docs import markdown

ROOT = Path(__file__).resolve().parent.parent.parent
SINCE = Bounds(1_000_000, 2_000_000)
CAUSE = Cause("head", ("ev-9",), SINCE, 0.95)
LIVE = Seen(meter="m", comms="ok", supply="live", pu={"l1": 1.0, "l2": 1.0, "l3": 1.0}, heard_us=1, as_of_us=1)
DEAD = replace(LIVE, supply="dead", pu={"l1": 0.0, "l2": 0.0, "l3": 0.0}, events=("ev-1",))
SILENT = Seen(meter="m", comms="lost", silent_since=SINCE, heard_us=1_000_000, missed_us=3_000_000, outcome="silent")
OWN = Cause("it", ("ev-1",), SINCE, 0.95)

ROWS: list[tuple[str, Seen, dict[str, Any], str]] = [
    ("not_normal", replace(DEAD, mode="test"), {"measured": OWN}, "unknown"),
    ("dead_yet_flowing", replace(DEAD, flowing=True), {"measured": OWN}, "unknown"),
    ("contradicted", DEAD, {"measured": OWN, "beside": CAUSE}, "unknown"),
    ("measured_dead", DEAD, {"measured": OWN}, "dead"),
    ("bay_current_gone", replace(LIVE, current_gone=SINCE), {"bus_vt": True}, "dead"),
    ("bay_current_flows", replace(LIVE, flowing=True), {"bus_vt": True}, "live"),
    ("bay_idle", LIVE, {"bus_vt": True}, "unknown"),
    ("measured_partial", replace(LIVE, supply="partial"), {}, "partial"),
    ("measured_live", LIVE, {}, "live"),
    ("own_registers", SILENT, {"logged": CAUSE, "line_silent": True}, "dead"),
    ("live_below", SILENT, {"live_below": CAUSE, "dead_above": CAUSE, "powered_by": "dc"}, "live"),
    ("live_below", replace(LIVE, stale=True), {"live_below": CAUSE}, "live"),
    ("silent_above_live", SILENT, {"live_below": CAUSE, "dead_above": CAUSE}, "unknown"),
    ("last_words_dead", SILENT, {"measured": OWN}, "dead"),
    ("dead_above", SILENT, {"dead_above": CAUSE, "powered_by": "dc"}, "dead"),
    ("dead_above", replace(LIVE, stale=True), {"dead_above": CAUSE}, "dead"),
    ("fed_dead", SILENT, {"fed_dead": CAUSE}, "dead"),
    ("frozen", replace(LIVE, stale=True), {}, "unknown"),
    ("vt_failed", replace(LIVE, vt_failed=True), {}, "unknown"),
    ("not_seen", Seen(meter="m"), {}, "unknown"),
    ("not_seen", DEAD, {}, "unknown"),  # zeros of a meter that boots opened nothing
    ("power_dead", SILENT, {"power_dead": CAUSE, "powered_by": "node:x"}, "unknown"),
    ("auxiliary", SILENT, {"powered_by": "dc", "fed_dead": CAUSE, "mains": CAUSE}, "unknown"),
    ("auxiliary", SILENT, {"powered_by": "ups"}, "unknown"),
    ("cut_off", replace(SILENT, outcome="down"), {"together": CAUSE, "mains": CAUSE, "fed_dead": CAUSE}, "unknown"),
    ("cut_off", replace(SILENT, outcome="refused", code=0x0A), {}, "unknown"),
    ("garbled", replace(SILENT, outcome="garbled"), {"mains": CAUSE}, "unknown"),
    ("mains", SILENT, {"mains": CAUSE, "together": CAUSE}, "dead"),
    ("collapse", replace(SILENT, pu={"l1": 0.3, "l2": 0.2, "l3": 0.4}), {}, "dead"),
    ("mains_too", SILENT, {"mains_too": CAUSE, "together": CAUSE}, "unknown"),
    ("together", SILENT, {"together": CAUSE}, "unknown"),
    ("line_silent", SILENT, {"line_silent": True, "alone": False}, "unknown"),
    ("neighbours", SILENT, {"neighbours": ("a", "b"), "alone": False}, "unknown"),
    ("silence", SILENT, {}, "unknown"),
    ("silence", replace(SILENT, pu={"l1": 1.0, "l2": 0.3, "l3": 0.3}), {}, "unknown"),
]


@pytest.mark.parametrize(("row", "seen", "around", "supply"), ROWS)
def test_each_row(row: str, seen: Seen, around: Mapping[str, Any], supply: str) -> None:
    found = verdict(seen, Around(**around))
    assert (found.row, found.supply) == (row, supply)
    assert found.reason
    assert "{" not in found.reason
    assert "safe" not in found.reason
    assert (found.confidence > 0) == (supply != "unknown")


def test_every_row_has_its_example() -> None:
    assert {row.name for row in EVIDENCE} == {row for row, *_ in ROWS}
    assert len({row.name for row in EVIDENCE}) == len(EVIDENCE)


def test_an_inference_names_its_causes_and_the_silence() -> None:
    found = verdict(SILENT, Around(dead_above=CAUSE, silence="ev-2"))
    assert (found.because, found.basis, found.since) == (("ev-9", "ev-2"), "inferred", SINCE)
    assert "head" in found.reason


def test_a_cause_that_is_less_sure_makes_the_verdict_so() -> None:
    assert verdict(SILENT, Around(dead_above=replace(CAUSE, confidence=0.4))).confidence == 0.4
    assert verdict(SILENT, Around(dead_above=CAUSE)).confidence == 0.9


def _mixed(dice: random.Random) -> tuple[Seen, Around]:
    """Silence and what goes with it, in any mixture: no measured zero, its own or above, no registers, no mains that
    feed it, and last words that were no collapse."""
    seen = Seen(
        meter="m",
        comms=dice.choice(["lost", "lost", "suspect"]),
        silent_since=SINCE,
        heard_us=dice.choice([None, 1_000_000]),
        missed_us=3_000_000,
        outcome=dice.choice(["silent", "garbled", "refused", "down"]),
        code=dice.choice([0, 0, 0x0A, 0x0B]),
        stale=dice.random() < 0.1,
        vt_failed=dice.random() < 0.1,
        flowing=dice.choice([None, False]),
        pu=dice.choice([{}, {"l1": 1.0}, {"l1": 0.9, "l2": 0.1, "l3": 0.1}]),
        mode=dice.choice(["normal", "normal", "normal", "test", "maintenance"]),
    )
    around = Around(
        powered_by=dice.choice(["self", "self:all", "self:l1", "dc", "ups", "node:x"]),
        bus_vt=dice.random() < 0.2,
        alone=dice.random() < 0.3,
        neighbours=dice.choice([(), ("a",), ("a", "b")]),
        line_silent=dice.random() < 0.5,
        silence=dice.choice([None, "ev-1"]),
        live_below=dice.choice([None, None, None, CAUSE]),
        power_dead=dice.choice([None, None, CAUSE]),
        mains_too=dice.choice([None, None, CAUSE]),
        together=dice.choice([None, None, CAUSE]),
        beside=dice.choice([None, CAUSE]),
    )
    return seen, around


def test_silence_alone_is_never_dead_in_ten_thousand_mixtures() -> None:
    dice = random.Random(6)  # noqa: S311 - a seed, no secret
    rows = set()
    for _ in range(10_000):
        found = verdict(*_mixed(dice))
        rows.add(found.row)
        assert found.supply in ("unknown", "live"), found
    assert {"silence", "neighbours", "line_silent", "auxiliary", "cut_off", "garbled", "power_dead"} <= rows
    assert {"together", "mains_too", "silent_above_live", "live_below"} <= rows


def test_every_row_that_says_dead_has_more_than_silence() -> None:
    """A measured zero, a collapse in last words, mains, registers, a measured dead meter above, a bay's current."""
    assert {row.name for row in EVIDENCE if row.supply == "dead"} == {
        "measured_dead", "bay_current_gone", "own_registers", "last_words_dead", "dead_above", "fed_dead", "mains",
        "collapse",
    }  # fmt: skip


@pytest.mark.parametrize("row", ["mains_too", "together"])
def test_what_may_be_dark_is_said_in_words(row: str) -> None:
    assert verdict(SILENT, Around(**{row: CAUSE})).reason.startswith("may be dark: ")


def test_the_page_is_what_the_table_says() -> None:
    found = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert found == markdown(), "the table has changed: python -m agent.evidence_docs > docs/evidence.md"
    assert "not proof of isolation" in found
