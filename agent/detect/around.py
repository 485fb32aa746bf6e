"""What belongs to an open event beside its voltages: currents before and during, missing energy, the pace of looks.

Missing energy of a channel, in seconds at the reference: the integral of (u0² - u²) / reference², u0 being the RMS
before. RMS² adds, so whatever the window blurs, the sum over all windows is what was missing; the channel that misses
most is told. It is only told where that sum is complete, else it is absent:

    the register is refreshed once per window, so that windows neither overlap nor leave gaps
    no refresh was skipped: from each request to the next reply it took no longer than a refresh, nothing was lost or
    questionable. A meter that is read just as often as it refreshes does not have that: replies come when they come
    each refresh was seen once: how many there were of the same reading in a row follows from the looks around them;
    where it may have been one or two, the sum is not known
    u0 was read: the record does not begin inside the event

The windows before the first bad one and of the first good one may reach into the event: they are in the sum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt

from agent.detect.changes import Change, Side
from agent.detect.side import Evidence, side_of
from agent.detect.thresholds import Rules
from agent.detect.voltage import Amps, Look
from agent.records import Kind

# Window and refresh that differ by less are the same.
_SAME = 0.05
_FALLS: frozenset[Kind] = frozenset({"sag", "supply_loss", "phase_loss"})
_GATHERED = _FALLS | {"swell"}

_PHASES = ("l1", "l2", "l3")


@dataclass(slots=True)
class Gathered:
    """before_v: RMS per channel of clean looks, None if there was none; missing: V²us per channel; whole: it is
    complete so far; run, run_asked_us: the first look that had the last one's voltages, and when the look before it was
    asked for; sums, counts: of currents while it lasted, without the first look, half of whose window lies before;
    first: the currents of that one; gap_us: None where no look came before."""

    before_a: Amps
    before_v: tuple[float | None, ...]
    power_w: float | None
    last: Look
    whole: bool
    missing: list[float]
    first: Amps
    run: Look
    run_asked_us: int
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    gap_us: int | None = None

    def begin(self, look: Look, rules: Rules) -> None:
        """The last good look may have shown a window that had begun to miss something: one refresh of it."""
        self._missed(self.last, 1, rules)
        self._pace(look, rules)
        self.run = look

    def _pace(self, look: Look, rules: Rules) -> None:
        apart_us = look.received_boot_us - self.last.sent_boot_us
        if look is not self.last:
            self.gap_us = apart_us if self.gap_us is None else max(self.gap_us, apart_us)
        self.whole = self.whole and apart_us <= rules.age_us
        self.last = look

    def add(self, look: Look, rules: Rules, *, last: bool = False) -> None:
        before = self.last
        self._pace(look, rules)
        if look.volts != before.volts:
            self._missed(self.run, self._refreshes(before, look, rules.age_us), rules)
            self.run, self.run_asked_us = look, before.sent_boot_us
        if last:
            self._missed(look, 1, rules)
            return
        for i, amps in enumerate(look.amps):
            if amps is not None:
                self.sums[i] += amps
                self.counts[i] += 1

    def _refreshes(self, last: Look, following: Look, age_us: int) -> int:
        """How many refreshes showed the same: it was seen from its first look to its last, and not before the look
        that came before, nor after the one that follows."""
        if not age_us:
            return 0
        fewest = max(1, ceil((last.sent_boot_us - self.run.received_boot_us) / age_us))
        most = max(1, (following.received_boot_us - self.run_asked_us) // age_us)
        self.whole = self.whole and fewest == most
        return fewest

    def _missed(self, look: Look, refreshes: int, rules: Rules) -> None:
        for i, (before_v, volts) in enumerate(zip(self.before_v, look.volts, strict=True)):
            if before_v is None or volts is None:
                self.whole = False
            else:
                self.missing[i] += (before_v**2 - volts**2) * refreshes * rules.window_us

    def during_a(self) -> Amps:
        means = [total / count if count else None for total, count in zip(self.sums, self.counts, strict=True)]
        one, two, three = (first if mean is None else mean for mean, first in zip(means, self.first, strict=True))
        return one, two, three


class Around:
    """One meter's. power_w: total active power as last read while nothing went on; floor_a: of its currents."""

    def __init__(self, rules: Rules, floor_a: float) -> None:
        self._floor_a = floor_a
        self._phases = [{_PHASES.index(name) for name in phase.split("_")} for phase in rules.phases]
        self._open: dict[int, Gathered] = {}
        self.power_w: float | None = None
        self.rest_on(rules)

    def rest_on(self, rules: Rules) -> None:
        """Window and refresh of the meter, as they are known now."""
        self._additive = abs(rules.window_us - rules.age_us) <= _SAME * rules.age_us

    def __bool__(self) -> bool:
        return bool(self._open)

    def look(self, look: Look, changes: Iterable[Change], rules: Rules) -> None:
        """A look while events were open. changes: what it made of them."""
        ended = {change.key for change in changes if change.action == "close"}
        for key, gathered in self._open.items():
            gathered.add(look, rules, last=key in ended)

    def told(
        self,
        changes: Sequence[Change],
        look: Look,
        rules: Rules,
        before: Sequence[Look] = (),
        last: Look | None = None,
    ) -> tuple[Change, ...]:
        """The changes of this look with what was gathered.

        before: ordinary looks before all that is open, in their order; last: the look before this one
        """
        whole = []
        for change in changes:
            if change.action == "open":
                self._begin(change, look, rules, before, last)
            whole.append(self._with(change, rules))
        for change in changes:
            if change.action in ("close", "retract") or change.kind not in _GATHERED:
                self._open.pop(change.key, None)
        return tuple(whole)

    def _begin(self, change: Change, look: Look, rules: Rules, before: Sequence[Look], last: Look | None) -> None:
        for key in change.supersedes:
            if key in self._open:
                self._open[change.key] = self._open.pop(key)
                return
        if change.kind not in _GATHERED:
            return
        clean = _clean(before, change)
        sure = bool(clean) and clean[-1].received_boot_us <= change.span.start_earliest_boot_us
        last = look if last is None else last
        gathered = self._open[change.key] = Gathered(
            before_a=_mean_amps(clean),
            before_v=_rms(clean, len(rules.channels)),
            power_w=self.power_w,
            last=last,
            whole=self._additive and sure and change.parent is None,
            missing=[0.0] * len(rules.channels),
            first=look.amps,
            run=look,
            run_asked_us=last.sent_boot_us,
        )
        gathered.begin(look, rules)

    def _with(self, change: Change, rules: Rules) -> Change:
        gathered = self._open.get(change.key)
        if gathered is None or change.action == "retract":
            return change
        return replace(
            change,
            side=self._side(gathered, change, rules) if change.kind != "swell" else None,
            sag_energy_s=_energy_s(gathered, change, rules),
            gap_us=None if change.open_at_start else gathered.gap_us,
        )

    def _side(self, gathered: Gathered, change: Change, rules: Rules) -> Side:
        concerned = sorted({i for channel in change.crossed for i in self._phases[channel]})
        low_v = min(volts for volts in change.extremes if volts is not None)
        return side_of(
            Evidence(
                before_a=_mean([gathered.before_a[i] for i in concerned]),
                during_a=_mean([gathered.during_a()[i] for i in concerned]),
                left=low_v / rules.reference_v,
                power_w=gathered.power_w,
                floor_a=self._floor_a,
            )
        )


def _energy_s(gathered: Gathered, change: Change, rules: Rules) -> float | None:
    if change.action != "close" or change.kind not in _FALLS or not gathered.whole:
        return None
    return max(0.0, *gathered.missing) / rules.reference_v**2 / 1e6


def _clean(before: Sequence[Look], change: Change) -> Sequence[Look]:
    """Looks whose window cannot reach into the event: they arrived before it can have begun. The last second of
    them; where none is so old, the oldest there is; of an event that was open at the start, none."""
    if change.open_at_start or not before:
        return ()
    earliest_us = change.span.start_earliest_boot_us
    clean = [look for look in before if look.received_boot_us <= earliest_us] or [before[0]]
    return [look for look in clean if look.received_boot_us >= clean[-1].received_boot_us - 1_000_000]


def _mean_amps(looks: Sequence[Look]) -> Amps:
    if not looks:
        return None, None, None
    one, two, three = (_mean(column) for column in zip(*[look.amps for look in looks], strict=True))
    return one, two, three


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _rms(looks: Sequence[Look], channels: int) -> tuple[float | None, ...]:
    if not looks:
        return (None,) * channels
    columns = zip(*[look.volts for look in looks], strict=True)
    return tuple(_rms_of([volts for volts in column if volts is not None]) for column in columns)


def _rms_of(volts: Sequence[float]) -> float | None:
    return sqrt(sum(one * one for one in volts) / len(volts)) if volts else None
