"""The conditions as a table: one row per kind of voltage event, judged in this order at every look.

    kind         begins                      ends                 not while open           parent      takes over
    -----------  --------------------------  -------------------  -----------------------  ----------  ----------
    supply_loss  all < interruption          any >= interruption  -                        sag or      -
                                             + 2 %                                         phase_loss
    phase_loss   1 or 2 < 60 % for 5 s,      those >= 62 %        supply_loss              sag         sag
                 another > 80 % all the time
    sag          any < 90 %                  all >= 92 %          supply_loss              phase_loss  -
    swell        any > 110 %                 all <= 108 %         -                        -           -

The channels of an open phase_loss are no business of the sag's. What a phase_loss takes over is the sag on its own
channels, with their own start: where others sagged with them, that sag stays an event (`agent.detect.dips`). So do the
channels of a sag that an undervoltage took over: another one may still begin a sag.

A loss that ends shuts the sag out a little longer: as long as register age and averaging window reach back into the
loss, a voltage below 90 % proves no sag of its own. What is still below after that is a sag, and it began no
earlier than the loss could have ended. (Opening it with the look that ended the loss was tried: a meter whose window
held the step back showed one short extra sag after a clean supply loss.)

"All" and "any" are over the channels that have a voice. A channel that is not available at a look keeps its last
word: it neither opens nor closes anything. (Letting only the available ones vote was rejected: two dead phases and
one unread would be a supply loss, a sag on an unread phase would end.) One that never spoke has no voice, and as long
as there is one, no supply loss begins: "all wired channels" is not known. A look
without any available channel, and a questionable one, change nothing.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from agent.detect.thresholds import Levels, Rules
from agent.records import Kind

Volts = tuple[tuple[int, float], ...]
Indices = tuple[int, ...]


# A named tuple: one is made per look inside an event, and making a frozen dataclass costs three times as much.
class View(NamedTuple):
    """One look as the rows see it.

    fresh:    (channel, volts) read at this look
    known:    the same with the last word of those not read
    lasting:  channels below the phase-loss threshold for its full time while another stayed alive
    now_us:   when the reply had arrived
    wired:    how many channels there are, with those that never spoke
    sent_us:  when the request had left; bound_us: the same moved back by register age and averaging window
    pause_us: the longest time between two looks that is no gap
    """

    levels: Levels
    reference_v: float
    fresh: Volts
    known: Volts
    lasting: Indices
    now_us: int
    bound_us: int
    wired: int
    sent_us: int
    pause_us: int
    rules: Rules

    def without(self, channels: Collection[int]) -> "View":
        """What a row sees that has nothing to do with these channels."""
        if not channels:
            return self
        fresh, known = (tuple(one for one in volts if one[0] not in channels) for volts in (self.fresh, self.known))
        return self._replace(fresh=fresh, known=known)


@dataclass(frozen=True, slots=True)
class Row:
    """beyond, back: one voltage against its threshold and against its threshold with hysteresis.
    begins: the channels that make the event begin, and join it later; none: nothing begins.
    ends: from the channels that have a voice and those that crossed.
    shuts, settles: the end of a row that shuts is waited out by a row that settles."""

    kind: Kind
    beyond: Callable[[float, Levels], bool]
    back: Callable[[float, Levels], bool]
    begins: Callable[["Row", View], Indices]
    ends: Callable[["Row", Levels, Volts, Indices], bool]
    every: bool = False
    unless: tuple[Kind, ...] = ()
    shuts: bool = False
    settles: bool = False
    inside: tuple[Kind, ...] = ()
    replaces: tuple[Kind, ...] = ()
    worst: Callable[[float, float], float] = min

    def still_bad(self, view: View, crossed: Indices) -> bool:
        """This look by itself proves that the event goes on; where every channel must be bad, all were read. A channel
        that never crossed may keep an event open by its hysteresis: that is not known to be a part of it."""
        if self.every:
            return len(view.fresh) == len(view.known) and not self.ends(self, view.levels, view.fresh, crossed)
        return not self.ends(self, view.levels, tuple(one for one in view.fresh if one[0] in crossed), crossed)


def _any_beyond(row: Row, view: View) -> Indices:
    return tuple(i for i, volts in view.fresh if row.beyond(volts, view.levels))


def _all_beyond(row: Row, view: View) -> Indices:
    crossed = tuple(i for i, volts in view.known if row.beyond(volts, view.levels))
    return crossed if len(crossed) == view.wired else ()


def _lasting(row: Row, view: View) -> Indices:
    return view.lasting


def _all_back(row: Row, levels: Levels, volts: Volts, crossed: Indices) -> bool:
    return all(row.back(value, levels) for _, value in volts)


def _any_back(row: Row, levels: Levels, volts: Volts, crossed: Indices) -> bool:
    return any(row.back(value, levels) for _, value in volts)


def _crossed_back(row: Row, levels: Levels, volts: Volts, crossed: Indices) -> bool:
    return all(row.back(value, levels) for i, value in volts if i in crossed)


TABLE = (
    Row(
        kind="supply_loss",
        beyond=lambda volts, levels: volts < levels.loss,
        back=lambda volts, levels: volts >= levels.loss_end,
        begins=_all_beyond,
        ends=_any_back,
        every=True,
        inside=("phase_loss", "sag"),
        shuts=True,
    ),
    Row(
        kind="phase_loss",
        beyond=lambda volts, levels: volts < levels.phase,
        back=lambda volts, levels: volts >= levels.phase_end,
        begins=_lasting,
        ends=_crossed_back,
        unless=("supply_loss",),
        inside=("sag",),
        replaces=("sag",),
        shuts=True,
    ),
    Row(
        kind="sag",
        beyond=lambda volts, levels: volts < levels.sag,
        back=lambda volts, levels: volts >= levels.sag_end,
        begins=_any_beyond,
        ends=_all_back,
        unless=("supply_loss",),
        inside=("phase_loss",),
        settles=True,
    ),
    Row(
        kind="swell",
        beyond=lambda volts, levels: volts > levels.swell,
        back=lambda volts, levels: volts <= levels.swell_end,
        begins=_any_beyond,
        ends=_all_back,
        worst=max,
    ),
)
SAG = next(row for row in TABLE if row.kind == "sag")
