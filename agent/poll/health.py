"""Who answers on a line, and when a silent unit is asked again. Pure.

    | state    | on an answer | on a miss                                        | asked                            |
    |----------|--------------|--------------------------------------------------|----------------------------------|
    | healthy  | healthy      | doubtful                                         | by the schedule                  |
    | doubtful | healthy      | doubtful, silent from the third miss in a row on | at once: silence may be an outage |
    | silent   | healthy      | silent, the wait doubles                         | by probes, see `Probes`          |

A probe that fits into idle line time costs nobody anything and is made every half second. Where the line is
busy, a probe may displace living reads only when its back-off has run out (doubling to 30 s, jittered).
"""

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["healthy", "doubtful", "silent"]

# Carlo Gavazzi's protocol notes ask for two to three unanswered queries before a meter is called dead.
MISSES_TO_SILENT = 3
_FREE_PROBE_US = 500_000
_FIRST_WAIT_US = 1_000_000
_LONGEST_WAIT_US = 30_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """state and misses in a row; asked_us: the last probe; wait_us: the back-off that runs from it."""

    state: State = "healthy"
    misses: int = 0
    asked_us: int = 0
    wait_us: int = _FIRST_WAIT_US


HEALTHY = Health()


def missed(health: Health, at_us: int, jitter: float) -> Health:
    """One more request without an answer. jitter in [0, 1)."""
    misses = health.misses + 1
    if misses < MISSES_TO_SILENT:
        return Health("doubtful", misses, at_us)
    if health.state != "silent":
        return Health("silent", misses, at_us)
    wait_us = min(_LONGEST_WAIT_US, int(health.wait_us * (1.5 + jitter)))
    return replace(health, misses=misses, asked_us=at_us, wait_us=wait_us)


def overdue(health: Health, now_us: int) -> bool:
    """The back-off has run out: this probe may displace living reads."""
    return health.state == "silent" and health.asked_us + health.wait_us <= now_us


def fits_idle_time(health: Health, now_us: int, next_living_us: int | None, cost_us: int) -> bool:
    """A probe now would end before the next read of a living unit falls due (None: nobody else lives here).

    cost_us: what an unanswered probe takes.
    """
    rested = health.state == "silent" and health.asked_us + _FREE_PROBE_US <= now_us
    return rested and (next_living_us is None or now_us + cost_us <= next_living_us)


def wake_us(health: Health, now_us: int) -> int:
    """When this silent unit is worth another look."""
    free_us = health.asked_us + _FREE_PROBE_US
    return free_us if free_us > now_us else health.asked_us + health.wait_us
