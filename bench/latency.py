"""From a crossing in the meter's registers to the event at the broker: 100 TCP meters watched at 10 Hz."""

import queue
import random
import tempfile
import time
from pathlib import Path

from broker import Broker, broker
from clients import DEFAULT, Task
from measure import FailedError, running, wait_until
from results import Results, p99
from slaves import TcpSlave, tcp_slave

ONE, ALL = "crossing of one meter to its event", "crossing of 100 meters to the last event"
WATCH_MS = 100.0
_METERS = 100


def latency(results: Results, singles: int, alls: int) -> None:
    print(f"  {ONE} ({singles} times), of all ({alls} times)", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with broker(directory) as seen, tcp_slave(_METERS) as slave:
            start = DEFAULT.start(Task(slave.ports, _METERS, 10.0, seen.port, directory))
            with running(start.command, directory, client=True) as child:
                wait_until(lambda: slave.count().polls > 0, child)
                time.sleep(3)
                try:
                    _singles(results, slave, seen, singles)
                    _alls(results, slave, seen, alls)
                except FailedError as error:
                    results.fail(ONE, DEFAULT.name, error)


def _singles(results: Results, slave: TcpSlave, seen: Broker, times: int) -> None:
    took_ms = []
    for number in range(times):
        # At any phase of the watch's grid.
        time.sleep(0.15 + random.uniform(0, WATCH_MS / 1e3))
        took_ms.append(_until_all(slave, seen, f"drop {number % _METERS}", {f"m{number % _METERS}"}))
        slave.piped.ask("restore")
    results.add(ONE, DEFAULT.name, p50_ms=p99(sorted(took_ms)[: (times + 1) // 2]), p99_ms=p99(took_ms))
    print(f"    one: p99 {p99(took_ms):.0f} ms", flush=True)


def _alls(results: Results, slave: TcpSlave, seen: Broker, times: int) -> None:
    took_ms = []
    everyone = {f"m{meter}" for meter in range(_METERS)}
    for _ in range(times):
        time.sleep(1.5 + random.uniform(0, WATCH_MS / 1e3))
        took_ms.append(_until_all(slave, seen, "drop all", everyone))
        slave.piped.ask("restore")
    results.add(ALL, DEFAULT.name, p50_ms=p99(sorted(took_ms)[: (times + 1) // 2]), worst_ms=max(took_ms))
    print(f"    all: worst {max(took_ms):.0f} ms", flush=True)


def _until_all(slave: TcpSlave, seen: Broker, command: str, meters: set[str]) -> float:
    """Milliseconds from the command in the slave until each of the meters has opened an event at the broker."""
    while not seen.events.empty():
        seen.events.get()
    at_ns, missing = slave.piped.ask(command)[0], set(meters)
    while missing:
        try:
            heard = seen.events.get(timeout=5)
        except queue.Empty:
            raise FailedError(f"no event of {len(missing)} of {len(meters)} meters within 5 s") from None
        if heard.state == "open" and heard.revision == 1 and heard.at_ns > at_ns:
            missing.discard(heard.meter)
    return (heard.at_ns - at_ns) / 1e6
