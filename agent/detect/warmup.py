"""Is this answer one of a meter that has just booted? What it says then opens nothing and prolongs nothing.

    begins   the first answer after a `comms_loss`, or a look without any voltage after looks that had some: the map's
             word for "not available" on every channel is what a booting meter answers
    lasts    as long as a register may be old and its averaging window reaches back, and one second more: a window
             that is only partly filled reads too low
             while every voltage is absent or 0: 10 s. A meter that lives on what it measures reads its first zeros
             with a live network; one on an auxiliary supply tells of a dead one 10 s later, with a start no later
             than the silence
    ends     at once with the first look that has every voltage in band

Self-powered meters are up in 1 to 5 s. The first answers after the agent's own start are no boot.
"""

from agent.detect.thresholds import Rules

_SPARE_US = 1_000_000
_DEAD_US = 10_000_000


class Warmup:
    """One meter's. since_us: the first answer after what looked like a boot; None: it is up."""

    def __init__(self, rules: Rules) -> None:
        self._low_v, self._high_v = rules.levels.sag, rules.levels.swell
        self._usual_us = rules.reach_us + _SPARE_US
        self.since_us: int | None = None

    def begins(self, now_us: int) -> None:
        self.since_us = now_us

    def doubtful(self, volts: tuple[float | None, ...], now_us: int) -> bool:
        """Judge one look while `since_us` is set."""
        if self.since_us is None:
            return False
        if all(one is not None and self._low_v <= one <= self._high_v for one in volts):
            self.since_us = None
            return False
        dead = all(one is None or one == 0 for one in volts)
        if now_us - self.since_us > (max(_DEAD_US, self._usual_us) if dead else self._usual_us):
            self.since_us = None
            return False
        return True
