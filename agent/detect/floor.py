"""What polling can see of a sag: exact probabilities, and the floor in words. Pure; power-quality.md section 9.

The picture. A meter shows RMS over a window W and renews it every R (blocks: R = W; a register that is always fresh:
R = 0). It is read every P; a read comes up to `jitter` later than its tick, each on its own, and is lost with the
probability `lost`. The clocks of sag, meter and poller know nothing of each other.

    a window shows the sag    iff it holds more than phi W of it, phi = (u0² - 0.9²) / (u0² - ur²)
    S, the visible span       of window ends that show it: D + W - 2 phi W, and 0 for D <= phi W
    n, renewals within S      k = floor(S/R), or one more with the probability S/R - k
    shown                     for n R, one stretch of time (for S, if the register is always fresh)
    seen                      iff a read falls into it. With G, the time from one successful read to the next,
                              P(none) = E[(G - shown)+] / E[G]: exact for any stationary sequence of reads
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

# IEC 61000-4-30: a sag begins below 90 % of the reference.
_SAG = 0.90
# Depth and durations that the words speak of: half the voltage; a fault that is cleared fast, and one that is not.
HALF = 0.5
_EXAMPLES_S = (0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Watching:
    """How a meter is looked at: averaging window and renewal of its register, pace of the looks, all in s.

    jitter_s: a look comes 0 to this much later than its tick, at most one period; lost: part of the replies lost
    """

    window_s: float
    refresh_s: float
    watch_s: float
    jitter_s: float = 0.0
    lost: float = 0.0

    def __post_init__(self) -> None:
        if not (self.window_s > 0 and self.refresh_s >= 0 and self.watch_s > 0):
            raise ValueError(f"{self}: want a window and a pace above 0 s and a renewal of 0 s or more")
        if not (0 <= self.jitter_s <= self.watch_s and 0 <= self.lost < 1):
            raise ValueError(f"{self}: want a jitter of 0 s to one pace, and less than all replies lost")


@dataclass(frozen=True, slots=True)
class Paced:
    """pace_s: from one look at a meter to the next; floor_s: the shortest event of one level that is surely measured"""

    pace_s: float
    floor_s: float


def share_needed(residual: float, before: float = 1.0) -> float:
    """phi: the part of a window that a sag to `residual` has to fill to pull it below 90 %, all in pu. inf: no part."""
    if residual >= _SAG:
        return inf
    return max(0.0, (before**2 - _SAG**2) / (before**2 - residual**2))


def shortest_visible_s(window_s: float, residual: float, before: float = 1.0) -> float:
    """The shortest sag that can show at all, at the luckiest alignment. A higher voltage before makes it longer."""
    return window_s * share_needed(residual, before)


def visible_span_s(duration_s: float, window_s: float, residual: float, before: float = 1.0) -> float:
    """S: how long the window's end can be moved while the window shows the sag."""
    needed_s = shortest_visible_s(window_s, residual, before)
    return duration_s + window_s - 2 * needed_s if duration_s > needed_s else 0.0


def detection_probability(duration_s: float, residual: float, watching: Watching, before: float = 1.0) -> float:
    """That a sag of this length and depth (pu) is seen in at least one look."""
    return seen_probability(visible_span_s(duration_s, watching.window_s, residual, before), watching)


def seen_probability(span_s: float, watching: Watching) -> float:
    """The same from the visible span, for an event of any shape that shows in one stretch of window ends."""
    if span_s <= 0:
        return 0.0
    refresh_s = watching.refresh_s
    if not refresh_s:
        return _met(span_s, watching)
    count = floor(span_s / refresh_s)
    one_more = span_s / refresh_s - count
    return one_more * _met((count + 1) * refresh_s, watching) + (1 - one_more) * _met(count * refresh_s, watching)


def _met(shown_s: float, watching: Watching) -> float:
    """Probability that a successful read falls into a stretch of this length.

    From one successful read to the next it takes K periods, K geometric, and the difference of two jitters.
    """
    if shown_s <= 0:
        return 0.0
    period_s, lost = watching.watch_s, watching.lost
    first = ceil((shown_s + watching.jitter_s) / period_s) + 1
    missed_s = sum(
        (1 - lost) * lost ** (count - 1) * _excess(shown_s - count * period_s, watching.jitter_s)
        for count in range(1, first)
    )
    # From there on every gap is longer than the stretch: the rest of the geometric series in closed form.
    missed_s += lost ** (first - 1) * ((first + lost / (1 - lost)) * period_s - shown_s)
    return min(1.0, max(0.0, 1 - missed_s * (1 - lost) / period_s))


def _excess(beyond_s: float, jitter_s: float) -> float:
    """E[(d - beyond)+], d being the difference of two delays that are uniform in 0..jitter: a triangle."""
    if abs(beyond_s) >= jitter_s:
        return max(0.0, -beyond_s)
    return max(0.0, -beyond_s) + (jitter_s - abs(beyond_s)) ** 3 / (6 * jitter_s**2)


def surely_seen_s(residual: float, watching: Watching, before: float = 1.0) -> float:
    """The shortest sag that no alignment hides while no reply is lost; from there on every longer one is seen, too.

    Two looks lie at most pace + jitter apart. So many renewals must show the sag that they bridge it: one is enough
    at a pace of exactly the renewal, but the least jitter makes it two.
    """
    needed_s = shortest_visible_s(watching.window_s, residual, before)
    return max(needed_s, _widest_s(watching) - watching.window_s + 2 * needed_s)


def surely_measured_s(watching: Watching) -> float:
    """The shortest event of one level that no alignment keeps from being measured as deep, or as high, as it was: a
    window that lies wholly in it is read, while no reply is lost."""
    return watching.window_s + _widest_s(watching)


def _widest_s(watching: Watching) -> float:
    """From one look to the next at most, in whole renewals."""
    widest_s = watching.watch_s + watching.jitter_s
    if not watching.refresh_s:
        return widest_s
    # A pace that is a whole number of renewals but for rounding is that number.
    return ceil(round(widest_s / watching.refresh_s, 9)) * watching.refresh_s


def floor_words(
    window_s: float,
    refresh_s: float,
    watch_s: float | None,
    jitter_s: float,
    beside_s: float | None = None,
    assumed: Sequence[str] = (),
) -> tuple[str, ...]:
    """What a meter that is looked at like this shows of sags to half the voltage.

    watch_s: None: not looked at; beside_s: its pace while another meter of its line has an event, None: it has the
    line to itself; assumed: what of `window_s` and `refresh_s` no document says
    """
    if watch_s is None:
        return ("its voltages are not watched: no sag is seen",)
    watching = Watching(window_s, refresh_s, watch_s, min(jitter_s, watch_s))
    late = f"looks up to {_at_least(watching.jitter_s)} late" if watching.jitter_s else "if no look is ever late"
    return (
        f"a sag to 50 % shorter than {_at_least(surely_seen_s(HALF, watching))} may pass unseen ({late})",
        *(f"one of {_at_least(each)} {_chance(each, watching)}" for each in _EXAMPLES_S),
        f"one of {_at_most(shortest_visible_s(window_s, HALF))} or less never shows",
        *_beside(watching, beside_s),
        *assumed_words(window_s, refresh_s, assumed),
    )


def _beside(watching: Watching, beside_s: float | None) -> tuple[str, ...]:
    """What is left when the line looks more often where something happens."""
    if beside_s is None or beside_s <= watching.watch_s + watching.jitter_s:
        return ()
    least_s = surely_seen_s(HALF, Watching(watching.window_s, watching.refresh_s, beside_s))
    return (
        f"while another meter of its line has an event, it may be looked at every {beside_s:g} s only: "
        f"then one shorter than {_at_least(least_s)} may pass",
    )


_SPOKEN = {"refresh_s": "refresh", "window_s": "averaging window"}


def assumed_words(window_s: float, refresh_s: float, assumed: Sequence[str]) -> tuple[str, ...]:
    if not assumed:
        return ()
    values = {"refresh_s": refresh_s, "window_s": window_s}
    named = " and ".join(f"{_SPOKEN[name]} ({values[name]:g} s)" for name in assumed)
    return (f"{named} assumed: no document says, and what is said here rests on it",)


def _chance(duration_s: float, watching: Watching) -> str:
    chance = detection_probability(duration_s, HALF, watching)
    return f"is caught in {_percent(chance)}" if chance else "is never caught"


def _percent(chance: float) -> str:
    """Never rounded up to a certainty, nor down to an impossibility."""
    if chance > 0.99:
        return "every case" if chance > 1 - 1e-9 else "more than 99 %"
    return f"{100 * chance:.0f} %" if chance >= 0.01 else "less than 1 %"


def _at_least(time_s: float) -> str:
    """``507 ms``, ``1.51 s``: rounded up, because shorter ones may pass."""
    if time_s < 1:
        return f"{ceil(round(time_s * 1e3, 6))} ms"
    return f"{ceil(round(time_s * 100, 6)) / 100:g} s"


def _at_most(time_s: float) -> str:
    """``253 ms``: rounded down, because longer ones may show."""
    return f"{floor(round(time_s * 1e3, 6))} ms" if time_s < 1 else f"{floor(round(time_s * 100, 6)) / 100:g} s"
