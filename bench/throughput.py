"""CPU per meter poll: 100 meters at 10 Hz, and flat out over 100 connections. All clients, alternating rounds."""

import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker import Broker, broker
from clients import AT_10_HZ, UNTHROTTLED, Client, Task
from install import UnavailableError
from measure import Child, FailedError, cpu_s, memory_mb, running, wait_until
from results import Results, brief
from slaves import TcpSlave, tcp_slave

TEN_HZ = "100 meters at 10 Hz"
FLAT_OUT = "100 connections flat out"
_METERS = 100


@dataclass(frozen=True, slots=True)
class Length:
    """rounds, and in each the seconds that a client gets to settle and is looked at."""

    rounds: int
    settle_s: float
    look_s: float


def at_10_hz(results: Results, only: Collection[str], length: Length) -> None:
    _rounds(results, TEN_HZ, [one for one in AT_10_HZ if one.peer in only], 10.0, length)


def flat_out(results: Results, only: Collection[str], length: Length) -> None:
    _rounds(results, FLAT_OUT, [one for one in UNTHROTTLED if one.peer in only], 0.0, length)


def _rounds(results: Results, work: str, clients: Sequence[Client], hz: float, length: Length) -> None:
    usable = [one for one in clients if _had(results, work, one)]
    for number in range(length.rounds):
        print(f"  {work}, round {number + 1} of {length.rounds}", flush=True)
        # Every other round backwards: a machine that drifts favours nobody.
        for client in usable[:: -1 if number % 2 else 1]:
            try:
                _run(results, work, client, hz, length)
            except (FailedError, UnavailableError) as error:
                results.fail(work, client.name, error)


def _had(results: Results, work: str, client: Client) -> bool:
    try:
        results.versions[client.peer] = client.version()
    except UnavailableError as error:
        results.fail(work, client.name, f"cannot be had here: {error}")
        return False
    return True


def _run(results: Results, work: str, client: Client, hz: float, length: Length) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with broker(directory) as seen, tcp_slave(1 if client.one_port else _METERS) as slave:
            start = client.start(Task(slave.ports, _METERS, hz, seen.port, directory))
            with running(start.command, directory, client=True, environment=start.environment) as child:
                wait_until(lambda: slave.count().polls > 0, child)
                time.sleep(length.settle_s)
                metrics = _look(child, slave, seen, length.look_s)
    if hz and metrics["polls_s"] < 0.5 * hz * _METERS:
        results.fail(work, client.name, f"kept {metrics['polls_s']:.0f} of {hz * _METERS:.0f} polls/s")
    results.add(work, client.name, **metrics)
    told = ", ".join(f"{metric} {brief(value)}" for metric, value in metrics.items())
    print(f"    {client.name}: {told}", flush=True)


def _look(child: Child, slave: TcpSlave, seen: Broker, look_s: float) -> dict[str, float]:
    first, cpu_before_s = slave.count(), cpu_s(child.pid)
    time.sleep(look_s)
    last, cpu_after_s = slave.count(), cpu_s(child.pid)
    child.check()
    polls, took_s = last.polls - first.polls, (last.at_ns - first.at_ns) / 1e9
    if polls <= 0:
        raise FailedError("asked for nothing")
    return {
        "us_per_poll": (cpu_after_s - cpu_before_s) / polls * 1e6,
        "polls_s": polls / took_s,
        "requests_s": (last.requests - first.requests) / took_s,
        "cpu_pct": 100 * (cpu_after_s - cpu_before_s) / took_s,
        "messages_s": seen.messages_s(first.at_ns),
        "rss_mb": memory_mb(child.pid)[0],
    }
