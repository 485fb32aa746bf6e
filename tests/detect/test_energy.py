"""Missing energy: unbiased where every refresh was read, absent where not."""

from random import Random

import pytest
from drawn import part
from looks import U, rules
from rms_meter import Polling, Pulse

from agent.detect.changes import Change
from agent.detect.meter import MeterDetector
from agent.detect.voltage import Look


def _closed(pulse: Pulse, polling: Polling, window_s: float | None = None) -> Change | None:
    by = rules(window_s=window_s or polling.window_s, age_s=polling.refresh_s, channels=1)
    detector = MeterDetector(by)
    looks = polling.looks((pulse,), pulse.end_s + 5.0, U)
    changes = [change for look in looks for change in detector.look(look, look.received_boot_us)]
    sags = [change for change in changes if change.action == "close" and change.kind == "sag"]
    return sags[0] if sags else None


def _polling(random: Random, window_s: float = 0.2, refresh_s: float = 0.2, period_s: float = 0.04) -> Polling:
    return Polling(
        window_s=window_s, refresh_s=refresh_s, period_s=period_s, refresh_phase_s=-random.uniform(0, refresh_s),
        poll_phase_s=random.uniform(0, period_s), answer_s=0.002, read_at=random.random(),
    )  # fmt: skip


@pytest.mark.parametrize("before", [1.0, *(pytest.param(before, marks=pytest.mark.slow) for before in (1.03, 0.97))])
def test_it_is_unbiased_over_alignments(before: float) -> None:
    random = Random(11)  # noqa: S311 - alignments, not secrets
    errors = []
    for _ in range(part(200)):
        start_s = random.uniform(2.5, 3.5)
        pulse = Pulse(start_s, start_s + random.uniform(0.3, 1.5), random.uniform(0.2, 0.7), before)
        closed = _closed(pulse, _polling(random))
        assert closed is not None
        assert closed.sag_energy_s is not None
        truth = (before**2 - pulse.pu**2) * (pulse.end_s - pulse.start_s)
        errors.append(closed.sag_energy_s - truth)
    # Each refresh is counted once, whenever it was looked at: what is left is rounding.
    assert max(map(abs, errors)) < 1e-6


@pytest.mark.parametrize(("window_s", "calm_s", "hurry_s"), [(1.0, 0.9, 0.9), (1.0, 0.5, 0.2), (0.2, 0.15, 0.04)])
def test_looks_at_other_instants_than_the_refreshes_count_each_of_them_once(
    window_s: float, calm_s: float, hurry_s: float
) -> None:
    """It was 20 to 180 % of the truth: time between looks is no number of refreshes."""
    random, found = Random(1), 0  # noqa: S311 - alignments, not secrets
    for _ in range(part(150)):
        start_s = random.uniform(8, 9)
        pulse = Pulse(start_s, start_s + random.uniform(0.3, 2.0) * window_s, random.uniform(0, 0.6))
        energy_s = _hurried(pulse, window_s, calm_s, hurry_s, random)
        if energy_s is not None:
            found += 1
            assert energy_s == pytest.approx((1 - pulse.pu**2) * (pulse.end_s - pulse.start_s), abs=1e-5)
    assert found > part(100)


@pytest.mark.parametrize(("calm_s", "hurry_s"), [(1.0, 0.2), (1.04, 1.04)])
def test_a_refresh_may_slip_through_between_looks_that_are_no_closer_than_refreshes(
    calm_s: float, hurry_s: float
) -> None:
    random = Random(2)  # noqa: S311
    assert all(_hurried(Pulse(8.3, 9.9, 0.4), 1.0, calm_s, hurry_s, random) is None for _ in range(20))


def _hurried(pulse: Pulse, window_s: float, calm_s: float, hurry_s: float, random: Random) -> float | None:
    """Blocks of window_s; looks every calm_s, every hurry_s while something goes on."""
    at_s = random.uniform(0, calm_s)
    polling = Polling(window_s, window_s, calm_s, -random.uniform(0, window_s), at_s, 0.02, 0.5)
    detector = MeterDetector(rules(window_s=window_s, age_s=window_s, channels=1))
    changes: list[Change] = []
    while at_s < pulse.end_s + 6:
        volts = pulse.rms(polling._refreshed_before(at_s + 0.01), window_s) * U
        look = Look(round(at_s * 1e6), round((at_s + 0.02) * 1e6), (volts,))
        changes += detector.look(look, look.received_boot_us)
        at_s += hurry_s if detector.open_kinds else calm_s
    sags = [change for change in changes if change.action == "close" and change.kind == "sag"]
    return sags[0].sag_energy_s if len(sags) == 1 else None


@pytest.mark.parametrize(
    ("window_s", "refresh_s", "period_s"),
    [(0.2, 0.2, 0.5), (0.4, 0.2, 0.04), (0.1, 0.2, 0.04)],
    ids=["refreshes skipped", "windows overlap", "windows leave gaps"],
)
def test_it_is_absent_where_the_sum_is_not_complete(window_s: float, refresh_s: float, period_s: float) -> None:
    closed = _closed(Pulse(3.0, 4.5, 0.3), _polling(Random(3), window_s, refresh_s, period_s))  # noqa: S311
    assert closed is not None
    assert closed.sag_energy_s is None


def test_a_lost_reply_takes_it_away() -> None:
    by = rules(window_s=0.2, age_s=0.2, channels=1)
    polling = _polling(Random(3), period_s=0.1)  # noqa: S311
    looks = polling.looks((Pulse(3.0, 4.5, 0.3),), 9.0, U)
    detector = MeterDetector(by)
    changes = [
        change
        for look in looks
        if not 3_500_000 < look.sent_boot_us < 3_800_000
        for change in detector.look(look, look.received_boot_us)
    ]
    assert changes[-1].sag_energy_s is None


def test_a_sag_without_a_before_has_none() -> None:
    closed = _closed(Pulse(-1.0, 3.0, 0.5), _polling(Random(5)))  # noqa: S311
    assert closed is not None
    assert closed.open_at_start
    assert closed.sag_energy_s is None
