"""A supply_loss that follows from others: when it opens, when it changes its reason, when it is over, when it was none.

    verdict of the table      nothing open   open
    -----------------------   ------------   --------------------------------------------------------------------
    dead, inferred            opens          another row, other causes: a new revision says so; else nothing
    dead, by its own words    -              retracted: its own event takes its place
    live                      -              closes when its voltage came back
    partial                   -              closes, likewise
    unknown                   -              its cause was taken back: retracted
                                             its cause is over, and time to boot has passed: closes, and of its end
                                             is known that it was not before the cause's, until the meter is heard
                                             it speaks again, without telling: closes
                                             else it stays: a silence does not end by others' ends

What a silent meter was judged by stays true until something says otherwise. Self-powered meters need up to 5 s to boot:
the end may lie that much before the first answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.detect.supply_evidence import Seen, Verdict
from agent.detect.tracking import Bounds
from agent.records import State

Act = Literal["open", "update", "close", "retract"]

BOOT_US = 5_000_000
# After its cause is over: a meter boots, and is found by a probe.
_RETURN_US = 15_000_000
# A register may be a refresh old when it is read, and a supply holds up a meter for a moment.
_HOLD_UP_US = 2_000_000


@dataclass(frozen=True, slots=True)
class Inference:
    """What is open. id: of its event; since: bounds of its start, boot clock; looked_us: a look since then showed the
    same, and speaks of after that; None: there was none in this run"""

    id: str
    verdict: Verdict
    since: Bounds
    looked_us: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """How an event stands that an inference rests on. ended: bounds of its end; lasted_us: by then it had not ended, as
    another run saw. Boot clock"""

    state: State
    ended: Bounds | None = None
    lasted_us: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a meter's inferred event. span: of its start (open), of its end (close); why: in words; endless:
    it did not end before the span; when is not known"""

    act: Act
    why: str
    span: Bounds | None = None
    endless: bool = False


def step(
    open_: Inference | None, verdict: Verdict, seen: Seen, causes: Mapping[str, Known], back: Bounds | None, now_us: int
) -> Step | None:
    """causes: the events that the open one rests on, but the meter's own silence; back: when its silence ended."""
    dead = verdict.supply == "dead"
    if open_ is None:
        return Step("open", verdict.reason, _began(verdict, seen)) if dead and verdict.basis == "inferred" else None
    if dead and verdict.basis != "inferred":
        return Step("retract", f"{verdict.reason}: its own event takes the place of this one")
    if dead:
        changed = (verdict.row, verdict.because) != (open_.verdict.row, open_.verdict.because)
        return Step("update", verdict.reason) if changed else None
    if verdict.supply in ("live", "partial"):
        return Step("close", verdict.reason, _ended(open_, seen, causes, back, now_us))
    return _unknown(open_, verdict, seen, causes, now_us)


def _began(verdict: Verdict, seen: Seen) -> Bounds | None:
    """As its cause began; what rests on the meter's own silence, a little before that."""
    since = verdict.since
    if since is None:
        return None if seen.heard_us is None else Bounds(seen.heard_us, seen.heard_us)
    own = since == seen.silent_since
    return Bounds(since.earliest_us - _HOLD_UP_US, since.latest_us) if own else since


def _ended(open_: Inference, seen: Seen, causes: Mapping[str, Known], back: Bounds | None, now_us: int) -> Bounds:
    """After the last sign of its silence, less a boot; and not before what it hangs on came back."""
    latest_us = seen.heard_us or now_us
    earliest_us = open_.since.earliest_us if open_.looked_us is None else max(open_.since.earliest_us, open_.looked_us)
    if back is not None and back.latest_us <= latest_us:
        latest_us = max(back.latest_us, open_.since.latest_us)
        earliest_us = max(earliest_us, back.earliest_us - BOOT_US)
    ends = [known.lasted_us if known.ended is None else known.ended.earliest_us for known in causes.values()]
    known_us = [end_us for end_us in ends if end_us is not None and end_us < latest_us]
    return Bounds(max((earliest_us, *known_us)), latest_us)


def _unknown(open_: Inference, verdict: Verdict, seen: Seen, causes: Mapping[str, Known], now_us: int) -> Step | None:
    taken_back = [id_ for id_, known in causes.items() if known.state == "retracted"]
    if taken_back:
        return Step("retract", f"it rested on {', '.join(taken_back)}, which was taken back; {verdict.reason}")
    if causes and all(known.state == "closed" for known in causes.values()):
        over = max((known.ended for known in causes.values() if known.ended is not None), default=open_.since)
        if now_us - over.latest_us < _RETURN_US:
            return None
        why = f"what it followed from is over; of its supply since then nothing is known: {verdict.reason}"
        return Step("close", why, over, endless=True)
    if open_.verdict.row == "bay_current_gone" and seen.comms == "ok":
        return None  # a bay without load tells nothing
    return None
