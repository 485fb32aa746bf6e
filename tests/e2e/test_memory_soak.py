"""A cut of tests/soak/memory_soak.py, and what it stands on: the judge sees a leak."""

import csv
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from half_open import why_no_cable
from memory_campaign import Plan, campaign
from memory_judge import Limits, Sample, judge
from soak_rig import LEAST_METERS, Pace

HOURS_2 = 720
LIMITS = Limits()
SERVERS = {"broker frozen", "broker killed", "broker restarted", "connection cut", "PUBACKs swallowed"} | {
    "database frozen", "database killed", "database restarted", "proxy killed", "token renewed", "401", "413",
    "503, later in words",
}  # fmt: skip
METERS = {"sag", "supply lost", "feeder lost", "meter dead", "meter refuses", "meter late"} | {
    "line dead", "switch dead", "line mute", "line reset",
}  # fmt: skip


@pytest.mark.e2e
async def test_each_kind_of_fault_happens_and_nothing_is_missing_or_left_over(tmp_path: Path) -> None:
    table = tmp_path / "samples.csv"
    pace = Pace(watch_s=0.2, poll_s=2.0, publish_s=1.0)
    plan = Plan(for_s=1.0, meters=LEAST_METERS, pace=pace, sample_s=1.0, scale=0.03, brief=True)
    done = await campaign(tmp_path, plan, table)
    assert done.wrong == ()
    assert done.left_over == []
    wanted = SERVERS | METERS | (set() if why_no_cable() else {"half-open TCP"})
    assert wanted <= {name for name, count in done.met.items() if count}
    # What the meters were made to do is what the agent saw, and what the wires were made to do it met.
    assert {"sag", "supply_loss", "comms_loss"} <= set(done.kinds)
    assert done.connections >= 4
    assert done.readings > 10 * LEAST_METERS
    assert judge([row.sample for row in done.rows], LIMITS).peak_mb < LIMITS.peak_mb
    with table.open() as file:
        assert len(list(csv.DictReader(file))) == len(done.rows) >= 10


def series(rss_mb: Callable[[float], float], noise_mb: float = 0.3, seed: int = 1) -> list[Sample]:
    """Two hours as the campaign sees them. rss_mb: by the hour."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    found: list[Sample] = []
    for n in range(HOURS_2):
        now_mb = rss_mb(n / 360) + dice.gauss(0, noise_mb)
        peak_mb = max(now_mb, found[-1].peak_mb) if found else now_mb
        found.append(Sample(10.0 * n, now_mb, peak_mb, 130 + dice.randint(-6, 1), 6 + dice.randint(0, 1)))
    return found


def test_a_flat_series_passes() -> None:
    found = judge(series(lambda _: 80.0), LIMITS)
    assert found.wrong == ()
    assert found.trend is not None
    assert abs(found.trend.slope_mb_h) < 0.1
    assert found.trend.blocks == 20


def test_a_leak_fails_with_its_slope() -> None:
    found = judge(series(lambda hour: 80.0 + 1.5 * hour), LIMITS)
    assert found.trend is not None
    assert found.trend.slope_mb_h == pytest.approx(1.5, abs=0.2)
    assert found.wrong == (f"RSS grows by {found.trend.slope_mb_h:.2f} MB/h (allowed 1)",)


def test_what_fills_up_at_first_is_no_leak() -> None:
    assert judge(series(lambda hour: 80.0 + 12.0 * min(hour, 0.3)), LIMITS).wrong == ()


def test_a_slope_that_is_not_known_well_enough_proves_nothing() -> None:
    steps = [0.0, 3.0, 1.0, 5.0, 0.0, 4.0]
    found = judge(series(lambda hour: 80.0 + steps[int(3 * hour)]), LIMITS)
    assert [words for words in found.wrong if "nothing is proven" in words]


def test_too_short_a_run_has_no_slope_and_says_so() -> None:
    found = judge(series(lambda hour: 80.0 + 60.0 * hour)[:150], LIMITS)
    assert found.trend is None
    assert found.wrong == ()


def test_a_peak_between_two_samples_counts() -> None:
    samples = series(lambda _: 80.0)
    high = [Sample(one.at_s, one.rss_mb, 111.0, one.descriptors, one.threads) for one in samples[300:]]
    assert judge(samples[:300] + high, LIMITS).wrong == ("RSS was 111.0 MB (allowed 110)",)


@pytest.mark.parametrize("what", ["descriptors", "threads"])
def test_one_more_descriptor_or_thread_every_quarter_of_an_hour_fails(what: str) -> None:
    grown = [replace(one, **{what: getattr(one, what) + n // 90}) for n, one in enumerate(series(lambda _: 80.0))]
    (words,) = judge(grown, LIMITS).wrong
    assert words.startswith(what)
