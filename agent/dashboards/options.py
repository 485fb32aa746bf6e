"""What a site file adds to the dashboards; without one they fit any site. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.detect.network import Network
from agent.detect.thresholds import PROFILES
from agent.site import Meter, Site


@dataclass(frozen=True, slots=True)
class Branch:
    """One feeder. meters: from the head down; customers: of those meters"""

    feeder: str
    meters: tuple[str, ...]
    customers: int


@dataclass(frozen=True, slots=True)
class Options:
    """zone: of days and demand blocks; customers: of the whole site, 0 = nobody said; limits: V, of the low voltage;
    tree: lines of Markdown, what hangs on what"""

    site: str = ""
    gateway: str = ""
    zone: str = "UTC"
    customers: int = 0
    limits: tuple[float, float] = (207.0, 253.0)
    branches: tuple[Branch, ...] = ()
    tree: tuple[str, ...] = ()


def options_of(site: Site) -> Options:
    branches = tuple(_branches(site))
    low = min(site.meters.values(), key=lambda meter: meter.nominal_v)
    return Options(
        site=site.name,
        gateway=site.gateway,
        zone=site.time_zone,
        customers=site.network.customers_below(site.network.site).total,
        limits=_limits(site, low),
        branches=branches,
        tree=tuple(_tree(site.network)),
    )


def _limits(site: Site, meter: Meter) -> tuple[float, float]:
    if meter.limits is not None:
        return meter.limits
    thresholds = PROFILES[site.profile]
    low, high = thresholds.limits_ll if meter.basis == "ll" else thresholds.limits
    return low * meter.nominal_v, high * meter.nominal_v


def _branches(site: Site) -> Iterator[Branch]:
    feeders = dict.fromkeys(meter.feeder for meter in site.meters.values() if meter.feeder)
    for feeder in feeders:
        meters = [meter for meter in site.meters.values() if meter.feeder == feeder]
        yield Branch(
            feeder,
            tuple(meter.name for meter in sorted(meters, key=lambda meter: len(meter.path))),
            site.network.customers_of({meter.node for meter in meters}).total,
        )


def _tree(network: Network) -> Iterator[str]:
    drawn: set[str] = set()
    for root in network.roots:
        yield from _below(network, root, 0, drawn)


def _below(network: Network, name: str, depth: int, drawn: set[str]) -> Iterator[str]:
    """What several nodes feed is drawn once."""
    margin = "  " * depth + "- "
    if name in drawn:
        yield f"{margin}{name} (above)"
        return
    drawn.add(name)
    node, customers = network.nodes[name], network.customers_below(name).total
    facts = [
        node.kind if node.declared else "",
        counted(customers, "customer") if customers else "",
        node.critical or "",
    ]
    said = ", ".join(filter(None, facts))
    meters = " ".join(f"`{meter}`" for meter in network.meters_at(name) if meter != name)
    yield f"{margin}**{name}**{f' ({said})' if said else ''}{f' {meters}' if meters else ''}"
    for lower, other in network.nodes.items():
        if name in other.parents:
            yield from _below(network, lower, depth + 1, drawn)


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + "s" * (number != 1)
