"""The one outstanding request of an RTU line, and what becomes of it."""

from dataclasses import dataclass

from drivers.modbus.outcome import Outcome
from drivers.modbus.pdu import Read, Request
from drivers.modbus.rtu import ReplySearch


@dataclass(slots=True)
class Waiting:
    """Where the wire time is only computed, ``departs_us`` is an expectation.

    wanted, sent: what was asked for and the shape in which it left; frames, noise: what came that was not the reply;
    doubted: an exception came that was not believed; copies: how often the request has left
    """

    unit: int
    wanted: Request
    sent: Request
    frame: bytes
    written_us: int
    departs_us: int
    timeout_us: int
    questionable: bool
    search: ReplySearch
    echo_seen: bool = False
    first_us: int = 0
    frames: int = 0
    noise: int = 0
    doubted: bool = False
    copies: int = 1
    detail: str = ""

    @property
    def left_us(self) -> int:
        """When the request had left. A reply before the computed instant proves a wire that is not so slow."""
        return self.written_us if 0 < self.first_us < self.departs_us else self.departs_us

    def data(self, reply: bytes) -> bytes:
        """What was asked for, of a whole valid reply."""
        if not isinstance(self.sent, Read):
            return reply[2:-2]
        data = reply[3:-2]
        if self.sent is self.wanted or not isinstance(self.wanted, Read):
            return data
        return self.sent.cut(data, self.wanted)

    def outcome(self, rest: int) -> Outcome:
        """At the deadline, with ``rest`` bytes heard that nobody looked at yet."""
        if self.doubted:
            return "garbled"
        if self.frames:
            return "foreign"
        return "garbled" if self.noise or rest else "silent"

    def told(self, rest: int) -> str:
        """The same in words, empty for silence."""
        if self.detail:
            return self.detail
        if self.noise or rest:
            return f"{self.noise + rest} bytes, no valid frame"
        return "only the echo of the request came back" if self.echo_seen else ""
