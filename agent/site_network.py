"""The network of a site file: its nodes, and those that the shorthand of its meters stands for. Tables in, findings
and a `Network` out. Pure.

    in the site file                              becomes
    --------------------------------------------  ------------------------------------------------------------------
    [nodes.X]                                     node X
    feeder = "F12", no such node                  node F12, a feeder; below `upstream` if the meter has one that is on
                                                  no feeder or on another, and all meters of the feeder agree on it
    [meters.M] with node = "X"                    meter M on node X
    [meters.M] without                            meter M on node M, below the node of `upstream`, else below its
                                                  feeder, else below nothing; with its customers
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.detect.network import Customers, Network, Node, NodeKind, Placed
from agent.errors import Finding
from agent.site_rules import no_such
from agent.site_schema import MeterTable, NodeTable, Tables
from agent.site_values import as_toml


@dataclass(frozen=True, slots=True)
class _Draft:
    """A node, and the key path of what puts it below its parents."""

    node: Node
    where: str


def network_rules(tables: Tables) -> list[Finding]:
    """What is wrong with nodes and places, as far as it shows without the graph."""
    known = _known(tables)
    return [
        *_feeders_of_nodes(tables.nodes, known),
        *_places(tables, known),
        *_feeder_names(tables),
        *_twice_counted(tables),
        *_loops(_drafts(tables), tables),
        *_mains(tables, known),
    ]


def place_rules(tables: Tables, network: Network) -> list[Finding]:
    """What the graph shows of the meters, once it can be built."""
    return [*_other_feeder(tables, network), *_foreign_voltage(tables, network)]


def build_network(tables: Tables, powered_by: Mapping[str, str]) -> Network:
    """Of tables without a finding. powered_by: by meter, its own or its map's."""
    nodes = [draft.node for draft in _drafts(tables).values()]
    bare = Network(nodes)
    meters = [_placed(name, tables, bare, powered_by[name]) for name in powered_by]
    return Network(nodes, meters, tables.site.name if tables.site else "site")


def meter_path(network: Network, name: str) -> tuple[str, ...]:
    """Meters from the root of the network to this one, itself last; of several on one node the first."""
    above = network.path(network.meters[name].node)[:-1]
    return (*(network.meters_at(node)[0] for node in above if network.meters_at(node)), name)


def _placed(name: str, tables: Tables, bare: Network, powered_by: str) -> Placed:
    table = tables.meters[name]
    node = _node_of(name, tables)
    feeder = bare.feeder_of(node) if table.node else _label(name, tables) or bare.feeder_of(node)
    return Placed(name, node, table.voltage_node or node, table.line, powered_by, feeder)


# What the shorthand stands for.


def _drafts(tables: Tables) -> dict[str, _Draft]:
    """Every node by name, in the order: declared, feeders, meters' own."""
    drafts = {name: _declared(name, table, tables) for name, table in tables.nodes.items()}
    own = [name for name, table in tables.meters.items() if not table.node]
    for feeder in _labels(tables):
        if feeder not in tables.declared_nodes and feeder not in own:
            above = _above_feeder(feeder, tables)
            where = next(f"meters.{name}.feeder" for name, table in tables.meters.items() if table.feeder == feeder)
            drafts[feeder] = _Draft(Node(feeder, "feeder", (above,) if above else ()), where)
    for name in own:
        drafts.setdefault(name, _own_node(name, tables))
    return drafts


def _declared(name: str, table: NodeTable, tables: Tables) -> _Draft:
    at_it = (meter.customers for meter in tables.meters.values() if meter.node == name and meter.customers is not None)
    count = next(at_it, None)
    node = Node(
        name=name,
        kind=table.kind,
        parents=table.parents,
        alternates=table.alternates,
        vector_group=table.vector_group,
        rated_kva=table.rated_kva,
        critical=table.critical,
        customers=table.customers if count is None else Customers(unsplit=count),
        declared=True,
    )
    return _Draft(node, f"nodes.{name}.parents")


def _own_node(name: str, tables: Tables) -> _Draft:
    """The node of a meter that names none."""
    table = tables.meters[name]
    feeder = table.feeder if table.feeder != name else None
    above = feeder
    if table.upstream:
        above = feeder if feeder and _is_head(name, tables) else _node_of(table.upstream, tables)
    customers = None if table.customers is None else Customers(unsplit=table.customers)
    node = Node(name, _own_kind(name, tables), (above,) if above else (), customers=customers)
    return _Draft(node, f"meters.{name}.{'upstream' if table.upstream else 'feeder'}")


def _own_kind(name: str, tables: Tables) -> NodeKind:
    if name in _labels(tables):
        return "feeder"
    feeds_meter = any(table.upstream == name for table in tables.meters.values())
    feeds_node = any(name in table.parents for table in tables.nodes.values())
    return "branch" if feeds_meter or feeds_node else "service"


def _labels(tables: Tables) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table.feeder for table in tables.meters.values() if table.feeder))


def _node_of(name: str, tables: Tables) -> str:
    table = tables.meters.get(name)
    return table.node if table and table.node else name


def _uppers(name: str, tables: Tables) -> Iterator[MeterTable]:
    """The tables of the meters above, the nearest first; a loop ends where it closes."""
    seen = {name}
    up = tables.meters[name].upstream
    while up in tables.meters and up not in seen:
        seen.add(up)
        yield tables.meters[up]
        up = tables.meters[up].upstream


def _label(name: str, tables: Tables) -> str | None:
    """The meter's own feeder, else that of the nearest meter above it that has one."""
    if name not in tables.meters:
        return None
    return next((one.feeder for one in (tables.meters[name], *_uppers(name, tables)) if one.feeder), None)


def _is_head(name: str, tables: Tables) -> bool:
    """A meter where a feeder leaves what is above it: its own feeder stands between it and `upstream`."""
    table = tables.meters[name]
    feeder = table.feeder
    if feeder is None or not table.upstream or feeder == name:
        return False
    above = _node_of(table.upstream, tables)
    if feeder in tables.declared_nodes:
        return feeder in tables.nodes and above in tables.nodes[feeder].parents
    return above == _above_feeder(feeder, tables)


def _above_feeder(feeder: str, tables: Tables) -> str | None:
    """What the only upstream of all heads of this feeder stands on. None if they disagree, or if the feeder is also
    somewhere above them."""
    above = set()
    for name, table in tables.meters.items():
        if table.feeder == feeder and table.upstream and _label(table.upstream, tables) != feeder:
            if any(upper.feeder == feeder for upper in _uppers(name, tables)):
                return None
            above.add(_node_of(table.upstream, tables))
    return above.pop() if len(above) == 1 else None


# What may be wrong.


def _known(tables: Tables) -> frozenset[str]:
    """Names of nodes, those with a mistake of their own included."""
    placed = {name for name, table in tables.meters.items() if table.node}
    return tables.declared_nodes.union(_labels(tables), tables.declared_meters - placed)


def _feeders_of_nodes(nodes: Mapping[str, NodeTable], known: frozenset[str]) -> Iterator[Finding]:
    for name, table in nodes.items():
        for key, names in (("parents", table.parents), ("alternates", table.alternates)):
            missing = [one for one in names if one not in known]
            if missing:
                yield no_such(f"nodes.{name}.{key}", missing[0], known, "node")
        twice = sorted({*table.parents, name}.intersection(table.alternates))
        if twice:
            found = f"{as_toml(twice[0])}, which is {'the node itself' if twice[0] == name else 'a parent of it'}"
            yield Finding(f"nodes.{name}.alternates", found, "nodes that feed it after switching only", "remove it")
        if table.vector_group and table.kind != "transformer":
            found = f'{as_toml(table.vector_group)} on a node of kind "{table.kind}"'
            todo = "remove it, or correct the kind"
            yield Finding(f"nodes.{name}.vector_group", found, "a vector group on a transformer", todo)


def _places(tables: Tables, known: frozenset[str]) -> Iterator[Finding]:
    for name, table in tables.meters.items():
        if table.node and table.upstream:
            found = f"{as_toml(table.upstream)} beside node = {as_toml(table.node)}"
            todo = "remove upstream: what is above a node, its parents say"
            yield Finding(f"meters.{name}.upstream", found, "either node or upstream", todo)
        if name in tables.declared_nodes and table.node != name:
            found = f"a name that [nodes.{name}] has too"
            yield Finding(f"meters.{name}", found, f'another name, or node = "{name}"', "say where the meter stands")
        for key, node in (("node", table.node), ("voltage_node", table.voltage_node)):
            if node and node not in known:
                yield no_such(f"meters.{name}.{key}", node, known, "node")
        lives_on = (table.powered_by or "").partition("node:")[2]
        if lives_on and lives_on not in known:
            finding = no_such(f"meters.{name}.powered_by", lives_on, known, "node")
            yield Finding(finding.where, as_toml(table.powered_by), f"node: and one of {finding.allowed}", finding.todo)


def _feeder_names(tables: Tables) -> Iterator[Finding]:
    for name, table in tables.meters.items():
        node = tables.nodes.get(table.feeder or "")
        if node and node.kind != "feeder":
            found = f'{as_toml(table.feeder)}, a node of kind "{node.kind}"'
            todo = f'say node = "{table.feeder}" if the meter stands there, or correct the kind'
            yield Finding(f"meters.{name}.feeder", found, "the name of a feeder", todo)


def _twice_counted(tables: Tables) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for name, table in tables.meters.items():
        if not table.node or table.customers is None:
            continue
        declared = tables.nodes.get(table.node)
        other = f"nodes.{table.node}" if declared and declared.customers else first.setdefault(table.node, name)
        if other != name:
            found = f"{table.customers} on node {table.node}, whose customers {other} has too"
            yield Finding(f"meters.{name}.customers", found, "the customers of a node once", "remove one of them")
        elif declared is None:
            found = f"{table.customers} on node {table.node}, which has no table of its own"
            todo = f"declare [nodes.{table.node}] and write its customers there"
            yield Finding(f"meters.{name}.customers", found, "customers on a declared node", todo)


def _loops(drafts: Mapping[str, _Draft], tables: Tables) -> Iterator[Finding]:
    """Each loop once, at its first node in the file. Those of meters alone are found with the meters."""
    left = {name: [one for one in draft.node.parents if one in drafts] for name, draft in drafts.items()}
    while left:
        ends = [name for name, above in left.items() if not set(above).intersection(left)]
        ends += [name for name in left if not any(name in above for above in left.values())]
        if ends:
            left = {name: above for name, above in left.items() if name not in ends}
            continue
        loop = _one_loop(left)
        if not _of_meters(loop, tables):
            at = next(name for name in drafts if name in loop)
            turned = [*loop[loop.index(at) :], *loop[: loop.index(at)], at]
            allowed = "no node above itself; a ring's other way is one of the alternates"
            found = f"a loop: {' -> '.join(turned)}"
            yield Finding(drafts[at].where, found, allowed, "take one of the parents away")
        left = {name: above for name, above in left.items() if name not in loop}


def _of_meters(loop: list[str], tables: Tables) -> bool:
    above = [*loop[1:], loop[0]]
    return all(
        name in tables.meters and tables.meters[name].upstream == up for name, up in zip(loop, above, strict=True)
    )


def _one_loop(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """Of a graph in which every node has a parent."""
    way = [next(iter(parents))]
    while (up := next(one for one in parents[way[-1]] if one in parents)) not in way:
        way.append(up)
    return way[way.index(up) :]


def _mains(tables: Tables, known: frozenset[str]) -> Iterator[Finding]:
    table = tables.mains
    if table is None:
        return
    kinds = table.kinds()
    if len(kinds) != 1:
        todo = "keep the one that sees the supply first" if kinds else "say who tells whether the gateway has mains"
        yield Finding("mains", " and ".join(kinds) or "none of them", "exactly one of sysfs, nut", todo)
    if table.node and table.node not in known:
        yield no_such("mains.node", table.node, known, "node")


def _other_feeder(tables: Tables, network: Network) -> Iterator[Finding]:
    for name, table in tables.meters.items():
        feeder = network.feeder_of(table.node) if table.node else table.feeder
        if table.feeder and table.feeder != feeder:
            found = f"{as_toml(table.feeder)} beside node = {as_toml(table.node)}, which is on {feeder or 'no feeder'}"
            todo = f"remove it, or correct the parents of {table.node}"
            yield Finding(f"meters.{name}.feeder", found, "the feeder that its node hangs on", todo)


def _foreign_voltage(tables: Tables, network: Network) -> Iterator[Finding]:
    for name, table in tables.meters.items():
        placed = network.meters[name]
        if not table.voltage_node or network.feeds(placed.voltage_node, placed.node):
            continue
        above = network.nodes[placed.node].alternates
        if not any(network.feeds(placed.voltage_node, one) for one in above):
            found = f"{as_toml(table.voltage_node)}, which does not feed node {placed.node}"
            allowed = f"one of {', '.join(network.path(placed.node))}"
            todo = "name the node whose voltage the meter is connected to, or correct the parents"
            yield Finding(f"meters.{name}.voltage_node", found, allowed, todo)
