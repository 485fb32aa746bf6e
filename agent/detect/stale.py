"""Values that are no longer measured: a frozen meter, or a gateway on the way that answers from its memory.

    row      begins                                                                  ends
    -------  ----------------------------------------------------------------------  ------------------------------
    frozen   every watched value to the last bit the same for 60 s, for five times   the first look with another
             as long as ever before, and for 20 looks; nothing in the full set has   value
             moved since; the meter was seen to jitter often enough before
    echoed   after a silence of that kind of length, or a restart, the very values   likewise
             of before come back: at the second such look
    counter  an energy counter stands still while power flows that should have       the counter moves, or the
             moved it by five steps                                                  power is gone
    undead   likewise, and every look says that there is no voltage: it cannot be    likewise; or a look with voltage
             both, so that some of it is old

A meter without voltage says 0 for as long as there is none, and that is no news. A meter that reads 1 V and 1 A may
rightly say the same for minutes: so the measure is what it has shown itself, over ten times as long as it is to be
judged by. Values are compared about every 5 s; where two of those are the same, so must be all between them.

What is frozen or echoed has no voice: it is no proof that anything is live, nor, of one that is undead, of a loss: an
event that goes on through that time may have ended in it. A counter that stands still alone proves nothing of the
voltages, unless these stand still, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.detect.changes import Change, Span
from agent.detect.counters import Counters, Still
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track, change
from agent.detect.voltage import Amps, Look
from agent.records import Reading
from drivers.quantities import CATALOGUE

_LEAST_US, _TIMES, _LOOKS = 60_000_000, 5, 20
# How often the first voltage must have turned before anything is judged, and for how many times as long as the limit it
# must have been watched.
_TURNED, _WATCHED = 20, 10
_PROBED_US = 5_000_000
# A cache of a gateway holds for a few seconds by its nature.
_SILENCE_US = 5_000_000
# Values of a full set that are not 0, beside counters, before their coming back says anything.
_TELLING = 3
_TIDY = 1e-6

# Of these no voltage is a sign.
_GONE = ("supply_loss", "sag", "phase_loss", "undervoltage")

_Words = tuple[tuple[float | None, ...], Amps]


class Stale:
    """One meter's. track: of an earlier run."""

    def __init__(self, floor_w: float, track: Track | None = None) -> None:
        """floor_w: power below it proves nothing about a counter"""
        self._track = track
        self._row = "" if track is None else "frozen"
        self._words: _Words | None = None
        self._since: Look | None = None
        self._probed: Look | None = None
        self._clear: Look | None = None
        self._looks = self._turned = self._longest_us = 0
        self._watched_us: int | None = None
        self._rose: bool | None = None
        self._undead_us: int | None = None  # since then no voltage said nothing
        self._gauges: dict[str, float] = {}
        self._counters = Counters(floor_w)
        self._back: int | None = None
        self._last_run: Reading | None = None

    def __bool__(self) -> bool:
        """It is open."""
        return self._track is not None

    @property
    def voiceless(self) -> bool:
        """What the meter says of its voltages is old."""
        return self._track is not None and self._row != "counter"

    @property
    def attends(self) -> bool:
        """Every look is wanted, ordinary or not."""
        return self.voiceless or self._back is not None

    def after_silence(self, silent_us: int) -> None:
        """The meter answers again: the next looks tell whether these are the words of before."""
        if self._turned >= _TURNED and silent_us >= max(_SILENCE_US, _TIMES * self._longest_us):
            self._back = 0

    def after_restart(self, reading: Reading) -> None:
        """The last reading of an earlier run."""
        self._last_run = reading

    def look(self, look: Look, last: Look | None, rules: Rules, next_key: Callable[[], int]) -> tuple[Change, ...]:
        """While `attends`. last: the look before it."""
        words = (look.volts, look.amps)
        of_before = self._words or words
        if self._back is not None and last is not None:
            of_before = last.volts, last.amps
        if self._row == "undead":
            return self._prolong(look, rules) if _dead(look, rules) else self._close(look)
        if _dead(look, rules) or words != of_before:
            self._back = None
            self._moved(look)
            return self._close(look) if self.voiceless else ()
        self._words = words
        if self._back is None:
            return self._prolong(look, rules)
        self._back += 1
        if self._back < 2:
            return ()
        self._back = None
        words_of = "the very values of before the silence have come back, to the last bit"
        return self._open("echoed", words_of, look, look, rules, next_key)

    def block(self, looks: Sequence[Look], rules: Rules, next_key: Callable[[], int]) -> tuple[Change, ...]:
        """Looks in their order, some seconds or a minute of them."""
        if self._watched_us is None:
            self._watched_us = looks[0].received_boot_us
        parts = max(1, (looks[-1].received_boot_us - looks[0].received_boot_us) // _PROBED_US)
        stride = -(-len(looks) // parts)
        begin = 0
        for end in range(stride, len(looks) + stride, stride):
            self._probe(looks[begin:end], rules)
            begin = end
        if self._track is not None or not self._lasts():
            return ()
        since, last = self._since, looks[-1]
        if since is None:
            return ()
        for_s = (last.received_boot_us - since.received_boot_us) / 1e6
        words = f"every watched value the same to the last bit for {for_s:.0f} s; never before for longer than "
        return self._open("frozen", f"{words}{self._longest_us / 1e6:.0f} s", since, last, rules, next_key)

    def full_set(
        self, values: Mapping[str, float], look: Look | None, now_us: int, rules: Rules, next_key: Callable[[], int]
    ) -> tuple[Change, ...]:
        """The rest of what the meter says. look: the last one before it; now_us: it arrived."""
        gauges = self._gauges
        if any(gauges.get(name, value) != value for name, value in values.items()) and self._since is not None:
            self._since, self._looks = look, 0
        gauges.update(values)
        still = self._counters.read(values, now_us)
        if self._last_run is not None:
            return self._restarted(values, look, rules, next_key)
        if self._track is not None and self._row in ("counter", "undead"):
            if look is None:
                return ()
            return self._close(look) if still is None else self._prolong(look, rules)
        if still is None or self._track is not None or look is None:
            return ()
        if _dead(look, rules):
            return self._undead(still, look, rules, next_key) if "active_power_total" in values else ()
        return self._stands(still, look, rules, next_key)

    def ends(self, changes: tuple[Change, ...], look: Look, rules: Rules) -> tuple[Change, ...]:
        """Those of the voltages at a look, after `look`: what ended while they said nothing may have ended any time
        since."""
        since_us = self._undead_us
        if since_us is None:
            return changes
        if not self.voiceless and _dead(look, rules):
            self._undead_us = None  # it is measured again, and still so
        return tuple(_since(one, since_us) if one.kind in _GONE and one.action == "close" else one for one in changes)

    def _undead(self, still: Still, look: Look, rules: Rules, next_key: Callable[[], int]) -> tuple[Change, ...]:
        words = f"{still.words}; and yet there is no voltage: these are not values of one time"
        first = look._replace(sent_boot_us=still.since_us, received_boot_us=still.first_us)
        self._clear = None
        opened = self._open("undead", words, first, look, rules, next_key)
        self._undead_us = opened[0].span.start_earliest_boot_us
        return opened

    def _stands(self, still: Still, look: Look, rules: Rules, next_key: Callable[[], int]) -> tuple[Change, ...]:
        since = self._since
        frozen = self._looks > 1 and since is not None and since.received_boot_us - still.first_us <= _PROBED_US
        same = frozen and (look.volts, look.amps) == self._words
        words = f"{still.words}; {'the voltages stand still, too' if same else 'the voltages move: the counter alone'}"
        first = look._replace(sent_boot_us=still.since_us, received_boot_us=still.first_us)
        self._clear = None
        return self._open("frozen" if same else "counter", words, first, look, rules, next_key)

    def _restarted(
        self, values: Mapping[str, float], look: Look | None, rules: Rules, next_key: Callable[[], int]
    ) -> tuple[Change, ...]:
        reading, self._last_run = self._last_run, None
        if reading is None or look is None or not _same(values, look, reading, rules):
            return ()
        self._words = (look.volts, look.amps)
        return self._open("echoed", "the very values of before the restart have come back", look, look, rules, next_key)

    def _probe(self, looks: Sequence[Look], rules: Rules) -> None:
        if not looks:
            return
        last = looks[-1]
        if _dead(last, rules):
            self._words, self._since, self._looks = None, None, 0
            return
        words = (last.volts, last.amps)
        # What has not been seen to jitter is not judged, and need not be looked at closely.
        if words == self._words and (self._turned < _TURNED or _all_say(looks, last)):
            self._looks += len(looks)
            if self._since is None:
                self._since = self._probed or last
        else:
            self._moved(last)
        self._probed = last

    def _moved(self, look: Look) -> None:
        """Another word: the stretch before it has ended."""
        if self._since is not None and self._probed is not None and self._looks:
            lasted_us = self._probed.received_boot_us - self._since.received_boot_us
            self._longest_us = max(self._longest_us, lasted_us)
        before, now = None if self._words is None else self._words[0][0], look.volts[0]
        if before is not None and now is not None and now != before:
            # What only drifts one way may come to rest; what jitters turns about every other time.
            rose, self._rose = self._rose, now > before
            self._turned += rose is not None and rose is not self._rose
        self._clear = self._probed
        self._words, self._since, self._looks, self._probed = (look.volts, look.amps), look, 1, look

    def _lasts(self) -> bool:
        since, probed = self._since, self._probed
        if since is None or probed is None or self._turned < _TURNED or self._looks < _LOOKS:
            return False
        now_us, limit_us = probed.received_boot_us, max(_LEAST_US, _TIMES * self._longest_us)
        watched_us = now_us - (now_us if self._watched_us is None else self._watched_us)
        return now_us - since.received_boot_us >= limit_us and watched_us >= _WATCHED * limit_us

    def _open(
        self, row: str, words: str, since: Look, look: Look, rules: Rules, next_key: Callable[[], int]
    ) -> tuple[Change, ...]:
        earliest = self._clear or since
        start_us = min(look.received_boot_us, since.received_boot_us + max(self._longest_us, _PROBED_US))
        self._row = row
        self._track = Track(
            kind="stale_data",
            key=next_key(),
            span=Span(start_us, min(earliest.sent_boot_us, start_us) - rules.reach_us),
            last_bad_us=look.sent_boot_us - rules.reach_us,
            extremes=look.volts,
            crossed=tuple(range(len(look.volts))),
        )
        return (change("open", self._track, words),)

    def _prolong(self, look: Look, rules: Rules) -> tuple[Change, ...]:
        if self._track is not None:
            self._track = replace(self._track, last_bad_us=look.sent_boot_us - rules.reach_us)
        return ()

    def _close(self, look: Look | None) -> tuple[Change, ...]:
        track, self._track, self._row = self._track, None, ""
        if track is None or look is None:
            return ()
        return (change("close", replace(track, span=track.span.ended(look.received_boot_us, track.last_bad_us))),)


def _same(values: Mapping[str, float], look: Look, reading: Reading, rules: Rules) -> bool:
    """Whether everything that is said now was said before: values of the full set, and the voltages in between what
    they were."""
    told = {name: value for name, value in values.items() if name in reading.values and name not in reading.max}
    telling = [value for name, value in told.items() if value and not CATALOGUE[name].counter]
    if len(telling) < _TELLING or any(not _alike(value, reading.values[name]) for name, value in told.items()):
        return False
    keys = [f"voltage_{phase}" for phase in rules.phases]
    pairs = [(key, volts) for key, volts in zip(keys, look.volts, strict=True) if volts is not None]
    return all(key in reading.max and _within(volts, reading.min[key], reading.max[key]) for key, volts in pairs)


def _all_say(looks: Sequence[Look], last: Look) -> bool:
    volts, amps = last.volts, last.amps
    return all(one.volts == volts and one.amps == amps for one in looks)


def _dead(look: Look, rules: Rules) -> bool:
    """No voltage: a meter on an auxiliary supply rightly says 0 for as long as there is none."""
    loss_v = rules.levels.loss
    for one in look.volts:  # noqa: SIM110 - a generator costs three times as much, at every probe
        if one is not None and one >= loss_v:
            return False
    return True


def _since(change: Change, since_us: int) -> Change:
    """Its end may lie as early as that: of what was seen since nothing counts."""
    span = change.span
    begun_us, ended_us = span.start_boot_us, span.end_boot_us
    if ended_us is None or span.end_earliest_boot_us is None:
        return change
    earliest_us = min(span.end_earliest_boot_us, max(since_us, span.start_earliest_boot_us))
    seen_us = max(0, since_us - begun_us)
    return replace(
        change, span=span.ended(ended_us, earliest_us),
        proven_us=None if change.proven_us is None else min(change.proven_us, seen_us),
        watched_us=None if change.watched_us is None else min(change.watched_us, seen_us),
    )  # fmt: skip


def _alike(one: float, other: float) -> bool:
    """But for the digits that a reading is tidied to."""
    return abs(one - other) <= _TIDY * max(abs(one), abs(other))


def _within(value: float, low: float, high: float) -> bool:
    return low * (1 - _TIDY) <= value <= high * (1 + _TIDY)
