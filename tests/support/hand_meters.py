"""Meters that share nothing with the product: a Modbus slave of its own in threads, registers written by hand.

Addresses, types and word orders below are typed in from the vendors' tables, not taken from our maps; frames are
parsed and built here; the CRC is the bitwise one of the Modbus over serial line guide. The serial line is a pty
whose bytes leave at the line's baud rate.
"""

import os
import pty
import select
import socket
import struct
import threading
import time
import tty
from collections.abc import Iterable

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2


class HandMeter:
    """One unit: 16-bit words by (function code, address). silent: it does not answer at all."""

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.silent = False
        self.asked = 0
        self._words: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def put(self, function: int, address: int, raw: bytes) -> None:
        words = struct.unpack(f">{len(raw) // 2}H", raw)
        with self._lock:
            self._words.update({(function, address + n): word for n, word in enumerate(words)})

    def hush(self) -> None:
        self.silent = True

    def speak(self) -> None:
        self.silent = False

    def answer(self, pdu: bytes) -> bytes:
        self.asked += 1
        function = pdu[0]
        if function not in (3, 4) or len(pdu) != 5:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        address, count = struct.unpack(">HH", pdu[1:])
        with self._lock:
            words = [self._words.get((function, address + n)) for n in range(count)]
        if None in words or not 1 <= count <= 125:
            return bytes([function | 0x80, ILLEGAL_ADDRESS])
        return bytes([function, 2 * count]) + struct.pack(f">{count}H", *words)


class Sdm630(HandMeter):
    """Eastron SDM630: input registers (04), IEEE 754 big end first; unassigned parameters read 0."""

    def __init__(self, unit: int) -> None:
        super().__init__(unit)
        self.put(4, 0, bytes(2 * 400))
        self.volts(230.0, 231.0, 229.0)
        for n, amps in enumerate((10.5, 11.25, 9.75)):
            self.put_float(6 + 2 * n, amps)
        for n, watts in enumerate((2300.5, 2500.25, 2100.75)):
            self.put_float(12 + 2 * n, watts)
        self.put_float(52, 6901.5)
        self.put_float(70, 50.02)
        self.put_float(72, 12345.67)

    def put_float(self, address: int, value: float) -> None:
        self.put(4, address, struct.pack(">f", value))

    def volts(self, *volts: float) -> None:
        self.put(4, 0, struct.pack(">3f", *volts))


class Em24(HandMeter):
    """Carlo Gavazzi EM24: input registers (04), INT32 with the low word first, volts x 10, at most 11 words. Digital
    inputs are three bits of 0300h, one word alone; a set bit is an open contact."""

    def __init__(self, unit: int) -> None:
        super().__init__(unit)
        self.put(4, 0, bytes(2 * 128))
        self.volts(230.1, 230.2, 230.3)
        for n, milliamps in enumerate((5000, 6000, 7000)):
            self.int32(12 + 2 * n, milliamps)
        self.int32(40, 41000)  # 4100.0 W
        self.put(4, 55, struct.pack(">H", 500))  # 50.0 Hz
        self.int32(62, 123456)  # 12345.6 kWh
        self.contacts(closed=(2,))

    def contacts(self, closed: Iterable[int]) -> None:
        self.put(4, 0x300, struct.pack(">H", 0b111 & ~sum(1 << number - 1 for number in closed)))

    def int32(self, address: int, value: int) -> None:
        high, low = struct.unpack(">2H", struct.pack(">i", value))
        self.put(4, address, struct.pack(">2H", low, high))

    def volts(self, *volts: float) -> None:
        for n, value in enumerate(volts):
            self.int32(2 * n, round(10 * value))

    def answer(self, pdu: bytes) -> bytes:
        if len(pdu) == 5 and struct.unpack(">H", pdu[3:])[0] > 11:
            return bytes([pdu[0] | 0x80, 3])
        return super().answer(pdu)


class Pm5000(HandMeter):
    """Schneider PM5000: holding registers (03), documented number minus one on the wire; kW, energy INT64 in Wh."""

    def __init__(self, unit: int) -> None:
        super().__init__(unit)
        self.put(3, 2999, bytes(2 * 300))
        self.volts(229.5, 230.5, 231.5)
        self.put(3, 3059, struct.pack(">f", 68.5))  # kW
        self.put(3, 3109, struct.pack(">f", 49.98))
        self.put(3, 3203, struct.pack(">q", 9_876_543_210))

    def volts(self, *volts: float) -> None:
        """Where there is no voltage, no current flows: else it would be the voltage circuit that failed."""
        self.put(3, 3027, struct.pack(">3f", *volts))
        amps = (amps if one else 0.0 for one, amps in zip(volts, (100.0, 101.0, 102.0), strict=True))
        self.put(3, 2999, struct.pack(">3f", *amps))


def crc16(frame: bytes) -> bytes:
    """Modbus over serial line V1.02, section 6.2.2, bit by bit."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class TcpLine:
    """Modbus TCP on a free loopback port, a thread per connection."""

    def __init__(self, meters: Iterable[HandMeter]) -> None:
        self._meters = {meter.unit: meter for meter in meters}
        self._stop = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2)
        self._server.close()

    def __enter__(self) -> "TcpLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(0.1)
        pending = b""
        with connection:
            while not self._stop.is_set():
                try:
                    chunk = connection.recv(260)
                except TimeoutError:
                    continue
                except ConnectionError:
                    return
                if not chunk:
                    return
                pending += chunk
                while len(pending) >= 6 and len(pending) >= 6 + struct.unpack(">H", pending[4:6])[0]:
                    length = struct.unpack(">H", pending[4:6])[0]
                    frame, pending = pending[: 6 + length], pending[6 + length :]
                    meter = self._meters.get(frame[6])
                    if meter is None or meter.silent:
                        continue
                    reply = meter.answer(frame[7:])
                    connection.sendall(frame[:4] + struct.pack(">HB", len(reply) + 1, frame[6]) + reply)


class RtuLine:
    """Modbus RTU on a pty, 8N1, bytes leaving no faster than the baud rate allows. path: the tty to open."""

    def __init__(self, meters: Iterable[HandMeter], baud: int, turnaround_s: float = 0.02) -> None:
        self._meters = {meter.unit: meter for meter in meters}
        self._char_s = 10 / baud
        self._turnaround_s = turnaround_s
        self._stop = threading.Event()
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path = os.ttyname(theirs)
        self._theirs = theirs  # kept open: the master would read EIO while nobody has the tty
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)
        os.close(self._ours)
        os.close(self._theirs)

    def __enter__(self) -> "RtuLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _talk(self) -> None:
        pending = b""
        while not self._stop.is_set():
            ready, _, _ = select.select([self._ours], [], [], 0.1 if not pending else 0.01)
            if not ready:
                pending = b""
                continue
            pending += os.read(self._ours, 256)
            if len(pending) < 8 or crc16(pending[:6]) != pending[6:8]:
                continue
            request, pending = pending[:8], b""
            meter = self._meters.get(request[0])
            if meter is None or meter.silent:
                continue
            time.sleep(8 * self._char_s + self._turnaround_s)
            reply = request[:1] + meter.answer(request[1:6])
            for byte in reply + crc16(reply):
                os.write(self._ours, bytes([byte]))
                time.sleep(self._char_s)
