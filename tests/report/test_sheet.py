"""How bounds are written: rounded away from each other, and one number only where there is one."""

from math import inf
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from agent.records import Basis, Kind, State
from agent.report.drawn.sections.told import kind_of, lengths
from agent.report.drawn.sheet import Sheet, breakable
from agent.report.drawn.words import Words
from agent.report.figures import Bounds

EN, ZH = (Sheet(Words(language), ZoneInfo("UTC")) for language in ("en", "zh"))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (2.24, 2.24, "2.2"),
        (2.21, 2.24, "2.2 – 2.3"),
        (2.25, 2.25 + 1e-12, "2.2"),
        (0.3, 0.1 + 0.2, "0.3"),
        (0.001, 0.04, "0.0 – 0.1"),
        (1234.5, 2000.0, "1,234.5 – 2,000.0"),
        (99.96, 100.0, "99.9 – 100.0"),
        (2.0, inf, "≥ 2.0"),
        (2.28, inf, "≥ 2.2"),
    ],
)
def test_two_numbers_stay_two(low: float, high: float, said: str) -> None:
    assert EN.bounds(Bounds(low, high), 1) == said


@pytest.mark.parametrize(
    ("low_s", "high_s", "said"),
    [
        (7930.0, 8090.0, "2.2 – 2.3 h"),
        (7920.0, 7920.0, "2.2 h"),
        (7930.0, 7930.0 + 1e-9, "2.2 h"),
        (1.0, 90.0, "1.0 – 90.0 s"),
        (0.02, 700.0, "0 – 12 min"),
        (12.0, inf, "≥ 12.0 s"),
    ],
)
def test_two_lengths_of_time_stay_two(low_s: float, high_s: float, said: str) -> None:
    assert lengths(EN, Bounds(low_s, high_s)).replace("\u00a0", " ") == said


def test_units_of_time_are_words_in_chinese() -> None:
    assert lengths(ZH, Bounds(7930.0, 8090.0)).replace("\u00a0", " ") == "2.2 – 2.3 小时"
    assert lengths(ZH, Bounds(600.0, 600.0)).replace("\u00a0", " ") == "10 分钟"
    assert lengths(ZH, Bounds(5.0, 5.0)).replace("\u00a0", " ") == "5.00 秒"


@pytest.mark.parametrize("word", [*get_args(Kind), *get_args(State), *get_args(Basis)])
def test_every_kind_state_and_basis_of_an_event_has_a_word_in_chinese(word: str) -> None:
    assert Words("zh").knows(word)


@pytest.mark.parametrize("word", [*get_args(Kind), *get_args(Basis)])
def test_no_kind_or_basis_is_shown_by_its_name_in_programs(word: str) -> None:
    assert "_" not in kind_of(EN, word)
    assert "_" not in kind_of(ZH, word)
    assert kind_of(EN, word).replace(" ", "_") == word


def test_a_long_name_may_go_on_in_the_next_line_and_nothing_of_it_is_lost() -> None:
    name = "transformer-of-the-northern-district_0123456789012345678901234567"
    assert breakable(name).replace("<wbr>", "") == name
    assert max(len(piece) for piece in breakable(name).split("<wbr>")) <= 12
    assert breakable("tx-1 2026-11-24") == "tx-1 2026-11-24"
    inside = f'<span title="{name}">{name}</span>'
    assert breakable(inside).startswith(f'<span title="{name}">')
    assert breakable(f"{name}&lt;&amp;").endswith("&lt;&amp;")
