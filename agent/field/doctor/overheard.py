"""Whether somebody else asks on a line, from what was heard there while we were silent. Pure."""

from drivers.modbus.overhear import Overhearing
from drivers.modbus.rtu import survey


def others(idle: bytes) -> str:
    """In the words in which the agent tells it; empty where nobody is."""
    overhearing = Overhearing()
    for each in survey(idle):
        overhearing.frame(each, 0)
    return "" if overhearing.heard is None else str(overhearing.heard)
