"""The page of messages has an entry for each code that a command can print, and none for what nobody says."""

import re
from pathlib import Path

from agent.field.watch import words as watch_words

_PAGE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"


def test_each_code_has_its_entry_and_no_entry_is_of_nothing() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^### (\S+)$", text, re.MULTILINE) == list(watch_words.TEMPLATES)


def test_each_entry_says_what_it_means_why_and_what_to_do() -> None:
    for entry in _PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        for part in ("What it means: ", "Why: ", "What to do: "):
            assert entry.count(f"\n{part}") == 1, entry.splitlines()[0]
