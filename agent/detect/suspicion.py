"""What may be a fault: since when, held against which looks before, and how sure it has become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.detect.changes import Span
from agent.detect.fault_rows import Before, FaultRow, Sight
from agent.detect.table import Indices
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look

# So many looks before make a mean; and so many looks in a row must agree.
_COMPARED, _COMPARED_US = 5, 10_000_000
_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Suspicion:
    """first: the look it began with; clean_us: when the last look arrived that cannot have a part of it, None if there
    was none; since_us, agreed: the first look, and how many in a row, at which everything else agreed"""

    crossed: Indices
    first: Look
    before: Before | None
    clean_us: int | None
    since_us: int | None = None
    agreed: int = 0
    doubted: bool = False


def begun(look: Look, recent: Sequence[Look], rules: Rules) -> Suspicion:
    """At this look. recent: those before it, in their order"""
    clean = [one for one in recent if one.received_boot_us <= look.sent_boot_us - rules.reach_us]
    clean = clean or list(recent)[:1]
    if not clean:
        return Suspicion((), look, None, None)
    last_us = clean[-1].received_boot_us
    compared = [one for one in clean[-_COMPARED:] if one.received_boot_us >= last_us - _COMPARED_US]
    return Suspicion((), look, _mean(compared), last_us)


def weighed(row: FaultRow, suspicion: Suspicion, sight: Sight, crossed: Indices) -> Suspicion:
    """One more look. The first of all may have a part of what was before in its window."""
    if suspicion.crossed and suspicion.crossed != crossed:
        suspicion = replace(suspicion, since_us=None, agreed=0)
    begins = not suspicion.crossed
    suspicion = replace(suspicion, crossed=crossed)
    if not row.confirms(sight, crossed):
        return replace(suspicion, since_us=None, agreed=0, doubted=suspicion.doubted or not begins)
    since_us = sight.look.received_boot_us if suspicion.since_us is None else suspicion.since_us
    return replace(suspicion, since_us=since_us, agreed=suspicion.agreed + 1)


def sure(row: FaultRow, suspicion: Suspicion, look: Look, rules: Rules) -> bool:
    if suspicion.since_us is None or suspicion.agreed < _LOOKS:
        return False
    wait_us = row.long_us if suspicion.doubted or suspicion.before is None else row.wait_us
    # Two looks at the same registers are one; a tenth is left for the poller's own pace.
    return look.received_boot_us - suspicion.since_us >= max(wait_us, 0.9 * rules.age_us)


def span_of(suspicion: Suspicion, rules: Rules) -> Span:
    first, clean_us = suspicion.first, suspicion.clean_us
    return Span(first.received_boot_us, (first.sent_boot_us if clean_us is None else clean_us) - rules.reach_us)


def _mean(looks: Sequence[Look]) -> Before:
    """A value that was not read at each of them is not known."""
    volts = tuple(_mean_of(column) for column in zip(*[look.volts for look in looks], strict=True))
    one, two, three = (_mean_of(column) for column in zip(*[look.amps for look in looks], strict=True))
    return Before(volts, (one, two, three))


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
