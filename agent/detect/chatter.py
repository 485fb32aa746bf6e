"""Too many of a kind: one ``chatter`` event that sums them up, beside the events themselves, which all stay.

    state   an event begins                                    time passes
    ------  -------------------------------------------------  -------------------------------------------------
    quiet   more than 3 of its kind began in 10 min: open      -
    chatty  told anew with it, at most once a minute           no kind had more than 3 begin in 10 min, and none
                                                               of the kinds summed up is open: close

One for all kinds of a meter: a loose wire makes sags and losses together. It names its events in `because`, the
latest 50. Its start is that of the first of them, its end the moment at which it can be told that it is over.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agent.detect.book_state import Began
from agent.detect.changes import Action, Change, Span
from agent.records import Event, Kind

_MANY = 3
_MINUTES = 10
_WITHIN_US = _MINUTES * 60_000_000
_UPDATE_EVERY_US = 60_000_000
_NAMED = 50
RESUMED_KEY = 1


@dataclass(slots=True)
class _Open:
    """before: there were others, of an earlier run, of which only the ids are known."""

    key: int
    span: Span
    named: deque[str]
    counts: dict[Kind, int]
    told_us: int
    before: bool = False


class Chatter:
    """One meter's. Instants in microseconds of the boot clock."""

    def __init__(self) -> None:
        # The latest of each kind. No deque: four in one take 0.6 kB, of each meter and kind.
        self._began: dict[Kind, tuple[Began, ...]] = {}
        self._open: _Open | None = None
        self._next_key = RESUMED_KEY
        self._resumed_us: int | None = None

    @property
    def is_open(self) -> bool:
        return self._open is not None

    @property
    def known(self) -> tuple[Mapping[Kind, Sequence[Began]], Mapping[Kind, int]]:
        """What another run should go on from: the latest of each kind, and what the open one counts."""
        return dict(self._began), {} if self._open is None or self._open.before else dict(self._open.counts)

    def recall(self, began: Mapping[Kind, Sequence[Began]]) -> None:
        """The latest of an earlier run."""
        self._began = {kind: tuple(latest[-_MANY - 1 :]) for kind, latest in began.items()}

    def resume(self, event: Event, span: Span, now_us: int, counts: Mapping[Kind, int]) -> None:
        """An open one of an earlier run goes on for ten minutes at least. counts: its own, empty if they are lost."""
        named = deque(event.because, _NAMED)
        self._open = _Open(RESUMED_KEY, span, named, dict(counts), now_us, before=not counts)
        self._next_key = RESUMED_KEY + 1
        self._resumed_us = now_us

    def began(self, kind: Kind, event_id: str, span: Span, now_us: int) -> tuple[Change, ...]:
        """An event of this kind was told for the first time."""
        recent = self._began[kind] = (*self._began.get(kind, ())[-_MANY:], (now_us, span, event_id))
        if self._open is not None:
            self._open.named.append(event_id)
            self._open.counts[kind] = self._open.counts.get(kind, 0) + 1
            return self._again(now_us)
        if len(recent) <= _MANY or now_us - recent[0][0] > _WITHIN_US:
            return ()
        named = deque((one for _, _, one in recent), _NAMED)
        self._open = _Open(self._next_key, recent[0][1], named, {kind: len(recent)}, now_us)
        self._next_key += 1
        return (self._change("open", self._open),)

    def settled(self, now_us: int, open_kinds: Collection[Kind]) -> tuple[Change, ...]:
        """Time has passed; open_kinds: of the meter's events."""
        chatter = self._open
        if chatter is None or set(chatter.counts).intersection(open_kinds):
            return ()
        busy = any(len(recent) > _MANY and now_us - recent[0][0] <= _WITHIN_US for recent in self._began.values())
        if busy or (self._resumed_us is not None and now_us - self._resumed_us <= _WITHIN_US):
            return ()
        self._open = self._resumed_us = None
        chatter.span = chatter.span.ended(now_us, chatter.span.start_boot_us)
        return (self._change("close", chatter),)

    def _again(self, now_us: int) -> tuple[Change, ...]:
        chatter = self._open
        if chatter is None or now_us - chatter.told_us < _UPDATE_EVERY_US:
            return ()
        chatter.told_us = now_us
        return (self._change("update", chatter),)

    def _change(self, action: Action, chatter: _Open) -> Change:
        counts = ", ".join(f"{kind} x{count}" for kind, count in chatter.counts.items())
        if chatter.before:
            counts = f"several, and since the agent restarted {counts or 'none'}"
        return Change(
            action=action,
            detector="chatter",
            key=chatter.key,
            kind="chatter",
            span=chatter.span,
            evidence=(f"{counts}: more than {_MANY} of a kind in {_MINUTES} min; each is kept",),
            because=tuple(chatter.named),
        )
