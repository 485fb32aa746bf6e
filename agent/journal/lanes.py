"""How far one sink has got: a live position and one backlog range. Pure.

What a sink still has to get is ``[backlog_lo, backlog_hi)`` and everything from ``live`` on. When a sink comes
back after an outage, `rejoin` sends the live lane to the head and leaves the rest to the backlog. An outage
that strikes before the last backlog is drained extends that one range up to the head, so what went out live in
between is offered again: nothing is lost, and since both positions only ever grow, a sink acknowledges an
entry at most twice in one run (a list of ranges would avoid the second time; sinks are idempotent, so it would
buy nothing). After a crash the stored positions may be some seconds old: again repeats, never a loss.

Parts of traces have a lane of their own, oldest first: live and backlog pass over them, so that no event ever waits
behind the samples of another one.
"""

from dataclasses import dataclass, replace

from agent.journal.entries import Lane, Range

# A live lane that is behind by no more than this catches up by itself, in order and within a second.
LIVE_LAG = 200


@dataclass(frozen=True, slots=True)
class Position:
    """live: next seq of the live lane; the backlog is [backlog_lo, backlog_hi), empty where both are equal;
    trace: next seq of the trace lane.

    The first seq of a journal is 1.
    """

    live: int = 1
    backlog_lo: int = 1
    backlog_hi: int = 1
    trace: int = 1


def newcomer(oldest: int) -> Position:
    """Of a sink never seen before: it starts with the oldest entry that is kept, and lacks nothing before it."""
    return Position(oldest, oldest, oldest, oldest)


def span(position: Position, lane: Lane, head: int) -> Range:
    """The seqs [lo, hi) that a lane still has to send; head is the next seq to be given out."""
    if lane == "live":
        return position.live, head
    if lane == "trace":
        return position.trace, head
    return position.backlog_lo, position.backlog_hi


def advance(position: Position, lane: Lane, next_seq: int) -> Position:
    """The sink has dealt with everything of this lane below next_seq. Never goes back."""
    if lane == "live":
        return replace(position, live=max(position.live, next_seq))
    if lane == "trace":
        return replace(position, trace=max(position.trace, next_seq))
    done = min(max(position.backlog_lo, next_seq), position.backlog_hi)
    return replace(position, backlog_lo=done)


def rejoin(position: Position, head: int, lag: int = LIVE_LAG) -> Position:
    """Back after an outage: a live lane more than `lag` behind jumps to the head, the rest becomes backlog."""
    if head - position.live <= lag:
        return position
    empty = position.backlog_lo >= position.backlog_hi
    return replace(position, live=head, backlog_lo=position.live if empty else position.backlog_lo, backlog_hi=head)


def clamp(position: Position, head: int) -> Position:
    """As much of a position as may be stored when only the rows below head are: a position never precedes its rows."""
    live, backlog_lo, backlog_hi = position.live, position.backlog_lo, position.backlog_hi
    return Position(min(live, head), min(backlog_lo, head), min(backlog_hi, head), min(position.trace, head))


def before(position: Position, seq: int) -> Position:
    """As if nothing from seq on had been dealt with; parts of traces have a lane of their own."""
    live, backlog_lo, backlog_hi = position.live, position.backlog_lo, position.backlog_hi
    return replace(position, live=min(live, seq), backlog_lo=min(backlog_lo, seq), backlog_hi=min(backlog_hi, seq))


def again(position: Position, seq: int) -> Position:
    """All from seq up to the live lane is backlog: it is offered once more."""
    empty = position.backlog_lo >= position.backlog_hi
    lo = seq if empty else min(position.backlog_lo, seq)
    return replace(position, backlog_lo=lo, backlog_hi=max(position.live, lo if empty else position.backlog_hi))


def unsent(position: Position, head: int) -> tuple[Range, ...]:
    """The ranges that the sink has not acknowledged, in order; parts of traces within them do not count."""
    ranges = ((position.backlog_lo, position.backlog_hi), (position.live, head))
    return tuple((lo, hi) for lo, hi in ranges if lo < hi)
