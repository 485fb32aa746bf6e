"""What of an event was really watched: silences inside it, and windows that several short dips explain."""

from dataclasses import replace
from itertools import accumulate, pairwise
from math import sqrt
from random import Random

import pytest
from judged import Judged
from looks import look, rules, run, s

from agent.detect.changes import Change
from agent.detect.watched import Watched

GOOD, LOW = (1.0, 1.0, 1.0), (0.0, 1.0, 1.0)


def _closed(changes: list[Change], kind: str) -> Change:
    return next(change for change in changes if (change.action, change.kind) == ("close", kind))


def test_a_silence_inside_a_sag_is_no_part_of_what_is_proven() -> None:
    rows = [*[(0.1 * i, GOOD) for i in range(10)], *[(1 + 0.1 * i, (0.0, 1, 1)) for i in range(11)]]
    rows += [*[(602 + 0.1 * i, (0.0, 1, 1)) for i in range(31)], (605.1, GOOD)]
    closed = _closed(run([look(at_s, *pu) for at_s, pu in rows], rules())[1], "sag")
    duration_us = closed.span.duration_us
    assert duration_us is not None
    assert duration_us[1] > s(600)
    # Of the longer piece, 3 s, less what a reading reaches back and the time of a reply.
    assert closed.proven_us == closed.watched_us == s(3.0 - 0.3 - 0.02)
    assert closed.unseen_us == s(600)


def test_without_a_silence_one_sag_at_full_depth_is_proven_from_end_to_end() -> None:
    rows = [*[(0.1 * i, GOOD) for i in range(10)], *[(1 + 0.1 * i, (0.0, 1, 1)) for i in range(31)], (4.1, GOOD)]
    closed = _closed(run([look(at_s, *pu) for at_s, pu in rows], rules())[1], "sag")
    assert closed.span.duration_us is not None
    assert closed.proven_us == closed.watched_us == closed.span.duration_us[0]
    assert closed.unseen_us == 0


@pytest.mark.parametrize(("watch_s", "unseen_us"), [(0.0, s(2.0)), (1.0, 0)], ids=["200 ms apart", "1 s asked for"])
def test_what_the_pace_explains_is_no_gap(watch_s: float, unseen_us: int) -> None:
    times_s = [0.0, 0.2, 0.4, 0.6, 2.6, 2.8, 3.0]
    looks = [look(at_s, *((0.0, 1, 1) if 0.3 < at_s < 2.9 else GOOD)) for at_s in times_s]
    closed = _closed(run(looks, replace(rules(), watch_us=s(watch_s)))[1], "sag")
    assert closed.unseen_us == unseen_us


def test_five_seconds_of_a_phase_loss_are_watched() -> None:
    """Low at one look, ten minutes of silence, low again for 2 s: that was once a phase_loss of 602 s."""
    rows = [
        *[(0.2 * i, GOOD) for i in range(10)],
        (2.0, LOW),
        *[(602 + 0.2 * i, LOW) for i in range(11)],
        (604.2, GOOD),
    ]
    changes = run([look(at_s, *pu) for at_s, pu in rows], rules())[1]
    assert {change.kind for change in changes} == {"sag"}
    assert (_closed(changes, "sag").watched_us or 0) < s(2.1)


def test_dips_that_a_window_merges_prove_only_what_no_row_of_dips_explains() -> None:
    """A welder: 0.45 s at 72 % once a second, 15 times, through windows of 1 s: they read like one sag to 88 %."""
    shown = (1 - 0.45 * (1 - 0.72**2)) ** 0.5
    changes = run([look(1.0 * i, shown if 5 <= i < 20 else 1.0, 1, 1) for i in range(25)], rules(window_s=1, age_s=1))[
        1
    ]
    closed = _closed(changes, "sag")
    assert closed.watched_us is not None
    assert closed.proven_us is not None
    assert closed.watched_us > s(10)
    assert closed.proven_us <= s(15 * 0.45)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_voltage_did_no_more_is_proven_than_it_was_low(seed: int) -> None:
    """Any number of dips of any depth and length, whatever stands between them: windows of 0.2 to 1 s, looked at at
    least once per renewal."""
    random = Random(seed)  # noqa: S311 - alignments, not secrets
    window_s, renewals = random.choice([0.2, 0.4, 1.0]), random.choice([1, 4])
    pace_s, steps = window_s / renewals * random.uniform(0.2, 1.0), 2000
    pu = [random.choice([0.9, 0.95, 1.0]) for _ in range(steps)]
    for _ in range(random.randrange(1, 60)):
        at, length, depth = random.randrange(200, 1700), random.randrange(1, 100), random.uniform(0, 0.899)
        pu[at : at + length] = [depth] * length
    squares = [0.0, *accumulate(value * value for value in pu)]
    count = round(window_s * 100)

    def shown(at_s: float) -> float:
        end = max(count, int(at_s * 100) // (count // renewals) * (count // renewals))
        return sqrt((squares[end] - squares[end - count]) / count)

    looks = [look(i * pace_s, shown(i * pace_s), took_s=0.001) for i in range(int(19.9 / pace_s))]
    changes = run(looks, rules(window_s=window_s, age_s=window_s / renewals, channels=1))[1]
    low_us = s(0.01 * sum(value < 0.9 for value in pu))
    assert sum(change.proven_us or 0 for change in changes if change.action == "close") <= low_us


def test_what_is_measured_over_a_cycle_is_taken_as_it_is() -> None:
    changes = run(
        [look(0.01 * i, 0.85 if 50 <= i < 250 else 1.0, 1, 1) for i in range(300)], rules(window_s=0.02, age_s=0)
    )[1]
    closed = _closed(changes, "sag")
    assert closed.proven_us == closed.watched_us
    assert (closed.proven_us or 0) > s(1.9)


def test_a_silence_inside_an_undervoltage_is_not_bridged_either() -> None:
    by = replace(rules(), limits=(218.5, 241.5))
    judged = Judged(by)
    judged.hold(120, 1, 1, 1)
    judged.hold(300, 0.93, 0.93, 0.93)
    judged.at_s += 3600
    judged.hold(600, 0.93, 0.93, 0.93)
    judged.hold(180, 1, 1, 1)
    closed = _closed(judged.changes, "undervoltage")
    assert closed.span.duration_us is not None
    assert closed.span.duration_us[1] > s(4000)
    assert s(400) < (closed.proven_us or 0) < s(610)
    assert closed.unseen_us == pytest.approx(s(3600), abs=s(1))


def test_pieces_are_as_long_as_their_looks() -> None:
    watched = Watched(1_000_000, 980_000, 300_000)
    for before, now in pairwise(range(1_000_000, 5_000_000, 100_000)):
        watched = watched.shown(now - 20_000, now, 1.0, now - before)
    assert watched.longest_us == 4_900_000 - 20_000 - 300_000 - 1_000_000
