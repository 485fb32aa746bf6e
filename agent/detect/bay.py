"""A bay whose voltage is taken from the bus: its feeder is dead when its current is gone, while the bus lives.

    gone    every phase's current below noise, that was ten times noise in some phase no more than two looks before
    over    a current above noise

A load that is switched off bit by bit goes below noise in more looks than two. That the current of a feeder is gone is
no proof that it is dead: a breaker further out may have opened. It is for the desk to weigh.
"""

from agent.detect.changes import Change, Span
from agent.detect.meter import MeterDetector
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look

# Of the noise.
_FLOWED = 10.0
_WITHIN = 2


class CurrentGone:
    """span: since when all current is gone; None: it is not, or never was well above noise."""

    def __init__(self, floor_a: float) -> None:
        self._floor_a = floor_a
        self._flowing: Look | None = None
        self._looks = 0
        self.span: Span | None = None

    def look(self, look: Look, reach_us: int) -> None:
        amps = [one for one in look.amps if one is not None]
        if look.questionable or not amps:
            return
        highest_a = max(amps)
        if highest_a >= self._floor_a:
            self.span = None
            self._looks += 1
            if highest_a >= _FLOWED * self._floor_a:
                self._flowing, self._looks = look, 0
            return
        flowing = self._flowing
        if self.span is None and flowing is not None and self._looks < _WITHIN:
            self.span = Span(look.received_boot_us, flowing.sent_boot_us - reach_us)
        self._flowing = None


class BayDetector(MeterDetector):
    """A `MeterDetector` that watches the currents, too: at every look, ordinary or not."""

    def __init__(self, rules: Rules, floor_a: float = 0.1) -> None:
        super().__init__(rules, floor_a)
        self._gone = CurrentGone(floor_a)

    @property
    def current_gone(self) -> Span | None:
        return self._gone.span

    def look(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        self._gone.look(look, self.rules.reach_us)
        return super().look(look, wall_us)
