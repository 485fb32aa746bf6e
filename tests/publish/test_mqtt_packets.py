"""What goes out and comes in as MQTT packets. What a packet is, paho tells; the stream is cut at every place."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.publish.mqtt_packets import Inlet, publish_packet
from agent.publish.topics import Message

PINGRESP = b"\xd0\x00"
# MQTT 5.0, 3.14: DISCONNECT, 0x8E session taken over, with a reason string that fills two bytes of length.
TAKEN_OVER = b"\xe0\xd3\x01\x8e\xd0\x01\x1f\x00\xcd" + b"x" * 205


@dataclass
class Wire:
    """A socket that has these pieces, then nothing yet, or the end."""

    pieces: list[bytes]
    over: bool = False
    sent: list[bytes] = field(default_factory=list)

    def recv(self, buffer_size: int) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        if self.over:
            return b""
        raise BlockingIOError

    def send(self, buffer: bytes | bytearray) -> int:
        self.sent.append(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """Nothing to close."""

    def fileno(self) -> int:
        return 7

    def setblocking(self, flag: bool) -> None:
        """Never blocks."""


def puback(mid: int, *code: int) -> bytes:
    return bytes((0x40, 2 + len(code))) + mid.to_bytes(2, "big") + bytes(code)


def packed_by_paho(message: Message, mid: int, protocol: MQTTProtocolVersion) -> bytes:
    sent: list[bytes] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    client._sock = Wire([], sent=sent)
    client._send_publish(mid, message.topic.encode(), message.payload, 1, message.retain)
    client._sock_close()
    return b"".join(sent)


@pytest.mark.parametrize("protocol", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
@pytest.mark.parametrize("size", [0, 2, 100, 127, 128, 16_300, 16_400, 2_100_000])
@pytest.mark.parametrize("retain", [False, True])
def test_a_message_is_packed_as_paho_packs_it(protocol: MQTTProtocolVersion, size: int, *, retain: bool) -> None:
    message = Message("lamplighter/dashi/gw-01/Zähler/status", b"7" * size, retain)
    packet = publish_packet(message, 40_000, v5=protocol == MQTTProtocolVersion.MQTTv5)
    assert packet == packed_by_paho(message, 40_000, protocol)


def read(pieces: Sequence[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    """What paho gets of it, byte by byte as it reads heads, and what was acknowledged."""
    wire, heard, told = Wire(list(pieces)), [], bytearray()
    inlet = Inlet(wire, lambda mid, code: heard.append((mid, code)))
    while wire.pieces or inlet.pending():
        try:
            told += inlet.recv(1)
        except BlockingIOError:
            continue
    return bytes(told), heard


def test_acknowledgements_are_taken_out_and_all_else_reaches_paho() -> None:
    stream = puback(1) + PINGRESP + puback(65535) + TAKEN_OVER + puback(258, 0x87) + puback(3, 0x10, 0)
    told, heard = read([stream])
    assert told == PINGRESP + TAKEN_OVER
    assert heard == [(1, 0), (65535, 0), (258, 0x87), (3, 0x10)]


def test_a_stream_means_the_same_wherever_it_is_cut() -> None:
    rng = random.Random(4)  # noqa: S311 - cuts, no secret
    stream = puback(1) + PINGRESP + puback(2, 0x97) + TAKEN_OVER + puback(3) + PINGRESP + puback(4)
    whole = read([stream])
    for cut in range(1, len(stream)):
        assert read([stream[:cut], stream[cut:]]) == whole, cut
    for _ in range(200):
        cuts = sorted(rng.sample(range(1, len(stream)), 5))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert read(pieces) == whole, cuts
    assert read([stream[n : n + 1] for n in range(len(stream))]) == whole


@pytest.mark.parametrize("junk", [b"\x40\x01\x07", b"\x40\xff\xff\xff\xff\x01", b"\x15\x80\x80\x80\x80\x01HTTP"])
def test_what_is_no_packet_acknowledges_nothing_and_is_paho_s_to_judge(junk: bytes) -> None:
    told, heard = read([puback(9) + junk])
    assert (told, heard) == (junk, [(9, 0)])


def test_the_end_of_the_connection_is_seen_after_the_last_acknowledgement() -> None:
    heard: list[int] = []
    inlet = Inlet(Wire([puback(5)], over=True), lambda mid, _code: heard.append(mid))
    with pytest.raises(BlockingIOError):
        inlet.recv(1)
    assert (inlet.recv(1), heard) == (b"", [5])


def test_bytes_that_tls_holds_are_pending() -> None:
    wire = Wire([])
    wire.pending = lambda: 12  # type: ignore[attr-defined]
    assert (Inlet(wire, print).pending(), Inlet(Wire([]), print).pending()) == (12, 0)


def test_a_packet_that_nobody_asked_for_ends_the_connection_with_words() -> None:
    told: list[str] = []
    # MQTT 3.1.1, 2.2.3: PUBLISH of 256 MB less one.
    wire = Wire([puback(1), b"\x30\xff\xff\xff\x7f" + b"x" * 1000, b"x" * 1000])
    heard: list[int] = []
    inlet = Inlet(wire, lambda mid, _code: heard.append(mid), told.append)
    with pytest.raises(BlockingIOError):
        inlet.recv(1)
    assert inlet.recv(1) == b""
    assert inlet.recv(1) == b""
    assert (heard, len(wire.pieces)) == ([1], 1)
    assert "268435460 bytes" in told[0]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([puback(7), puback(65535, 0x97), PINGRESP, TAKEN_OVER, b"\x40\x00", b"\x40\x01\x07"]),
            st.builds(lambda n: b"\x40" + n, st.binary(max_size=5)),
        ),
        max_size=12,
    ),
    st.integers(1, 64),
)
def test_no_stream_of_bytes_hurts_whoever_reads_it(pieces: list[bytes], size: int) -> None:
    stream = b"".join(pieces)
    cut = [stream[at : at + size] for at in range(0, len(stream), size)]
    whole, parts = read_to_the_end([stream] if stream else []), read_to_the_end(cut)
    assert whole[1] == parts[1]
    assert len(whole[0]) <= len(stream)
    if not (whole[2] or parts[2]):
        assert whole[0].startswith(parts[0]) or parts[0].startswith(whole[0])


def read_to_the_end(pieces: list[bytes]) -> tuple[bytes, list[tuple[int, int]], list[str]]:
    wire, heard, told, words = Wire(list(pieces)), [], bytearray(), list[str]()
    inlet = Inlet(wire, lambda mid, code: heard.append((mid, code)), words.append)
    while (wire.pieces or inlet.pending()) and not words:
        try:
            told += inlet.recv(1)
        except BlockingIOError:
            continue
    return bytes(told), heard, words
