"""At which message a broker hangs up. With MQTT 3.1.1 it cannot say that one is larger than it takes: it ends the
connection, as often as the message comes. Pure.
"""

from collections.abc import Sequence

from agent.publish.forwarder import Verdict
from agent.publish.mqtt_rules import TOO_LARGE, UNCLEAR_TRIES
from agent.publish.topics import Message

# A broker that takes no more than this could take no events at all: what is smaller is not refused for its size.
_SMALL_BYTES = 2048


class Suspects:
    """Entries, by seq, during whose flight the broker hung up. They go one by one afterwards: one that the broker takes
    is none any more, one upon which alone it hangs up again and again is to blame.

    words: of the one that seems to be to blame, until something after it is taken; blocked: once only hands can help
    """

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}  # how often the broker hung up upon it alone
        self._taken_bytes = 0
        self._last = 0  # seq of the one that the words are about
        self.words = self.blocked = ""

    def __len__(self) -> int:
        return len(self._ends)

    def knows(self, seq: int) -> bool:
        return seq in self._ends

    def took(self, seq: int, message: Message) -> None:
        self._taken_bytes = max(self._taken_bytes, len(message.payload))
        self._ends.pop(seq, None)
        if self.words and seq >= self._last:  # or that one is there no longer
            self.words = self.blocked = ""

    def hung_up(self, flight: Sequence[tuple[int, Message]], code: int) -> Verdict | None:
        """flight: what was unacknowledged; code: of DISCONNECT, 0x80 where there was none. What is larger than all that
        was ever taken is suspect, the largest in any case. A verdict if one is found guilty; then it was alone."""
        if len(flight) != 1:
            largest = max((len(message.payload) for _, message in flight), default=0)
            from_bytes = min(largest, self._taken_bytes + 1)
            suspect = [seq for seq, message in flight if len(message.payload) >= from_bytes]
            self._ends = {seq: self._ends.get(seq, 0) for seq in suspect}
            return None
        ((seq, message),) = flight
        self._ends[seq] = tries = self._ends.get(seq, 0) + 1
        self._last, size = seq, len(message.payload)
        self.words = f"the broker hangs up upon a message to {message.topic} ({size} bytes)"
        if code == TOO_LARGE or (tries >= UNCLEAR_TRIES and size > _SMALL_BYTES):
            del self._ends[seq]
            return Verdict("reject", f"the broker hung up upon it alone, {size} bytes, times: {tries}; {_LIMIT}")
        if tries >= UNCLEAR_TRIES:
            self.blocked = f"{self.words}: does its access list forbid that, or its limit for packets?"
        return None


_LIMIT = "too large for it? raise its limit for packets (mosquitto: max_packet_size)"
