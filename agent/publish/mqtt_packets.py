"""PUBLISH and PUBACK as bytes: messages written by the window, acknowledgements read by the hundred. Pure but for the
socket that an inlet is given.

paho keeps the connection, its keep-alive and its end. For a message it makes objects with locks, and of each PUBACK it
reads three pieces from the socket: 65 µs of CPU for both (x86-64), where these two need 3.
"""

from collections.abc import Callable
from typing import Protocol

from agent.publish.topics import Message
from agent.varint import varint

# MQTT 3.1.1, 3.3.1: PUBLISH with QoS 1; its lowest bit is RETAIN.
PUBLISH = 0x32
# MQTT 3.1.1, 3.4.1.
PUBACK = 0x40
# MQTT 3.1.1, 2.2.3: a remaining length has four bytes at most.
_LENGTH_BYTES = 4
_AT_ONCE_BYTES = 65536
# Who subscribes to nothing is told nothing long.
LONGEST_PACKET = 256 * 1024


class Carrier(Protocol):
    """What paho needs of a connected socket, with TLS or without."""

    def recv(self, buffer_size: int) -> bytes: ...
    def send(self, buffer: bytes | bytearray) -> int: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool) -> None: ...


def publish_packet(message: Message, mid: int, *, v5: bool) -> bytes:
    """mid: the packet identifier, 1 to 65535."""
    topic = message.topic.encode()
    # MQTT 5.0, 3.3.2.3: the length of the properties, of which there are none.
    head = b"%b%b%b" % (len(topic).to_bytes(2, "big"), topic, mid.to_bytes(2, "big") + b"\0" * v5)
    return b"%c%b%b%b" % (PUBLISH | message.retain, varint(len(head) + len(message.payload)), head, message.payload)


class Inlet:
    """A socket as paho reads it, without the PUBACKs: those go to `acknowledged`, with their packet identifier and
    reason code (0 with 3.1.1). Every other packet reaches paho whole, and so does what is no packet. A packet longer
    than `LONGEST_PACKET` is the end of the connection, and `refused` hears why. `after` is called whenever bytes came.
    hung_up: the other end closed the connection, or reset it.
    """

    def __init__(
        self,
        carrier: Carrier,
        acknowledged: Callable[[int, int], object] = lambda _mid, _code: None,
        refused: Callable[[str], object] = lambda _why: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._carrier = carrier
        self._after = after
        self._refused = refused
        self._over = self.hung_up = False
        self._acknowledged = acknowledged
        self._begun = b""  # of a packet that is not whole yet
        self._others = b""
        self.send, self.close = carrier.send, carrier.close
        self.fileno, self.setblocking = carrier.fileno, carrier.setblocking

    def listen(self, acknowledged: Callable[[int, int], object], refused: Callable[[str], object]) -> None:
        """From now on these hear."""
        self._acknowledged, self._refused = acknowledged, refused

    def recv(self, buffer_size: int) -> bytes:
        """BlockingIOError where nothing came but acknowledgements; b"" where the broker hung up."""
        if self._over:
            return b""
        if not self._others:
            came = self._read()
            if not came:
                return b""
            self._after()
            if not self._sort(self._begun + came):
                return b""
            if not self._others:
                raise BlockingIOError
        taken, self._others = self._others[:buffer_size], self._others[buffer_size:]
        return taken

    def _read(self) -> bytes:
        try:
            came = self._carrier.recv(_AT_ONCE_BYTES)
        except ConnectionResetError:
            self.hung_up = True
            raise
        self.hung_up = not came
        return came

    def pending(self) -> int:
        """What can be read without the network having to say more, as of a TLS socket: paho's caller reads on."""
        within = getattr(self._carrier, "pending", None)
        return len(self._others) or (0 if within is None else within())

    def _sort(self, data: bytes) -> bool:
        """False: the connection is over."""
        at, end = 0, len(data)
        while at < end:
            body, after = _span(data, at)
            if after - at > LONGEST_PACKET:
                self._give_up(after - at)
                return False
            if after > end:
                break
            if data[at] == PUBACK and after >= body + 2:
                # MQTT 5.0, 3.4.2.1: no reason code is success.
                self._acknowledged(data[body] << 8 | data[body + 1], data[body + 2] if after > body + 2 else 0)
            else:
                self._others += data[at:after]
            at = after
        self._begun = data[at:]
        return True

    def _give_up(self, length: int) -> None:
        self._over, self._begun, self._others = True, b"", b""
        self._refused(f"the broker sends a packet of {length} bytes; we subscribe to nothing; is it a broker?")


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Where the body of the packet begins, and where the next packet does: beyond the end if it is not whole. What has
    no proper length is no packet, and neither is what follows it."""
    length = 0
    for n, byte in enumerate(data[at + 1 : at + 1 + _LENGTH_BYTES]):
        length |= (byte & 127) << 7 * n
        if byte < 128:
            return at + 2 + n, at + 2 + n + length
    end = len(data)
    return end, end if end > at + _LENGTH_BYTES else end + 1
