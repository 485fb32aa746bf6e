"""Scenario files: a substation, its lines and meters, and a script of what happens to them.

::

    [scenario]
    name = "dashi"           # also the site's name
    nominal = 220            # V, line to neutral
    duration_s = 60
    repeat = false           # true: the steps start anew each duration_s
    seed = 7                 # another seed: other loads, offsets and noise
    frequency = 50
    time_of_day_h = 18.0     # where on the daily load curve it starts

    [nodes.F12]              # a point of the feeder tree without a meter
    kind = "feeder"          # source | feeder | transformer | service; meters below report the nearest feeder
    upstream = ""            # a node or a meter
    drop_pct = 1.0           # of nominal, lost on the way to it at full load
    nominal = 220

    [lines.feeder-room]
    kind = "serial"          # serial (a pty, paced at the baud rate) | tcp | rtu_over_tcp (paced likewise)
    baud = 19200             # serial and rtu_over_tcp; with parity = "N" | "E" | "O" and stop_bits = 1 | 2
    link = "/tmp/ttySIM"     # serial: a symbolic link to the pty, made at start and removed at the end
    listen = "127.0.0.1:0"   # tcp, rtu_over_tcp; port 0: a free one

    [meters.tx1-incomer]
    model = "eastron-sdm630"
    line = "feeder-room"
    unit = 1
    upstream = "F12"
    load_kw = 40.0           # its own, on top of the meters below
    power_factor = 0.95      # inductive
    wiring = "3p4w"          # as in a site file, like powered_by phase_map vt ct registers direction basis customers
    refresh = "quick"        # registers are RMS over 200 ms, new each 100 ms, or faster where the meter is;
                             # "model": window and refresh of the map; "live": one mains cycle, at each read
    turnaround_s = 0.02      # until it answers; default from the map
    boot_s = 2.0             # after its supply returns; default 1-3 s by the seed
    dies_below_pu = 0.4      # self-powered: below this on every phase it lives on ...
    ride_through_s = 0.0     # ... for longer than this it falls silent

    [[steps]]
    at_s = 8
    do = "sag"               # see simulators/steps.py
    node = "F12"             # or a meter; disturbances are inherited by everything below
    to_pu = 0.6
    for_s = 1.2              # absent: until a step "restore" with the same node, meter or line, or for ever

Everything is checked when the file is read; ScenarioError says file, where, found, allowed and what to do next.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from drivers.strict import Table, hint
from simulators.steps import PHASES, Place, Step, parse_steps

__all__ = ["LineSpec", "MeterSpec", "NodeSpec", "Scenario", "ScenarioError", "Step", "parse_scenario"]

WIRINGS = ("3p4w", "3p3w", "1p2w")
LINE_KINDS = ("serial", "tcp", "rtu_over_tcp")
POWERED_BY = ("self", "self:all", "self:l1", "dc", "ups")
_BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class ScenarioError(ValueError):
    """A scenario is wrong. Fix the scenario: the text says file, where, found, allowed and what to do next."""

    def __init__(self, file: str, where: str, found: str, allowed: str, todo: str) -> None:
        super().__init__(f"{file}: {where}: found {found}; allowed: {allowed}; {todo}")
        self.file = file
        self.where = where
        self.found = found
        self.allowed = allowed
        self.todo = todo


@dataclass(frozen=True, slots=True)
class NodeSpec:
    name: str
    kind: str
    upstream: str | None
    nominal_v: float
    drop_pu: float


@dataclass(frozen=True, slots=True)
class LineSpec:
    """kind: ``serial tcp rtu_over_tcp``; baud, parity and stop bits pace both kinds of RTU."""

    name: str
    kind: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    link: str | None = None

    @property
    def char_s(self) -> float:
        """Seconds a character takes: 10 bits, 11 with parity or a second stop bit."""
        return (9 + (self.parity != "N") + self.stop_bits) / self.baud


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSpec:
    """One simulated meter. wiring, powered_by, turnaround_s are None where the meter map decides."""

    name: str
    model: str
    line: str
    unit: int
    upstream: str | None
    nominal_v: float
    load_kw: float
    power_factor: float
    drop_pu: float
    wiring: str | None
    powered_by: str | None
    vt: str | None
    ct: str | None
    registers: str | None
    phase_map: tuple[str, str, str]
    direction: int
    basis: str | None
    customers: int | None
    refresh: str
    turnaround_s: float | None
    boot_s: float | None
    dies_below_pu: float
    ride_through_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """nodes and meters are in file order; `order` names both, parents first. period_s is inf unless it repeats."""

    file: str
    name: str
    gateway: str
    nominal_v: float
    duration_s: float
    period_s: float
    seed: int
    frequency_hz: float
    time_of_day_s: float
    nodes: Mapping[str, NodeSpec]
    lines: Mapping[str, LineSpec]
    meters: Mapping[str, MeterSpec]
    order: tuple[str, ...]
    steps: tuple[Step, ...]

    def upstream(self, name: str) -> str | None:
        return self.nodes[name].upstream if name in self.nodes else self.meters[name].upstream

    def path(self, name: str) -> tuple[str, ...]:
        """From the source down to a node or meter, itself included."""
        path = [name]
        while (above := self.upstream(path[0])) is not None:
            path.insert(0, above)
        return tuple(path)


def parse_scenario(text: str, file: str) -> Scenario:
    """The text of a scenario file; ``file`` is its name for messages. Raises ScenarioError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise ScenarioError(file, "TOML", str(broken), "valid TOML", "correct the text there") from None
    root = Table(file, "", data, ScenarioError)
    head = root.table("scenario")
    nominal_v = head.number("nominal", 1, 1e6)
    duration_s = head.number("duration_s", 0.1, 1e7)
    period_s = duration_s if head.flag("repeat", False) else inf
    nodes = {name: _node(name, table, nominal_v) for name, table in root.named_tables("nodes").items()}
    lines = {name: _line(name, table) for name, table in root.named_tables("lines").items()}
    meters = {name: _meter(name, table, nominal_v, lines) for name, table in root.named_tables("meters").items()}
    _check_units(root, meters)
    order = _order(root, nodes, meters)
    place = Place(
        order, {m.name: m.line for m in meters.values()}, {n.name: n.kind for n in lines.values()}, duration_s, period_s
    )
    scenario = Scenario(
        file=file,
        name=_name(head, "name", head.text("name")),
        gateway=_name(head, "gateway", head.text("gateway", "gw-01")),
        nominal_v=nominal_v,
        duration_s=duration_s,
        period_s=period_s,
        seed=head.integer("seed", 0, 2**31 - 1, 1),
        frequency_hz=head.number("frequency", 45, 65, 50.0),
        time_of_day_s=3600.0 * head.number("time_of_day_h", 0, 24, 18.0),
        nodes=nodes,
        lines=lines,
        meters=meters,
        order=order,
        steps=parse_steps(root, place),
    )
    head.done()
    root.done()
    return scenario


def _name(table: Table, key: str, name: str) -> str:
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
        raise table.error(key, repr(name), "letters, digits, - and _", "choose such a name")
    return name


def _node(name: str, table: Table, nominal_v: float) -> NodeSpec:
    node = NodeSpec(
        name=_name(table, "", name),
        kind=table.text("kind", "transformer", ("source", "feeder", "transformer", "service")),
        upstream=table.text("upstream", "") or None,
        nominal_v=table.number("nominal", 1, 1e6, nominal_v),
        drop_pu=table.number("drop_pct", 0, 10, 1.0) / 100.0,
    )
    table.done()
    return node


def _line(name: str, table: Table) -> LineSpec:
    line = LineSpec(_name(table, "", name), table.text("kind", among=LINE_KINDS))
    if line.kind != "tcp":
        baud = table.integer("baud", 1200, 115200, 9600)
        if baud not in _BAUDS:
            raise table.error("baud", baud, ", ".join(map(str, _BAUDS)))
        parity = table.text("parity", "N", ("N", "E", "O"))
        line = replace(line, baud=baud, parity=parity, stop_bits=table.integer("stop_bits", 1, 2, 1))
    if line.kind == "serial":
        line = replace(line, link=table.text("link", None))
    else:
        host, port = _listen(table)
        line = replace(line, host=host, port=port)
    table.done()
    return line


def _listen(table: Table) -> tuple[str, int]:
    text = table.text("listen", "127.0.0.1:0")
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise table.error("listen", repr(text), '"host:port", port 0 for a free one')
    return host, int(port)


def _meter(name: str, table: Table, nominal_v: float, lines: Mapping[str, LineSpec]) -> MeterSpec:
    line = table.text("line", among=tuple(lines))
    phase_map = table.names("phase_map", PHASES, PHASES)
    if len(phase_map) != 3:
        raise table.error("phase_map", list(phase_map), "l1, l2, l3 in any order", "name each phase once")
    meter = MeterSpec(
        name=_name(table, "", name),
        model=table.text("model"),
        line=line,
        unit=table.integer("unit", 1, 255 if lines[line].kind == "tcp" else 247),
        upstream=table.text("upstream", "") or None,
        nominal_v=table.number("nominal", 1, 1e6, nominal_v),
        load_kw=table.number("load_kw", 0, 1e6, 10.0),
        power_factor=table.number("power_factor", 0.1, 1, 0.95),
        drop_pu=table.number("drop_pct", 0, 10, 0.5) / 100.0,
        wiring=table.text("wiring", None, WIRINGS),
        powered_by=table.text("powered_by", None, POWERED_BY),
        vt=_ratio(table, "vt"),
        ct=_ratio(table, "ct"),
        registers=table.text("registers", None, ("primary", "secondary")),
        phase_map=(phase_map[0], phase_map[1], phase_map[2]),
        direction=table.integer("direction", -1, 1, 1),
        basis=table.text("basis", None, ("ln", "ll", "le")),
        customers=table.integer("customers", 0, 10**7) if table.has("customers") else None,
        refresh=table.text("refresh", "quick", ("quick", "model", "live")),
        turnaround_s=table.number("turnaround_s", 0, 60, None),
        boot_s=table.number("boot_s", 0, 600, None),
        dies_below_pu=table.number("dies_below_pu", 0.01, 1, 0.4),
        ride_through_s=table.number("ride_through_s", 0, 60, 0.0),
    )
    table.done()
    return meter


def _ratio(table: Table, key: str) -> str | None:
    """``"10000/100"``; needs `registers`, because the same ratio means two different things without it."""
    text = table.text(key, None)
    if text is None:
        return None
    primary, slash, secondary = text.partition("/")
    if not slash or not primary.isdecimal() or not secondary.isdecimal() or not int(primary) or not int(secondary):
        raise table.error(key, repr(text), '"primary/secondary" in whole numbers', 'write it like "600/5"')
    if not table.has("registers"):
        todo = f"say which values the registers hold with {key}"
        raise table.error("registers", "nothing", "primary, secondary", todo)
    return text


def _check_units(root: Table, meters: Mapping[str, MeterSpec]) -> None:
    taken: dict[tuple[str, int], str] = {}
    for meter in meters.values():
        other = taken.setdefault((meter.line, meter.unit), meter.name)
        if other != meter.name:
            where = f"meters.{meter.name}.unit"
            raise root.error(
                where, meter.unit, f"a unit that {other} does not have on {meter.line}", "change one of them"
            )


def _order(root: Table, nodes: Mapping[str, NodeSpec], meters: Mapping[str, MeterSpec]) -> tuple[str, ...]:
    """Names of nodes and meters, parents before children."""
    upstream = {name: spec.upstream for specs in (nodes, meters) for name, spec in specs.items()}
    for name in meters:
        if name in nodes:
            raise root.error(f"meters.{name}", repr(name), "a name that no node has", "rename one of them")
    for name, above in upstream.items():
        if above is not None and above not in upstream:
            where = f"{'nodes' if name in nodes else 'meters'}.{name}.upstream"
            raise root.error(where, repr(above), "a node or a meter", hint(str(above), upstream))
    order: list[str] = []
    while len(order) < len(upstream):
        ready = [name for name, above in upstream.items() if name not in order and (above is None or above in order)]
        if not ready:
            loop = [name for name in upstream if name not in order]
            raise root.error("upstream", " -> ".join(loop), "a tree", "give one of them another upstream")
        order.extend(ready)
    return tuple(order)
