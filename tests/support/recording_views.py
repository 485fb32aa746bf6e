"""Part (d) of the detection campaign: the recorded line fault as a poller sees it, at every alignment of its clocks."""

from agent.replay import Recording, Row, View, replay, rules_for

# The sag begins between 0.45 s (the last good cycle begins) and 0.48 s (the first bad one ends). The line stays dead; a
# recovery is appended behind 1.70 s, so that there is an end to bound.
_BEGAN_S, _ENDED_S = (0.45, 0.48), (1.69, 1.71)


def bounded_views(recording: Recording, window_s: float, every_s: float) -> int:
    """How many alignments were tried: where the meter's windows begin, and where the looks fall, in half cycles.
    AssertionError if a bound does not contain the truth."""
    recording = _recovered(recording, 2 * (window_s + every_s) + 0.5)
    truth_pct = [100 * min(row.pu[i] for row in recording.rows) for i in range(len(recording.phases))]
    views = [
        View(window_s, every_s, shift / 100, first / 100)
        for shift in range(round(window_s * 100))
        for first in range(round(every_s * 100))
    ]
    for view in views:
        _assert_bounds(recording, view, truth_pct)
    return len(views)


def _recovered(recording: Recording, seconds: float) -> Recording:
    last = recording.rows[-1]
    more = range(1, round(seconds * 100))
    after = (Row(last.start_s + i / 100, last.end_s + i / 100, (1.0,) * len(last.pu)) for i in more)
    return Recording(recording.file, (*recording.rows, *after), recording.width_s, recording.stride)


def _assert_bounds(recording: Recording, view: View, truth_pct: list[float]) -> None:
    events = replay(recording, view, rules_for(recording, view, "iec"))
    sag = next(event for event in events if event["kind"] == "sag")
    assert sag["start_earliest_s"] <= _BEGAN_S[1], view
    assert sag["start_s"] >= _BEGAN_S[0], view
    assert not sag["open_at_end"], view
    assert sag["end_earliest_s"] <= _ENDED_S[1], view
    assert sag["end_s"] >= _ENDED_S[0], view
    assert sag["duration_min_s"] <= _ENDED_S[1] - _BEGAN_S[0], view
    if sag["open_at_start"]:
        assert sag["duration_max_s"] is None, view
    else:
        assert sag["duration_max_s"] >= _ENDED_S[0] - _BEGAN_S[1], view
    for seen_pct, least_pct in zip(sag["extreme_pct"].values(), truth_pct, strict=True):
        assert seen_pct >= least_pct - 0.001, view
