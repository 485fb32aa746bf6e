"""Times of the meter's own events where the gateway rebooted between the two reads. Pure.

The boot clock began anew: reads of the run before were put on it by the wall clock of its start, which in a gateway
without a clock of its own is wrong until a time server is heard. So their UTC is what the wall clock said then,
whatever it says now; and the longest duration rests on both.

    by the wall clock of now the read before   start_earliest   end          duration_max_s
    ----------------------------------------   --------------   ----------   ------------------------------------------
    is over                                    that read        as always    with what both may be wrong by; unknown if
                                                                             that is
    has not come yet: it was set back          not known        not known    not known
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import STEP_US
from agent.detect import log_state
from agent.detect.book_state import Earlier
from agent.detect.changes import Span
from agent.detect.ending import endless, less_sure
from agent.records import ClockState, Event

_UNKNOWN = ClockState(None, None)
_ACROSS = "read before and after the gateway rebooted: times across that rest on the wall clock"
_SET_BACK = f"{_ACROSS}, which was set back: when it began and how long it lasted is not known"
_UNSURE = f"{_ACROSS}, of unknown uncertainty: how long it lasted at most is not known"


@dataclass(frozen=True, slots=True)
class Before:
    """The run before. until_us: what lies before that on the boot clock was put there by a wall clock `offset_us` ahead
    of it, None where the boot clock went on; clock: what was known of the wall clock of then"""

    until_us: int | None = None
    offset_us: int = 0
    clock: ClockState = _UNKNOWN

    def wall_us(self, at_us: int, wall_us: Callable[[int], int]) -> int:
        """wall_us: boot clock -> UTC, of now."""
        return at_us + self.offset_us if self.until_us is not None and at_us < self.until_us else wall_us(at_us)

    def bounded(self, event: Event, span: Span) -> Event:
        """With the bounds and durations that are true; as it is where nothing of it was read before."""
        if event.basis != "meter_log" or self.until_us is None or span.start_earliest_boot_us >= self.until_us:
            return event
        if max(span.start_boot_us, span.end_boot_us or span.start_boot_us) < self.until_us:
            return event
        event = replace(event, clock=less_sure(event.clock, self.clock))
        if span.start_boot_us >= self.until_us:
            earliest_us = span.start_earliest_boot_us + self.offset_us
            if earliest_us >= event.start_us:
                event = replace(event, start_earliest_us=event.start_us, open_at_start=True)
                return endless(_saying(event, _SET_BACK))
            event = replace(event, start_earliest_us=earliest_us)
        return self._lasting(event, span)

    def _lasting(self, event: Event, span: Span) -> Event:
        within_s = event.clock.uncertainty_s
        event = _saying(event, _UNSURE if within_s is None else _ACROSS)
        if event.end_us is None:
            return event
        longest_s = None if within_s is None else (event.end_us - event.start_earliest_us) / 1e6 + 2 * within_s
        end_earliest_us = event.end_earliest_us
        if span.end_earliest_boot_us is not None and span.end_earliest_boot_us < (self.until_us or 0):
            end_earliest_us = span.end_earliest_boot_us + self.offset_us
        return replace(event, end_earliest_us=end_earliest_us, duration_min_s=0.0, duration_max_s=longest_s)


def taken_up(earlier: Earlier, kept: str, now_us: int, uncertainty_s: float | None) -> tuple[Earlier, Before, int]:
    """What is known of the run before once its reads of the meter's own registers are: it was over when it read them;
    and what their instants may be wrong by, in us. kept: as `log_state` says them; uncertainty_s: of the wall clock"""
    last_us, then_s = log_state.newest_us(kept), log_state.uncertainty_s(kept)
    if earlier.same_boot or last_us is None:
        return earlier, Before(), STEP_US
    earlier = earlier.over_by(last_us, now_us - 1)
    # What this run reads first may be older than its start by the age of a register.
    until_us = (earlier.from_wall_us(last_us) + now_us) // 2
    slack_us = round(1e6 * ((then_s or 0.0) + (uncertainty_s or 0.0)))
    then = ClockState(None if then_s is None else True, then_s)
    return earlier, Before(until_us, -earlier.from_wall_us(0), then), slack_us


def _saying(event: Event, words: str) -> Event:
    others = tuple(one for one in event.evidence if not one.startswith(_ACROSS))
    return replace(event, evidence=(*others, words))
