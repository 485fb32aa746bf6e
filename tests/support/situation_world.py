"""The network of a situation: built from the nodes and meters of its site file as they stand there, and from what its
scenario adds (`[world]`): voltages, loads, faults that can happen, how meters are really wired.

Every node but a root hangs on its first parent by an element of its own name; on each alternate by ``NODE~ALTERNATE``,
which is open. Roots hang on ``~SOURCE`` by an element of their own name: a breaker.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from simulators.grid import Element, Grid, capacitance, coil, delta, earth_fault, short, star
from simulators.grid_elements import PHASES, WIRES, Conductor, Source, Transformer
from simulators.grid_meter import Place

Tables = Mapping[str, Any]

_CUSTOMER_W = 1_200.0
_MV_SERVICE_W = 300_000.0
_BRANCH_W = 1_000.0


@dataclass
class World:
    """grid: of all elements; places: by meter; powered: by meter, what it lives on; nominal_v: by node, to neutral."""

    grid: Grid
    places: dict[str, Place]
    powered: dict[str, str]
    nominal_v: dict[str, float]


@dataclass
class _Net:
    """Names only: which node hangs on which. loads: W per phase; mv: of everything above a transformer, 0 for none"""

    kinds: dict[str, str] = field(default_factory=dict)
    parents: dict[str, list[str]] = field(default_factory=dict)
    alternates: dict[str, list[str]] = field(default_factory=dict)
    customers: dict[str, int] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)

    def add(self, name: str, kind: str, table: Tables) -> None:
        self.kinds[name] = kind
        self.parents[name] = list(table.get("parents", ()))
        self.alternates[name] = list(table.get("alternates", ()))
        self.customers[name] = _count(table.get("customers", 0))
        self.tables[name] = table

    def below(self, name: str) -> list[str]:
        return [name, *(b for each, ups in self.parents.items() if ups[:1] == [name] for b in self.below(each))]

    def is_low(self, name: str) -> bool:
        return self.kinds[name] == "transformer" or any(self.is_low(up) for up in self.parents[name][:1])


def _count(customers: Any) -> int:
    return sum(customers.values()) if isinstance(customers, dict) else int(customers)


def world_of(site: Tables, scenario: Tables, powered_by: Mapping[str, str]) -> World:
    """site, scenario: as TOML gave them; powered_by: of each meter, by its map where the site does not say."""
    world = scenario.get("world", {})
    net = _net_of(site)
    low_v, mv = world.get("lv", 380.0), world.get("mv", 0.0)
    low = {name: not mv or name in world.get("low", ()) or net.is_low(name) for name in net.kinds}
    loads = {name: _load_w(net, name, low[name], world.get("loads", {})) for name in net.kinds}
    elements = [*_sources(net, world, low_v, mv)]
    for name in net.kinds:
        elements += _element(net, name, low, loads, (low_v, mv))
        elements += _load(name, loads[name], low[name], (low_v, mv), world.get("unearthed", True))
    elements += _extras(world, low, (low_v, mv))
    grid = Grid(tuple(elements))
    lines_v = {name: low_v if low[name] else mv for name in net.kinds}
    places = {name: _place(grid, site, scenario, name) for name in site["meters"]}
    return World(grid, places, dict(powered_by), {name: volts / sqrt(3) for name, volts in lines_v.items()})


def node_of(site: Tables, meter: str) -> str:
    return str(site["meters"][meter].get("node", meter))


def _net_of(site: Tables) -> _Net:
    net = _Net()
    for name, table in site.get("nodes", {}).items():
        net.add(name, table.get("kind", "service"), table)
    meters = site["meters"]
    for name, table in meters.items():
        if "node" in table:
            net.customers[table["node"]] += _count(table.get("customers", 0))
            continue
        up, feeder = table.get("upstream"), table.get("feeder")
        if feeder and feeder not in net.kinds:
            net.add(feeder, "feeder", {})
        over = node_of(site, up) if up else feeder
        net.add(name, "service", {"parents": [over] if over else [], "customers": table.get("customers", 0)})
    return net


def _load_w(net: _Net, name: str, low: bool, told: Tables) -> tuple[float, float, float]:
    """Per phase. told: kW in all, or of each phase."""
    if name in told:
        kw = told[name]
        one, two, three = kw if isinstance(kw, list) else [kw / 3] * 3
        return 1e3 * one, 1e3 * two, 1e3 * three
    if not low:
        each = _MV_SERVICE_W / 3 if net.kinds[name] in ("service", "key") else 0.0
    else:
        each = max(_CUSTOMER_W * net.customers[name], _BRANCH_W if net.kinds[name] in ("service", "key") else 0) / 3
    return each, each, each


def _sources(net: _Net, world: Tables, low_v: float, mv: float) -> Iterator[Element]:
    roots = [name for name, ups in net.parents.items() if not ups]
    fed = world.get("sources", {"grid": roots})
    for name, on in fed.items():
        node = f"~{name}"
        if mv:
            amps = world.get("coil_a")
            star_ohm = 0j if world.get("earthing") == "solid" else coil(amps, mv) if amps else world.get("star_ohm")
            yield Source(name, node, mv, 0.1 + 0.5j, star_ohm=star_ohm)
            yield capacitance(f"cables of {name}", node, world.get("capacitive_a", 30.0), mv)
        else:
            yield Source(name, node, low_v, 0.002 + 0.004j, with_n=True)
        for root in on:
            ohm = 0.01 + 0.02j if mv else 0.002 + 0.002j
            yield Conductor(root, node, root, ohm, PHASES if mv else WIRES)


def _element(
    net: _Net, name: str, low: Mapping[str, bool], loads: Mapping[str, tuple[float, ...]], volts: tuple[float, float]
) -> Iterator[Element]:
    low_v, mv = volts
    watts = max(10_000.0, sum(sum(loads[each]) for each in net.below(name)))
    level_v = low_v if low[name] else mv
    ohm = (0.01 if low[name] else 0.004) * (0.8 + 0.6j) * level_v**2 / watts
    for index, up in enumerate((*net.parents[name], *net.alternates[name])):
        label = name if index == 0 and net.parents[name] else f"{name}~{up}"
        table = net.tables[name]
        if net.kinds[name] == "transformer" and mv:
            kva = table.get("rated_kva", max(100.0, 1.5e-3 * watts))
            group = table.get("vector_group", "Dyn11")
            yield Transformer(label, up, name, group, mv, low_v, kva, off=index > 0)
        else:
            yield Conductor(label, up, name, ohm, WIRES if low[name] else PHASES, off=index > 0)


def _load(
    name: str, watts: tuple[float, float, float], low: bool, volts: tuple[float, float], unearthed: bool
) -> Iterator[Element]:
    low_v, mv = volts
    if not sum(watts):
        return
    if low:
        yield star(f"load {name}", name, watts, low_v / sqrt(3))
    elif unearthed:
        yield delta(f"load {name}", name, sum(watts), mv)


def _extras(world: Tables, low: Mapping[str, bool], volts: tuple[float, float]) -> Iterator[Element]:
    """Faults, motors, generators, which are there when they are put on."""
    low_v, mv = volts
    for name, table in world.get("faults", {}).items():
        yield earth_fault(name, table["node"], table["wire"], table.get("ohm", 1.0))
    for name, table in world.get("shorts", {}).items():
        default = 0.002 if low[table["node"]] else 0.2
        yield short(name, table["node"], table.get("ohm", default), tuple(table.get("wires", PHASES)))
    for name, table in world.get("motors", {}).items():
        kw = 1e3 * table["kw"] / 3
        element = star(name, table["node"], (kw, kw, kw), low_v / sqrt(3), table.get("pf", 0.4))
        yield type(element)(element.name, element.node, element.between, off=True)
    for name, table in world.get("generators", {}).items():
        node = table["node"]
        ohm = 0.01 + 0.02j if low[node] else 0.5 + 3j
        yield Source(name, node, low_v if low[node] else mv, ohm, with_n=low[node], off=True)


def _place(grid: Grid, site: Tables, scenario: Tables, meter: str) -> Place:
    table = site["meters"][meter]
    real = scenario.get("meters", {}).get(meter, {})
    node = node_of(site, meter)
    return Place(
        voltage_node=table.get("voltage_node", node),
        elements=tuple(real.get("current_of", grid.feeding(node))),
        terminals=tuple(real.get("terminals", table.get("phase_map", PHASES))),
        names=tuple(table.get("phase_map", PHASES)),
        to_earth=table.get("basis") in ("le", "ll"),
    )
