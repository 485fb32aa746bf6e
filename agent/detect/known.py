"""The events of one meter that its own registers may say something about, one by one: which finding may be about which.

    finding      may be about, the likeliest kind first
    -----------  -------------------------------------------------------------------------------------------------------
    sag          sag, phase_loss, supply_loss, undervoltage; what only looks like one: neutral_fault, earth_fault,
                 vt_failure
    swell        swell, overvoltage; neutral_fault, earth_fault
    supply_loss  supply_loss; vt_failure
    comms_loss   comms_loss
    limits       any of the voltage

Under- and overvoltages are met only where they begin or end: what is counted in the middle of one is another event
inside it. Inside a displaced neutral and a failed voltage circuit every count is one of theirs: as often as it counts,
that is no event of the supply.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.detect.changes import Span
from agent.detect.evidence import Finding, Move
from agent.detect.notes import Note
from agent.records import Event, Kind

ABOUT: Mapping[Kind, tuple[Kind, ...]] = {
    "sag": ("sag", "phase_loss", "supply_loss", "undervoltage", "neutral_fault", "earth_fault", "vt_failure"),
    "swell": ("swell", "overvoltage", "neutral_fault", "earth_fault"),
    "supply_loss": ("supply_loss", "vt_failure"),
    "comms_loss": ("comms_loss",),
}
# What limits may be about.
VOLTAGE: tuple[Kind, ...] = ("supply_loss", "phase_loss", "sag", "swell", "undervoltage", "overvoltage")
# What may enclose it, the closest first.
INSIDE: Mapping[Kind, tuple[Kind, ...]] = {
    "sag": ("undervoltage",),
    "swell": ("overvoltage",),
    "supply_loss": ("phase_loss", "sag", "undervoltage"),
}
_SLOW: tuple[Kind, ...] = ("undervoltage", "overvoltage")
_LOOK_ALIKE: tuple[Kind, ...] = ("neutral_fault", "earth_fault", "vt_failure")


@dataclass(frozen=True, slots=True)
class Known:
    """An event, open or lately closed, as it is without the note. span: on the boot clock; its end is None while it is
    open, or not known; deepest: by phase, how far by what the looks showed the voltage can have gone, in V; own: by
    phase, the extremes that are its own for sure, None before all was read; told: as it went out last"""

    event: Event
    span: Span
    note: Note = field(default_factory=Note)
    deepest: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] | None = None
    told: Event | None = None

    @property
    def polled(self) -> bool:
        return self.event.basis != "meter_log"

    def is_inside(self, others: Iterable["Known"]) -> bool:
        """One of them encloses it; of a loss, also the sag that is left of one whose place a phase_loss took."""
        return any(self.event.parent == one.event.id or one._holds_loss(self) for one in others)

    def _holds_loss(self, loss: "Known") -> bool:
        if loss.event.kind != "supply_loss" or self.event.kind not in ("sag", "phase_loss"):
            return False
        began = self.span.start_boot_us <= loss.span.start_boot_us
        end_us, over_us = self.span.end_boot_us, loss.span.end_boot_us
        return began and (end_us is None or (over_us is not None and over_us <= end_us))

    @property
    def is_over(self) -> bool:
        return self.span.end_boot_us is not None

    def concerns(self, move: Move) -> bool:
        """It is on that phase, or on a line-line voltage with it."""
        phase = move.latch.phase
        return phase is None or any(phase in each.split("_") for each in self.event.phases)

    def names(self, move: Move) -> bool:
        """It is on that phase, or no phase is known of it."""
        return not self.event.phases or self.concerns(move)

    def is_on(self, finding: Finding) -> bool:
        """Some of it is on the same phases, as far as both of them name any."""
        return any(self.names(move) for move in finding.moves if move.latch.phase is not None or not finding.phases)

    def may_take(self, other: "Known") -> bool:
        """What was told of the other one of some of its phases, which turned out to be a part of this one."""
        takes = self.event.kind == "phase_loss" or self.event.kind in _LOOK_ALIKE
        return takes and self.polled and not self.is_over and not set(self.event.phases).isdisjoint(other.event.phases)

    def can_hold(self, move: Move) -> bool:
        """Nothing that the looks showed is against it. While it is open there is nothing that could be."""
        limit_v = self.deepest.get(move.latch.phase or "")
        if limit_v is None:
            return True
        return move.after <= limit_v if move.latch.row.how == "high" else move.after >= limit_v

    def is_read(self, read_us: int | None, calm_us: int) -> bool:
        """The registers were read after it was over; and after its extremes had come and all was calm, so that others
        that had begun by then, and are counted at their end, were counted. read_us: all before that is in what was read
        and told; calm_us: likewise, and all that had begun before that was over"""
        end_us = self.span.end_boot_us
        if end_us is None or read_us is None or end_us > read_us:
            return False
        return not self.polled or all(move.until_us <= min(read_us, calm_us) for move in self.note.extremes)

    def may_go(self, read_us: int, calm_us: int) -> bool:
        """It was over before that, and no flag of it is to be cleared. Of one that is over, and nobody knows since
        when, nothing else can be found."""
        over = self.is_read(read_us, calm_us) or (self.event.state == "closed" and not self.is_over)
        return over and not self.note.stands

    def met_by(self, finding: Finding) -> bool:
        """Their intervals meet."""
        end_us = self.span.end_boot_us
        return self.span.start_earliest_boot_us < finding.until_us and (end_us is None or end_us > finding.asked_us)

    def explains(self, finding: Finding) -> bool:
        """All that was counted, however often: it lies inside what only looks like an event of the supply."""
        span = self.span
        inside = span.end_boot_us is None or span.end_boot_us >= finding.until_us
        return self.event.kind in _LOOK_ALIKE and span.start_boot_us <= finding.asked_us and inside

    def may_hold(self, move: Move) -> bool:
        """That extreme may have come about in it, as far as its interval, kind and phases go."""
        kinds = ABOUT["sag" if move.latch.row.how == "low" else "swell"]
        met = self.met_by(Finding("sag", (move,)))
        return self.event.kind in kinds and self.concerns(move) and met

    def may_be(self, finding: Finding) -> bool:
        """The cause of it."""
        if not self.met_by(finding):
            return False
        if self.event.kind in _SLOW and self.span.end_boot_us is None:
            return self.span.start_boot_us > finding.asked_us
        return self.polled or finding.counters.isdisjoint(self.note.moves)
