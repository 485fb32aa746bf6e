"""Loops in a graph that is told by what stands above each node. In time with the size of the graph. Pure."""

from collections.abc import Iterable, Mapping


def only_loops(parents: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Without what nothing is above of, or below, and without what that leaves so."""
    upwards = {name: [one for one in above if one in parents] for name, above in parents.items()}
    kept = _with_others_behind(_turned(_with_others_behind(upwards)))
    return {name: [one for one in upwards[name] if one in kept] for name in upwards if name in kept}


def _turned(graph: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {name: [] for name in graph}
    for name, behind in graph.items():
        for one in behind:
            turned[one].append(name)
    return turned


def _with_others_behind(graph: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Those that something is behind of, however many of the others go."""
    open_ends = {name: len(behind) for name, behind in graph.items()}
    before = _turned(graph)
    ends = [name for name, count in open_ends.items() if not count]
    for end in ends:  # grows meanwhile
        for name in before[end]:
            open_ends[name] -= 1
            if not open_ends[name]:
                ends.append(name)
    gone = set(ends)
    return {name: [one for one in behind if one not in gone] for name, behind in graph.items() if name not in gone}


def one_loop(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """Of a graph in which every node has a parent."""
    way = [next(iter(parents))]
    while (up := next(one for one in parents[way[-1]] if one in parents)) not in way:
        way.append(up)
    return way[way.index(up) :]
