"""What a detector says: an event begins, gets worse, ends, or turns out to be another kind."""

from dataclasses import dataclass
from typing import Literal

from agent.records import Direction, Kind

Action = Literal["open", "update", "close", "retract"]
# All kinds that rest on voltages share one detector, and so one row of keys: they enclose and supersede each other.
Detector = Literal["voltage", "comms", "chatter", "log"]


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


@dataclass(frozen=True, slots=True)
class Figure:
    """What unbalance and rapid changes are measured by, in percent.

    name: ``iec_u2 phase_magnitude change``; nema: beside u2
    """

    name: str
    percent: float
    nema: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Currents in A, mean over the phases concerned, before and during; and on which side of the meter the cause
    lies, with the reason in words."""

    i_before: float | None
    i_during: float | None
    direction: Direction
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Everything known of one event at one moment: a revision needs no earlier change to be read.

    key:        names the event within (meter, detector); `parent` and `supersedes` are keys of the same detector
    extremes:   volts by channel in the order of `Rules.channels`: the lowest, of a swell the highest; None if the
                channel never spoke
    crossed:    indices of the channels that went beyond the threshold
    evidence:   words of the detector, before those that follow from the numbers
    open_at_start: nothing good was seen before: the true start is earlier than start_earliest and not known
    reference_v: what the thresholds were taken from; None: the declared voltage
    sag_energy_s: missing energy, where every refresh of the register was seen
    gap_us:      the longest time between two looks while it lasted
    proven_us:   the longest time over which look after look showed it, without a pause in between, and of that what
                no row of short dips explains (`agent.detect.watched`); None: from its start to the last look that
                proved it
    watched_us:  the same for one event of one level: what lies within a window is not doubted
    unseen_us:   the longest time within it in which nobody looked: a silence, the agent's own absence
    because:     ids of the events that this one sums up
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
    reference_v: float | None = None
    figure: Figure | None = None
    side: Side | None = None
    sag_energy_s: float | None = None
    gap_us: int | None = None
    proven_us: int | None = None
    watched_us: int | None = None
    unseen_us: int = 0
    because: tuple[str, ...] = ()

    @property
    def seen_us(self) -> int | None:
        """So long it lasted no less, taken for one event of one level; None: the whole span."""
        return self.proven_us if self.watched_us is None else self.watched_us
