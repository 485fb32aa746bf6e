"""Every text that a page can say is known in Chinese: by what its sections are written of, whether or not a report ever
comes to say it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.report.demand import compliance, outlook
from agent.report.drawn import words, words_demand, words_events, words_operations, words_reliability, words_voltage
from agent.report.drawn.words import Words

REPORT = Path(__file__).resolve().parent.parent.parent / "agent" / "report"
DRAWN = REPORT / "drawn"
SPEAKERS = sorted([*(DRAWN / "sections").glob("*.py"), DRAWN / "page.py", DRAWN / "advice.py"])
# Figures say why there is none wherever they are made.
PURE = sorted(REPORT.rglob("*.py"))
# What is the same in both languages: indices, standards, units.
_SAME = re.compile(r"[A-Z0-9_ %<>≥≤.,:/()-]*(?:min|kWh|kW|kvar|V|A|%|h)?")
# Two words or more, and no markup.
_SENTENCE = re.compile(r"[^<>=;]*[a-z]{2,}[^<>=;]* [^<>=;]*[a-z]{2,}[^<>=;]*")


def texts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    apart = {id(one) for one in _not_said(tree)}
    said = {id(one) for one in _said(tree)}
    for one, text in _strings(tree):
        if one not in apart and (one in said or _SENTENCE.fullmatch(text)):
            yield text


def _strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each with what tells its node from others."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield id(one), one.value


def _not_said(tree: ast.Module) -> Iterator[ast.AST]:
    """Docstrings, pieces of f-strings, messages of errors, keys."""
    for one in ast.walk(tree):
        match one:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if ast.get_docstring(one) is not None:
                yield one.body[0].value  # type: ignore[attr-defined]
            case ast.JoinedStr():
                yield from (part for part in one.values if isinstance(part, ast.Constant))
            case ast.Raise():
                yield from ast.walk(one)
            case ast.Dict() | ast.Subscript():
                yield from one.keys if isinstance(one, ast.Dict) else [one.slice]  # type: ignore[misc]


def _said(tree: ast.Module) -> Iterator[ast.AST]:
    """What is handed to `words`, and heads of tables, tiles and charts: as it stands there, or by its name."""
    named = {target.id: one.value for one in tree.body if isinstance(one, ast.Assign) for target in one.targets
             if isinstance(target, ast.Name)}  # fmt: skip
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        handed = call.args[:1] if name in ("t", "words", "tile", "table", "chart") else []
        for part in (part for argument in (*handed, *call.args[2:] * (name == "chart")) for part in ast.walk(argument)):
            yield part
            yield from ast.walk(named[part.id]) if isinstance(part, ast.Name) and part.id in named else ()


def reasons(path: Path) -> Iterator[str]:
    """Fourth argument of a Figure without a value; what is put together of several parts its section says."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        made = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Figure"
        if made and len(call.args) > 3 and not isinstance(call.args[3], ast.JoinedStr):
            yield from (text for _, text in _strings(call.args[3]))


def unknown(texts: Iterator[str]) -> list[str]:
    known = Words("zh")
    return sorted({text for text in texts if text.strip() and not known.knows(text) and not _SAME.fullmatch(text)})


@pytest.mark.parametrize("path", SPEAKERS, ids=lambda path: path.stem)
def test_every_text_of_a_section_is_known_in_chinese(path: Path) -> None:
    assert unknown(texts(path)) == []


def test_every_reason_of_a_figure_that_is_not_there_is_known_in_chinese() -> None:
    found = [reason for path in PURE for reason in reasons(path)]
    assert found, "nothing was looked at"
    assert unknown(iter([*found, *compliance.WHYS, *outlook.WHYS])) == []


def test_no_part_of_the_page_says_a_word_of_another_part_otherwise() -> None:
    """They are put together: the last one would be taken, in silence."""
    parts = [module.ZH for module in (words_demand, words_events, words_operations, words_reliability, words_voltage)]
    own = [key for part in parts for key, said in part.items() if words.Words("zh")(key) != said]
    assert own == []
