"""Where the time of outages goes: the feeder and the incident that have most of what was lost. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.detect.network import Network
from agent.records import Incident
from agent.report.figures import NOTHING, Bounds
from agent.report.reliability.outages import Interruption
from agent.report.reliability.unseen import possible


@dataclass(frozen=True, slots=True)
class Most:
    """Who has most. share: 0..1 of all that was lost; incident: its id, empty of a feeder; began_us: of the incident"""

    where: str
    share: Bounds
    customer_min: Bounds
    incident: str = ""
    began_us: int | None = None


def feeder_with_most(found: Sequence[Interruption], places: Mapping[str, Iterable[str]]) -> Most | None:
    """places: of each feeder. None where nothing was surely lost, or there is one feeder."""
    told = [Most(name, *_shared(found, lambda one, own=frozenset(own): one.place in own))  # type: ignore[misc]
            for name, own in places.items()]  # fmt: skip
    return _first(told) if len(told) > 1 else None


def incident_with_most(
    found: Sequence[Interruption], incidents: Iterable[Incident], network: Network, until_us: int
) -> Most | None:
    """Of those that were not taken back. An interruption is an incident's if it is below its node, at its time."""
    told = []
    for incident in incidents:
        if incident.state != "retracted" and (incident.node in network.nodes or incident.node == network.site):
            share, lost = _shared(found, _of(incident, network, until_us))
            told.append(Most(incident.node, share, lost, incident.id, incident.start_us))
    return _first(told)


def _of(incident: Incident, network: Network, until_us: int) -> Callable[[Interruption], bool]:
    below, span = network.below(incident.node), possible(incident, until_us)

    def is_its(one: Interruption) -> bool:
        return one.place in below and any(span.within(part).length_us for part in one.sure)

    return is_its


def _shared(found: Sequence[Interruption], is_its: Callable[[Interruption], bool]) -> tuple[Bounds, Bounds]:
    """Share of all, and how much that is."""
    own = _lost(one for one in found if is_its(one))
    others = _lost(one for one in found if not is_its(one))
    low, high = own.low + others.high, own.high + others.low
    return Bounds(own.low / low if low else 0.0, own.high / high if high else 0.0), own


def _lost(some: Iterable[Interruption]) -> Bounds:
    lost = (one.lost_min.scaled(one.customers) for one in some)
    return sum((one for one in lost), NOTHING)


def _first(told: Sequence[Most]) -> Most | None:
    most = max(told, key=lambda one: (one.customer_min.low, one.customer_min.high), default=None)
    return most if most is not None and most.customer_min.low > 0 else None
