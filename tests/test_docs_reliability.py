"""docs/reliability.md names tests as proofs: each is there, and so is each campaign."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_every_test_that_the_page_calls_a_proof_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert len(named) > 60
    assert sorted(named - there) == []


def test_every_fault_of_the_list_has_its_row() -> None:
    wanted = [f"P{n}" for n in range(1, 21)] + [f"N{n}" for n in range(1, 23)] + [f"T{n}" for n in range(1, 10)]
    assert re.findall(r"^\| ([PNT]\d+) \|", PAGE, re.MULTILINE) == wanted


def test_every_campaign_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`((?:store|agent)_\w+|\w+_campaign)`", PAGE))
    there = {file.stem for file in (ROOT / "tests" / "soak").glob("*.py")}
    assert sorted(named - there - {"store_corrupt"}) == []
