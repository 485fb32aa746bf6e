"""Every client under test: how it is installed, which version it is, and the command that polls the bench's slave."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from install import HERE, program, unpacked, venv, version_of
from sites import Layout, Pace, tcp_lines, write_site
from slaves import REGISTERS

LAMPLIGHTER = Path(sys.executable).with_name("lamplighter")


@dataclass(frozen=True, slots=True)
class Task:
    """Poll these meters hz times a second each (0: flat out) and publish to the broker. directory: for its files."""

    ports: Sequence[int]
    meters: int
    hz: float
    broker_port: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Start:
    command: Sequence[str | Path]
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """peer: what `--only` calls it. one_port: it knows one connection, the meters are units behind it."""

    name: str
    peer: str
    what: str
    version: Callable[[], str]
    start: Callable[[Task], Start]
    one_port: bool = False


def lamplighter(name: str, what: str, layout: Layout, pace: Pace) -> Client:
    def start(task: Task) -> Start:
        site = write_site(task.directory, tcp_lines(task.ports), layout, pace, task.broker_port)
        return Start([LAMPLIGHTER, "run", site, "--log-level", "warning"])

    return Client(name, "lamplighter", what, lambda: version("lamplighter"), start)


# --- collectd ----------------------------------------------------------------------------------------------------

_COLLECTD = ("collectd-core", "libmodbus5", "libmosquitto1")


def _collectd_dir() -> Path:
    return unpacked("collectd", *_COLLECTD)


def _collectd(task: Task) -> Start:
    root = _collectd_dir()
    libraries = {str(found.parent) for found in (root / "usr/lib").rglob("*.so.*")}
    config = task.directory / "collectd.conf"
    config.write_text(_collectd_config(root, task))
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}
    return Start([root / "usr/sbin/collectd", "-f", "-C", config], environment)


def _collectd_config(root: Path, task: Task) -> str:
    interval_s = 1 / task.hz if task.hz else 0.0001
    values = [f"v{pair}" for pair in range(REGISTERS // 2)]
    data = "".join(
        f'<Data "{name}">\nRegisterBase {2 * pair}\nRegisterType Float\nRegisterCmd ReadInput\n'
        f'Type gauge\nInstance "{name}"\n</Data>\n'
        for pair, name in enumerate(values)
    )
    collect = "".join(f'Collect "{name}"\n' for name in values)
    hosts = "".join(
        f'<Host "m{meter}">\nAddress "127.0.0.1"\nPort "{port}"\nInterval {interval_s}\n'
        f'<Slave 1>\nInstance "s"\n{collect}</Slave>\n</Host>\n'
        for meter, port in enumerate(task.ports)
    )
    publish = f'<Publish "bench">\nHost "127.0.0.1"\nPort {task.broker_port}\nClientId "bench"\n</Publish>\n'
    return (
        f'BaseDir "{task.directory}"\nPIDFile "{task.directory}/collectd.pid"\nPluginDir "{root}/usr/lib/collectd"\n'
        f'TypesDB "{root}/usr/share/collectd/types.db"\nInterval {interval_s}\nFQDNLookup false\n'
        f"LoadPlugin logfile\n<Plugin logfile>\nFile STDERR\nLogLevel warning\n</Plugin>\n"
        f"LoadPlugin modbus\n<Plugin modbus>\n{data}{hosts}</Plugin>\n"
        f"LoadPlugin mqtt\n<Plugin mqtt>\n{publish}</Plugin>\n"
    )


# --- modpoll -----------------------------------------------------------------------------------------------------


def _modpoll_bin() -> Path:
    return venv("modpoll", "modpoll==1.6.0")


def _modpoll(task: Task) -> Start:
    """MQTT 5: with 3.1.1 this version ends at its connection."""
    references = "".join(f"ref,v{pair},{2 * pair},float32,r\n" for pair in range(REGISTERS // 2))
    config = task.directory / "modpoll.csv"
    config.write_text(
        "".join(
            f"device,m{meter},{meter},,\npoll,input_register,0,{REGISTERS},BE_BE\n{references}"
            for meter in range(1, task.meters + 1)
        )
    )
    rate_s = 1 / task.hz if task.hz else 0.0001
    return Start(
        [
            _modpoll_bin() / "modpoll", "--daemon", "--tcp", "127.0.0.1", "--tcp-port", str(task.ports[0]),
            "--config", config, "--rate", str(rate_s), "--interval", "0", "--loglevel", "WARNING",
            "--mqtt-version", "5.0", "--mqtt-host", "127.0.0.1", "--mqtt-port", str(task.broker_port),
        ]
    )  # fmt: skip


# --- ours and simple ---------------------------------------------------------------------------------------------


def _naive(task: Task) -> Start:
    ports = ",".join(map(str, task.ports))
    return Start([sys.executable, HERE / "naive.py", "tcp", str(task.hz), str(task.broker_port), ports])


def _floor(task: Task) -> Start:
    return Start([sys.executable, HERE / "floor.py", str(task.hz), ",".join(map(str, task.ports))])


def _collectd_version() -> str:
    return version_of("collectd-core", _collectd_dir())


def _modpoll_version() -> str:
    _modpoll_bin()
    return "1.6.0"


def _naive_version() -> str:
    return f"pymodbus {version('pymodbus')}, aiomqtt {version('aiomqtt')}"


COLLECTD = Client("collectd", "collectd", "modbus + mqtt plugins", _collectd_version, _collectd)
MODPOLL = Client("modpoll", "modpoll", "one connection, MQTT 5", _modpoll_version, _modpoll, one_port=True)
NAIVE = Client("pymodbus + aiomqtt", "naive", "a coroutine a meter, bench/naive.py", _naive_version, _naive)
FLOOR = Client("bare epoll loop", "floor", "no values, no publishing, bench/floor.py", lambda: "", _floor)

DEFAULT = lamplighter(
    "lamplighter", "one read of 30 registers; detection and journal on", "block", Pace("100ms", "10s")
)
DEFAULT_ALL = lamplighter(
    "lamplighter, 15 values", "the same with all values at 10 Hz", "split", Pace("100ms", "100ms")
)
EACH = lamplighter("lamplighter, each published", "publish_every 100ms", "block", Pace("100ms", "10s", "100ms"))
EACH_ALL = lamplighter(
    "lamplighter, 15 values, each published", "the same with all values", "split", Pace("100ms", "100ms", "100ms")
)
FLAT_OUT = lamplighter("lamplighter", 'watch = "max"', "block", Pace("max", "10s"))

AT_10_HZ = (DEFAULT, DEFAULT_ALL, EACH, EACH_ALL, COLLECTD, MODPOLL, NAIVE, FLOOR)
UNTHROTTLED = (FLAT_OUT, COLLECTD, MODPOLL, NAIVE, FLOOR)
PEERS = ("lamplighter", "collectd", "modpoll", "naive", "floor", "libmodbus")


def mosquitto_version() -> str:
    from subprocess import run

    told = run([program("mosquitto", "mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    return told.split("\n", 1)[0].removeprefix("mosquitto version ")
