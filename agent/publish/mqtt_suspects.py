"""At which message a broker hangs up. With MQTT 3.1.1 it cannot say that one is larger than it takes, or forbidden: it
ends the connection, as often as the message comes. Pure.
"""

from collections.abc import Sequence

from agent.publish.forwarder import Verdict
from agent.publish.mqtt_rules import TOO_LARGE, UNCLEAR_TRIES
from agent.publish.topics import Message

# A broker that takes no more than this could take no events at all: what is smaller is not refused for its size.
_SMALL_BYTES = 2048
_LIMIT = "too large for it? raise its limit for packets (mosquitto: max_packet_size)"


class Suspects:
    """Entries, by seq, that were on their way when the broker hung up. They go by halves afterwards, and apart from all
    others: eight flights tell that a hundred of them are innocent, seven more ends which one is not. Size is the usual
    reason: one that is larger than all that was ever taken goes alone.

    repeated: the last end came upon what was suspect before; blocked: why only hands can help
    """

    def __init__(self) -> None:
        self._flight: set[int] = set()  # less what was taken since
        self._alone: dict[int, int] = {}  # how often the broker hung up upon it and nothing else
        self._taken_bytes = 0
        self._accused = 0  # seq of the one that `blocked` is about
        self.repeated = False
        self.blocked = ""

    def __bool__(self) -> bool:
        return bool(self._flight or self._alone)

    def together(self, offered: Sequence[tuple[int, int]]) -> int:
        """How many of the first of these go together. offered: seq and bytes of each."""
        suspect = bool(offered) and offered[0][0] in self._flight
        most = max(1, len(self._flight) // 2) if suspect else len(offered)
        for going, (seq, size) in enumerate(offered[:most]):
            alone = self._goes_alone(seq, size)
            if going and (alone or (seq in self._flight) != suspect):
                return going
            if alone:
                return 1
        return min(most, len(offered))

    def _goes_alone(self, seq: int, size: int) -> bool:
        return seq in self._alone or (seq in self._flight and size > self._taken_bytes)

    def answered(self, seq: int, taken_bytes: int) -> None:
        """The broker took so many bytes of it, or none: it refused it in words."""
        self._taken_bytes = max(self._taken_bytes, taken_bytes)
        if not (self._flight or self._alone or self.repeated):  # the ordinary course, thousands a second
            return
        self._flight.discard(seq)
        self._alone.pop(seq, None)
        if seq == self._accused:
            self.blocked = ""
        if not self:
            self.forget()

    def forget(self) -> None:
        """A connection lasted: what was suspect was offered and taken, or is there no longer."""
        self._flight.clear()
        self._alone.clear()
        self.repeated, self.blocked = False, ""

    def hung_up(self, flight: Sequence[tuple[int, Message]], code: int) -> Verdict | None:
        """flight: what was unacknowledged, at least one; code: of DISCONNECT, 0x80 where there was none. The verdict on
        one alone that is found guilty."""
        self.repeated = any(seq in self._flight or seq in self._alone for seq, _ in flight)
        if len(flight) > 1:
            self._flight = {seq for seq, _ in flight}
            return None
        ((seq, message),) = flight
        self._flight.discard(seq)
        self._alone[seq] = tries = self._alone.get(seq, 0) + 1
        size = len(message.payload)
        if code == TOO_LARGE or (tries >= UNCLEAR_TRIES and size > _SMALL_BYTES):
            del self._alone[seq]
            return Verdict("reject", f"the broker hung up upon it alone, {size} bytes, times: {tries}; {_LIMIT}")
        if tries >= UNCLEAR_TRIES:
            self._accused = seq
            self.blocked = (
                f"the broker hangs up upon a message to {message.topic} ({size} bytes): "
                "does its access list forbid that, or its limit for packets?"
            )
        return None
