"""An earth fault where only line-line voltages are judged: the residual voltage of the full sets tells it.

    begins    at the second full set in a row with a residual above half the phase voltage, the line-line voltages of
              the last look in band
    ends      with one below 35 %, or when a line-line voltage of the last look is dead

Meters give it as the voltage of the star point or as three times that: half the phase voltage is a star point at 50 %
or at 17 % of where it belongs, and in a sound network it is at no more than a few.
"""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

from agent.detect.changes import Change, Span
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track, change
from agent.detect.voltage import Look

_BEGINS, _ENDS = 0.50, 0.35


class Residual:
    """One meter's. track: of an earlier run."""

    def __init__(self, track: Track | None = None) -> None:
        self._track = track
        self._first_us: int | None = None
        self._clear_us: int | None = None

    def __bool__(self) -> bool:
        return self._track is not None

    def read(
        self, residual_v: float, look: Look, now_us: int, rules: Rules, next_key: Callable[[], int]
    ) -> tuple[Change, ...]:
        """residual_v: of a full set that arrived at now_us; look: the last one before it"""
        pu = residual_v * sqrt(3) / rules.nominal_v
        if self._track is not None:
            return self._carried(self._track, pu, look, now_us, rules)
        if pu < _BEGINS:
            self._first_us, self._clear_us = None, now_us
            return ()
        if not all(one is not None and rules.levels.sag <= one <= rules.levels.swell for one in look.volts):
            return ()
        if self._first_us is None:
            self._first_us = now_us
            return ()
        clear_us = self._first_us if self._clear_us is None else self._clear_us
        self._track = Track(
            kind="earth_fault",
            key=next_key(),
            span=Span(self._first_us, clear_us - rules.reach_us),
            last_bad_us=now_us - rules.reach_us,
            extremes=look.volts,
            crossed=tuple(range(len(look.volts))),
            open_at_start=self._clear_us is None,
        )
        return (change("open", self._track, f"residual voltage {residual_v:.1f} V, line-line as ever"),)

    def _carried(self, track: Track, pu: float, look: Look, now_us: int, rules: Rules) -> tuple[Change, ...]:
        dead = any(one is not None and one < rules.levels.loss for one in look.volts)
        if pu >= _ENDS and not dead:
            self._track = replace(track, last_bad_us=now_us - rules.reach_us)
            return ()
        self._track, self._first_us, self._clear_us = None, None, now_us
        return (change("close", replace(track, span=track.span.ended(now_us, track.last_bad_us))),)
