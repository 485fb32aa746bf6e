"""The truth lies inside the bounds: a meter with an RMS window, a poller, and thousands of random alignments.

Not tested here: that an event is seen at all. A poller cannot see every sag; what it reports must be true.
"""

from collections.abc import Iterator
from random import Random

import pytest
from drawn import drawn, part
from hypothesis import given
from hypothesis import strategies as st
from looks import U, rules, run, s
from rms_meter import Polling, Pulse

from agent.detect.changes import Change
from agent.detect.voltage import INITIAL, Look, step

# Boot times are whole microseconds: each of the two ends of a bound is rounded once.
_ROUNDING_US = 2
_FLAT = Pulse(0.0, 0.0, 1.0)


def _polling(random: Random) -> Polling:
    window_s = random.choice([0.02, 0.2, 1.0])
    refresh_s = random.choice([0.1, 0.2, 0.6, 1.0])
    period_s = random.choice([0.05, 0.1, 0.25, 1.0, 2.0])
    return Polling(
        window_s=window_s,
        refresh_s=refresh_s,
        period_s=period_s,
        refresh_phase_s=-random.uniform(0, refresh_s),
        poll_phase_s=random.uniform(0, period_s),
        answer_s=random.uniform(0.002, 0.04),
        read_at=random.random(),
    )


def _seeded(first: int, count: int) -> Iterator[tuple[int, Random]]:
    for seed in range(first, first + part(count)):
        yield seed, Random(seed)  # noqa: S311 - alignments, not secrets


def _changes(phases: tuple[Pulse, ...], polling: Polling) -> list[Change]:
    by = rules(window_s=polling.window_s, age_s=polling.refresh_s, channels=len(phases))
    return run(polling.looks(phases, max(phase.end_s for phase in phases) + 5.0, U), by)[1]


def _holds(change: Change, start_s: float, end_s: float) -> bool:
    span = change.span
    if span.end_boot_us is None or span.end_earliest_boot_us is None or span.duration_us is None:
        return False
    shortest, longest = span.duration_us
    return (
        span.start_earliest_boot_us - _ROUNDING_US <= s(start_s) <= span.start_boot_us + _ROUNDING_US
        and span.end_earliest_boot_us - _ROUNDING_US <= s(end_s) <= span.end_boot_us + _ROUNDING_US
        and shortest - _ROUNDING_US <= s(end_s - start_s) <= longest + _ROUNDING_US
        and span.start_earliest_boot_us <= span.end_earliest_boot_us
    )


def _one(changes: list[Change], kind: str) -> Change | None:
    """The closed event of this kind; there is at most one."""
    closed = [change for change in changes if change.kind == kind and change.action == "close"]
    opened = [change for change in changes if change.kind == kind and change.action == "open"]
    assert len(closed) == len(opened) <= 1
    return closed[0] if closed else None


def _pulse(random: Random, pu: float, longest_s: float) -> Pulse:
    start_s = random.uniform(2.5, 3.5)
    return Pulse(start_s, start_s + random.uniform(0.01, longest_s), pu, random.uniform(0.95, 1.05))


def _sagging_phases(random: Random) -> tuple[Pulse, ...]:
    first = _pulse(random, random.uniform(0.1, 0.85), 4.5)
    # A second phase may fall within the first one's time: still one sag, until the last is back.
    second = Pulse(first.start_s, random.uniform(first.start_s, first.end_s + 0.4), random.uniform(0.0, 0.85))
    return random.choice([(first,), (first, _FLAT), (first, second, _FLAT)])


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in (400, 800, 1200))])
def test_bounds_of_a_sag_contain_the_truth(first: int) -> None:
    found = 0
    for seed, random in _seeded(first, 400):
        phases = _sagging_phases(random)
        changes = _changes(phases, _polling(random))
        assert {change.kind for change in changes} <= {"sag"}, seed
        sag = _one(changes, "sag")
        if sag is not None:
            found += 1
            assert _holds(sag, phases[0].start_s, max(phase.end_s for phase in phases)), seed
            for seen, phase in zip(sag.extremes, phases, strict=True):
                assert seen is not None
                assert seen >= phase.pu * U - 1e-6, seed
    assert found > part(250)


@pytest.mark.parametrize("first", [0, pytest.param(300, marks=pytest.mark.slow)])
def test_bounds_of_a_supply_loss_contain_the_truth(first: int) -> None:
    found = 0
    for seed, random in _seeded(first, 300):
        start_s, end_s = 3.0, random.uniform(3.01, 9.0)
        phases = tuple(Pulse(start_s, end_s, random.uniform(0, 0.045), random.uniform(0.95, 1.05)) for _ in range(3))
        changes = _changes(phases, _polling(random))
        loss = _one(changes, "supply_loss")
        if loss is not None:
            found += 1
            assert _holds(loss, start_s, end_s), seed
            assert loss.parent in {None, *(change.key for change in changes if change.kind == "sag")}
        # What the averaging window shows as a sag on the way down or up is bounded like the loss itself.
        for change in changes:
            if change.kind == "sag" and change.action == "close":
                after = loss is not None and change.key > loss.key
                assert _holds(change, end_s if after else start_s, end_s), seed
    assert found > part(150)


def test_bounds_of_a_swell_contain_the_truth_and_its_peak_is_a_lower_bound() -> None:
    found = 0
    for seed, random in _seeded(0, 400):
        pulse = _pulse(random, random.uniform(1.15, 1.6), 4.0)
        changes = _changes((pulse, _FLAT, _FLAT), _polling(random))
        assert {change.kind for change in changes} <= {"swell"}, seed
        swell = _one(changes, "swell")
        if swell is not None:
            found += 1
            assert _holds(swell, pulse.start_s, pulse.end_s), seed
            assert max(v for v in swell.extremes if v is not None) <= pulse.pu * U + 1e-6, seed
    assert found > part(200)


def test_bounds_of_a_phase_loss_contain_the_truth() -> None:
    found = 0
    for seed, random in _seeded(0, 200):
        pulse = Pulse(3.0, random.uniform(8.0, 14.0), random.uniform(0, 0.5))
        changes = _changes((_FLAT, pulse, _FLAT), _polling(random))
        loss = _one(changes, "phase_loss")
        # Eight seconds are seen to last five at any window, refresh and period used here.
        assert loss is not None or pulse.end_s < 12.5, seed
        if loss is not None:
            found += 1
            assert _holds(loss, pulse.start_s, pulse.end_s), seed
            fate = [change.action for change in changes if change.key == loss.supersedes[0]]
            assert (fate[0], fate[-1]) == ("open", "retract"), seed
    assert found > part(100)


def test_lost_and_questionable_looks_widen_the_bounds_and_keep_them_true() -> None:
    found = 0
    for seed, random in _seeded(0, 300):
        polling = _polling(random)
        pulse = Pulse(3.0, random.uniform(3.3, 7.0), random.uniform(0.1, 0.8))
        first, *looks, last = polling.looks((pulse,), pulse.end_s + 5.0, U)
        kept = [_perhaps_doubtful(look, random) for look in looks if random.random() < 0.7]
        by = rules(window_s=polling.window_s, age_s=polling.refresh_s, channels=1)
        sag = _one(run([first, *kept, last], by)[1], "sag")
        if sag is not None:
            found += 1
            assert _holds(sag, pulse.start_s, pulse.end_s), seed
    assert found > part(150)


def _perhaps_doubtful(look: Look, random: Random) -> Look:
    if random.random() < 0.8:
        return look
    return look._replace(volts=(random.uniform(0, 300),), questionable=True)


_PU = st.one_of(st.none(), st.sampled_from([0.0, 0.04, 0.06, 0.1, 0.5, 0.61, 0.7, 0.89, 0.905, 0.92, 1.0, 1.09, 1.2]))


@drawn(150)
@given(
    st.lists(st.tuples(st.tuples(_PU, _PU, _PU), st.sampled_from([0.1, 1.0, 6.0]), st.booleans()), max_size=40),
    st.sampled_from(["iec", "gb"]),
)
def test_whatever_is_read_the_story_is_consistent(
    rows: list[tuple[tuple[float | None, ...], float, bool]], profile: str
) -> None:
    """Each key opens once and ends at most once; one open event per kind; parents are open; bounds are ordered."""
    by, state, at_s = rules(profile), INITIAL, 0.0
    open_kinds: dict[int, str] = {}
    seen: set[int] = set()
    for pu, pause_s, questionable in rows:
        at_s += pause_s
        volts = tuple(None if value is None else value * U for value in pu)
        state, changes = step(state, Look(s(at_s), s(at_s + 0.02), volts, questionable and pause_s > 5), by)
        for change in changes:
            _follow(change, open_kinds, seen)
        assert len(set(open_kinds.values())) == len(open_kinds)
        tracks = {track.kind: track for track in state.tracking.open} if state.tracking is not None else {}
        if {"sag", "phase_loss"} <= tracks.keys():
            assert set(tracks["sag"].crossed).isdisjoint(tracks["phase_loss"].crossed)
    state, changes = step(state, Look(s(at_s + 9), s(at_s + 9), (U, U, U)), by)
    for change in changes:
        _follow(change, open_kinds, seen)
    assert not open_kinds
    assert state.tracking is None


def _follow(change: Change, open_kinds: dict[int, str], seen: set[int]) -> None:
    span = change.span
    assert span.start_earliest_boot_us <= span.start_boot_us
    if change.action == "open":
        assert change.key not in seen
        assert change.parent is None or change.parent in open_kinds
        assert all(key in open_kinds for key in change.supersedes)
        seen.add(change.key)
        open_kinds[change.key] = change.kind
        return
    assert open_kinds[change.key] == change.kind
    if change.action == "close":
        assert span.end_boot_us is not None
        assert span.end_earliest_boot_us is not None
        assert span.start_earliest_boot_us <= span.end_earliest_boot_us <= span.end_boot_us
    if change.action != "update":
        del open_kinds[change.key]
