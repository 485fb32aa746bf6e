"""Charts: what is drawn can be told apart."""

import re

from agent.records import DAY_US
from agent.report.drawn.charts import WIDTH, Dot, by_days, daily_profile, histogram, scatter
from agent.report.figures import Bounds, Span
from agent.report.voltage.quality import BIN, Limits

LIMITS = Limits(198.0, 235.4)
DAY = dict.fromkeys(range(24), (219.0, 220.0, 230.0))


def heights(drawn: str) -> list[float]:
    return [float(one) for one in re.findall(r'<rect [^>]*height="([0-9.]+)"', drawn)]


def test_a_dead_hour_stands_as_a_number_and_does_not_press_the_others_into_a_line() -> None:
    alone, beside = daily_profile(DAY, LIMITS, "m1"), daily_profile(DAY | {15: (0.0, 110.0, 225.0)}, LIMITS, "m1")
    assert ">0 V</text>" in beside
    assert ">0 V</text>" not in alone
    assert min(heights(beside)) > min(heights(alone)) / 2


def test_an_hour_of_a_broken_neutral_stands_as_a_number_too() -> None:
    assert ">380 V</text>" in daily_profile(DAY | {3: (215.0, 300.0, 380.0)}, LIMITS, "m1")
    assert min(heights(daily_profile(DAY | {3: (300.0, 320.0, 380.0)}, LIMITS, "m1"))) >= 0


def test_no_name_of_an_axis_is_cut_off_by_the_edge() -> None:
    drawn = scatter([Dot(0.1, 0.2, 40.0, "ok")], "ITIC")
    names = re.findall(r'<text x="([0-9.]+)"[^>]*text-anchor="(\w+)"[^>]*>([0-9.]+ s)</text>', drawn)
    assert len(names) == 7
    for x, anchor, name in names:
        half = 8 * len(name) / 2  # a glyph of 12 px is narrower than 8
        assert float(x) + (0 if anchor == "end" else half) <= WIDTH


def names(drawn: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", drawn)


def test_every_number_of_an_axis_has_its_unit() -> None:
    days = by_days({0: Bounds(10.0, 12.0)}, Span(0, DAY_US), 0, "SAIDI by day")
    assert names(days) == ["0 min", "5 min", "10 min", "1-1"]
    minutes = histogram({round(1 / BIN): 60.0}, 220.0, LIMITS, "m1")
    assert all(re.fullmatch(r"[0-9.]+ (min|V)", name) for name in names(minutes))
    profile = daily_profile(DAY, LIMITS, "m1")
    assert all(re.fullmatch(r"[0-9.]+ V|[0-9]{2}:00", name) for name in names(profile))
    dots = scatter([Dot(0.1, 0.2, 40.0, "ok")], "ITIC")
    assert all(re.fullmatch(r"[0-9.]+ (%|s)", name) for name in names(dots))


def test_a_decided_event_is_a_full_circle_and_another_is_hollow() -> None:
    for verdict, fill in (("violates", "#d55e00"), ("ok", "#0072b2"), ("undecided", "none")):
        assert f'r="4" fill="{fill}"' in scatter([Dot(1.2, 1.3, 60.0, verdict)], "ITIC")
