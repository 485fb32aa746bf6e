"""What is known of an event's duration when it has ended, also where the agent was away inside it. Pure.

    the run before it and this one      its beginning lies            duration_min_s         duration_max_s
    ----------------------------------  ----------------------------  ---------------------  -------------------------
    are the same run                    where it was seen             by the looks           by the looks
    share one boot of the gateway       exactly, on the boot clock    its longest piece      by the looks
    are of two boots                    by two wall clocks            its longest piece      by both wall clocks, with
                                                                                             what they may be wrong by;
                                                                                             unknown if that is, or if
                                                                                             the second is behind the
                                                                                             first

A piece is what look after look showed without a pause: of the time that nobody looked nothing is proven. An event that
was there at the first look has no duration_max_s: nobody knows when it began. The wall clock of the second boot counts
as it is when the event ends: at the start of the run it may not have been set yet.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.detect.changes import Span
from agent.records import ClockState, Event
from agent.replaced import replaced

_AWAY = "the agent restarted inside it"
_BY_WALL = "times across the restart rest on the wall clock"
_GONE = "no longer observed: the site file changed between two runs of the agent; the end is not known"
_NO_LONGEST = "how long it lasted at most is not known"
_UNKNOWN = ClockState(None, None)

WallUs = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Across:
    """A restart inside an event.

    exact:     the boot clock went on
    proven_us: the longest piece that the run before left proof of
    away_us:   how long nobody looked, by the boot clock; None: that did not go on, or it is not known
    since_us:  when this run began, on its boot clock; last_us: a sign of the run before, UTC as that had it; None: not
               to be compared; watched: until then it was looked at, and no longer
    then:      what was known of the wall clock of the run before
    """

    exact: bool = False
    proven_us: int = 0
    away_us: int | None = None
    since_us: int | None = None
    last_us: int | None = None
    then: ClockState = _UNKNOWN
    watched: bool = True

    def words(self, wall_us: WallUs, now: ClockState) -> str:
        """wall_us, now: the wall clock as it is by now, and what is known of it."""
        away_us = self._away_us(wall_us)
        known = self.watched and away_us is not None and away_us >= 0
        away = f": not observed for {away_us / 1e6:.4g} s" if known and away_us is not None else ""
        if self.exact:
            return _AWAY + away
        said = f"{_AWAY}{away}{';' if away else ':'} {_BY_WALL}"
        if away_us is not None and away_us < 0:
            return f"{said}, which was set back: {_NO_LONGEST}"
        return said if self._within_s(now) is not None else f"{said}, of unknown uncertainty: {_NO_LONGEST}"

    def longest_s(self, event: Event, end_us: int, wall_us: WallUs, now: ClockState) -> float | None:
        """From boot to boot, by the wall clocks of both. end_us: UTC"""
        away_us, within_s = self._away_us(wall_us), self._within_s(now)
        lasted_us = end_us - event.start_earliest_us
        if within_s is None or lasted_us < 0 or (away_us is not None and away_us < 0):
            return None
        return lasted_us / 1e6 + within_s

    def _away_us(self, wall_us: WallUs) -> int | None:
        """By the wall clock negative where that was set back."""
        if self.exact or self.since_us is None or self.last_us is None:
            return self.away_us
        return wall_us(self.since_us) - self.last_us

    def _within_s(self, now: ClockState) -> float | None:
        if self.then.uncertainty_s is None or now.uncertainty_s is None:
            return None
        return self.then.uncertainty_s + now.uncertainty_s


def is_away(words: str) -> bool:
    """Of a restart, as `Across.words` says it: the next revision says it anew."""
    return words.startswith(_AWAY)


def ended(
    event: Event,
    span: Span,
    wall_us: WallUs,
    across: Across | None = None,
    watched_us: int | None = None,
    now: ClockState = _UNKNOWN,
) -> Event:
    """With end and durations; as it is if the span has none: a retracted event has not ended.

    wall_us: boot clock -> UTC; what lies in an earlier boot as it had it; watched_us: the longest piece that this run
    saw, where it is not the whole; now: what is known of the wall clock
    """
    bounds = span.duration_us
    if bounds is None or span.end_boot_us is None or span.end_earliest_boot_us is None:
        return event
    end_us = wall_us(span.end_boot_us)
    longest_s = None if event.open_at_start else bounds[1] / 1e6
    shortest_us = bounds[0] if watched_us is None else min(bounds[0], watched_us)
    if across is not None:
        shortest_us = max(across.proven_us, watched_us or 0)
        if longest_s is not None and not across.exact:
            longest_s = across.longest_s(event, end_us, wall_us, now)
    shortest_s = shortest_us / 1e6
    return replaced(
        event,
        end_us=end_us,
        end_earliest_us=min(end_us, wall_us(span.end_earliest_boot_us)),
        duration_min_s=shortest_s if longest_s is None else min(shortest_s, longest_s),
        duration_max_s=longest_s,
    )


def endless(event: Event) -> Event:
    """Its end is not known, or no longer."""
    return replaced(event, end_us=None, end_earliest_us=None, duration_min_s=None, duration_max_s=None)


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
    return replaced(orphan, state="closed", revision=orphan.revision + 1, reported_us=now_us, evidence=evidence)
