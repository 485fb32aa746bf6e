"""The master's side of one RTU line, sans-I/O: idle -> waiting -> reply or deadline -> quiesce -> idle.

RTU has no transaction id, so a late reply looks like a good one. Four things keep it from being believed:

* after a deadline the line is listened to until it was silent for the unit's learnt 99.9-percentile delay
  (`clear_us`), never longer than the timeout that passed, nor than 2 s;
* until a late reply is heard or can no longer come, the unit is asked in another shape: the spare of the read;
* where there is no other shape the reply is marked questionable, and listened after again;
* an exception carries no length, so one that an earlier request may have caused is not believed: the request is
  sent once more (`again_us`), and only a second exception counts. With no time left for that: garbled.
"""

from dataclasses import dataclass

from drivers.modbus.late import CAP_US, UNKNOWN_US, Delays, Outstanding
from drivers.modbus.outcome import Exchange, LineCounters, Outcome
from drivers.modbus.pdu import EXCEPTION_FLAG, Read, Request
from drivers.modbus.rtu import FUNCTION_AT, MAX_FRAME, ReplySearch, frame, survey

# Room for an echo glued to the longest reply, and no more.
_BUFFER = 2 * MAX_FRAME
_ECHO_ODDITIES = 3
_WRITES = (0x05, 0x06, 0x0F, 0x10)


@dataclass(slots=True)
class _Waiting:
    """The one outstanding request. Where the wire time is only computed, ``departs_us`` is an expectation."""

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


class RtuMaster:
    """silence_us: t3.5; char_us: one character on the wire, 0 where nobody knows (a serial server far away).

    echo says whether the port returns our own bytes. again_us, when not None, is when `again` must be sent.
    """

    function_at = FUNCTION_AT
    broken = ""

    def __init__(self, silence_us: int, char_us: float, counters: LineCounters) -> None:
        self._paced = False
        self.echo = False
        self.again_us: int | None = None
        self._silence_us = silence_us
        self._char_us = char_us
        self._counters = counters
        self._buffer = bytearray()
        self._waiting: _Waiting | None = None
        self._outstanding = Outstanding()
        self._delays: dict[int, Delays] = {}
        self._left_us = 0
        self._heard_us = 0
        self._quiet_from_us = 0
        self._quiet_us = 0
        self._oddities = 0

    def opened(self, now_us: int, paced: bool) -> None:
        """A new port: what is on the wire is unknown. paced: bytes really take their computed time (no pty), so
        that a reply complete before the request can have left is an old one."""
        self._paced = paced
        self._buffer.clear()
        self._left_us = self._heard_us = now_us
        self._oddities = 0

    def clear_us(self, asked_us: int, patience_us: int) -> int:
        """The instant from which a request may leave. A line that never falls silent is waited for no longer
        than ``patience_us`` from ``asked_us``, at least twice the quiesce that is due."""
        due = self._heard_us + self._silence_us
        if self._quiet_us:
            due = max(due, max(self._quiet_from_us, self._heard_us) + self._quiet_us)
        patient = min(due, asked_us + max(patience_us, 2 * self._quiet_us))
        return max(patient, self._left_us + self._silence_us)

    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes:
        """The frame to write at once. ValueError for a unit or a spare that cannot be."""
        self._account(len(self._buffer), now_us)
        self._outstanding.forget(now_us)
        sent = wanted
        if self._outstanding.ambiguous(unit, wanted):
            sent = self._other_shape(unit, wanted, spare)
        data = frame(unit, sent)
        self._waiting = _Waiting(
            unit=unit, wanted=wanted, sent=sent, frame=data, written_us=now_us,
            departs_us=now_us + self._wire_us(data), timeout_us=timeout_us,
            questionable=self._outstanding.ambiguous(unit, sent), search=ReplySearch(unit, sent),
        )  # fmt: skip
        self._quiet_us = 0
        self._left_us = self._waiting.departs_us
        return data

    def again(self, now_us: int) -> bytes:
        """The same request once more, after an exception that was not believed."""
        waiting = self._waiting
        if waiting is None:
            raise RuntimeError("nothing is being asked")
        self.again_us = None
        waiting.copies += 1
        waiting.echo_seen = False
        self._left_us = now_us + self._wire_us(waiting.frame)
        return waiting.frame

    def receive(self, chunk: bytes | bytearray | memoryview, now_us: int) -> Exchange | None:
        """What was heard, in any pieces. The exchange when it ends with these bytes."""
        self._heard_us = now_us
        result = None
        for start in range(0, len(chunk), MAX_FRAME):
            piece = chunk[start : start + MAX_FRAME]
            self._make_room(len(piece), now_us)
            self._buffer += piece
            result = self._look(now_us) or result
        return result

    def expire(self, now_us: int) -> Exchange:
        """The deadline has passed, or nobody waits any more: says what was heard, and listens on."""
        waiting = self._abandon(now_us)
        outcome = _outcome(waiting, len(self._buffer))
        return Exchange(outcome, sent_boot_us=waiting.left_us, detail=_detail(waiting, len(self._buffer)))

    def lost(self, now_us: int) -> int:
        """The port is gone. Returns when the outstanding request had left, 0 without one."""
        sent_us = self._abandon(now_us).written_us if self._waiting is not None else 0
        self._buffer.clear()
        return sent_us

    def _wire_us(self, data: bytes) -> int:
        return int(len(data) * self._char_us)

    def _other_shape(self, unit: int, wanted: Request, spare: Read | None) -> Request:
        if spare is None:
            return wanted
        if not (isinstance(wanted, Read) and spare.covers(wanted)):
            raise ValueError(f"{spare} is no spare for {wanted}: it must cover it")
        return wanted if self._outstanding.ambiguous(unit, spare) else spare

    def _make_room(self, size: int, now_us: int) -> None:
        """Offsets that can still begin a reply lie within the last frame's length: the rest may go."""
        if len(self._buffer) + size > _BUFFER:
            self._account(len(self._buffer) - MAX_FRAME, now_us)

    def _look(self, now_us: int) -> Exchange | None:
        waiting = self._waiting
        if waiting is None:
            return None
        self._strip_echo(waiting, now_us)
        if self._buffer and not waiting.first_us:
            waiting.first_us = now_us
        while (found := waiting.search.look(self._buffer)) is not None:
            at, size = found
            self._account(at, now_us)
            reply = bytes(self._buffer[:size])
            del self._buffer[:size]
            waiting.search.restart()
            if self._believable(waiting, reply, now_us):
                return self._accept(waiting, reply, now_us)
        return None

    def _strip_echo(self, waiting: _Waiting, now_us: int) -> None:
        """Exactly one copy for each request, known by identity: for a few bits an echo is a valid reply."""
        at = -1 if waiting.echo_seen else self._buffer.find(waiting.frame)
        if at < 0:
            return
        self._account(at, now_us)
        del self._buffer[: len(waiting.frame)]
        waiting.search.restart()
        waiting.echo_seen = self.echo = True
        waiting.first_us = 0
        self._oddities = 0
        self._counters.echoes += 1

    def _believable(self, waiting: _Waiting, reply: bytes, now_us: int) -> bool:
        if self._paced and now_us < waiting.departs_us:
            self._frame(reply, now_us)
            waiting.detail = "reply complete before the request had left"
            return False
        if reply[1] & EXCEPTION_FLAG and self._outstanding.take(reply) is not None:
            self._doubt(waiting, reply, now_us)
            return False
        return True

    def _accept(self, waiting: _Waiting, reply: bytes, now_us: int) -> Exchange:
        refused = bool(reply[1] & EXCEPTION_FLAG)
        if waiting.copies == 1 and not waiting.questionable:
            self._delays.setdefault(waiting.unit, Delays()).add(now_us - waiting.written_us)
        self._settle(waiting, refused, now_us)
        if refused:
            return Exchange("refused", b"", waiting.left_us, now_us, reply[2])
        data = _data(waiting, reply)
        return Exchange("answered", data, waiting.left_us, now_us, questionable=waiting.questionable)

    def _settle(self, waiting: _Waiting, refused: bool, now_us: int) -> None:
        """The exchange ends with a reply; whatever else it may still bring is provided for."""
        self._waiting = None
        self.again_us = None
        self._note_echo(waiting)
        if waiting.copies > 1 and not refused:
            self._outstanding.add(waiting.unit, waiting.sent, waiting.written_us, waiting.timeout_us)
        if waiting.questionable or waiting.copies > 1:
            self._quiesce(waiting, now_us)

    def _doubt(self, waiting: _Waiting, reply: bytes, now_us: int) -> None:
        """An exception that an abandoned request may have caused. The true reply may follow at any moment."""
        self._counters.late += 1
        waiting.doubted = True
        waiting.detail = f"exception {reply[2]:02X} may answer an earlier request: not believed"
        left_us = max(0, waiting.written_us + waiting.timeout_us - now_us)
        self.again_us = now_us + max(self._silence_us, min(self._listen_us(waiting), left_us // 2))

    def _abandon(self, now_us: int) -> _Waiting:
        waiting = self._waiting
        if waiting is None:
            raise RuntimeError("nothing is being asked")
        # What may be the beginning of a reply stays: its end would count as late.
        self._account(min(waiting.search.undecided_from, len(self._buffer)), now_us)
        self._waiting = None
        self.again_us = None
        self._note_echo(waiting)
        self._outstanding.add(waiting.unit, waiting.sent, waiting.written_us, waiting.timeout_us)
        self._quiesce(waiting, now_us)
        return waiting

    def _listen_us(self, waiting: _Waiting) -> int:
        delays = self._delays.get(waiting.unit)
        learnt = delays.p999_us() if delays is not None else None
        return min(CAP_US, waiting.timeout_us, UNKNOWN_US if learnt is None else learnt)

    def _quiesce(self, waiting: _Waiting, now_us: int) -> None:
        self._quiet_from_us = now_us
        self._quiet_us = self._listen_us(waiting)

    def _note_echo(self, waiting: _Waiting) -> None:
        """On a port that echoes, a request whose copy did not come back intact met something on the wire."""
        if not self.echo or waiting.echo_seen:
            return
        self._counters.collisions += 1
        self._oddities += 1
        if self._oddities >= _ECHO_ODDITIES:
            self.echo = False
            self._oddities = 0

    def _account(self, size: int, now_us: int) -> None:
        """Count the first ``size`` bytes of the buffer as what they are, and drop them."""
        if not size:
            return
        heard = bytes(self._buffer[:size])
        del self._buffer[:size]
        noise = size
        for other in survey(heard):
            noise -= len(other)
            self._frame(other, now_us)
        self._counters.noise_bytes += noise
        if self._waiting is not None:
            self._waiting.noise += noise
            self._waiting.search.restart()

    def _frame(self, other: bytes, now_us: int) -> None:
        """A valid frame that answers nothing that is being asked."""
        late = self._outstanding.take(other)
        if late is not None:
            self._counters.late += 1
            self._delays.setdefault(late.unit, Delays()).add(self._heard_us - late.sent_us)
        else:
            self._counters.foreign_frames += 1
            self._counters.foreign_writes += other[1] in _WRITES
        if self._waiting is not None:
            self._waiting.frames += 1
            what = f"late reply after {(now_us - late.sent_us) / 1e6:.3f} s" if late else "foreign frame"
            self._waiting.detail = f"{what}: unit {other[0]} function {other[1]} of {len(other)} bytes"


def _data(waiting: _Waiting, reply: bytes) -> bytes:
    if not isinstance(waiting.sent, Read):
        return reply[2:-2]
    data = reply[3:-2]
    if waiting.sent is waiting.wanted or not isinstance(waiting.wanted, Read):
        return data
    return waiting.sent.cut(data, waiting.wanted)


def _outcome(waiting: _Waiting, rest: int) -> Outcome:
    if waiting.doubted:
        return "garbled"
    if waiting.frames:
        return "foreign"
    return "garbled" if waiting.noise or rest else "silent"


def _detail(waiting: _Waiting, rest: int) -> str:
    if waiting.detail:
        return waiting.detail
    if waiting.noise or rest:
        return f"{waiting.noise + rest} bytes, no valid frame"
    return "only the echo of the request came back" if waiting.echo_seen else ""
