"""The feeder tree as rows: what stands left of a name, the name, and the meter there, if there is one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.detect.network import Network
from agent.field.watch.glyphs import Glyphs


@dataclass(frozen=True, slots=True)
class Branch:
    """margin: the lines of the tree; meter: the name of a meter, empty for a node that has none of its name."""

    margin: str
    name: str
    meter: str = ""


def branches(network: Network, glyphs: Glyphs) -> tuple[Branch, ...]:
    """From the roots down; what several feed stands once, where it comes first."""
    drawn: set[str] = set()
    return tuple(row for root in network.roots for row in _branch(network, root, ("", ""), drawn, glyphs))


def _branch(network: Network, name: str, margins: tuple[str, str], drawn: set[str], glyphs: Glyphs) -> Iterator[Branch]:
    """margins: left of the node's own row, and of those below it."""
    if name in drawn:
        return
    drawn.add(name)
    meters = network.meters_at(name)
    yield Branch(margins[0], name, name if name in meters else "")
    below = [child for child, node in network.nodes.items() if name in node.parents and child not in drawn]
    others = [meter for meter in meters if meter != name]
    for index, each in enumerate([*others, *below], start=1):
        last = index == len(others) + len(below)
        own, further = (glyphs.last, "   ") if last else (glyphs.branch, glyphs.beside)
        if each in others and index <= len(others):
            yield Branch(margins[1] + own, each, each)
        else:
            yield from _branch(network, each, (margins[1] + own, margins[1] + further), drawn, glyphs)
