"""Who answers on a line, and when a silent unit is asked again. Pure.

    | state    | on an answer | on a miss                                        | asked                             |
    |----------|--------------|--------------------------------------------------|-----------------------------------|
    | healthy  | healthy      | doubtful                                         | by the schedule                   |
    | doubtful | healthy      | doubtful, silent from the third miss in a row on | at once: silence may be an outage |
    | silent   | healthy      | silent, the wait doubles                         | by probes                         |

Idle line time is free: every half second a silent unit is asked in it, for as long as the gap before the next living
read lasts. A probe that waits longer than the gap displaces living reads: it waits for its back-off (doubling to
30 s, jittered) and for the line's budget to pay for what it displaces. On a line where nobody lives there is no
budget to keep: recovery comes first.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["healthy", "doubtful", "silent"]

# Carlo Gavazzi's protocol notes ask for two to three unanswered queries before a meter is called dead.
MISSES_TO_SILENT = 3
_FREE_PROBE_US = 500_000
_FIRST_WAIT_US = 1_000_000
_LONGEST_WAIT_US = 30_000_000
# Together the 5 % of line time that dead units may cost at most, in any minute.
_OF_LIVING, _OF_TIME = 0.04, 0.01
_MINUTE_US, _GRAIN_US = 60_000_000, 500_000


@dataclass(frozen=True, slots=True)
class Health:
    """state and misses in a row.

    asked_us: the last miss; patient_us: the last one that was waited for in full; wait_us: the back-off from there
    """

    state: State = "healthy"
    misses: int = 0
    asked_us: int = 0
    patient_us: int = 0
    wait_us: int = _FIRST_WAIT_US


HEALTHY = Health()


def missed(health: Health, at_us: int, jitter: float, *, hurried: bool = False) -> Health:
    """One more request without an answer. jitter in [0, 1); hurried: a probe cut short by the next living read."""
    misses = health.misses + 1
    if misses < MISSES_TO_SILENT:
        return Health("doubtful", misses, at_us, at_us)
    if health.state != "silent":
        return Health("silent", misses, at_us, at_us)
    if hurried:
        return replace(health, misses=misses, asked_us=at_us)
    wait_us = min(_LONGEST_WAIT_US, int(health.wait_us * (1.5 + jitter)))
    return Health("silent", misses, at_us, at_us, wait_us)


class Budget:
    """The line time that probes may take from the living, in microseconds: in any minute at most 5 % of a busy line.

    4 % of what the living used in that minute, and 1 % of its time, so that a slow unit on a line with short gaps is
    heard again. (Savings that last were tried: together with what comes in they allowed 10 % of an unlucky minute.)
    """

    def __init__(self) -> None:
        self._moves: deque[tuple[int, float]] = deque()
        self._seen_us: int | None = None
        self.left_us = 0.0

    def earn(self, living_us: int, now_us: int) -> None:
        """The line worked for living units for so long since it was last told."""
        passed_us = 0 if self._seen_us is None else now_us - self._seen_us
        self._seen_us = now_us
        self._move(now_us, _OF_LIVING * living_us + _OF_TIME * passed_us)

    def spend(self, displaced_us: int, now_us: int) -> bool:
        """Whether a probe may displace so much of living reads now; if so, it is paid."""
        self._move(now_us, 0.0)
        if displaced_us > self.left_us:
            return False
        self._move(now_us, -displaced_us)
        return True

    def _move(self, now_us: int, by_us: float) -> None:
        """What came in and what went out of the last minute; those of half a second are kept as one."""
        moves = self._moves
        if moves and moves[-1][0] // _GRAIN_US == now_us // _GRAIN_US and (moves[-1][1] < 0) == (by_us < 0):
            at_us, before_us = moves.pop()
            moves.append((at_us, before_us + by_us))
        elif by_us:
            moves.append((now_us, by_us))
        self.left_us += by_us
        while moves and moves[0][0] <= now_us - _MINUTE_US:
            self.left_us -= moves.popleft()[1]


def probe_us(health: Health, now_us: int, gap_us: int | None, full_us: int, least_us: int, budget: Budget) -> int:
    """How long to wait for a silent unit if it is asked now; 0: do not ask it now.

    gap_us:   until the next read of a living unit falls due, 0 if one is due; None: nobody else lives here
    full_us:  what an unanswered probe takes; least_us: below this it is not worth asking
    """
    rested = health.asked_us + _FREE_PROBE_US <= now_us
    if gap_us is None or gap_us >= full_us:
        return full_us if rested else 0
    if health.patient_us + health.wait_us <= now_us and budget.spend(full_us - gap_us, now_us):
        return full_us
    return gap_us if rested and gap_us >= least_us else 0


def wake_us(health: Health, now_us: int) -> int | None:
    """When this silent unit is worth another look; None: not before something else happens on the line."""
    instants = (health.asked_us + _FREE_PROBE_US, health.patient_us + health.wait_us)
    return min((instant for instant in instants if instant > now_us), default=None)
