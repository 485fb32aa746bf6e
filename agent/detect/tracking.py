"""What is kept of the voltages of one meter while anything is not ordinary, and what one look adds to it. Pure."""

from typing import TYPE_CHECKING, NamedTuple

from agent.detect import dips
from agent.detect.dips import Dips
from agent.detect.table import SAG, TABLE, View, Volts
from agent.detect.thresholds import Rules
from agent.detect.tracks import Instants, Track
from agent.detect.watched import CYCLE_US, longest_pause_us
from agent.records import Kind

if TYPE_CHECKING:
    from agent.detect.voltage import Look

_SAG = TABLE.index(SAG)


class Bounds(NamedTuple):
    """An instant that lies in (earliest, latest]."""

    earliest_us: int
    latest_us: int


Shut = frozenset[tuple[Kind, int]]


# A named tuple: two are made per look inside an event, and copying a frozen dataclass costs three times as much.
class Tracking(NamedTuple):
    """What is kept while anything is not ordinary.

    volts:       each channel's last word
    clear:       per row and channel, bound of the last reading on the good side
    low_since, alive_since: when each channel was first seen below phase_loss, above phase_alive, and stayed so
    freed:       bounds of the end of a loss after which no reading without a part of the loss in it came yet, on the
                 channels `freed_on`
    shut:        kinds whose event was taken over by an under- or overvoltage, with its channels: their condition goes
                 on, so it begins no new event there until it has ended once
    heard:       when each channel's last word was asked for; shortest_us: from one look to the next, 0: not known
    dips:        each channel's latest below the sag threshold
    """

    volts: tuple[float | None, ...]
    clear: tuple[Instants, ...]
    low_since: Instants
    alive_since: Instants
    open: tuple[Track, ...] = ()
    freed: Bounds | None = None
    shut: Shut = frozenset()
    heard: Instants = ()
    shortest_us: int = 0
    dips: Dips = ()
    freed_on: frozenset[int] = frozenset()


def shut_on(shut: Shut, kind: Kind) -> frozenset[int]:
    return frozenset(i for one, i in shut if one == kind) if shut else frozenset()


def ordinary(good: "Look | None", rules: Rules) -> Tracking:
    """What the last quiet look, or none yet, amounts to."""
    unheard: Instants = (None,) * len(rules.channels)
    none: Dips = (None,) * len(rules.channels)
    if good is None:
        return Tracking(unheard, (unheard,) * len(TABLE), unheard, unheard, heard=unheard, dips=none)
    bound: Instants = (good.sent_boot_us - rules.reach_us,) * len(rules.channels)
    heard: Instants = (good.sent_boot_us,) * len(rules.channels)
    return Tracking(good.volts, (bound,) * len(TABLE), unheard, unheard, heard=heard, dips=none)


def heard(before: Tracking, fresh: Volts, look: "Look", rules: Rules) -> Tracking:
    levels, now_us = rules.levels, look.received_boot_us
    volts = list(before.volts)
    clear = [list(instants) for instants in before.clear]
    low, alive = list(before.low_since), list(before.alive_since)
    last_asked, dipped, shortest_us = list(before.heard), list(before.dips), _shortest_us(before, look)
    pause_us, bound_us = longest_pause_us(rules, shortest_us), look.sent_boot_us - rules.reach_us
    at = dips.Heard(now_us, look.sent_boot_us, bound_us, pause_us, _began_us(before.open), rules.window_us <= CYCLE_US)
    for i, value in fresh:
        volts[i] = value
        last_us = last_asked[i]
        if last_us is not None and look.sent_boot_us - last_us > pause_us:
            low[i] = alive[i] = None  # nobody looked: what holds again need not have held all the time
        last_asked[i] = look.sent_boot_us
        low[i] = _since(low[i], value < levels.phase, now_us)
        alive[i] = _since(alive[i], value > levels.alive, now_us)
        for row, instants in zip(TABLE, clear, strict=True):
            if not row.beyond(value, levels):
                instants[i] = bound_us
        dipped[i] = dips.heard(dipped[i], value, levels, at, clear[_SAG][i])
    return before._replace(
        volts=tuple(volts), clear=tuple(map(tuple, clear)), low_since=tuple(low), alive_since=tuple(alive),
        heard=tuple(last_asked), dips=tuple(dipped), shortest_us=shortest_us,
    )  # fmt: skip


def _began_us(tracks: tuple[Track, ...]) -> int | None:
    for track in tracks:
        if track.kind == "sag":
            return track.span.start_boot_us
    return None


def _shortest_us(before: Tracking, look: "Look") -> int:
    last_us = max((instant for instant in before.heard if instant is not None), default=None)
    if last_us is None:
        return before.shortest_us
    spent_us = max(1, look.sent_boot_us - last_us)
    return min(before.shortest_us or spent_us, spent_us)


def _since(since_us: int | None, holds: bool, now_us: int) -> int | None:
    if not holds:
        return None
    return now_us if since_us is None else since_us


def view_of(tracking: Tracking, fresh: Volts, look: "Look", rules: Rules, pause_us: int) -> View:
    long_ago_us = look.received_boot_us - rules.thresholds.phase_loss_after_us
    low = tuple(i for i, since in enumerate(tracking.low_since) if since is not None and since <= long_ago_us)
    alive = any(since is not None and since <= long_ago_us for since in tracking.alive_since)
    return View(
        levels=rules.levels,
        reference_v=rules.reference_v,
        fresh=fresh,
        known=tuple((i, volts) for i, volts in enumerate(tracking.volts) if volts is not None),
        lasting=low if alive else (),
        now_us=look.received_boot_us,
        bound_us=look.sent_boot_us - rules.reach_us,
        wired=len(rules.channels),
        sent_us=look.sent_boot_us,
        pause_us=pause_us,
        rules=rules,
    )
