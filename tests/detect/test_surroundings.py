"""What is around each meter: the mains, what fell silent together, and that nothing is asked twice. The bench of an
evaluation counts calls, which no busy machine makes more."""

from dataclasses import replace

import pytest

from agent.detect import network as network_module
from agent.detect import surroundings as surroundings_module
from agent.detect.joining import supply_faults, votes_of
from agent.detect.localise import Laid
from agent.detect.network import Customers, Network, Node, Placed
from agent.detect.supply_evidence import Seen
from agent.detect.surroundings import Open, Surroundings, Told
from agent.detect.tracking import Bounds

SINCE = Bounds(1_000_000, 2_000_000)
COUNT = 200
NODES = [
    Node("F12", "feeder"),
    Node("F15", "feeder"),
    *(Node(f"t{i}", "transformer", ("F12",), ("F15",)) for i in range(20)),
    *(Node(f"s{i}", "service", (f"t{i % 20}",), customers=Customers(unsplit=10)) for i in range(COUNT)),
]


def town() -> Network:
    """Every other meter lives on what it measures; ten lines."""
    meters = (Placed(f"m{i}", f"s{i}", f"s{i}", f"l{i % 10}", "self" if i % 2 else "dc", "F12") for i in range(COUNT))
    return Network(NODES, meters)


def storm() -> tuple[dict[str, Seen], Told]:
    """A hundred measure that they are dead, a hundred are silent."""
    dead = [f"m{i}" for i in range(0, COUNT, 2)]
    silent = [f"m{i}" for i in range(1, COUNT, 2)]
    zeros = {"supply": "dead", "by_phase": {"l1": "dead"}, "heard_us": 5_000_000, "as_of_us": 4_900_000}
    seen = {name: Seen(meter=name, comms="ok", **zeros) for name in dead}  # type: ignore[arg-type]
    seen |= {name: Seen(meter=name, comms="lost", silent_since=SINCE, heard_us=1_000_000) for name in silent}
    measured = {name: Open(f"ev-{name}", SINCE) for name in dead}
    return seen, Told({name: f"ev-{name}" for name in silent}, measured)


class Calls:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
        self.count, self._made = 0, getattr(module, name)
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args: object, **more: object) -> object:
        self.count += 1
        return self._made(*args, **more)


def test_what_has_not_changed_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, surroundings_module, "verdict")
    around, (seen, told) = Surroundings(town()), storm()
    first = around.verdicts(seen, told)
    assert calls.count == COUNT
    again = around.verdicts(dict(seen), replace(told, measured=dict(told.measured)))
    assert (calls.count, again) == (COUNT, first)
    seen["m0"] = replace(seen["m0"], heard_us=6_000_000, as_of_us=5_900_000)
    around.verdicts(seen, told)
    assert calls.count == COUNT + 1


def test_ways_are_sought_once_for_the_same_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    net, (seen, told) = town(), storm()
    calls = Calls(monkeypatch, network_module, "passed_by_all")
    votes = votes_of(Surroundings(net).verdicts(seen, told), seen, net, 0)
    for _ in range(20):
        (fault,) = supply_faults(Laid(votes, net, tuple(seen)))
    assert calls.count <= 1
    assert (fault.node, fault.customers) == ("F12", (1000, 2000))


def mains(node: str | None, *silent: str, aux: bool = False) -> dict[str, str]:
    """Rows, by meter, where the gateway's own supply went with these."""
    net = Network(
        [Node("F12", "feeder"), Node("F15", "feeder"), Node("a", "service", ("F12",)), Node("b", "service", ("F15",))],
        [Placed("a", "a", "a", "l1", "self"), Placed("b", "b", "b", "l2", "self"), Placed("c", "b", "b", "l3", "ups")],
    )
    lost = {name: Seen(meter=name, comms="lost", silent_since=SINCE, heard_us=1_000_000) for name in (*silent,)}
    if aux:
        lost["c"] = Seen(meter="c", comms="lost", silent_since=SINCE, heard_us=1_000_000)
    told = Told(mains=Open("ev-mains", SINCE))
    return {name: one.row for name, one in Surroundings(net, node).verdicts(lost, told).items()}


def test_mains_speak_for_what_their_node_feeds() -> None:
    assert mains("F12", "a", "b") == {"a": "mains", "b": "mains_too"}
    assert mains("a", "a", "b") == {"a": "mains", "b": "mains_too"}
    assert mains(None, "a", "b") == {"a": "mains_too", "b": "mains_too"}
    assert mains("F12", "a", "b", aux=True) == {"a": "mains_too", "b": "mains_too", "c": "auxiliary"}
