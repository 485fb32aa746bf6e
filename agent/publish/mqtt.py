"""The MQTT sink: one connection at a time, kept up by `MqttSink.run`, used by `MqttSink.send`.

The journal alone owns what is unacknowledged: every connection is a new client with an empty queue, and an entry
is accepted only by its PUBACK. Nothing is ever subscribed to.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Never, Protocol

from agent.errors import SinkError
from agent.journal.entries import Entry
from agent.publish.credential import Credential
from agent.publish.forwarder import Verdict, backoff_s
from agent.publish.mqtt_connection import LostError, NotLetInError, connected
from agent.publish.mqtt_rules import (
    BLAMING,
    FAILURE,
    IDENTIFIER_IN_USE,
    REFUSALS,
    TOO_LARGE,
    UNAUTHORISED,
    UNCLEAR,
    Timing,
    encode,
    essence,
    judge,
)
from agent.publish.mqtt_suspects import Suspects
from agent.publish.resolver import Resolver
from agent.publish.topics import GatewayState, Message, Session, no_status_message, state_message, status_message
from agent.records import MeterStatus
from agent.secret import Secret
from agent.site import MqttSite

log = logging.getLogger(__name__)

# So many short connections in a row look like two clients with one id that throw each other out.
_CONTESTED = 3
# A broker that hangs up so often instead of answering does not merely start: some minutes, with the back-off.
_UNSAID = 10


@dataclass(frozen=True, slots=True)
class StatusFeed:
    """Where the retained statuses come from. The sink clears `changed` and publishes what differs."""

    statuses: Callable[[], Sequence[MeterStatus]]
    changed: asyncio.Event
    retired: tuple[str, ...] = ()


class Connection(Protocol):
    """What the sink needs of one (see `mqtt_connection.Connection`)."""

    over: asyncio.Future[str]
    hung_up: int | None

    def why(self) -> str: ...
    async def publish(self, messages: Sequence[Message], deadline_s: float | None = None) -> list[int | None]: ...
    async def wait(self, changed: asyncio.Event, timeout_s: float) -> None: ...
    def end(self, why: str) -> None: ...


Connect = Callable[[MqttSite, Secret | None, Message, Timing], AbstractAsyncContextManager[Connection]]


class MqttSink:
    """Publishes one gateway. `run` is a task of its own; `send` and `rest` are what the forwarder calls.

    3.1.1 is what every broker in the field speaks. With 5 a broker can say that it refuses a message; with 3.1.1 it
    acknowledges and drops what its access list forbids.
    """

    def __init__(
        self,
        site: MqttSite,
        session: Session,
        feed: StatusFeed,
        timing: Timing | None = None,
        *,
        connect: Connect | None = None,
        share: Callable[[], float] = random.random,
    ) -> None:
        self._site = site
        self._password = Credential(site.password, site.password_file)
        self._session = session
        self._feed = feed
        self._timing = timing or Timing()
        self._connect = connect or partial(connected, resolver=Resolver())
        self._share = share
        self._tries: dict[int, tuple[int, int]] = {}  # by seq: failures for no clear reason, `_taken` at the last
        self._taken = 0  # messages that the broker took
        self._contested = ""
        self._denied: dict[str, str] = {}  # by topic: why the broker does not let us write it
        self._mute: dict[str, str] = {}  # likewise, of what is retained
        self._suspects = Suspects()
        self._unsaid = 0
        self._shut_out: str | None = None
        self._connection: Connection | None = None
        self._since_s: float | None = None
        self._up = asyncio.Event()
        self.trouble = "not connected yet"
        self._tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def run(self) -> Never:
        """Connect, stay connected, connect again. Ended by cancellation, upon which it says `offline`."""
        failures = short = 0
        while True:
            self._since_s = None
            pause_s = await self._once()
            up_s = self._up_for_s()
            lasted = up_s is not None and up_s >= self._timing.stable_s
            failures = 1 if lasted else failures + 1
            short = 0 if lasted or up_s is None or self._suspects.repeated else short + 1
            self._contested = self._contest(short)
            pause_s = self._timing.refused_s if self._contested or self._suspects.blocked else pause_s
            await self._pause(max(pause_s, backoff_s(failures, self._share())))

    @property
    def blocked(self) -> str | None:
        """Why only hands can help; empty while they are not needed, None before the first answer."""
        denied = next(chain(self._denied.values(), self._mute.values()), "")
        return self._contested or denied or self._suspects.blocked or self._shut_out

    def renew(self) -> None:
        """Somebody says that what shuts us out was put right: the password is read anew, and tried at once."""
        if self._connection is not None and not (self._denied or self._mute):
            return
        self._denied.clear()
        self._mute.clear()
        self._password.ask()
        if self._connection is not None:
            self._connection.end("it is opened anew, with the password read anew")

    def _contest(self, short: int) -> str:
        """short: so many short connections in a row."""
        if short < _CONTESTED:
            return ""
        if short == _CONTESTED:
            log.warning("mqtt.contested client_id=%s seems to be used by another client", self._site.client_id)
        return f"another client throws us out again and again: is {self._site.client_id} the id of two gateways?"

    async def _pause(self, seconds: float) -> None:
        """Between two attempts; a password that was renewed ends it."""
        until_s = _now_s() + seconds
        while (left_s := until_s - _now_s()) > 0 and not self._password.changed:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(min(left_s, 1.0))

    async def send(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Publish entries in order; accepted is what the broker acknowledged. SinkError if not connected."""
        if not self._tried.is_set():
            # The agent has just started: that the first connection takes its time is no failure.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.open_s):
                    await self._tried.wait()
        if self._connection is None:
            raise SinkError(self.trouble)
        encoded = [encode(self._site.prefix, entry, self._session.id) for entry in entries]
        verdicts: list[Verdict] = []
        while (done := len(verdicts)) < len(entries) and self._connection is not None:
            until = done + self._at_once(entries[done:], encoded[done:])
            verdicts += await self._offer(self._connection, entries[done:until], encoded[done:until])
            if any(one.action == "keep" for one in verdicts[done:]):
                break
        return verdicts

    def _at_once(self, entries: Sequence[Entry], encoded: Sequence[Message | Verdict]) -> int:
        """Nothing goes out behind what may be kept: it would come twice, each time."""
        if not self._denied and not self._suspects:  # the ordinary course
            return len(entries)
        going = [(at, item) for at, item in enumerate(encoded) if isinstance(item, Message)]
        most = self._suspects.together([(entries[at].seq, len(item.payload)) for at, item in going])
        denied = (at + 1 for at, item in going[:most] if item.topic in self._denied)
        return next(denied, going[most][0] if most < len(going) else len(entries))

    async def _offer(
        self, connection: Connection, entries: Sequence[Entry], encoded: Sequence[Message | Verdict]
    ) -> list[Verdict]:
        was_over = connection.over.done()
        answers = await connection.publish([item for item in encoded if isinstance(item, Message)])
        self._taken += sum(code is not None and code < FAILURE for code in answers)
        codes = iter(answers)
        verdicts: list[Verdict] = []
        flight: list[tuple[int, Message]] = []
        for entry, item in zip(entries, encoded, strict=True):
            code = None if isinstance(item, Verdict) else next(codes)
            verdicts.append(item if isinstance(item, Verdict) else self._judge(entry, item, code))
            if isinstance(item, Message) and code is None:
                flight.append((entry.seq, item))
        if not flight or was_over or connection.hung_up not in BLAMING:
            return verdicts
        guilty = self._suspects.hung_up(flight, connection.hung_up)
        return [
            guilty if guilty and entry.seq == flight[0][0] else one
            for entry, one in zip(entries, verdicts, strict=True)
        ]

    def _judge(self, entry: Entry, message: Message, code: int | None) -> Verdict:
        if code is None:
            self._tries.pop(entry.seq, None)
            return judge(message, code)
        if code < FAILURE:  # the ordinary course, thousands a second
            self._tries.pop(entry.seq, None)
            self._denied.pop(message.topic, None)
            self._suspects.answered(entry.seq, len(message.payload))
            return judge(message, code)
        self._suspects.answered(entry.seq, 0)
        verdict = judge(message, code, self._failed(entry.seq, code))
        if verdict.action != "keep":
            del self._tries[entry.seq]
        elif code == UNAUTHORISED:
            self._denied[message.topic] = verdict.reason
        elif code == IDENTIFIER_IN_USE and self._connection is not None:
            self._connection.end("the broker holds a packet identifier for used that is not")
        return verdict

    def _failed(self, seq: int, code: int) -> int:
        """How often it failed for no clear reason. Twice counts as twice only if the broker took another message in
        between: one that takes none is at fault itself, and nothing is given up for that."""
        tries, taken = self._tries.get(seq, (0, -1))
        if code in UNCLEAR and taken != self._taken:
            tries, taken = tries + 1, self._taken
        self._tries[seq] = tries, taken
        return tries

    async def rest(self, seconds: float) -> None:
        """The forwarder's pause between attempts: over at once when the broker is back, or the connection ends."""
        if self._connection is not None:
            pause_s = max(seconds, self._timing.refused_s) if self._denied else seconds
            await asyncio.wait((self._connection.over,), timeout=pause_s)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    async def _once(self) -> float:
        """One connection from CONNECT to its end. Returns how long to pause at least."""
        try:
            async with self._connect(
                self._site, self._password.fresh(), self._state("offline"), self._timing
            ) as connection:
                await self._serve(connection)
                self._note("mqtt.lost", connection.why())
        except NotLetInError as error:
            return self._refused(error)
        except LostError as error:
            self._note("mqtt.lost", str(error))
        except SinkError as error:
            self._note("mqtt.refused", str(error))
            return self._timing.refused_s
        return 0.0

    async def _serve(self, connection: Connection) -> None:
        """State and statuses first, then open for entries. Returns when the connection is over."""
        try:
            await self._publish_statuses(connection)
        except asyncio.CancelledError:
            await connection.publish([self._state("offline")], self._timing.goodbye_s)
            raise
        finally:
            self._connection = None
            self._up.clear()

    async def _publish_statuses(self, connection: Connection) -> None:
        """What is retained: at first and every `refresh_s` all of it, in between the statuses that changed."""
        shown: dict[str, MeterStatus] = {}
        refresh_at_s = _now_s()
        while not connection.over.done():
            self._feed.changed.clear()
            messages = []
            if _now_s() >= refresh_at_s:
                # `online` again as well: a broker may publish the will of the connection that this one replaced late.
                messages, shown = [self._state("online")], {}
                messages += [no_status_message(self._site.prefix, meter) for meter in self._feed.retired]
                refresh_at_s = _now_s() + self._timing.refresh_s
                if self._connection is connection:  # for a whole round
                    self._suspects.forget()
            now = {status.meter: status for status in self._feed.statuses()}
            messages += [
                status_message(self._site.prefix, status)
                for status in now.values()
                if essence(status) != shown.get(status.meter)
            ]
            codes = await connection.publish(messages)
            self._hear_of_retained(messages, codes)
            shown = {meter: essence(status) for meter, status in now.items()}
            self._opened(connection)
            await connection.wait(self._feed.changed, refresh_at_s - _now_s())
            # What happens changes many of them within a moment, and its events go first.
            await asyncio.wait((connection.over,), timeout=self._timing.gather_s)

    def _hear_of_retained(self, messages: Sequence[Message], codes: Sequence[int | None]) -> None:
        """Nobody keeps those for another attempt: what is refused comes with the next refresh."""
        for message, code in zip(messages, codes, strict=True):
            if code in (UNAUTHORISED, TOO_LARGE):
                self._mute[message.topic] = judge(message, code).reason
            elif code is not None and code < FAILURE and self._mute:
                self._mute.pop(message.topic, None)

    def _opened(self, connection: Connection) -> None:
        if self._connection is None and not connection.over.done():
            self._connection = connection
            self._since_s = _now_s()
            self._shut_out, self._unsaid = "", 0
            self._up.set()
            self._tried.set()
            self.trouble = ""
            log.info("mqtt.connected host=%s port=%d", self._site.host, self._site.port)

    def _up_for_s(self) -> float | None:
        """How long the connection of this attempt was open for entries; None if it never was."""
        return None if self._since_s is None else _now_s() - self._since_s

    def _refused(self, error: NotLetInError) -> float:
        if error.code in REFUSALS:
            self._shut_out = REFUSALS[error.code]
            self._note("mqtt.refused", self._shut_out)
            return self._timing.refused_s
        if error.code is None:
            self._unsaid += 1
            self._shut_out = str(error) if self._unsaid >= _UNSAID else self._shut_out
            self._note("mqtt.lost", str(error))
            return 0.0
        self._note("mqtt.lost", f"the broker does not let us in now: {error}")
        return 0.0

    def _note(self, event: str, why: str) -> None:
        """Logs the edge: the same trouble is said once, however often it is tried."""
        self._tried.set()
        if why != self.trouble:
            log.warning("%s host=%s port=%d: %s", event, self._site.host, self._site.port, why)
        self.trouble = why

    def _state(self, state: GatewayState) -> Message:
        return state_message(self._site.prefix, state, self._session)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
