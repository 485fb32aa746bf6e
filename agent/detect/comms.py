"""Silence: an event of its own, never a supply loss.

    state    a miss                                   a reply
    -------  ---------------------------------------  ------------------------------
    ok       suspect, the silence begins              ok
    suspect  lost after `misses` in a row and         ok
             `silence_us` since the last reply: open
    lost     lost                                     ok: close

    start           the first missed deadline
    start_earliest  the last good reply had arrived; where there never was one, the first request had left and the
                    event is open_at_start
    end             the first good reply arrived
    end_earliest    the last missed request had left: the unit did not answer then

A refusal is an answer: its caller does not count it as a miss.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from agent.detect.changes import Action, Change, Span
from agent.records import Comms


@dataclass(frozen=True, slots=True)
class CommsRules:
    """Carlo Gavazzi calls a meter dead after 2-3 unanswered queries, with replies of 40 ms, 500 ms at most."""

    misses: int = 3
    silence_us: int = 1_000_000


COMMS_RULES = CommsRules()

# What was seen is counted by its words; beyond this many different ones the rest share a line.
_WORDS_KEPT = 4
_OTHER = "other failures"


@dataclass(frozen=True, slots=True)
class Silence:
    """Misses in a row. heard_us: arrival of the last good reply, or departure of the first request if there was
    none (open_at_start); tally: (words, times) in the order first seen; key: of the open event, None if not open;
    resumed: begun in another run; since_us: deadline of the first miss of this one.
    """

    misses: int
    heard_us: int
    first_deadline_us: int
    last_sent_us: int
    tally: tuple[tuple[str, int], ...] = ()
    open_at_start: bool = False
    key: int | None = None
    since_us: int | None = None
    resumed: bool = False


# A named tuple for the same reason as `agent.detect.voltage.Look`: one is made per reply.
class CommsState(NamedTuple):
    """last_good_us: arrival of the last good reply, None before the first."""

    last_good_us: int | None
    silence: Silence | None
    next_key: int


_new = tuple.__new__

COMMS_INITIAL = CommsState(None, None, 1)
RESUMED_KEY = 1


def answered(state: CommsState, sent_boot_us: int, received_boot_us: int) -> tuple[CommsState, tuple[Change, ...]]:
    """A good reply arrived. sent_boot_us is not needed today: it is there because both ends of an exchange are."""
    after = CommsState(received_boot_us, None, state.next_key)
    silence = state.silence
    if silence is None or silence.key is None:
        return after, ()
    span = _span(silence).ended(received_boot_us, silence.last_sent_us)
    return after, (_change("close", silence, silence.key, span),)


def heard(state: CommsState, received_boot_us: int) -> CommsState:
    """What `answered` comes to without a silence."""
    return _new(CommsState, (received_boot_us, None, state.next_key))


def missed(
    state: CommsState,
    miss_deadline_boot_us: int,
    sent_boot_us: int,
    words: str,
    rules: CommsRules = COMMS_RULES,
) -> tuple[CommsState, tuple[Change, ...]]:
    """No good reply by the deadline. words: what was seen instead (``silent``, ``connection refused ...``)."""
    silence = _longer(state, miss_deadline_boot_us, sent_boot_us, words)
    waited_us = miss_deadline_boot_us - silence.heard_us
    if silence.key is not None or silence.misses < rules.misses or waited_us < rules.silence_us:
        return CommsState(state.last_good_us, silence, state.next_key), ()
    silence = replace(silence, key=state.next_key)
    change = _change("open", silence, state.next_key, _span(silence))
    return CommsState(state.last_good_us, silence, state.next_key + 1), (change,)


def resumed(span: Span, open_at_start: bool, rules: CommsRules = COMMS_RULES) -> CommsState:
    """The state after a restart inside a silence, which keeps its bounds. Nobody asked in between:
    the unit is known to have been silent no later than at the start."""
    silence = Silence(
        misses=rules.misses,
        heard_us=span.start_earliest_boot_us,
        first_deadline_us=span.start_boot_us,
        last_sent_us=span.start_earliest_boot_us,
        open_at_start=open_at_start,
        key=RESUMED_KEY,
        resumed=True,
    )
    return CommsState(None, silence, RESUMED_KEY + 1)


def comms(state: CommsState) -> Comms:
    """``ok`` needs a good reply: a unit not heard yet is suspect."""
    if state.silence is not None:
        return "suspect" if state.silence.key is None else "lost"
    return "suspect" if state.last_good_us is None else "ok"


def _longer(state: CommsState, deadline_us: int, sent_us: int, words: str) -> Silence:
    silence = state.silence
    if silence is not None:
        tally = _counted(silence.tally, words)
        since_us = deadline_us if silence.since_us is None else silence.since_us
        return replace(silence, misses=silence.misses + 1, last_sent_us=sent_us, tally=tally, since_us=since_us)
    heard_us = sent_us if state.last_good_us is None else state.last_good_us
    never = state.last_good_us is None
    return Silence(1, heard_us, deadline_us, sent_us, _counted((), words), open_at_start=never)


def _counted(tally: tuple[tuple[str, int], ...], words: str) -> tuple[tuple[str, int], ...]:
    counts = dict(tally)
    if words not in counts and len(counts) >= _WORDS_KEPT:
        words = _OTHER
    counts[words] = counts.get(words, 0) + 1
    return tuple(counts.items())


def _span(silence: Silence) -> Span:
    return Span(silence.first_deadline_us, silence.heard_us)


def _change(action: Action, silence: Silence, key: int, span: Span) -> Change:
    return Change(
        action=action,
        detector="comms",
        key=key,
        kind="comms_loss",
        span=span,
        evidence=tuple(words if times == 1 else f"{words} x{times}" for words, times in silence.tally),
        open_at_start=silence.open_at_start,
        proven_us=_proven_us(silence) if silence.resumed else None,
    )


def _proven_us(silence: Silence) -> int:
    """What this run by itself saw of it."""
    return 0 if silence.since_us is None else max(0, silence.last_sent_us - silence.since_us)
