"""What polling can see: the documented figures, and every alignment enumerated against the closed forms."""

from collections.abc import Iterator
from math import inf

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.floor import (
    Watching,
    detection_probability,
    floor_words,
    share_needed,
    shortest_visible_s,
    surely_seen_s,
    visible_span_s,
)

_BLOCKS = Watching(window_s=0.2, refresh_s=0.2, watch_s=1.0)


@pytest.mark.parametrize(
    ("residual", "window_s", "shortest_s"),
    [
        (0.0, 0.2, 0.038), (0.5, 0.2, 0.051), (0.7, 0.2, 0.075), (0.8, 0.2, 0.106), (0.85, 0.2, 0.137),
        (0.0, 1.0, 0.190), (0.5, 1.0, 0.253), (0.7, 1.0, 0.373), (0.8, 1.0, 0.528), (0.85, 1.0, 0.685),
    ],
)  # fmt: skip
def test_the_table_of_visible_sags(residual: float, window_s: float, shortest_s: float) -> None:
    assert shortest_visible_s(window_s, residual) == pytest.approx(shortest_s, abs=0.0006)


def test_a_higher_voltage_before_makes_the_shortest_visible_sag_longer() -> None:
    for residual, longer in [(0.0, 1.40), (0.5, 1.35), (0.85, 1.12)]:
        assert share_needed(residual, before=1.05) / share_needed(residual) == pytest.approx(longer, abs=0.015)


def test_a_sag_that_stays_above_the_threshold_never_shows() -> None:
    assert share_needed(0.9) == inf
    assert detection_probability(1e6, 0.95, _BLOCKS) == 0.0
    assert surely_seen_s(0.9, _BLOCKS) == inf


def test_the_documented_probabilities() -> None:
    """power-quality.md 9.2: ur = 0.5, D = 100 ms, W = 200 ms: 20 % at P = 1 s, 4 % at P = 5 s."""
    for watch_s, chance in [(1.0, 0.20), (5.0, 0.04)]:
        for refresh_s in (0.2, 0.0):
            watching = Watching(0.2, refresh_s, watch_s)
            assert detection_probability(0.1, 0.5, watching) == pytest.approx(chance, abs=0.0014)


@given(st.floats(0.01, 3), st.floats(0, 0.89), st.sampled_from([0.2, 1.0]), st.floats(0.05, 5))
def test_blocks_follow_the_documented_formula(
    duration_s: float, residual: float, window_s: float, pace_s: float
) -> None:
    """(f/W) min(1, (k+1) W/P) + (1 - f/W) min(1, k W/P), k = floor(S/W), f = S - k W."""
    span_s = visible_span_s(duration_s, window_s, residual)
    k, f = divmod(span_s, window_s)
    wanted = f / window_s * min(1, (k + 1) * window_s / pace_s) + (1 - f / window_s) * min(1, k * window_s / pace_s)
    found = detection_probability(duration_s, residual, Watching(window_s, window_s, pace_s))
    assert found == pytest.approx(wanted, abs=1e-9)


def _shares(count: int) -> Iterator[float]:
    return ((i + 0.5) / count for i in range(count))


def _seen(span_s: float, watching: Watching, phase_s: float, reads: list[float]) -> bool:
    """One alignment: visible window ends lie in (0, span), renewals come at phase + i R, reads when they come."""
    refresh_s = watching.refresh_s
    ends = (phase_s + (at - phase_s) // refresh_s * refresh_s if refresh_s else at for at in reads)
    return any(0 < end < span_s for end in ends)


_CASES = st.tuples(st.floats(0.05, 2.5), st.sampled_from([0.0, 0.5, 0.8]), st.sampled_from([0.2, 1.0]))


@drawn(25)
@given(_CASES, st.sampled_from([0.0, 0.2, 0.6, 1.0]), st.floats(0.1, 3.0), st.sampled_from([0.0, 0.3, 1.0]))
def test_every_alignment_and_every_delay_counted(
    case: tuple[float, float, float], refresh_s: float, pace_s: float, jitter: float
) -> None:
    """An enumeration of clocks and delays; its own grid is the only error."""
    watching = Watching(case[2], refresh_s, pace_s, jitter * pace_s)
    span_s = visible_span_s(case[0], case[2], case[1])
    delays = [[d * watching.jitter_s for d in one] for one in _lattice(17)] if jitter else [[0.0] * 64]
    met = total = 0
    for phase in _shares(12 if refresh_s else 1):
        for tick in _shares(24):
            first_s = (tick - 2) * pace_s
            count = int((span_s + refresh_s - first_s) / pace_s) + 2
            for delay in delays:
                reads = [first_s + i * pace_s + delay[i % len(delay)] for i in range(count)]
                met += _seen(span_s, watching, phase * refresh_s, reads)
                total += 1
    # Each clock's grid may misplace an edge by a step.
    assert met / total == pytest.approx(detection_probability(case[0], case[1], watching), abs=0.13)


def _lattice(count: int) -> list[list[float]]:
    """Evenly spread delays for four reads in a row, each independent of the others (a rank-one lattice)."""
    return [[(i * factor / count + 0.5 / count) % 1 for factor in (1, 5, 8, 13)] for i in range(count)]


def test_delays_and_losses_against_a_fine_enumeration() -> None:
    """Two reads matter at most: every pair of delays, every pattern of losses, on a fine grid."""
    span_s, watching = 1.693, Watching(1.0, 0.0, 2.0, jitter_s=1.0, lost=0.05)
    chance, steps = 0.0, 24
    for tick in _shares(96):
        for one in _shares(steps):
            for two in _shares(steps):
                reads = [tick * 2.0 - 2.0 + one, tick * 2.0 + two]
                chance += 1 - 0.05 ** sum(0 < at < span_s for at in reads)
    assert chance / (96 * steps**2) == pytest.approx(detection_probability(1.2, 0.5, watching), abs=0.003)


def test_no_jitter_is_the_limit_of_a_little() -> None:
    without = detection_probability(0.4, 0.5, Watching(1.0, 1.0, 1.0))
    assert detection_probability(0.4, 0.5, Watching(1.0, 1.0, 1.0, jitter_s=1e-9)) == pytest.approx(without, abs=1e-9)


def test_jitter_hides_what_a_pace_of_exactly_the_refresh_would_show() -> None:
    """One renewal of R, reads R apart: without delay none is skipped, with a delay of up to J it is J / 6 R."""
    duration_s = 2 * shortest_visible_s(1.0, 0.5)
    assert detection_probability(duration_s, 0.5, Watching(1.0, 1.0, 1.0)) == pytest.approx(1.0, abs=1e-12)
    late = Watching(1.0, 1.0, 1.0, jitter_s=0.06)
    assert detection_probability(duration_s, 0.5, late) == pytest.approx(1 - 0.06 / 6)
    assert surely_seen_s(0.5, Watching(1.0, 1.0, 1.0)) == pytest.approx(0.507, abs=0.001)
    assert surely_seen_s(0.5, late) == pytest.approx(1.507, abs=0.001)


@given(
    st.floats(0, 0.89),
    st.sampled_from([0.2, 1.0]),
    st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    st.integers(50, 5000),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_what_is_surely_seen_has_probability_one_and_a_little_less_has_not(
    residual: float, window_s: float, refresh_s: float, pace_ms: int, jitter: float
) -> None:
    watching = Watching(window_s, refresh_s, pace_ms / 1000, jitter * pace_ms / 1000)
    sure_s = surely_seen_s(residual, watching)
    assert detection_probability(sure_s + 1e-6, residual, watching) == pytest.approx(1.0, abs=1e-9)
    if jitter == 0:  # with it, what hides the sag is a rare pair of delays
        assert detection_probability(sure_s - 0.001, residual, watching) < 1 - 1e-7


@pytest.mark.parametrize(
    "wrong", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1.1), (1.0, 1.0, 1.0, 0.0, 1.0)]
)
def test_a_watching_that_cannot_be_is_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="want"):
        Watching(*wrong)


def test_the_floor_in_words() -> None:
    assert floor_words(1.0, 1.0, 1.0, 0.02) == (
        "a sag to 50 % shorter than 1.51 s may pass unseen (looks up to 20 ms late)",
        "one of 100 ms is never caught",
        "one of 500 ms is caught in more than 99 %",
        "one of 253 ms or less never shows",
    )
    assert floor_words(0.2, 0.2, 1.0, 0.0) == (
        "a sag to 50 % shorter than 902 ms may pass unseen (if no look is ever late)",
        "one of 100 ms is caught in 20 %",
        "one of 500 ms is caught in 60 %",
        "one of 50 ms or less never shows",
    )
    assert floor_words(0.2, 0.2, 0.1, 0.02)[2] == "one of 500 ms is caught in every case"
    assert floor_words(1.0, 1.0, None, 0.0) == ("its voltages are not watched: no sag is seen",)
