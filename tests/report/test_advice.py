"""Sentences of the diagnoses: their figures are the document's, in both languages."""

import re
from dataclasses import replace

import pytest

from agent.report.demand.diagnoses import Load, Loading, PowerFactor, Unbalance
from agent.report.document import Metered, MeterPart
from agent.report.drawn import advice
from agent.report.drawn.advice import sentences
from agent.report.drawn.words import Words
from agent.report.figures import Bounds
from agent.report.voltage.causes import Hint
from agent.report.voltage.part import TenMinutes
from agent.report.voltage.quality import Judged, Limits, Quality
from agent.report.voltage.ten_minutes import Level

UNMEASURED = Level(None, None, None, None, 0.0, 0.0, ())
QUIET = MeterPart(
    Metered("tx1", "tx-1", "F1", Judged(("voltage_l1",), 220.0, (Limits(198.0, 235.4),)), rated_kva=400.0), 100,
    Quality(), None, {}, TenMinutes(UNMEASURED, UNMEASURED, UNMEASURED), None, None, None, None, (),
)  # fmt: skip
LOUD = replace(
    QUIET,
    hints=[Hint("one_phase", 120.0, 0.95, "voltage_l3"), Hint("peak_hours", 1200.0, 0.8, "18"),
           Hint("head", 120.0, 0.5, "tx0"), Hint("tail", 120.0, 0.1, "tx0")],
    load=Load(40e3, 100e3, 22e3, 0.4, 0.2, 0.9),
    power_factor=PowerFactor(0.82, Bounds(0.81, 0.83), 40e3, {"industry": 9, "other": 5, "agriculture": 0}),
    unbalance=Unbalance((120.0, 100.0, 80.0), 30.0, 0.2, 1.15, 8.8e3, "l1", "l3", 1.0),
    loading=Loading(1.04, 0.5, 20.0, 130.0, 0.0, {19: 100.0, 20: 30.0}, 1.0),
)  # fmt: skip


def said(part: MeterPart, language: str = "en") -> list[str]:
    return [one.text for one in sentences(part, Words(language))]


def test_nothing_to_say_is_no_sentence() -> None:
    assert said(QUIET) == []


def test_sentences_have_their_figures() -> None:
    assert said(LOUD) == [
        "tx1: low for 120 min, 95 % of them on L3 alone: unbalance of the phases.",
        "tx1: low for 1,200 min, 80 % of them from 18 h on within four hours: the load of these.",
        "tx1: low for 120 min, and tx0 upstream for 50 % as long: the tap, or what lies above.",
        "tx1: low for 120 min, but tx0 upstream only 10 % as long: the line between them.",
        "tx1: the power factor is 0.82; 9 kvar would make it 0.90.",
        "tx1: transformer above 80 % for 130 min, 20 of them above 100 %, most at 19 h; peak 104 %.",
        "tx1: currents differ from their mean by up to 20 %: move 8.8 kW from L1 to L3.",
        "tx1: unbalance and the neutral make the losses 1.15 times those of a balanced load.",
        "tx1: the neutral carries 30 A while there is load, 30 % of what a phase does.",
        "tx1: the mean is 40 kW, the highest quarter of an hour 100 kW: load factor 40 %.",
        "tx1: at night 22 kW go on, 55 % of the mean: see what need not run then.",
    ]


@pytest.mark.parametrize("change", [{}, {"move_w": None}])
def test_in_chinese_there_are_the_same_sentences_with_the_same_figures(change: dict[str, None]) -> None:
    assert LOUD.unbalance is not None
    part = replace(LOUD, unbalance=replace(LOUD.unbalance, **change))
    english, chinese = (said(part, language) for language in ("en", "zh"))
    for one, other in zip(english, chinese, strict=True):
        assert one != other
        assert set(re.findall(r"[0-9.,]*[0-9]", other)) - {"15"} <= set(re.findall(r"[0-9.,]*[0-9]", one))


def test_a_transformer_that_is_hardly_used_is_told() -> None:
    idle = replace(QUIET, loading=Loading(0.2, 0.1, 0.0, 0.0, 9.0, {}, 1.0))
    assert said(idle) == ["tx1: the transformer was never above 20 %: it mostly heats itself."]


def test_a_neutral_of_a_quarter_and_a_night_of_half_are_not_told_of() -> None:
    assert LOUD.unbalance is not None
    assert LOUD.load is not None
    calm = replace(LOUD, unbalance=replace(LOUD.unbalance, neutral_a=25.0), load=replace(LOUD.load, base_w=20e3))
    assert not [one for one in said(calm) if "neutral carries" in one or "at night" in one]


def test_a_sentence_knows_what_its_figures_rest_on() -> None:
    seen = replace(LOUD, quality=Quality(monitored_min=80.0, unknown_min=20.0))
    covered = {one.text.split(" ", 2)[1]: one.coverage for one in sentences(seen, Words("en"))}
    assert covered["low"] == 0.8
    assert {cover for word, cover in covered.items() if word != "low"} == {0.9}


def test_every_sentence_is_known_in_chinese() -> None:
    assert all(Words("zh").knows(text) for text in advice.CAUSES.values())
