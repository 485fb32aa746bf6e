"""A seeded cut of `make soak`: tests/soak/detection_campaign.py does the whole of it."""

import pytest
from alignments import Cell, Tally, cells, enumerate_cell, wave_of
from quiet_years import Quiet, skipped_day, slow_years, stepped_day, years
from random_events import Noise, Recall, try_event
from waveform import SAMPLES, sagging_wave

from agent.detect.floor import visible_span_s

_STRIDE = 131


def test_the_synthesised_wave_has_the_rms_it_should() -> None:
    wave = sagging_wave((0.5, 1.0, 0.0), 10, 40, 40)
    assert wave.rms(0, 20) == pytest.approx((1.0, 1.0, 1.0), abs=1e-12)
    assert wave.rms(10, 10) == pytest.approx((0.5, 1.0, 0.0), abs=1e-12)
    assert wave.rms(15, 20) == pytest.approx(((0.5 + 0.25 * 0.5) ** 0.5, 1.0, 0.5**0.5), abs=1e-12)
    assert SAMPLES * 2 % 3 == 0


@pytest.mark.slow
def test_cells_compared_with_theory_at_every_alignment() -> None:
    tally = Tally()
    for cell in list(cells())[::_STRIDE]:
        enumerate_cell(cell, wave_of(cell), tally)
    assert tally.cells >= 23
    assert tally.alignments >= 400 * tally.cells
    assert 0.2 < tally.detected / tally.alignments < 0.8


def test_the_comparison_with_theory_can_fail() -> None:
    """A theory for a sag that is half a cycle longer is found out."""
    cell = Cell(depth=0.5, halves=20, phases=1, window=20, refresh=20, period_us=1_000_000)
    other = sagging_wave((0.5, 1.0, 1.0), 21, 400, 400)
    assert visible_span_s(0.21, 0.2, 0.5) > visible_span_s(0.2, 0.2, 0.5)
    with pytest.raises(AssertionError, match="theory says otherwise"):
        enumerate_cell(cell, other, Tally())


@pytest.mark.slow
def test_random_events_lie_within_their_bounds_and_as_many_are_seen_as_theory_says() -> None:
    noise, recall = Noise(1), Recall()
    for seed in range(200):
        try_event(seed, noise, recall)
    assert abs(recall.deviation) < 2.576
    assert recall.closed > 60
    assert recall.lost > 30


def test_half_a_quiet_year_brings_no_event() -> None:
    quiet = Quiet()
    for _ in years(0.5, 1, quiet):
        pass
    assert (quiet.changes, quiet.looks) == (0, 4380 * 3600)
    assert quiet.lost > 1000
    assert quiet.lowest < 0.92  # the tails came close


@pytest.mark.slow
def test_a_quiet_month_brings_no_event_of_what_is_judged_by_means() -> None:
    quiet = Quiet()
    for _ in slow_years(1 / 12, 3, quiet):
        pass
    assert (quiet.changes, quiet.hours) == (0, 730)
    assert quiet.taps > 100
    assert quiet.stepped > 730 * 360


@pytest.mark.slow
def test_leaving_looks_out_of_a_quiet_day_is_exact() -> None:
    whole, cut = stepped_day(7), skipped_day(7)
    assert whole[:2] == cut[:2]
    assert (whole[2].changes, cut[2].changes) == (0, 0)
    assert whole[2].stepped == 86_400 > 100 * cut[2].stepped
