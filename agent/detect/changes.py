"""What a detector says: an event begins, gets worse, ends, or turns out to be another kind."""

from dataclasses import dataclass
from typing import Literal

from agent.records import Kind

Action = Literal["open", "update", "close", "retract"]
Detector = Literal["voltage", "comms"]


@dataclass(frozen=True, slots=True)
class Span:
    """When, in microseconds of the boot clock. The true start lies in (start_earliest, start], the true end in
    (end_earliest, end]; both ends are None while the event is open."""

    start_boot_us: int
    start_earliest_boot_us: int
    end_boot_us: int | None = None
    end_earliest_boot_us: int | None = None

    def ended(self, end_boot_us: int, end_earliest_boot_us: int) -> "Span":
        """An event cannot end before it begins: end_earliest is never before start_earliest."""
        earliest = max(end_earliest_boot_us, self.start_earliest_boot_us)
        return Span(self.start_boot_us, self.start_earliest_boot_us, end_boot_us, earliest)

    @property
    def duration_us(self) -> tuple[int, int] | None:
        """(shortest, longest) the true duration can be; None while open."""
        if self.end_boot_us is None or self.end_earliest_boot_us is None:
            return None
        shortest = max(0, self.end_earliest_boot_us - self.start_boot_us)
        return shortest, max(shortest, self.end_boot_us - self.start_earliest_boot_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Everything known of one event at one moment: a revision needs no earlier change to be read.

    key:        names the event within (meter, detector); `parent` and `supersedes` are keys of the same detector
    extremes:   volts by channel in the order of `Rules.channels`: the lowest, of a swell the highest; None if the
                channel never spoke
    crossed:    indices of the channels that went beyond the threshold
    evidence:   words of the detector, before those that follow from the numbers
    open_at_start: nothing good was seen before: the true start is earlier than start_earliest and not known
    """

    action: Action
    detector: Detector
    key: int
    kind: Kind
    span: Span
    extremes: tuple[float | None, ...] = ()
    crossed: tuple[int, ...] = ()
    parent: int | None = None
    supersedes: tuple[int, ...] = ()
    evidence: tuple[str, ...] = ()
    open_at_start: bool = False
