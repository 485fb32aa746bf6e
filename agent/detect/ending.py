"""What is known of an event's duration when it has ended, also where the agent was away inside it. Pure.

    the run before it and this one      its beginning lies            duration_min_s         duration_max_s
    ----------------------------------  ----------------------------  ---------------------  -------------------------
    are the same run                    where it was seen             by the looks           by the looks
    share one boot of the gateway       exactly, on the boot clock    its longest piece      by the looks
    are of two boots                    by two wall clocks            its longest piece      with what both clocks may
                                                                                             be wrong by; unknown if
                                                                                             that is, or if the second
                                                                                             clock is behind the first

A piece is what look after look showed without a pause: of the time that nobody looked nothing is proven. An event that
was there at the first look has no duration_max_s: nobody knows when it began.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.detect.changes import Span
from agent.records import ClockState, Event

_AWAY = "the agent restarted inside it"
_BY_WALL = "times across the restart rest on the wall clock"
_GONE = "no longer observed: the site file changed between two runs of the agent; the end is not known"
_NO_LONGEST = "how long it lasted at most is not known"


@dataclass(frozen=True, slots=True)
class Across:
    """A restart inside an event.

    exact:     the boot clock went on
    backwards: by the wall clock of today the run before had not ended when this one began
    proven_us: the longest piece that the run before left proof of; away_us: how long nobody looked, None: not known
    """

    exact: bool = False
    backwards: bool = False
    proven_us: int = 0
    away_us: int | None = None

    def words(self, clock: ClockState) -> str:
        """clock: the worse of those of both runs."""
        away = "" if self.away_us is None or self.backwards else f": not observed for {self.away_us / 1e6:.4g} s"
        if self.exact:
            return _AWAY + away
        said = f"{_AWAY}{away}{';' if away else ':'} {_BY_WALL}"
        if self.backwards:
            return f"{said}, which was set back: {_NO_LONGEST}"
        return said if clock.uncertainty_s is not None else f"{said}, of unknown uncertainty: {_NO_LONGEST}"


def is_away(words: str) -> bool:
    """Of a restart, as `Across.words` says it: the next revision says it anew."""
    return words.startswith(_AWAY)


def ended(
    event: Event, span: Span, wall_us: Callable[[int], int], across: Across | None = None, watched_us: int | None = None
) -> Event:
    """With end and durations; as it is if the span has none: a retracted event has not ended.

    watched_us: the longest piece that this run saw, where it is not the whole; event.clock: the worst so far
    """
    bounds = span.duration_us
    if bounds is None or span.end_boot_us is None or span.end_earliest_boot_us is None:
        return event
    longest_s = _longest_s(event, bounds[1])
    shortest_us = bounds[0] if watched_us is None else min(bounds[0], watched_us)
    if across is not None:
        shortest_us = max(across.proven_us, watched_us or 0)
        longest_s = _across_s(across, longest_s, event.clock)
    end_us = wall_us(span.end_boot_us)
    shortest_s = shortest_us / 1e6
    return replace(
        event,
        end_us=end_us,
        end_earliest_us=end_us - (span.end_boot_us - span.end_earliest_boot_us),
        duration_min_s=shortest_s if longest_s is None else min(shortest_s, longest_s),
        duration_max_s=longest_s,
    )


def endless(event: Event) -> Event:
    """Its end is not known, or no longer."""
    return replace(event, end_us=None, end_earliest_us=None, duration_min_s=None, duration_max_s=None)


def _longest_s(event: Event, longest_us: int) -> float | None:
    return None if event.open_at_start else longest_us / 1e6


def _across_s(across: Across, longest_s: float | None, clock: ClockState) -> float | None:
    if longest_s is None or across.exact:
        return longest_s
    if across.backwards or clock.uncertainty_s is None:
        return None
    return longest_s + 2 * clock.uncertainty_s


def less_sure(one: ClockState, other: ClockState) -> ClockState:
    """An event's times are no better than the worse of the clocks that gave them."""
    synced = None if None in (one.synced, other.synced) else True
    if False in (one.synced, other.synced):
        synced = False
    if one.uncertainty_s is None or other.uncertainty_s is None:
        return ClockState(synced, None)
    return ClockState(synced, max(one.uncertainty_s, other.uncertainty_s))


def abandoned(orphan: Event, now_us: int, why: str = _GONE) -> Event:
    """An event that this run can no longer continue: what was seen stays true, its end is not known. now_us: UTC; why:
    unless the site file has it no longer.

    Retracting it was rejected: the beginning was measured. Leaving it open was, too: nobody would ever close it.
    """
    evidence = (*orphan.evidence, why)
    return replace(orphan, state="closed", revision=orphan.revision + 1, reported_us=now_us, evidence=evidence)
