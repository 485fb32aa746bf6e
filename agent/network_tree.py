"""The network of a site as `check` shows it: one row per node for programs, a tree for people. Pure."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from agent.detect.network import Customers, Network, Placed

_LIVES_ON = {
    "self": "lives on the voltage it measures",
    "self:all": "lives on all phases it measures",
    "dc": "lives on an auxiliary supply",
    "ups": "lives on a UPS",
}


def network_rows(network: Network) -> list[dict[str, Any]]:
    """Every node, from the roots down. What does not apply is null."""
    return [_row(network, name) for name in network.nodes]


def _row(network: Network, name: str) -> dict[str, Any]:
    node = network.nodes[name]
    return {
        "node": name,
        "kind": node.kind,
        "device": network.device(name),
        "declared": node.declared,
        "parents": list(node.parents),
        "alternates": list(node.alternates),
        "feeder": network.feeder_of(name),
        "vector_group": node.vector_group,
        "rated_kva": node.rated_kva,
        "critical": node.critical,
        "customers": None if node.customers is None else asdict(node.customers) | {"total": node.customers.total},
        "customers_below": network.customers_below(name).total,
        "meters": [
            {"meter": meter, "voltage_node": placed.voltage_node, "powered_by": placed.powered_by}
            for meter in network.meters_at(name)
            for placed in [network.meters[meter]]
        ],
    }


def network_tree(network: Network) -> Iterator[str]:
    """Lines of text: what hangs on each node below it. What several feed is drawn once."""
    customers = network.customers_below(network.site).total
    known = f", {_counted(customers, 'customer')}" if customers else ""
    yield f"network: {_counted(len(network.nodes), 'node')}{known}; in brackets what a lineman looks at"
    drawn: set[str] = set()
    for root in network.roots:
        yield from _branch(network, root, ("", ""), drawn)


def _branch(network: Network, name: str, margins: tuple[str, str], drawn: set[str]) -> Iterator[str]:
    """margins: what stands left of the node's own line, and of those below it."""
    own, further = margins
    if name in drawn:
        yield f"{own}{name} (drawn above)"
        return
    drawn.add(name)
    yield f"{own}{name}  {_words(network, name)}"
    children = [child for child, node in network.nodes.items() if name in node.parents]
    for meter in network.meters_at(name):
        if meter != name:
            yield f"{further}{'│' if children else ' '}  meter {meter}: {_meter_words(network.meters[meter])}"
    for child in children:
        lower = ("└─ ", "   ") if child == children[-1] else ("├─ ", "│  ")
        yield from _branch(network, child, (further + lower[0], further + lower[1]), drawn)


def _words(network: Network, name: str) -> str:
    node = network.nodes[name]
    size = f"{node.rated_kva:g} kVA" if node.rated_kva else ""
    kind = " ".join(filter(None, (node.kind, node.vector_group, size)))
    parts = (
        f"{kind} ({network.device(name)})",
        _customers_words(node.customers, network.customers_below(name).total),
        f"or fed from {' or '.join(node.alternates)}" if node.alternates else "",
        f"critical: {node.critical}" if node.critical else "",
        f"its meter {_meter_words(network.meters[name])}" if name in network.meters_at(name) else "",
    )
    return "; ".join(part for part in parts if part)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _customers_words(here: Customers | None, below: int) -> str:
    """``182 customers (l1 60, l2 61, l3 57, three-phase 4)``, or ``97 customers, 20 of them here``."""
    if not below:
        return ""
    split = {"l1": here.l1, "l2": here.l2, "l3": here.l3, "three-phase": here.three_phase} if here else {}
    known = ", ".join(f"{phase} {count}" for phase, count in split.items() if count)
    own = here.total if here else 0
    words = _counted(below, "customer")
    if own < below:
        words += f", {own} of them here" if own else " below"
    return words + (f" ({known})" if known else "")


def _meter_words(placed: Placed) -> str:
    words = _lives_on(placed.powered_by)
    if placed.voltage_node != placed.node:
        words += f", voltage taken at {placed.voltage_node}"
    return words


def _lives_on(powered_by: str) -> str:
    kind, _, rest = powered_by.partition(":")
    if kind == "node":
        return f"lives on the voltage of node {rest}"
    return _LIVES_ON.get(powered_by) or f"lives on {rest}, which it measures"
