"""What may be on its way on one connection: messages go out as acknowledgements come in, never more than the broker
takes at once. Pure.

Whoever sends some, waits for all of their acknowledgements and then sends the next ones waits for a whole way there and
back each time; and where a kernel between here and the broker acknowledges late, as behind a proxy, the broker holds
back all PUBACKs of the window but the first for 40 ms. What goes out when the first has come ends that wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.publish.mqtt_packets import publish_packet
from agent.publish.topics import Message

# MQTT 3.1.1, 2.3.1: a packet identifier is 1 to 65535.
_LAST_MID = 65535
# Messages go out by half a window, as one by one each costs a turn of the loop and a packet of its own (of quarters a
# backlog was half as fast); and after so long however few they are.
_PARTS = 2
_LINGER_S = 0.003


@dataclass(slots=True, eq=False)
class Stream:
    """Messages of one sender, in order. codes: the reason each was acknowledged with, None as long as it was not;
    full: called when the last of them was. moved_s: since when the oldest of those that are on their way is waited for,
    as PUBACKs come in order."""

    messages: Sequence[Message]
    full: Callable[[], object]
    moved_s: float
    codes: list[int | None] = field(init=False)
    out: int = 0
    acknowledged: int = 0
    oldest: int = 0

    def __post_init__(self) -> None:
        self.codes = [None] * len(self.messages)

    def hear(self, index: int, code: int, now_s: float) -> None:
        self.codes[index] = code
        self.acknowledged += 1
        if index == self.oldest:
            self.moved_s = now_s
            while self.oldest < self.out and self.codes[self.oldest] is not None:
                self.oldest += 1


class Window:
    """Everything that waits for its PUBACK on one connection, and the only user of its packet identifiers.

    most: messages that the broker takes at once. All senders share them: none gets more than its part of them while
    another one has something to say, and where there are fewer than senders they take turns; send: takes packets as
    they go out; later: calls back after so many seconds
    """

    def __init__(
        self,
        most: int,
        send: Callable[[bytes], object],
        later: Callable[[float, Callable[[], object]], object],
        now_s: Callable[[], float],
        *,
        v5: bool,
    ) -> None:
        self._most = max(1, most)
        self._send = send
        self._later = later
        self._now_s = now_s
        self._v5 = v5
        self._streams: list[Stream] = []
        self._pending: dict[int, tuple[Stream, int]] = {}
        self._mid = 0  # the last one given out
        self._lingers = False
        self._heard_s = now_s()

    def open(self, messages: Sequence[Message], full: Callable[[], object]) -> Stream:
        """They go out as there is room, from now on."""
        stream = Stream(messages, full, self._now_s())
        if messages:
            self._streams.append(stream)
            self._fill(at_once=True)
        else:
            full()
        return stream

    def close(self, stream: Stream) -> None:
        """Nothing more of it goes out; what is on its way keeps its place until it is acknowledged."""
        if stream in self._streams:
            self._streams.remove(stream)

    def waits_since_s(self, stream: Stream) -> float:
        """Who has nothing on its way waits for room, which is no fault of the broker's while it acknowledges others."""
        return stream.moved_s if stream.out > stream.acknowledged else max(stream.moved_s, self._heard_s)

    def acknowledged(self, mid: int, code: int) -> None:
        stream, index = self._pending.pop(mid, (None, 0))
        if stream is None:
            return
        self._heard_s = self._now_s()
        stream.hear(index, code, self._heard_s)
        if stream.acknowledged == len(stream.messages):
            self.close(stream)
            stream.full()
        self._fill(at_once=False)

    def _fill(self, *, at_once: bool) -> None:
        """at_once: however few they are."""
        if not self._streams:
            return
        share = max(1, self._most // len(self._streams))
        least = 1 if at_once else max(1, share // _PARTS)
        free = self._most - len(self._pending)
        for stream in tuple(self._streams):
            left = len(stream.messages) - stream.out
            room = min(left, share - (stream.out - stream.acknowledged), free)
            if room <= 0:
                continue
            free -= room  # also where it lingers: nobody behind it takes its turn
            if room >= min(left, least):
                self._take_off(stream, room)
            elif not self._lingers:
                self._lingers = True
                self._later(_LINGER_S, self._linger_no_more)

    def _linger_no_more(self) -> None:
        self._lingers = False
        self._fill(at_once=True)

    def _take_off(self, stream: Stream, count: int) -> None:
        messages = stream.messages[stream.out : stream.out + count]
        mids = []
        for index in range(stream.out, stream.out + count):
            mids.append(mid := self._free_mid())
            self._pending[mid] = stream, index
        if stream.out == stream.acknowledged:
            stream.moved_s = self._now_s()
        stream.out += count
        self._streams.remove(stream)
        self._streams.append(stream)
        v5 = self._v5
        self._send(b"".join([publish_packet(one, mid, v5=v5) for one, mid in zip(messages, mids, strict=True)]))

    def _free_mid(self) -> int:
        # Counted, not `itertools.cycle`: that keeps all it gave out, 2.6 MB a connection.
        while True:
            self._mid = self._mid % _LAST_MID + 1
            if self._mid not in self._pending:
                return self._mid
