"""How long readings wait for their commit: their group's time, and next to none once a voltage has left its band."""

from agent.journal.writer import CallLater, Timer, Writer

# A commit costs the card some 12 kB: one a second, and no more, however many voltages come and go.
HURRY_S = 1.0
# What follows the moment is worth as much as what went before it. A voltage that stays out for days is not.
HURRIED_S = 10.0


class Pace:
    """group_s: what a reading waits at most"""

    def __init__(self, writer: Writer, group_s: float, call_later: CallLater) -> None:
        self._writer = writer
        self._group_s = group_s
        self._call_later = call_later
        self._rests: Timer | None = None
        self._hurried: Timer | None = None

    def reading(self) -> None:
        """There is one more."""
        if self._hurried is None:
            self._writer.within(self._group_s, "group")
        else:
            self._writer.within(min(HURRY_S, self._group_s), "hurry")

    def hurry(self) -> None:
        """What there is becomes durable at once, or a second after the last time; and for a while what comes, too."""
        if self._rests is None:
            self._writer.now()
            self._rests = self._call_later(HURRY_S, self._rested)
        else:
            self._writer.within(HURRY_S, "hurry")
        if self._hurried is not None:
            self._hurried.cancel()
        self._hurried = self._call_later(HURRIED_S, self._calmed)

    def stop(self) -> None:
        for timer in (self._rests, self._hurried):
            if timer is not None:
                timer.cancel()

    def _rested(self) -> None:
        self._rests = None

    def _calmed(self) -> None:
        self._hurried = None
