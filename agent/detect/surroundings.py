"""What is known around each meter: from what all of them say now, where they stand, and what is open. Pure.

meters that measure none  ->  `Dark` places  ->  everything that lives through such a place only: `dead_above`
meters with voltage       ->  everything they come through only has it too: `live_below`
silences that began together, below one node, on two lines that still answer: `together`
the gateway's mains       ->  who is fed by that node, and fell silent with it: `mains`; what else did: `mains_too`
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from agent.detect.network import Network
from agent.detect.supply_evidence import SELF_POWERED, Around, Cause, Seen, Verdict, verdict
from agent.detect.tracking import Bounds

# How far the beginnings of silences may lie apart, or one from the loss of mains, beside what their bounds leave open.
_AT_ONCE_US = 2_000_000
_WIDEST_US = 30_000_000
# What goes on when the network does not: if it falls silent, its way is broken.
_BACKED_UP = ("dc", "ups")
# So many of those that tell the same are named.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Open:
    """An open event as far as it is evidence. id; since: its bounds on the boot clock"""

    id: str
    since: Bounds


@dataclass(frozen=True, slots=True)
class Told:
    """What is open now, by meter. silences: comms_loss, by the ids others know them by; measured, logged: supply_loss;
    mains: the gateway's own supply; dead_lines: lines every unit of which is silent"""

    silences: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, Open] = field(default_factory=dict)
    logged: Mapping[str, Open] = field(default_factory=dict)
    mains: Open | None = None
    dead_lines: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Dark:
    """A place without voltage, and who says so."""

    node: str
    meter: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is the same for all meters. voters: in normal mode; dark: by node; beside, together: by meter; lit: of those
    with voltage, by each node where one is that has none and that they come through; lit_at: where they measure;
    heard: of each line, when one of it answered last; ways_went: an auxiliary supply does not explain every silence"""

    voters: Mapping[str, Seen]
    dark: Mapping[str, Sequence[Dark]]
    beside: Mapping[str, Cause]
    together: Mapping[str, Cause]
    lit: Mapping[str, Sequence[Seen]]
    lit_at: frozenset[str]
    heard: Mapping[str, int]
    ways_went: bool


class Surroundings:
    """Of one site. mains_node: where the gateway's own supply comes from, None where the site file does not say.

    What was found of a meter is kept: nothing is judged anew where neither it nor anything around it has changed."""

    def __init__(self, network: Network, mains_node: str | None = None) -> None:
        self._network = network
        self._mains_node = mains_node
        self._units: dict[str, list[str]] = {}
        self._at: dict[str, list[str]] = {}  # by node: who takes its voltage there
        for name, placed in network.meters.items():
            self._units.setdefault(placed.line, []).append(name)
            self._at.setdefault(placed.voltage_node, []).append(name)
        self._bays = [name for name, placed in network.meters.items() if placed.voltage_node != placed.node]
        powers = {name: placed.powered_by.partition("node:")[2] for name, placed in network.meters.items()}
        self._powered_from = {name: node for name, node in powers.items() if node in network.nodes}
        self._own = [name for name, placed in network.meters.items() if placed.powered_by in SELF_POWERED]
        self._known: dict[str, tuple[tuple[object, ...], Around]] = {}
        self._judged: dict[str, tuple[Seen, Around, Verdict]] = {}
        self._grouped: tuple[object, list[list[str]]] = (None, [])  # of which silent ones, and what was found

    def verdicts(self, seen: Mapping[str, Seen], told: Told) -> dict[str, Verdict]:
        """By meter: what the table says of it."""
        return {name: self._verdict(seen[name], around) for name, around in self.around(seen, told).items()}

    def _verdict(self, seen: Seen, around: Around) -> Verdict:
        known = self._judged.get(seen.meter)
        if known is None or known[0] is not seen or known[1] is not around:
            known = self._judged[seen.meter] = (seen, around, verdict(seen, around))
        return known[2]

    def around(self, seen: Mapping[str, Seen], told: Told) -> dict[str, Around]:
        """By meter; the same object as before where nothing has changed."""
        moment = self._moment(seen, told)
        return {name: self._of(one, told, moment) for name, one in seen.items()}

    def _moment(self, seen: Mapping[str, Seen], told: Told) -> _Moment:
        voters = {name: one for name, one in seen.items() if one.mode == "normal"}
        lit = {name: one for name, one in voters.items() if one.supply in ("live", "partial") and one.speaks}
        beside = {name: found for name in told.measured if (found := self._beside(name, told.measured[name], voters))}
        dark: dict[str, list[Dark]] = {}
        for place in self._dark({name: one for name, one in voters.items() if name not in beside}, told):
            dark.setdefault(place.node, []).append(place)
        heard: dict[str, int] = {}
        for name, one in voters.items():
            line = self._network.meters[name].line
            heard[line] = max(heard.get(line, 0), one.heard_us or 0)
        lit_at = frozenset(self._network.meters[name].voltage_node for name in lit)
        together, lit_below = self._fell_together(voters, heard), self._lit_below(seen, lit)
        return _Moment(voters, dark, beside, together, lit_below, lit_at, heard, self._ways_went(voters, told.mains))

    def _beside(self, name: str, measured: Open, voters: Mapping[str, Seen]) -> Cause | None:
        """Another meter has voltage where this one has none, or its voltage circuit there has failed."""
        node = self._network.meters[name].voltage_node
        for other in self._at[node]:
            one = voters.get(other)
            if other == name or one is None or one.as_of_us is None or one.as_of_us < measured.since.latest_us:
                continue
            if one.vt_failed or (one.speaks and one.supply in ("live", "partial")):
                return Cause(other, (), None, 0.9)
        return None

    def _dark(self, seen: Mapping[str, Seen], told: Told) -> Iterator[Dark]:
        """Where no voltage is: measured, or by a bay's current."""
        for name, measured in told.measured.items():
            one = seen.get(name)
            if one is not None and not one.stale and not one.vt_failed and one.supply in ("dead", "unknown"):
                node = self._network.meters[name].voltage_node
                yield Dark(node, name, Cause(name, (measured.id,), measured.since, 0.95))
        for name in self._bays:
            one = seen.get(name)
            if one is not None and one.current_gone is not None and one.speaks and one.supply != "dead":
                yield Dark(self._network.meters[name].node, name, Cause(name, (), one.current_gone, 0.7))

    def _lit_below(self, seen: Mapping[str, Seen], lit: Mapping[str, Seen]) -> Mapping[str, Sequence[Seen]]:
        wanted = {self._network.meters[name].node for name, one in seen.items() if not one.speaks}
        found: dict[str, list[Seen]] = {}
        for name, one in lit.items() if wanted else ():
            for node in self._network.passed_always(self._network.meters[name].voltage_node) & wanted:
                found.setdefault(node, []).append(one)
        return found

    def _ways_went(self, voters: Mapping[str, Seen], mains: Open | None) -> bool:
        """What has a supply of its own fell silent with the gateway's mains."""
        backed_up = (one for name, one in voters.items() if self._network.meters[name].powered_by in _BACKED_UP)
        return mains is not None and any(_at_once((mains.since, one.silent_since)) for one in backed_up)

    # -- of one meter --------------------------------------------------------------------------------------

    def _of(self, seen: Seen, told: Told, moment: _Moment) -> Around:
        name = seen.meter
        line = self._network.meters[name].line
        own = (told.measured.get(name), told.logged.get(name), told.silences.get(name), line in told.dead_lines)
        now = (*own, moment.beside.get(name), None if seen.speaks else self._without_voltages(seen, told, moment))
        known = self._known.get(name)
        if known is None or known[0] != now:
            known = self._known[name] = (now, self._made(name, *now))
        return known[1]

    def _made(
        self, name: str, measured: Open | None, logged: Open | None, silence: str | None, line_silent: bool,
        beside: Cause | None, more: Mapping[str, Any] | None,
    ) -> Around:  # fmt: skip
        placed = self._network.meters[name]
        return Around(
            powered_by=placed.powered_by,
            bus_vt=placed.voltage_node != placed.node,
            alone=len(self._units[placed.line]) == 1,
            line_silent=line_silent,
            silence=silence,
            measured=None if measured is None else Cause("it", (measured.id,), measured.since, 0.95),
            logged=None if logged is None else Cause("its own registers", (logged.id,), logged.since, 0.95),
            beside=beside,
            **(more or {}),
        )

    def _without_voltages(self, seen: Seen, told: Told, moment: _Moment) -> Mapping[str, Any]:
        """What else is asked for a meter that has none of its own."""
        mains = self._mains(seen, told.mains, moment)
        proves = mains is not None and self._is_fed_by_mains(seen.meter) and not moment.ways_went
        return {
            "neighbours": self._answering(seen, moment),
            "dead_above": self._dead_above(seen.meter, moment),
            "fed_dead": self._fed_dead(seen, moment),
            "live_below": _live_below(seen, moment.lit.get(self._network.meters[seen.meter].node, ())),
            "power_dead": self._power_dead(seen.meter, told.mains, moment),
            "mains": mains if proves else None,
            "mains_too": None if proves else mains,
            "together": moment.together.get(seen.meter),
        }

    def _answering(self, seen: Seen, moment: _Moment) -> tuple[str, ...]:
        """Units of its line that answered after its silence had begun."""
        line, since_us = self._network.meters[seen.meter].line, seen.silent_since and seen.silent_since.latest_us
        if since_us is None or moment.heard.get(line, 0) < since_us:
            return ()
        others = (moment.voters.get(name) for name in self._units[line] if name != seen.meter)
        return tuple(islice((one.meter for one in others if one and (one.heard_us or 0) >= since_us), _NAMED))

    def _dead_above(self, name: str, moment: _Moment) -> Cause | None:
        """The surest, and of those the nearest."""
        above = self._network.passed_always(self._network.meters[name].node)
        return self._best(one for one in self._on(above, moment) if one.meter != name)

    def _fed_dead(self, seen: Seen, moment: _Moment) -> Cause | None:
        """Another supply may feed it; but it fell silent with what feeds it normally, and says nothing since."""
        silence = seen.silent_since
        above = self._network.passed_normally(self._network.meters[seen.meter].node)
        others = (one for one in self._on(above, moment) if one.meter != seen.meter)
        cause = self._best(one for one in others if _at_once((one.cause.since, silence)))
        if cause is None or cause.since is None or silence is None:
            return None
        start = Bounds(min(cause.since.earliest_us, silence.earliest_us), min(cause.since.latest_us, silence.latest_us))
        return replace(cause, since=start, confidence=min(cause.confidence, 0.75))

    def _on(self, nodes: frozenset[str], moment: _Moment) -> Iterator[Dark]:
        return (one for node in moment.dark.keys() & nodes for one in moment.dark[node])

    def _best(self, dark: Iterable[Dark]) -> Cause | None:
        best = max(dark, key=lambda one: (one.cause.confidence, len(self._network.path(one.node))), default=None)
        return None if best is None else best.cause

    def _power_dead(self, name: str, mains: Open | None, moment: _Moment) -> Cause | None:
        node = self._powered_from.get(name)
        if node is None:
            return None
        above = self._network.passed_always(node)
        cause = self._best(self._on(above, moment))
        if cause is None and mains is not None and self._mains_node in above:
            cause = Cause("", (mains.id,), mains.since, 0.8)
        return None if cause is None else replace(cause, who=node)

    def _mains(self, seen: Seen, mains: Open | None, moment: _Moment) -> Cause | None:
        """It lives on what it measures, and fell silent when the gateway's supply went. Not while a meter with voltage
        says that there still is some on the way to it; nor, where nobody wrote down where the gateway hangs, while any
        does."""
        placed = self._network.meters[seen.meter]
        if mains is None or placed.powered_by not in SELF_POWERED or not _at_once((mains.since, seen.silent_since)):
            return None
        way = self._network.path(placed.node)
        says = moment.lit_at if self._mains_node is None else moment.lit_at.intersection(way)
        return None if says else Cause("the gateway's mains", (mains.id,), seen.silent_since, 0.8)

    def _is_fed_by_mains(self, name: str) -> bool:
        return self._mains_node in self._network.passed_normally(self._network.meters[name].node)

    # -- of many -------------------------------------------------------------------------------------------

    def _fell_together(self, voters: Mapping[str, Seen], heard: Mapping[str, int]) -> dict[str, Cause]:
        """Deepest first: that explains best. Not where one that lives on what it measures still speaks."""
        own = [name for name in self._own if name in voters]
        silent = tuple(name for name in own if voters[name].silent)
        if len(silent) < 2:
            return {}
        if self._grouped[0] != (silent, len(own)):
            self._grouped = (silent, len(own)), self._groups(own, silent)
        found: dict[str, Cause] = {}
        for names in self._grouped[1]:
            group = [voters[name] for name in names]
            if not found.keys() >= set(names) and self._at_once(group, heard):
                found = {one.meter: _together(one, group) for one in group if one.meter not in found} | found
        return found

    def _groups(self, own: Sequence[str], silent: Collection[str]) -> list[list[str]]:
        """The silent ones below each node below which all that live on what they measure are, from the leaves up."""
        above = {name: self._network.passed_normally(self._network.meters[name].node) for name in own}
        speaks = frozenset[str]().union(*(above[name] for name in own if name not in silent))
        groups: dict[str, list[str]] = {}
        for name in silent:
            for node in above[name] - speaks:
                groups.setdefault(node, []).append(name)
        order = self._network.order.__getitem__
        return [groups[node] for node in sorted(groups, key=order, reverse=True) if len(groups[node]) > 1]

    def _at_once(self, group: Sequence[Seen], heard: Mapping[str, int]) -> bool:
        """On two lines or more, each of which was heard since."""
        lines = {self._network.meters[one.meter].line for one in group}
        if len(lines) < 2 or not _at_once([one.silent_since for one in group]):
            return False
        since_us = max(one.silent_since.latest_us for one in group if one.silent_since is not None)
        return all(heard.get(line, 0) >= since_us for line in lines)


def _live_below(seen: Seen, lit: Sequence[Seen]) -> Cause | None:
    since_us = 0 if seen.silent_since is None else seen.silent_since.latest_us
    for one in lit:
        if one.meter != seen.meter and one.as_of_us is not None and one.as_of_us >= since_us:
            return Cause(one.meter, one.events[:1], None, 0.85)
    return None


def _at_once(spans: Iterable[Bounds | None]) -> bool:
    """They may have begun at one instant, and their bounds say enough for that to mean something."""
    known = list(spans)
    begun = [span for span in known if span is not None]
    if len(begun) < len(known):
        return False
    apart_us = max(span.earliest_us for span in begun) - min(span.latest_us for span in begun)
    within_us = max(span.latest_us for span in begun) - min(span.earliest_us for span in begun)
    return apart_us <= _AT_ONCE_US and within_us <= _WIDEST_US


def _together(one: Seen, group: Sequence[Seen]) -> Cause:
    others = islice((other.meter for other in group if other is not one), _NAMED)
    return Cause("it and " + ", ".join(others), (), one.silent_since, 0.0)
