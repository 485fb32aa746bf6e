"""The page of messages has an entry for each code that a command can print, and none for what nobody says."""

import ast
import re
from pathlib import Path

from agent.field.commission import words as commission_words
from agent.field.doctor import words as doctor_words
from agent.field.scan import words as scan_words
from agent.field.watch import words as watch_words

# In the order of the page.
_WORDS = (commission_words, doctor_words, scan_words, watch_words)
# How a line gets into the log; the MQTT sink notes its own.
_SAYS = ("debug", "info", "warning", "error", "log", "_note")
_ROOT = Path(__file__).parent.parent
_PAGE = _ROOT / "docs" / "troubleshooting.md"


def test_each_code_has_its_entry_and_no_entry_is_of_nothing() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    told = re.findall(r"^### (\S+)$", text, re.MULTILINE)
    assert told == [code for module in _WORDS for code in module.TEMPLATES]


def test_each_entry_says_what_it_means_why_and_what_to_do() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for entry in page.split("\n## Lines of the log\n")[0].split("\n### ")[1:]:
        for part in ("What it means: ", "Why: ", "What to do: "):
            assert entry.count(f"\n{part}") == 1, entry.splitlines()[0]


def lines_of_the_log() -> set[str]:
    """First words of all that agent and drivers log; what is filled in at run time is a star."""
    found = set()
    for file in (*(_ROOT / "agent").rglob("*.py"), *(_ROOT / "drivers").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SAYS:
                texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                found |= {each.split()[0].rstrip(":") for each in texts if isinstance(each, str) and each}
    return {name.replace("%s", "*") for name in found if re.fullmatch(r"[a-z]+\.([a-z_]+|%s)", name)}


def test_each_line_of_the_log_stands_in_the_table_and_no_other() -> None:
    section = _PAGE.read_text(encoding="utf-8").split("\n## Lines of the log\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.+?) \| (.*?) ?\|$", section, re.MULTILINE)
    told = [name for names, _, _ in rows for name in re.findall(r"`([^`]+)`", names)]
    assert len(told) == len(set(told))
    assert set(told) == lines_of_the_log()
    assert len(told) > 80


def test_what_the_page_points_at_is_on_the_page() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    codes = {code for module in _WORDS for code in module.TEMPLATES}
    assert set(re.findall(r"`(doctor\.[a-z_]+)`", text)) <= codes
