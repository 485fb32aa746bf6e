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

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.detect.network import Customers, Network, Node, NodeKind, Placed
from agent.errors import Finding
from agent.sitefile.loops import one_loop, only_loops
from agent.sitefile.rules import no_such
from agent.sitefile.schema import MeterTable, NodeTable, Tables
from agent.sitefile.values import as_toml


@dataclass(frozen=True, slots=True)
class _Draft:
    """A node, and the key path of what puts it below its parents."""

    node: Node
    where: str


@dataclass(frozen=True, slots=True)
class _Shorthand:
    """What the meters say of the network between them, looked up once: asked for anew by each meter it takes time with
    the cube of their number.

    feeders: that meters name, in their order, and the first to name each; feeder_of: a meter's own, else that of the
    nearest meter above it that has one; above: what a feeder hangs below; feeding: names that something hangs below
    """

    feeders: Mapping[str, str]
    feeder_of: Mapping[str, str | None]
    above: Mapping[str, str]
    feeding: frozenset[str]


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
    bare, feeder_of = Network(nodes), _feeder_of(tables.meters)
    meters = [_placed(name, tables, bare, feeder_of[name], powered_by[name]) for name in powered_by]
    return Network(nodes, meters, tables.site.name if tables.site else "site")


def meter_path(network: Network, name: str) -> tuple[str, ...]:
    """Meters from the root of the network to this one, itself last; of several on one node the first."""
    above = network.path(network.meters[name].node)[:-1]
    return (*(network.meters_at(node)[0] for node in above if network.meters_at(node)), name)


def _placed(name: str, tables: Tables, bare: Network, named: str | None, powered_by: str) -> Placed:
    table = tables.meters[name]
    node = _node_of(name, tables)
    feeder = bare.feeder_of(node) if table.node else named or bare.feeder_of(node)
    return Placed(name, node, table.voltage_node or node, table.line, powered_by, feeder)


# What the shorthand stands for.


def _drafts(tables: Tables) -> dict[str, _Draft]:
    """Every node by name, in the order: declared, feeders, meters' own."""
    counts: dict[str, int] = {}
    for meter in tables.meters.values():
        if meter.node and meter.customers is not None:
            counts.setdefault(meter.node, meter.customers)
    drafts = {name: _declared(name, table, counts.get(name)) for name, table in tables.nodes.items()}
    own = {name: table for name, table in tables.meters.items() if not table.node}
    short = _shorthand(tables)
    for feeder, first in short.feeders.items():
        if feeder not in tables.declared_nodes and feeder not in own:
            above = short.above.get(feeder)
            drafts[feeder] = _Draft(Node(feeder, "feeder", (above,) if above else ()), f"meters.{first}.feeder")
    for name in own:
        drafts.setdefault(name, _own_node(name, tables, short))
    return drafts


def _declared(name: str, table: NodeTable, count: int | None) -> _Draft:
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
        mv_users=table.mv_users,
    )
    return _Draft(node, f"nodes.{name}.parents")


def _own_node(name: str, tables: Tables, short: _Shorthand) -> _Draft:
    """The node of a meter that names none."""
    table = tables.meters[name]
    feeder = table.feeder if table.feeder != name else None
    above = feeder
    if table.upstream:
        above = feeder if feeder and _is_head(name, tables, short) else _node_of(table.upstream, tables)
    customers = None if table.customers is None else Customers(unsplit=table.customers)
    node = Node(name, _own_kind(name, short), (above,) if above else (), customers=customers)
    return _Draft(node, f"meters.{name}.{'upstream' if table.upstream else 'feeder'}")


def _own_kind(name: str, short: _Shorthand) -> NodeKind:
    if name in short.feeders:
        return "feeder"
    return "branch" if name in short.feeding else "service"


def _shorthand(tables: Tables) -> _Shorthand:
    feeders: dict[str, str] = {}
    feeding = {table.upstream for table in tables.meters.values()}.union(
        *(table.parents for table in tables.nodes.values())
    )
    for name, table in tables.meters.items():
        if table.feeder:
            feeders.setdefault(table.feeder, name)
    feeder_of = _feeder_of(tables.meters)
    return _Shorthand(feeders, feeder_of, _above_feeders(tables, feeder_of), frozenset(feeding))


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


def _feeder_of(meters: Mapping[str, MeterTable]) -> dict[str, str | None]:
    """By meter its own feeder, else that of the nearest meter above it that has one."""
    found: dict[str, str | None] = {name: table.feeder for name, table in meters.items() if table.feeder}
    for name in meters:
        way: dict[str, None] = {}
        up = name
        while up in meters and up not in found and up not in way:
            way[up] = None
            up = meters[up].upstream
        found |= dict.fromkeys(way, found.get(up))
    return found


def _is_head(name: str, tables: Tables, short: _Shorthand) -> bool:
    """A meter where a feeder leaves what is above it: its own feeder stands between it and `upstream`."""
    table = tables.meters[name]
    feeder = table.feeder
    if feeder is None or not table.upstream or feeder == name:
        return False
    above = _node_of(table.upstream, tables)
    if feeder in tables.declared_nodes:
        return feeder in tables.nodes and above in tables.nodes[feeder].parents
    return above == short.above.get(feeder)


def _above_feeders(tables: Tables, feeder_of: Mapping[str, str | None]) -> dict[str, str]:
    """By feeder the only upstream of all of its heads. None if they disagree, or if the feeder is also somewhere above
    them."""
    above: dict[str, set[str | None]] = defaultdict(set)
    for name, table in tables.meters.items():
        if table.feeder and table.upstream and feeder_of.get(table.upstream) != table.feeder:
            again = any(upper.feeder == table.feeder for upper in _uppers(name, tables))
            above[table.feeder].add(None if again else _node_of(table.upstream, tables))
    return {feeder: up for feeder, (up, *others) in above.items() if up is not None and not others}


# What may be wrong.


def _known(tables: Tables) -> frozenset[str]:
    """Names of nodes, those with a mistake of their own included."""
    placed = {name for name, table in tables.meters.items() if table.node}
    return tables.declared_nodes.union(
        (table.feeder for table in tables.meters.values() if table.feeder), tables.declared_meters - placed
    )


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
    left = only_loops({name: [one for one in draft.node.parents if one in drafts] for name, draft in drafts.items()})
    while left:
        loop = one_loop(left)
        if not _of_meters(loop, tables):
            at = next(name for name in drafts if name in loop)
            turned = [*loop[loop.index(at) :], *loop[: loop.index(at)], at]
            allowed = "no node above itself; a ring's other way is one of the alternates"
            found = f"a loop: {' -> '.join(turned)}"
            yield Finding(drafts[at].where, found, allowed, "take one of the parents away")
        left = only_loops({name: above for name, above in left.items() if name not in loop})


def _of_meters(loop: list[str], tables: Tables) -> bool:
    above = [*loop[1:], loop[0]]
    return all(
        name in tables.meters and tables.meters[name].upstream == up for name, up in zip(loop, above, strict=True)
    )


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
