"""The pictures of docs/detection.md, drawn by the code that they speak of.

python bench/pictures.py docs      # writes detection-*.svg there; a test compares what is committed
"""

import sys
from collections.abc import Callable, Mapping
from math import inf, sqrt
from pathlib import Path

from agent.detect.changes import Change
from agent.detect.curves import ITIC_LOWER, Locus, verdict
from agent.detect.floor import Watching, detection_probability, surely_seen_s
from agent.detect.thresholds import PROFILES, Rules
from agent.detect.voltage import INITIAL, Look, step

from chart import BLUE, DASHES, GREEN, GREY, INK, ORANGE, RED, Axis, Chart, Point, picture

_US = 1e6
_SAG_S, _RESIDUAL = 1.6, 0.5
_WINDOW_S, _RENEWED_S, _ASKED_S, _TOOK_S = 1.0, -0.3, 0.15, 0.02


def _seconds(*values: float) -> tuple[tuple[float, str], ...]:
    return tuple((value, f"{value * 1000:g} ms" if value < 1 else f"{value:g} s") for value in values)


def _percents(*values: float) -> tuple[tuple[float, str], ...]:
    return tuple((value, f"{100 * value:g} %") for value in values)


def _shown(window_end_s: float) -> float:
    """RMS over the window of a voltage of 1 pu with the sag in it."""
    share = max(0.0, min(_SAG_S, window_end_s) - max(0.0, window_end_s - _WINDOW_S)) / _WINDOW_S
    return sqrt(1 - share * (1 - _RESIDUAL**2))


def _renewal(at_s: float) -> float:
    return _RENEWED_S + (at_s - _RENEWED_S) // _WINDOW_S * _WINDOW_S


def _watched() -> tuple[list[Point], Change]:
    """What a look a second reads, and the sag as the detector closes it."""
    names = ("voltage_l1",)
    by = Rules("iec", PROFILES["iec"], 1.0, names, ("l1",), round(_WINDOW_S * _US), round(_WINDOW_S * _US), "ln")
    state, seen, closed = INITIAL, list[Point](), list[Change]()
    for i in range(-2, 5):
        at_s = _ASKED_S + i
        seen.append((at_s, _shown(_renewal(at_s))))
        look = Look(round((at_s - _TOOK_S) * _US), round((at_s + _TOOK_S) * _US), (seen[-1][1],))
        state, changes = step(state, look, by)
        closed += (change for change in changes if change.action == "close")
    return seen, closed[0]


def through_a_window() -> str:
    """A sag, the register of a meter with a window of 1 s, the looks at it, and the bounds that follow."""
    x = Axis(-2, 4.5, tuple((value, f"{value} s") for value in range(-2, 5)), "time from the true start")
    y = Axis(0.4, 1.1, _percents(0.5, 0.6, 0.7, 0.8, 0.9, 1.0), "voltage")
    chart = Chart(x, y, 70, 50, 760, 240)
    chart.frame("What a look a second sees of a sag to 50 % for 1.6 s, through a window of 1 s")
    chart.line([(-2, 0.9), (4.5, 0.9)], RED, 1.5, "7 4")
    chart.words((4.45, 0.9), "a sag begins below 90 %", RED, "end", up=-16)
    chart.line([(-2, 1), (0, 1), (0, _RESIDUAL), (_SAG_S, _RESIDUAL), (_SAG_S, 1), (4.5, 1)], INK, 2.5)
    chart.words((0.8, _RESIDUAL), "the voltage", INK, "middle", up=8)
    ends = [_RENEWED_S + i for i in range(-2, 6)]
    stairs = [(at, _shown(end)) for end in ends for at in (end, end + _WINDOW_S)]
    chart.line([point for point in stairs if -2 <= point[0] <= 4.5], BLUE, 2, "7 4")
    chart.words((2.75, _shown(1.7 + 1.0) + 0.012), "the meter's register", BLUE, up=4)
    seen, sag = _watched()
    for point in seen:
        chart.dot(point, ORANGE)
    chart.words((seen[4][0] + 0.1, seen[4][1]), "a look", ORANGE, up=-20)
    return picture(
        860, 470, "A sag seen through a window of one second, with its bounds", chart.parts + _bounds(x, sag)
    )


def _bounds(x: Axis, sag: Change) -> list[str]:
    """Three bars on the time axis of the plot above, and what they say."""
    span, duration_us, residual = sag.span, sag.span.duration_us, sag.extremes[0]
    assert span.end_boot_us is not None
    assert span.end_earliest_boot_us is not None
    assert duration_us is not None
    assert residual is not None
    lanes = Chart(x, Axis(0, 3, (), ""), 70, 345, 760, 84)
    for lane, low_us, high_us, words, colour in (
        (2.5, span.start_earliest_boot_us, span.start_boot_us, "it began in here", GREEN),
        (1.5, span.end_earliest_boot_us, span.end_boot_us, "it ended in here", GREEN),
    ):
        low_s, high_s, low, high = low_us / _US, high_us / _US, lane - 0.3, lane + 0.3
        lanes.area([(low_s, low), (high_s, low), (high_s, high), (low_s, high)], colour, 0.35)
        lanes.words(((low_s + high_s) / 2, lane), f"{words}: {low_s:.2f} to {high_s:.2f} s", INK, "middle", up=-4)
    shortest_s, longest_s = (value / _US for value in duration_us)
    said = f"so it lasted {shortest_s:.2f} to {longest_s:.2f} s, and fell to {100 * residual:.0f} % or less"
    lanes.words((-2, 0.5), f"{said} (in truth 1.60 s and 50 %)", up=-8)
    return lanes.parts


def probability() -> str:
    """The chance that a sag to half the voltage is seen, over its duration, for two windows and three paces each."""
    parts: list[str] = []
    for i, (window_s, paces_s) in enumerate(((0.2, (0.2, 1.0, 5.0)), (1.0, (0.2, 1.0, 5.0)))):
        x = Axis(0.02, 10, _seconds(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10), "duration of the sag", log=True)
        chart = Chart(x, Axis(0, 1, _percents(0, 0.25, 0.5, 0.75, 1), "seen"), 70, 50 + 290 * i, 760, 200)
        chart.frame(f"Window of {_seconds(window_s)[0][1]}, renewed as often: sags to 50 %, looks up to 20 ms late")
        styles = zip(paces_s, (BLUE, ORANGE, GREEN), DASHES, (0.9, 0.55, 0.2), strict=True)
        names = [
            _pace(chart, Watching(window_s, window_s, pace_s, 0.02), colour, dash, share)
            for pace_s, colour, dash, share in styles
        ]
        for name in names:  # on top of all the curves
            name()
        parts += chart.parts
    return picture(860, 595, "Probability that a sag is seen, over its duration, for several paces", parts)


def _pace(chart: Chart, watching: Watching, colour: str, dash: str, share: float) -> Callable[[], None]:
    """Draws a curve; what is returned writes its name, at the height of `share`."""
    grid = [0.02 * 500 ** (i / 400) for i in range(401)]
    curve = [(at_s, detection_probability(at_s, _RESIDUAL, watching)) for at_s in grid]
    chart.line(curve, colour, 2.5, dash)
    sure_s = surely_seen_s(_RESIDUAL, watching)
    words = f"a look every {_seconds(watching.watch_s)[0][1]}: sure from {sure_s:.2f} s on"
    crossing = next((at for at in curve if at[1] >= share), curve[-1])
    return lambda: chart.words((crossing[0] * 1.06, share), words, colour, up=-14, halo=True)


def locus() -> str:
    """Two sags that a poller saw, as the set of what they can truly have been, against the ITIC curve."""
    x = Axis(0.01, 20, _seconds(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20), "duration", log=True)
    chart = Chart(x, Axis(0, 1, _percents(0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1), "residual"), 70, 50, 760, 330)
    chart.frame("What a poller saw is a set of possible sags, not a point")
    chart.area([*_itic(), (20, 0), (0.02, 0)], GREY, 0.12)
    chart.line(_itic(), INK, 2.5)
    chart.words((0.021, 0.02), "outside the ITIC curve", GREY, up=6)
    short, long = (
        Locus(False, 0.0, 0.42, (0.55, 0.55), window_s=0.2),
        Locus(False, 0.0, 3.2, (0.86, 0.86), window_s=1.0),
    )
    _set(chart, short, BLUE, (0.0225, 0.4), "55 % read over 200 ms")
    _set(chart, long, ORANGE, (0.55, 0.4), "86 % read over 1 s")
    return picture(860, 430, "What two polled sags can truly have been, against the ITIC curve", chart.parts)


def _itic() -> list[Point]:
    points, before_s = list[Point](), 0.01
    for level in ITIC_LOWER:
        points += [(before_s, level.level), (min(level.until_s, 20.0), level.level)]
        before_s = level.until_s
    return [point for point in points if point[0] < inf]


def _set(chart: Chart, seen: Locus, colour: str, at: Point, words: str) -> None:
    first_s = max(0.01, seen.shortest_possible_s)
    grid = [first_s * (seen.longest_s / first_s) ** (i / 200) for i in range(201)]
    edge = [(each, seen.mildest(each)) for each in grid]
    chart.area([(first_s, 0), *edge, (seen.longest_s, 0)], colour, 0.25)
    chart.line([(first_s, 0), *edge, (seen.longest_s, 0)], colour, 2)
    chart.words(at, words, colour, up=18)
    chart.words(at, f"lasted {first_s:.2f} to {seen.longest_s:g} s", colour)
    chart.words(at, f"ITIC: {verdict(ITIC_LOWER, seen)}", colour, up=-18)


PICTURES: Mapping[str, Callable[[], str]] = {
    "detection-window.svg": through_a_window,
    "detection-probability.svg": probability,
    "detection-locus.svg": locus,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for file, draw in PICTURES.items():
        (Path(sys.argv[1]) / file).write_text(draw(), encoding="utf-8")
