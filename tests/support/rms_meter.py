"""A meter that shows RMS over a window, refreshed now and then, as a poller sees it. Truth is known exactly."""

from dataclasses import dataclass
from math import sqrt

from agent.detect.voltage import Look

US = 1_000_000


@dataclass(frozen=True)
class Pulse:
    """One phase at `pu` from start_s to end_s, at `normal_pu` otherwise."""

    start_s: float
    end_s: float
    pu: float
    normal_pu: float = 1.0

    def rms(self, window_end_s: float, window_s: float) -> float:
        inside_s = min(self.end_s, window_end_s) - max(self.start_s, window_end_s - window_s)
        share = max(0.0, inside_s) / window_s
        return sqrt(share * self.pu**2 + (1 - share) * self.normal_pu**2)


@dataclass(frozen=True)
class Polling:
    """refresh_phase_s, poll_phase_s: alignment of the meter's and the poller's clocks; answer_s: from request to
    reply, the register being read at `read_at` of it."""

    window_s: float
    refresh_s: float
    period_s: float
    refresh_phase_s: float
    poll_phase_s: float
    answer_s: float
    read_at: float

    def looks(self, phases: tuple[Pulse, ...], until_s: float, reference_v: float) -> list[Look]:
        looks = []
        sent_s = self.poll_phase_s
        while sent_s < until_s:
            window_end_s = self._refreshed_before(sent_s + self.read_at * self.answer_s)
            volts = tuple(phase.rms(window_end_s, self.window_s) * reference_v for phase in phases)
            looks.append(Look(round(sent_s * US), round((sent_s + self.answer_s) * US), volts))
            sent_s += self.period_s
        return looks

    def _refreshed_before(self, at_s: float) -> float:
        since_s = at_s - self.refresh_phase_s
        return self.refresh_phase_s + since_s // self.refresh_s * self.refresh_s
