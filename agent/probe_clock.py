"""What is the wall clock worth, as a running agent would see it? For `check --live`."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock, boot_us, rfc3339
from agent.clock_discipline import BUILT_US, OVER_US
from agent.records import ClockState
from agent.time_source import TimeSource

_MEANWHILE = "until then readings go to the broker flagged `clock`, and InfluxDB waits for them, for 24 h at most"


@dataclass(frozen=True, slots=True)
class ClockFound:
    """source: who disciplines it, empty where nobody can be asked; synced, uncertainty_s: as that says; trouble: empty
    if all was well."""

    time: str
    source: str
    synced: bool | None
    uncertainty_s: float | None
    trouble: str


async def look_at_clock(trust: str, source: TimeSource, wall_us: Callable[[], int]) -> ClockFound:
    """trust: the site's ``clock``"""
    await source.ask()
    told, now_us = source.state(), wall_us()
    clock = Clock(boot_us, wall_us, source, trusted=trust == "trusted")
    trouble = "" if clock.trusted else _trouble(told, source.name, now_us, guess=clock.guess)
    return ClockFound(rfc3339(now_us), source.name, told.synced, told.uncertainty_s, trouble)


def _trouble(told: ClockState, source: str, now_us: int, *, guess: bool) -> str:
    if not BUILT_US <= now_us <= OVER_US:
        return f'it cannot be right: set it; {_MEANWHILE}; or write clock = "trusted" into the site file'
    if told.synced is False:
        return f"not synchronised: see that {source} reaches its servers; {_MEANWHILE}"
    if guess:
        return f"synchronised within {told.uncertainty_s:.3g} s only, 1 s is wanted; {_MEANWHILE}"
    return ""
