"""Steps between steady states: what is a rapid change, and what is not."""

import math
from dataclasses import replace
from random import Random

import pytest
from judged import Judged
from looks import L2, U, look, rules, s

from agent.detect import rapid
from agent.detect.blocks import block_of

GOOD = (1.0, 1.0, 1.0)


def _judged(period_s: float = 0.2, **changes: object) -> Judged:
    return Judged(replace(rules(), **changes), period_s, unheard=("unbalance",))


def test_a_step_of_six_percent_is_told_once_it_is_steady_again() -> None:
    judged = _judged()
    judged.hold(30, *GOOD)
    step_s = judged.at_s
    judged.hold(30, 1, 0.94, 1)
    assert judged.told() == [("open", "rapid_change"), ("close", "rapid_change")]
    closed = judged.changes[1]
    assert closed.crossed == (L2,)
    assert closed.figure is not None
    assert closed.figure.percent == pytest.approx(-6, abs=0.01)
    assert closed.evidence[0].startswith("l2 from 230.0 to 216.2 V")
    span = closed.span
    assert span.start_earliest_boot_us <= s(step_s) <= span.start_boot_us <= s(step_s + 2.5)
    assert span.end_earliest_boot_us is not None
    assert span.end_boot_us is not None
    assert span.end_earliest_boot_us <= s(step_s) <= span.end_boot_us <= s(step_s + 4)


@pytest.mark.parametrize("seed", range(30))
def test_the_step_lies_within_its_bounds_at_every_alignment(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - alignments, not secrets
    judged = _judged(random.choice([0.05, 0.1, 0.25, 0.3]))
    judged.hold(random.uniform(5, 40), *GOOD)
    step_s, last_s = judged.at_s, judged.at_s - judged.period_s
    judged.hold(40, *[random.choice([0.92, 1.07])] * 3)
    (opened, closed) = judged.changes
    assert opened.span.start_earliest_boot_us <= s(step_s)
    assert opened.span.start_boot_us >= s(last_s)
    assert closed.span.end_boot_us is not None
    assert closed.span.end_boot_us >= s(last_s)


def test_a_tap_change_is_none() -> None:
    judged = _judged()
    for pu in (1.0, 0.975, 1.0, 1.025, 1.0):
        judged.hold(30, pu, pu, pu)
    assert judged.changes == []


def test_a_motor_start_that_stays_in_band_comes_back_and_is_none() -> None:
    judged = _judged()
    judged.hold(30, *GOOD)
    judged.follow(6, lambda t: (1 - 0.08 * math.exp(-t / 1.5),) * 3)
    judged.hold(30, 0.995, 0.995, 0.995)
    assert judged.changes == []


def test_a_drift_is_none() -> None:
    judged = _judged()
    judged.follow(120, lambda t: (1 - 0.08 * t / 120,) * 3)
    assert judged.changes == []


def test_noise_is_none() -> None:
    random = Random(7)  # noqa: S311 - noise, not secrets
    judged = _judged(0.1)
    judged.follow(120, lambda _: tuple(random.gauss(1, 0.01) for _ in range(3)))
    assert judged.changes == []


@pytest.mark.parametrize(("pu", "kind"), [(0.85, "sag"), (1.15, "swell")])
def test_a_sag_or_swell_inside_discards_it(pu: float, kind: str) -> None:
    judged = _judged()
    judged.hold(30, *GOOD)
    judged.hold(1, pu, pu, pu)
    judged.hold(30, 0.94, 0.94, 0.94)
    assert judged.told() == [("open", kind), ("close", kind)]


@pytest.mark.parametrize(
    "judged",
    [_judged(window_us=1_500_000), _judged(age_us=2_000_000), _judged(0.5)],
    ids=["long window", "old register", "read twice a second"],
)
def test_where_sampling_does_not_permit_nothing_is_said(judged: Judged) -> None:
    judged.hold(120, *GOOD)
    judged.hold(120, 0.93, 0.93, 0.93)
    assert judged.changes == []


def _told_of_seconds(*pu: float) -> int:
    """How many changes are told of voltages that hold for a second each."""
    by = rules()
    looks = [look(0.2 * i, one, one, one) for i, one in enumerate(one for one in (*pu, 1.0) for _ in range(5))]
    return len(rapid.step(rapid.UNKNOWN, block_of(looks, None, by), by, lambda: 1)[1])


def test_what_moves_for_longer_than_ten_seconds_is_no_step() -> None:
    steady, after = [1.0] * 3, [0.94] * 3
    assert _told_of_seconds(*steady, *[0.97, 1.03] * 4, *after) == 2
    assert _told_of_seconds(*steady, *[0.97, 1.03] * 6, *after) == 0


def test_a_phase_that_is_not_read_leaves_it_unknown() -> None:
    judged = _judged()
    judged.hold(30, 1, 1, None)
    judged.hold(30, 0.94, 1, None)
    assert judged.changes == []


def test_words_and_size_rest_on_the_declared_voltage() -> None:
    judged = Judged(rules(reference_v=100.0), reference_v=100.0, unheard=("unbalance",))
    judged.hold(30, *GOOD)
    judged.hold(30, 1.06, 1, 1)
    assert judged.changes[0].evidence == (
        "l1 from 100.0 to 106.0 V: steady before and after, 5% of 100 V or more apart",
    )
    assert U != 100.0
