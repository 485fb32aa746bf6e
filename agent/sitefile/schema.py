"""What the tables of a site file may hold; how they are judged is `tables`. What reports alone ask for is in
`schema_reports`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from agent.detect.network import Customers, NodeKind
from agent.errors import Finding
from agent.records import VoltageClass
from agent.site import REPLAY_LIMIT
from agent.sitefile.schema_reports import OF_REPORTS, ReportTables, read_reports
from agent.sitefile.tables import (
    PATH,
    Flag,
    Name,
    Table,
    Text,
    choice,
    declared,
    from_text,
    read_table,
    read_tables,
    unknown_key,
)
from agent.sitefile.values import (
    AGE_ALLOWED,
    DURATION_ALLOWED,
    LIVES_ON_ALLOWED,
    SIZE_ALLOWED,
    age_us,
    ascending,
    duration_us,
    each_once,
    endpoint,
    nut_server,
    ratio,
    read_customers,
    read_file_name,
    read_group,
    read_lives_on,
    read_name,
    read_upstream,
    read_watch,
    read_zone,
    size_mib,
    unlike,
)


def _tcp(text: str) -> tuple[str, int]:
    return endpoint(text, 502)


_FILE_ALLOWED = "the name of a file in $CREDENTIALS_DIRECTORY or beside the site file"
_CALENDAR_ALLOWED = 'the name of a file beside the site file, as "calendar.toml"'
_TCP_ALLOWED = '"HOST:PORT", as "10.20.0.11:502"'

Pace = Annotated[int, from_text(duration_us), Field(ge=100_000, description='a duration of "100ms" or more, as "10s"')]
Watch = Annotated[
    int | Literal["auto", "max"], from_text(read_watch), Field(description=f'"auto", "max" or {DURATION_ALLOWED}')
]
Ratio = Annotated[float, from_text(ratio), Field(description='primary over secondary, both above zero, as "10000/100"')]
Volts = Annotated[float, Field(ge=1, le=1_000_000, description="a number of volts, 1 to 1000000, without quotes")]
FileName = Annotated[str, from_text(read_file_name), Field(description=_FILE_ALLOWED)]
Endpoint = Annotated[tuple[str, int], Field(description=_TCP_ALLOWED)]
Rate = Annotated[int, Field(ge=10, le=1_000_000, description="a whole number of rows a second, 10 to 1000000")]


_NAMES_ALLOWED = 'names of nodes, each once, as ["F12"]'
_GROUP_ALLOWED = 'a vector group, as "Dyn11" or "Yyn0": star to delta or zigzag has an odd clock number, others even'
_CUSTOMERS_ALLOWED = "a count, 0 or more, or { l1 = 60, l2 = 61, l3 = 57, three_phase = 4 }"
Names = Annotated[tuple[Name, ...], Field(strict=False, description=_NAMES_ALLOWED), AfterValidator(unlike)]


Phase = Literal["l1", "l2", "l3"]
PHASE_MAP_ALLOWED = '"l1", "l2" and "l3", each once: the network phase on terminals 1, 2 and 3'


class SiteTable(Table):
    pillars = frozenset({"name", "gateway", "nominal_voltage"})

    name: Name
    gateway: Name
    state_dir: Text = "/var/lib/lamplighter"
    nominal_voltage: Volts | None = None
    frequency: Annotated[Literal[50, 60], choice(50, 60)] = 50
    time_zone: Annotated[str, from_text(read_zone), Field(description='an IANA time zone, as "Europe/Berlin"')] = "UTC"
    profile: Annotated[Literal["iec", "gb", "ieee"], choice("iec", "gb", "ieee")] = "iec"
    reference: Annotated[Literal["declared", "sliding"], choice("declared", "sliding")] = "declared"
    clock: Annotated[Literal["auto", "trusted"], choice("auto", "trusted")] = "auto"
    poll: Pace = 10_000_000
    watch: Watch = "auto"
    publish_every: Pace = 10_000_000
    calendar: Annotated[str | None, from_text(read_file_name), Field(description=_CALENDAR_ALLOWED)] = None


class LineTable(Table):
    pillars = frozenset({"serial", "tcp", "rtu_over_tcp"})

    serial: Annotated[str | None, Field(pattern=PATH, description='the path of a port, as "/dev/ttyUSB0"')] = None
    tcp: Annotated[Endpoint | None, from_text(_tcp)] = None
    rtu_over_tcp: Annotated[Endpoint | None, from_text(_tcp)] = None
    baud: Annotated[int, Field(ge=300, le=921_600, description="300 to 921600")] = 9600
    parity: Annotated[Literal["N", "E", "O"], choice("N", "E", "O")] = "N"
    stop_bits: Annotated[Literal[1, 2], choice(1, 2)] = 1

    def kinds(self) -> tuple[str, ...]:
        """The keys that say what the line is: exactly one is right."""
        return tuple(kind for kind in ("serial", "tcp", "rtu_over_tcp") if getattr(self, kind) is not None)


class MeterTable(Table):
    pillars = frozenset({"line", "unit", "model", "wiring", "basis", "nominal_voltage", "node"})

    line: Name
    unit: Annotated[int, Field(description="1 to 247; on a tcp line also 255")]
    model: Annotated[str, from_text(read_name), Field(description="the name of a model; see `lamplighter models`")]
    feeder: Name | None = None
    upstream: Annotated[str, from_text(read_upstream), Field(description="the name of another meter")] = ""
    customers: Annotated[int | None, Field(ge=0, description="a count, 0 or more")] = None
    node: Name | None = None
    voltage_node: Name | None = None
    wiring: Annotated[Literal["3p4w", "3p3w", "1p2w"] | None, choice("3p4w", "3p3w", "1p2w")] = None
    basis: Annotated[Literal["ln", "ll", "le"] | None, choice("ln", "ll", "le")] = None
    powered_by: Annotated[str | None, from_text(read_lives_on), Field(description=LIVES_ON_ALLOWED)] = None
    vt: Ratio = 1.0
    vt_class: Annotated[Literal["0.1", "0.2", "0.5", "1", "3"] | None, choice("0.1", "0.2", "0.5", "1", "3")] = None
    ct: Ratio = 1.0
    registers: Annotated[Literal["primary", "secondary"], choice("primary", "secondary")] = "secondary"
    unproven: Flag = False
    phase_map: Annotated[
        tuple[Phase, Phase, Phase],
        Field(strict=False, description=PHASE_MAP_ALLOWED),
        AfterValidator(each_once),
    ] = ("l1", "l2", "l3")
    direction: Annotated[Literal[1, -1], choice(1, -1)] = 1
    nominal_voltage: Volts | None = None
    limits: Annotated[
        tuple[float, float] | None,
        Field(strict=False, description="[low, high] in V, low below high, as [198.0, 235.4]"),
        AfterValidator(lambda value: value and ascending(value)),
    ] = None
    assess_limits: Annotated[
        tuple[float, float] | None,
        Field(strict=False, description="[low, high] in V, low below high, as [204.6, 231.0]"),
        AfterValidator(lambda value: value and ascending(value)),
    ] = None
    voltage_class: Annotated[VoltageClass | None, choice(*get_args(VoltageClass))] = Field(None, alias="class")
    reference: Annotated[Literal["declared", "sliding"] | None, choice("declared", "sliding")] = None
    poll: Pace | None = None
    watch: Watch | None = None
    publish_every: Pace | None = None


class NodeTable(Table):
    pillars = frozenset({"kind", "parents"})

    kind: Annotated[NodeKind, choice(*get_args(NodeKind))]
    parents: Names = ()
    alternates: Names = ()
    vector_group: Annotated[str | None, from_text(read_group), Field(description=_GROUP_ALLOWED)] = None
    rated_kva: Annotated[float | None, Field(gt=0, description="a number of kVA above zero")] = None
    critical: Text | None = None
    mv_users: Annotated[int | None, Field(ge=0, description="a count, 0 or more")] = None
    customers: Annotated[Customers | None, BeforeValidator(read_customers), Field(description=_CUSTOMERS_ALLOWED)] = (
        None
    )


class MainsTable(Table):
    pillars = frozenset({"sysfs", "nut"})

    sysfs: Annotated[str | None, Field(pattern=PATH, description='a directory, as "/sys/class/power_supply/AC"')] = None
    nut: Annotated[
        tuple[str, str, int] | None,
        from_text(nut_server),
        Field(description='"UPS@HOST:PORT", as "ups@127.0.0.1:3493"'),
    ] = None
    node: Name | None = None

    def kinds(self) -> tuple[str, ...]:
        """The keys that say who is asked: exactly one is right."""
        return tuple(kind for kind in ("sysfs", "nut") if getattr(self, kind) is not None)


class JournalTable(Table):
    cap: Annotated[int, from_text(size_mib), Field(ge=16, le=1 << 20, description=SIZE_ALLOWED)] = 512
    keep: Annotated[int | None, from_text(age_us), Field(description=AGE_ALLOWED)] = None


class SinkTable(Table):
    pillars = frozenset({"url", "allow_cleartext", "ca_file", "cert_file", "key_file"})

    allow_cleartext: Flag = False
    ca_file: FileName | None = None
    cert_file: FileName | None = None
    key_file: FileName | None = None
    replay_limit: Rate = REPLAY_LIMIT


class MqttTable(SinkTable):
    url: Annotated[str, Field(description='"mqtts://HOST:8883", or "mqtt://127.0.0.1:1883"')] = "mqtt://127.0.0.1:1883"
    username: Text | None = None
    password_file: FileName | None = None
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    pillars = SinkTable.pillars | {"username", "password_file"}


class InfluxTable(SinkTable):
    url: Annotated[str, Field(description='"https://HOST:8086", or "http://127.0.0.1:8086"')] = "http://127.0.0.1:8086"
    org: Text = "-"
    bucket: Text = "lamplighter"
    token_file: FileName | None = None
    read_back: Flag = False
    pillars = SinkTable.pillars | {"token_file"}


@dataclass(slots=True)
class Tables:
    """The tables that stood the test, by name.

    The declared names hold the others too: a meter on a wrong line is not also one on an unknown line.
    """

    site: SiteTable | None = None
    mqtt: MqttTable | None = None
    influxdb: InfluxTable | None = None
    lines: dict[str, LineTable] = field(default_factory=dict)
    meters: dict[str, MeterTable] = field(default_factory=dict)
    nodes: dict[str, NodeTable] = field(default_factory=dict)
    mains: MainsTable | None = None
    journal: JournalTable | None = None
    declared_lines: frozenset[str] = frozenset()
    declared_meters: frozenset[str] = frozenset()
    declared_nodes: frozenset[str] = frozenset()
    reports: ReportTables = field(default_factory=ReportTables)


_TOP = ("site", "lines", "meters", "nodes", "mains", "journal", "mqtt", "influxdb", *OF_REPORTS)


def parse_tables(raw: Mapping[str, Any]) -> tuple[Tables, list[Finding]]:
    """The whole site file as TOML gave it -> its tables, and what is wrong with the rest."""
    findings = [unknown_key(key, key, raw[key], _TOP) for key in raw if key not in _TOP]
    tables = Tables()
    tables.site = read_table(SiteTable, raw.get("site", {}), "site", findings)
    tables.lines = read_tables(LineTable, raw.get("lines", {}), "lines", findings)
    tables.meters = read_tables(MeterTable, raw.get("meters", {}), "meters", findings)
    tables.nodes = read_tables(NodeTable, raw.get("nodes", {}), "nodes", findings)
    tables.declared_lines = declared(raw.get("lines"))
    tables.declared_meters = declared(raw.get("meters"))
    tables.declared_nodes = declared(raw.get("nodes"))
    if "mains" in raw:
        tables.mains = read_table(MainsTable, raw["mains"], "mains", findings)
    if "journal" in raw:
        tables.journal = read_table(JournalTable, raw["journal"], "journal", findings)
    if "mqtt" in raw:
        tables.mqtt = read_table(MqttTable, raw["mqtt"], "mqtt", findings)
    if "influxdb" in raw:
        tables.influxdb = read_table(InfluxTable, raw["influxdb"], "influxdb", findings)
    tables.reports = read_reports(raw, findings)
    return tables, findings
