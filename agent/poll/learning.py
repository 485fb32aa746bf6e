"""The meters of one line whose refresh is to be learnt: one at a time, while the line has room. Pure.

On trial come only those that are watched at what their map says of it (`watch = "auto"`). That a meter is slower than
its map is seen in passing, at any pace (`renewal`). A trial ends without a result when anything happens at the line, or
when its meter falls silent: then it waits for another one. A meter that was silent may be another one when it is back,
so it is tried again; until then it keeps its pace.
"""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence

from agent.poll.refresh import Trial, judged, mean_taken_us, pace_us, saw
from agent.poll.renewal import Renewals
from agent.poll.unit import Unit

# Nothing is watched more often than 20 times a second on what was learnt; `watch = "max"` is there for more.
_FLOOR_US = 50_000
# All meters of a line together get this part of it at most on what was learnt.
_OF_LINE = 0.5

# A line that is busy for less than this has room for trials.
ROOM = 0.5


class Learning:
    """meter: the one on trial, None while there is none. learnt: refresh by meter, in microseconds.

    unsure: not empty while the refresh of any meter is compared with its map's word

    pace: told how often to watch a meter from now on; found: told the refresh of a meter, None where its trial has told
    nothing, and its pace
    """

    def __init__(
        self, units: Sequence[Unit], pace: Callable[[str, int], None], found: Callable[[str, int | None, int], None]
    ) -> None:
        self.meter: str | None = None
        self.learnt: dict[str, int] = {}
        self._units = {unit.meter: unit for unit in units if unit.auto and unit.watch_us}
        self._paces = {unit.meter: unit.watch_us for unit in units}
        self._waiting = deque(self._units)
        self._renewals = Renewals({unit.meter: unit.refresh_us for unit in units if unit.refresh_us})
        self.unsure = self._renewals.seen
        self._sharing = len(units)
        self._pace, self._found = pace, found
        self._trial = Trial(0)
        self._due_us = 0

    def __contains__(self, meter: object) -> bool:
        """Whether `look` wants to be told of this meter."""
        return meter == self.meter or meter in self._renewals.seen

    @property
    def idle(self) -> bool:
        """Whether a meter waits for its trial and none is on trial."""
        return self.meter is None and bool(self._waiting)

    def begin(self, silent: Container[str]) -> None:
        """Put the next meter that speaks on trial, while `idle`."""
        self.meter = next((meter for meter in self._waiting if meter not in silent), None)
        if self.meter is not None:
            self._waiting.remove(self.meter)
            # Of a meter that is slower than its map the map's word is taken: it is never watched less often.
            map_us = self._units[self.meter].watch_us
            self._try(self.meter, min(map_us, self.learnt.get(self.meter, map_us)) // 2)

    def abandon(self) -> None:
        """Something else matters now."""
        if self.meter is not None:
            meter, self.meter = self.meter, None
            self._waiting.append(meter)
            self._pace(meter, self._paces[meter])

    def anew(self, unit: Unit) -> None:
        """This meter may be another one now, or it is read in another way: to be tried again."""
        meter = unit.meter
        self._renewals.anew(meter)
        if meter not in self._units:
            return
        if unit is not self._units[meter]:
            self._units[meter], self._paces[meter] = unit, unit.watch_us
        if meter == self.meter:
            self.abandon()
        elif meter not in self._waiting:
            self._waiting.append(meter)

    def look(self, meter: str, due_us: int, replies: Mapping[int, bytes], sent_us: int, received_us: int) -> None:
        """A look at a meter that is `in` this. replies: by number of the read. Only the first read counts: a set of
        several is not of one instant, and a renewal in between would look like two."""
        words = replies.get(0)
        if words is None:
            return
        if meter in self._renewals and (slower_us := self._renewals.look(meter, received_us, words)) is not None:
            self.learnt[meter] = slower_us
            self._found(meter, slower_us, self._paces[meter])
        if meter == self.meter:
            self._tried(due_us, words, received_us - sent_us)

    def _tried(self, due_us: int, words: bytes, taken_us: int) -> None:
        """A look at the meter on trial."""
        assert self.meter is not None  # noqa: S101 - the caller has looked
        trial = self._trial = saw(self._trial, words, due_us - self._due_us, taken_us)
        self._due_us = due_us
        least_us = max(_FLOOR_US, round(mean_taken_us(trial) * self._sharing / _OF_LINE))
        result = judged(trial, least_us)
        if result is not None and result.again_us is not None:
            self._try(self.meter, result.again_us)
        elif result is not None:
            self._conclude(self.meter, result.refresh_us, least_us)

    def _try(self, meter: str, period_us: int) -> None:
        self._trial = Trial(period_us)
        self._pace(meter, period_us)

    def _conclude(self, meter: str, refresh_us: int | None, least_us: int) -> None:
        """refresh_us: None where nothing was learnt."""
        map_us, self.meter = self._units[meter].watch_us, None
        pace = self._paces[meter] = map_us if refresh_us is None else pace_us(refresh_us, map_us, least_us)
        self._pace(meter, pace)
        if refresh_us is None:
            self.learnt.pop(meter, None)
        else:
            self.learnt[meter] = refresh_us
        self._found(meter, refresh_us, pace)
