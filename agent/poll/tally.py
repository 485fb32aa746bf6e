"""What a line has done lately: how busy it was, how late, how often each meter was really watched. Pure."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.poll.schedule import Turn

# Five seconds apart: with one a second, the counts of two hundred meters took 6 MB.
_APART_US = 4_500_000
_MOST_TICKS = 13


@dataclass(slots=True)
class Tally:
    """Counts since the start. worst_late_us is that since the last step of `Recent`.

    turns:    requests for voltages, in their turn; full sets wait by design, and probes come when there is room
    busy_us:  from each request of any kind to what came of it
    late_us:  from each tick's due instant to its request, added up over `turns`
    watched:  by meter, watched sets that brought values
    """

    turns: int = 0
    busy_us: int = 0
    late_us: int = 0
    worst_late_us: int = 0
    watched: Counter[str] = field(default_factory=Counter)

    def turn(self, turn: Turn, asked_us: int, ended_us: int) -> None:
        self.busy_us += ended_us - asked_us
        if turn.job.work != "watch" or turn.wait_us:
            return
        late_us = asked_us - turn.due_us
        self.turns += 1
        self.late_us += late_us
        if late_us > self.worst_late_us:
            self.worst_late_us = late_us


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the last minute, or since the start.

    utilisation:   part of the time that the line was busy
    lag_s, worst_lag_s: of the watching, from due to asked, mean and worst
    overruns:      ticks that were never served
    watch_hz:      achieved, by meter
    """

    over_s: float
    utilisation: float
    lag_s: float
    worst_lag_s: float
    overruns: int
    watch_hz: Mapping[str, float]


class _Tick(NamedTuple):
    at_us: int
    turns: int
    busy_us: int
    late_us: int
    worst_late_us: int
    overruns: int
    watched: Mapping[str, int]


class Recent:
    """The last minute, in steps of five seconds."""

    def __init__(self) -> None:
        self._ticks: deque[_Tick] = deque(maxlen=_MOST_TICKS)

    def tick(self, at_us: int, tally: Tally, overruns: int) -> None:
        """Once a second. overruns: since the start."""
        if self._ticks and at_us - self._ticks[-1].at_us < _APART_US:
            return
        self._ticks.append(
            _Tick(at_us, tally.turns, tally.busy_us, tally.late_us, tally.worst_late_us, overruns, dict(tally.watched))
        )
        tally.worst_late_us = 0

    def utilisation(self) -> float:
        """Part of the time that the line was busy; 1 in the first seconds."""
        if len(self._ticks) < 2:
            return 1.0
        first, last = self._ticks[0], self._ticks[-1]
        return min(1.0, (last.busy_us - first.busy_us) / max(1, last.at_us - first.at_us))

    def figures(self) -> Figures | None:
        """None in the first seconds."""
        if len(self._ticks) < 2:
            return None
        first, last = self._ticks[0], self._ticks[-1]
        over_us = max(1, last.at_us - first.at_us)
        turns = last.turns - first.turns
        return Figures(
            over_s=over_us / 1e6,
            utilisation=self.utilisation(),
            lag_s=(last.late_us - first.late_us) / turns / 1e6 if turns else 0.0,
            worst_lag_s=max(tick.worst_late_us for tick in list(self._ticks)[1:]) / 1e6,
            overruns=last.overruns - first.overruns,
            watch_hz={
                meter: (count - first.watched.get(meter, 0)) / (over_us / 1e6) for meter, count in last.watched.items()
            },
        )
