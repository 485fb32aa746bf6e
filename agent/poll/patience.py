"""How long to wait for a unit, learnt from how fast it answers. Pure.

The wait is the reply's wire time plus a turn-around limit. Until a few answers have been seen the limit is the
ceiling that the map gives; then it follows the observed turn-around and its spread, as TCP's retransmission timer
does (RFC 6298: smoothed mean, smoothed deviation). A miss doubles it, so a unit that became slow is found slow, not
dead; an answer brings it back. Of many misses every eighth waits up to the ceiling and the others less: a short
wait is what keeps a dead unit from costing a line.
"""

from typing import NamedTuple

# RFC 6298, section 2: alpha 1/8, beta 1/4. Its factor 4 is for the mean flight; a meter's rare slow answer is a
# multiple of its usual one, so eight deviations, and never less than three times the mean.
_ALPHA, _BETA = 1 / 8, 1 / 4
_DEVIATIONS, _MEANS = 8, 3
_SAMPLES = 8
_CYCLE = 8


# A named tuple: one is made per answer, and a frozen dataclass costs three times as much to make.
class Patience(NamedTuple):
    """Turn-arounds of one unit in microseconds; doublings: misses since the last answer."""

    mean_us: float = 0.0
    deviation_us: float = 0.0
    samples: int = 0
    doublings: int = 0


_new = tuple.__new__


def heard(patience: Patience, turnaround_us: int) -> Patience:
    """One more answer. turnaround_us: what the exchange took beyond the wire time of its reply."""
    mean_us, deviation_us, samples, _ = patience
    taken_us = max(0, turnaround_us)
    if not samples:
        return Patience(taken_us, taken_us / 2, 1)
    error_us = taken_us - mean_us
    deviation_us += _BETA * (abs(error_us) - deviation_us)
    # What Patience(...) does, without its Python-level constructor: this runs at every answer.
    return _new(Patience, (mean_us + _ALPHA * error_us, deviation_us, samples + 1, 0))


def missed(patience: Patience) -> Patience:
    return Patience(patience.mean_us, patience.deviation_us, patience.samples, patience.doublings + 1)


def limit_us(patience: Patience, floor_us: int, ceiling_us: int) -> int:
    """How long the unit's turn-around may take now."""
    mean_us, deviation_us, samples, doublings = patience
    if samples < _SAMPLES:
        return ceiling_us
    # Comparisons for max(), which costs twice as much: this runs at every request.
    usual_us = mean_us + _DEVIATIONS * deviation_us
    if usual_us < _MEANS * mean_us:
        usual_us = _MEANS * mean_us
    if usual_us < floor_us:
        usual_us = floor_us
    return min(ceiling_us, int(usual_us) << doublings % _CYCLE)
