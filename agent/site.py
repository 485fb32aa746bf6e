"""What the agent knows of its site: frozen typed objects, all that is left of the site file once it is read.

Reading it takes pydantic and what hangs on that, 20 MB: they are imported by the call that reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.detect.network import Network
from agent.records import Reference, VoltageBasis, VoltageClass
from agent.secret import Secret
from agent.sitefile.demand import DemandSite
from agent.sitefile.indices import IndicesSite
from agent.sitefile.operations import OperationsSite
from drivers.codec import Installation
from drivers.line import LineConfig
from drivers.model import MeterModel

__all__ = ["InfluxSite", "JournalSite", "MainsSite", "Meter", "MqttSite", "Secret", "Site", "load_site"]


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of the site.

    upstream:  the next meter above it in the network; path: names of the meters from the root to this one, itself last
    node:      the node it stands on, by its own name if the site file names none; voltage_node: where its voltage is
               taken, the same unless it hangs on the voltage transformer of a bus
    customers: least and most that are fed directly here; None if not said
    nominal_v: declared voltage on `basis`; limits: low and high in V, None = as the profile has them
    assess_limits: a second pair, for assessment in reports; voltage_class: of GB/T 12325, None = "D" on low voltage
    reference: what sags and swells are measured by, the declared voltage or one that slides
    watch_us:  how often voltages are asked for; None = as fast as the line goes
    watch_auto: watch_us is the map's refresh, and may be bettered by what the meter shows
    vt_error_pct: of its voltage transformer at rated voltage; 0 without one, None where its class is not said
    """

    name: str
    line: str
    unit: int
    model: MeterModel
    installation: Installation
    feeder: str | None
    upstream: str | None
    path: tuple[str, ...]
    customers: tuple[int, int] | None
    wiring: str
    basis: VoltageBasis
    powered_by: str
    nominal_v: float
    limits: tuple[float, float] | None
    reference: Reference
    poll_us: int
    watch_us: int | None
    publish_every_us: int
    watch_auto: bool = False
    node: str = ""
    voltage_node: str = ""
    vt_error_pct: float | None = 0.0
    assess_limits: tuple[float, float] | None = None
    voltage_class: VoltageClass | None = None


# Rows of a backlog a second: three days of forty meters in seven minutes, and one core of a small gateway is not full.
REPLAY_LIMIT = 5000


@dataclass(frozen=True, slots=True)
class MqttSite:
    """The broker. prefix: first levels of every topic, ``lamplighter/{site}/{gateway}``; password_file: where the
    password came from; protocol: ``3.1.1`` or ``5``; replay_limit: rows of a backlog a second at most."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: Secret | None
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    prefix: str
    client_id: str
    password_file: Path | None = None
    protocol: str = "3.1.1"
    replay_limit: int = REPLAY_LIMIT


@dataclass(frozen=True, slots=True)
class InfluxSite:
    """The database. url: scheme, host, port and path; no credentials, no query, no slash at the end; token_file: where
    the token came from; replay_limit: as for the broker; read_back: ask it what it has, and what is open."""

    url: str
    org: str
    bucket: str
    token: Secret | None
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    token_file: Path | None = None
    replay_limit: int = REPLAY_LIMIT
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class MainsSite:
    """Who tells whether the gateway's own supply is there: exactly one of both. node: where that supply comes from.

    sysfs: directory of a power supply; nut: name of the UPS, host and port of its server
    """

    sysfs: Path | None
    nut: tuple[str, str, int] | None
    node: str | None


@dataclass(frozen=True, slots=True)
class JournalSite:
    """What is kept. cap_mib: size of the file; keep_us: age of readings and traces, None = while there is room."""

    cap_mib: int = 512
    keep_us: int | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A checked site file. config_hash: 16 hex digits over the file's bytes and the maps it uses.

    calendar: file of the times in which meters are tested or maintained
    text:     of the file; torn: why this is a copy of what it said before, empty where it is not
    """

    file: Path
    name: str
    gateway: str
    state_dir: Path
    nominal_v: float | None
    frequency_hz: float
    time_zone: str
    profile: Literal["iec", "gb", "ieee"]
    clock: Literal["auto", "trusted"]
    lines: Mapping[str, LineConfig]
    meters: Mapping[str, Meter]
    mqtt: MqttSite | None
    influxdb: InfluxSite | None
    config_hash: str
    network: Network = field(default_factory=Network)
    mains: MainsSite | None = None
    calendar: Path | None = None
    journal: JournalSite = field(default_factory=JournalSite)
    demand: DemandSite = field(default_factory=DemandSite)
    operations: OperationsSite = field(default_factory=OperationsSite)
    indices: IndicesSite = field(default_factory=IndicesSite)
    text: bytes = field(default=b"", repr=False)
    torn: str = ""


def load_site(path: Path, state_dir: Path | None = None, *, raw: bytes | None = None) -> Site:
    """Read and check a site file; `state_dir` overrides its own, `raw` what the file says. SiteError with every finding
    at once."""
    from agent.sitefile.reading import read_site

    return read_site(path, state_dir, raw)
