"""The master's side of one RTU line, sans-I/O: idle -> waiting -> reply or deadline -> quiesce -> idle.

RTU has no transaction id, so a late reply looks like a good one. Five things keep it from being believed:

* after a deadline the line is listened to until it was silent for the unit's learnt 99.9-percentile delay
  (`clear_us`), never longer than the timeout that passed, nor than 2 s;
* until a late reply is heard or can no longer come, the unit is asked in another shape: the spare of the read;
* where there is no other shape the reply is marked questionable, and listened after again;
* a request of another master that is heard counts like one of ours that was given up;
* an exception carries no length, so one that an earlier request may have caused is not believed: the request is
  sent once more (`again_us`), and only a second exception counts. With no time left for that: garbled.
"""

from drivers.modbus.late import CAP_US, UNKNOWN_US, Delays, Outstanding
from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.overhear import Flood, Overhearing, asked_read, is_request
from drivers.modbus.pdu import EXCEPTION_FLAG, Read, Request
from drivers.modbus.rtu import FUNCTION_AT, MAX_FRAME, ReplySearch, frame, survey
from drivers.modbus.waiting import Waiting

# Room for an echo glued to the longest reply, and no more.
_BUFFER = 2 * MAX_FRAME
_ECHO_ODDITIES = 3
# A port that was away for so long may have been plugged elsewhere: it is listened to as at the first time.
_AWAY_US = 10_000_000
# Three times what 115200 baud can bring: behind a peer that sends more there is no serial line, and hearing it all
# costs the other lines their time.
_FLOOD_BYTES = 32_768
_WRITES = (0x05, 0x06, 0x0F, 0x10)


class RtuMaster:
    """silence_us: t3.5; char_us: one character on the wire, 0 where nobody knows (a serial server far away).

    echo says whether the port returns our own bytes. again_us, when not None, is when `again` must be sent.
    listen_us: how long a new port is listened to before the first request, so that another master shows; what it says
    goes to ``others``. broken: why the port must be closed; a peer that floods costs the other lines their time.
    """

    prompt = False
    function_at = FUNCTION_AT

    def __init__(
        self,
        silence_us: int,
        char_us: float,
        counters: LineCounters,
        others: Overhearing | None = None,
        listen_us: int = 0,
    ) -> None:
        self.broken = ""
        self._others = others or Overhearing()
        self._listen_first_us = listen_us
        self._listen_until_us = 0
        self._at_start = True
        self._lost_us: int | None = None
        self._flood = Flood(max(_FLOOD_BYTES, int(2e6 / char_us)) if char_us else _FLOOD_BYTES)
        self._paced = False
        self.echo = False
        self.again_us: int | None = None
        self._silence_us = silence_us
        self._char_us = char_us
        self._counters = counters
        self._buffer = bytearray()
        self._waiting: Waiting | None = None
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
        self.broken = ""
        if self._lost_us is None or now_us - self._lost_us >= _AWAY_US:
            self._listen_until_us = now_us + self._listen_first_us
            self._at_start = True
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
        return max(patient, self._left_us + self._silence_us, self._listen_until_us)

    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes:
        """The frame to write at once. ValueError for a unit or a spare that cannot be."""
        self._account(len(self._buffer), now_us)
        self._outstanding.forget(now_us)
        sent = wanted
        if self._outstanding.ambiguous(unit, wanted):
            sent = self._other_shape(unit, wanted, spare)
        data = frame(unit, sent)
        self._waiting = Waiting(
            unit=unit, wanted=wanted, sent=sent, frame=data, written_us=now_us,
            departs_us=now_us + self._wire_us(data), timeout_us=timeout_us,
            questionable=self._outstanding.ambiguous(unit, sent), search=ReplySearch(unit, sent),
        )  # fmt: skip
        self._quiet_us = 0
        self._at_start = False
        self._others.sent(data, now_us)
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
        """What was heard, in any pieces. The exchange when it ends with these bytes; see ``broken`` too."""
        self._heard_us = now_us
        if self._flood.exceeded(len(chunk), now_us):
            return self._break(f"floods: more than {self._flood.limit} bytes within a second", now_us)
        result = None
        for start in range(0, len(chunk), MAX_FRAME):
            piece = chunk[start : start + MAX_FRAME]
            self._make_room(len(piece), now_us)
            self._buffer += piece
            result = self._look(now_us) or result
        return result

    def _break(self, why: str, now_us: int) -> Exchange | None:
        self.broken = why
        return None if self._waiting is None else self.expire(now_us)._replace(detail=why)

    def expire(self, now_us: int) -> Exchange:
        """The deadline has passed, or nobody waits any more: says what was heard, and listens on."""
        waiting = self._abandon(now_us)
        rest = len(self._buffer)
        return Exchange(waiting.outcome(rest), sent_boot_us=waiting.left_us, detail=waiting.told(rest))

    def lost(self, now_us: int) -> int:
        """The port is gone. Returns when the outstanding request had left, 0 without one."""
        sent_us = self._abandon(now_us).written_us if self._waiting is not None else 0
        self._lost_us = now_us
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

    def _strip_echo(self, waiting: Waiting, now_us: int) -> None:
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

    def _believable(self, waiting: Waiting, reply: bytes, now_us: int) -> bool:
        if self._paced and now_us < waiting.departs_us:
            self._frame(reply, now_us)
            waiting.detail = "reply complete before the request had left"
            return False
        if reply[1] & EXCEPTION_FLAG and self._outstanding.take(reply) is not None:
            self._doubt(waiting, reply, now_us)
            return False
        return True

    def _accept(self, waiting: Waiting, reply: bytes, now_us: int) -> Exchange:
        refused = bool(reply[1] & EXCEPTION_FLAG)
        if waiting.copies == 1 and not waiting.questionable:
            self._delays.setdefault(waiting.unit, Delays()).add(now_us - waiting.written_us)
        self._settle(waiting, refused, now_us)
        if refused:
            return Exchange("refused", b"", waiting.left_us, now_us, reply[2])
        data = waiting.data(reply)
        return Exchange("answered", data, waiting.left_us, now_us, questionable=waiting.questionable)

    def _settle(self, waiting: Waiting, refused: bool, now_us: int) -> None:
        """The exchange ends with a reply; whatever else it may still bring is provided for."""
        self._waiting = None
        self.again_us = None
        self._note_echo(waiting)
        if waiting.copies > 1 and not refused:
            self._outstanding.add(waiting.unit, waiting.sent, waiting.written_us, waiting.timeout_us)
        if waiting.questionable or waiting.copies > 1:
            self._quiesce(waiting, now_us)

    def _doubt(self, waiting: Waiting, reply: bytes, now_us: int) -> None:
        """An exception that an abandoned request may have caused. The true reply may follow at any moment."""
        self._counters.late += 1
        waiting.doubted = True
        waiting.detail = f"exception {reply[2]:02X} may answer an earlier request: not believed"
        left_us = max(0, waiting.written_us + waiting.timeout_us - now_us)
        self.again_us = now_us + max(self._silence_us, min(self._listen_us(waiting), left_us // 2))

    def _abandon(self, now_us: int) -> Waiting:
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

    def _listen_us(self, waiting: Waiting) -> int:
        delays = self._delays.get(waiting.unit)
        learnt = delays.p999_us() if delays is not None else None
        return min(CAP_US, waiting.timeout_us, UNKNOWN_US if learnt is None else learnt)

    def _quiesce(self, waiting: Waiting, now_us: int) -> None:
        self._quiet_from_us = now_us
        self._quiet_us = self._listen_us(waiting)

    def _note_echo(self, waiting: Waiting) -> None:
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
        if self._waiting is None and noise:
            self._others.noise(noise, now_us, at_start=self._at_start)
        elif self._waiting is not None:
            self._waiting.noise += noise
            self._waiting.search.restart()

    def _frame(self, other: bytes, now_us: int) -> None:
        """A valid frame that answers nothing that is being asked."""
        if self._others.is_own(other):
            self._counters.echoes += 1
            return
        late = self._outstanding.take(other)
        what = "foreign frame"
        if late is not None and late.ours:
            what = f"late reply after {(now_us - late.sent_us) / 1e6:.3f} s"
            self._counters.late += 1
            self._delays.setdefault(late.unit, Delays()).add(self._heard_us - late.sent_us)
        else:
            self._counters.foreign_frames += 1
            self._counters.foreign_requests += is_request(other)
            self._counters.foreign_writes += other[1] in _WRITES
            self._others.frame(other, now_us)
            self._note_rival(other, now_us)
        if self._waiting is not None:
            self._waiting.frames += 1
            self._waiting.detail = f"{what}: unit {other[0]} function {other[1]} of {len(other)} bytes"

    def _note_rival(self, other: bytes, now_us: int) -> None:
        """The reply to another master's request may look like one to ours: from now on, and if ours is out already."""
        asked = asked_read(other)
        if asked is None:
            return
        self._outstanding.add(other[0], asked, now_us, 0, ours=False)
        waiting = self._waiting
        if waiting is not None and self._outstanding.ambiguous(waiting.unit, waiting.sent):
            waiting.questionable = True
