"""All dashboards, in the order in which one asks. Pure."""

from agent.dashboards.energy import energy
from agent.dashboards.events import events
from agent.dashboards.health import health
from agent.dashboards.model import Dashboard
from agent.dashboards.network import network
from agent.dashboards.options import Options
from agent.dashboards.outages import outages
from agent.dashboards.voltage import voltage


def dashboards(options: Options) -> tuple[Dashboard, ...]:
    return tuple(made(options) for made in (network, voltage, events, outages, energy, health))


# Those of any site.
ALL = dashboards(Options())
