"""How bounds are written: rounded away from each other, and one number only where there is one."""

from math import inf
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from agent.records import Basis, Kind, State
from agent.report.drawn.sections.told import lengths
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words import Words
from agent.report.figures import Bounds

EN, ZH = (Sheet(Words(language), ZoneInfo("UTC"), 0) for language in ("en", "zh"))


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
