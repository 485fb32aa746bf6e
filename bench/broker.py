"""A mosquitto of the bench's own and an eye on it."""

import json
import queue
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt

from install import program
from measure import FailedError, boot_ns, running

_RECEIVED = "$SYS/broker/publish/messages/received"
_TOLD_EVERY_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """An event at the broker. at_ns: boot time of its arrival here."""

    at_ns: int
    meter: str
    state: str
    revision: int


@dataclass(slots=True)
class Broker:
    """port: of the broker; events: what lamplighter published, as it arrives."""

    port: int
    events: "queue.SimpleQueue[Heard]" = field(default_factory=queue.SimpleQueue)
    _published: list[tuple[int, int]] = field(default_factory=list)

    def messages_s(self, since_ns: int) -> float:
        """Messages that clients published a second, from about since_ns (boot time) until now.

        mosquitto tells its count every two seconds, and only when it has changed.
        """
        told = [one for one in self._published if one[0] >= since_ns - _TOLD_EVERY_NS]
        if len(told) < 2:
            return 0.0
        (first_ns, first), (last_ns, last) = told[0], told[-1]
        return (last - first) / (last_ns - first_ns) * 1e9

    def on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        at_ns = boot_ns()
        if message.topic == _RECEIVED:
            self._published.append((at_ns, int(message.payload)))
            return
        event = json.loads(message.payload)
        self.events.put(Heard(at_ns, event["meter"], event["state"], event["revision"]))


@contextmanager
def broker(directory: Path) -> Iterator[Broker]:
    binary, port = program("mosquitto", "mosquitto"), _free_port()
    config = directory / "mosquitto.conf"
    lines = (
        f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "sys_interval 1",
        "log_type error", "user root", "set_tcp_nodelay true",
    )  # fmt: skip
    config.write_text("\n".join(lines) + "\n")
    with running([binary, "-c", config], directory) as child:
        _wait_for(port)
        child.check()
        made = Broker(port)
        eye = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        eye.on_message = made.on_message
        eye.connect("127.0.0.1", port)
        eye.subscribe([(_RECEIVED, 0), ("lamplighter/+/+/+/event", 0)])
        eye.loop_start()
        try:
            yield made
        finally:
            eye.disconnect()
            eye.loop_stop()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise FailedError("mosquitto does not listen")
