"""What a situation must come to (`expected.toml`) against what the agent told. Every finding is one line of words.

    [[event]]      kind, and one of meter, line, scope = "gateway"; basis, state, phases, customers, because, parent,
                   says; start_s, end_s, lasts_s: the truth, which the event's bounds must contain
    [[incident]]   node, cause, state, start_s, end_s, lasts_s; most, customers, by_phase, phases, reclosed, locked_out,
                   critical, nested, alarms, device, feeder; customers_at = [[second, fewest, most], ...]
    [[standing]]   at_s, meter; supply, comms, mode, by_phase: how the meter stood then
    also           kinds, or "kind meter", that may be told beside these and need not
    sequence       messages in their order: "kind state who", others may lie between; "... < 95.0": told by then
    never          "kind who" that must not be told at any time, not even to be retracted later

An event that encloses another needs no mention (the sag a loss began as). Any other event, and any incident, that is
told and neither expected nor allowed is a finding; one that was retracted is not, unless `never` names it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from situation_agent import Told
from situations import Play

from agent.records import NOT_ISOLATION, Event, Incident

_SLACK_US = 1_000
_BASIC = {"basis": "measured", "state": "closed"}


def findings(play: Play) -> list[str]:
    expected = play.case.expected
    judge = _Judge(play)
    return [
        *judge.events(expected.get("event", []), {"rapid_change", *expected.get("also", [])}),
        *judge.incidents(expected.get("incident", []), any_="incident" in expected.get("also", [])),
        *judge.standing(),
        *judge.sequence(expected.get("sequence", [])),
        *judge.never(expected.get("never", [])),
        *laws(play),
    ]


def laws(play: Play) -> Iterator[str]:
    """What holds in every situation."""
    last: dict[str, Event | Incident] = {}
    for told in play.told:
        now, before = told.record, last.get(told.record.id)
        last[now.id] = now
        again = before is not None and now == before  # a restart says what is open as it stands
        if not again and now.revision != (1 if before is None else before.revision + 1):
            yield f"{shown(told)}: revision after {before and before.revision}"
        if before is not None and before.state != "open" and now.state == "open":
            yield f"{shown(told)}: open after it was {before.state}"
        if isinstance(now, Event) and before is not None and now.start_us != before.start_us:
            yield f"{shown(told)}: another start than before"
        if isinstance(now, Event) and now.kind == "supply_loss":
            yield from _of_loss(now)
    for one in play.incidents:
        yield from _of_closed(one)


def _of_closed(one: Incident) -> Iterator[str]:
    none = (0, one.most[1] if one.most and one.unknown else 0)  # some may never be heard again
    if one.state == "closed" and (one.dead or (one.customers and (one.customers[0] or one.customers > none))):
        yield f"incident {one.cause} {one.node}: closed, and {one.customers} of {one.dead} still without supply"
    if one.state == "closed" and one.restored and not one.unknown and not one.confidence:
        yield f"incident {one.cause} {one.node}: closed, and as if nothing of it had ever been known"


def _of_loss(loss: Event) -> Iterator[str]:
    if loss.basis != "measured" and not loss.evidence:
        yield f"supply_loss {loss.meter}: {loss.basis}, and does not say from what"
    if any("safe" in line.lower() for line in loss.evidence):
        yield f"supply_loss {loss.meter}: {loss.evidence} sounds like safety"


def who(record: Event | Incident) -> str:
    if isinstance(record, Incident):
        return record.node
    return record.meter or record.line or record.scope


def kind(record: Event | Incident) -> str:
    return "incident" if isinstance(record, Incident) else record.kind


def shown(told: Told) -> str:
    record = told.record
    more = f" {record.cause} {record.customers}" if isinstance(record, Incident) else f" {record.basis}"
    return f"{told.at_s:9.2f} {kind(record)} {record.state} {who(record)} r{record.revision}{more}"


class _Judge:
    def __init__(self, play: Play) -> None:
        self._play = play
        self._by_id = {one.id: one for one in play.events}

    def _us(self, at_s: float) -> int:
        """By the wall clock as it was right."""
        return 1_795_000_000_000_000 + round(1e6 * at_s)

    def events(self, wanted: list[dict[str, Any]], also: set[str]) -> Iterator[str]:
        left = [one for one in self._play.events if one.state != "retracted"]
        for want in wanted:
            named = [one for one in left if _names(want, one)]
            if not named:
                yield f"event {_words(want)}: not told"
                continue
            ranked = sorted(((list(self._event(want, one)), i) for i, one in enumerate(named)), key=lambda r: len(r[0]))
            wrong, index = ranked[0]
            left.remove(named[index])
            yield from (f"event {_words(want)}: {line}" for line in wrong)
        enclosing = {one.parent for one in self._play.events}
        for one in left:
            if one.id not in enclosing and not {one.kind, f"{one.kind} {who(one)}"} & also:
                at_s = self._s(one.start_us)
                yield f"event {one.kind} {one.state} {who(one)} {one.basis} at {at_s:.2f} s: unexpected"

    def _s(self, at_us: int | None) -> float:
        return -1.0 if at_us is None else (at_us - self._us(0)) / 1e6

    def _event(self, want: dict[str, Any], found: Event) -> Iterator[str]:
        yield from _differing({**_BASIC, **want}, found, ("basis", "state", "direction", "mode", "open_at_start"))
        yield from _differing_lists(want, found, ("phases",))
        yield from self._bounds(want, found)
        if "customers" in want and tuple(want["customers"]) != found.customers:
            yield f"customers: found {found.customers}, expected {want['customers']}"
        yield from _lasts(want, found)
        yield from self._links(want, found)
        yield from _lacking(want.get("says", ()), found.evidence, "evidence")

    def _links(self, want: dict[str, Any], found: Event) -> Iterator[str]:
        because = {f"{one.kind} {who(one)}" for id_ in found.because if (one := self._by_id.get(id_))}
        if missing := set(want.get("because", ())) - because:
            yield f"because: found {sorted(because)}, expected also {sorted(missing)}"
        parent = self._by_id.get(found.parent or "")
        if "parent" in want and (parent is None or parent.kind != want["parent"]):
            yield f"parent: found {parent and parent.kind}, expected {want['parent']}"

    def _bounds(self, want: dict[str, Any], found: Event | Incident) -> Iterator[str]:
        for end, late, early in (
            ("start_s", found.start_us, found.start_earliest_us),
            ("end_s", found.end_us, found.end_earliest_us),
        ):
            if end not in want:
                continue
            truth_us = self._us(want[end])
            if late is None or early is None or not early - _SLACK_US <= truth_us <= late + _SLACK_US:
                yield f"{end}: found ({self._s(early):.2f}, {self._s(late):.2f}], the truth is {want[end]}"
            elif late - early > 1e6 * want.get(f"{end[:-2]}_within_s", 1e6):
                yield f"{end}: bounds {(late - early) / 1e6:.1f} s apart"

    def incidents(self, wanted: list[dict[str, Any]], *, any_: bool) -> Iterator[str]:
        left = [one for one in self._play.incidents if one.state != "retracted"]
        for want in wanted:
            named = [one for one in left if one.node == want["node"] and one.cause == want["cause"]]
            if not named:
                yield f"incident {want['cause']} {want['node']}: not told"
                continue
            found = named[0]
            left.remove(found)
            yield from (f"incident {want['cause']} {want['node']}: {line}" for line in self._incident(want, found))
        for one in () if any_ else left:
            at_s = self._s(one.start_us)
            yield f"incident {one.cause} {one.state} {one.node} {one.most} at {at_s:.2f} s: unexpected"

    def _incident(self, want: dict[str, Any], found: Incident) -> Iterator[str]:
        revisions = [(one.at_s, one.record) for one in self._play.told if one.record.id == found.id]
        yield from _differing(
            {"state": "closed", **want}, found, ("state", "reclosed", "locked_out", "device", "feeder")
        )
        yield from _differing_lists(
            want, found, ("phases", "critical", "dead", "alive", "unknown", "restored", "most", "customers")
        )
        yield from self._bounds(want, found)
        yield from _lasts(want, found)
        yield from _lacking(want.get("alarms", ()), _ever(revisions, "alarms"), "alarms")
        yield from _lacking(want.get("says", ()), _ever(revisions, "words"), "words")
        yield from _lacking(want.get("nested", ()), _ever(revisions, "nested"), "nested")
        split = {phase: tuple(both) for phase, both in want.get("by_phase", {}).items()}
        if split and not any(dict(one.by_phase) == split for _, one in revisions):
            yield f"by_phase: found {found.by_phase}, expected {split} at some time"
        for at_s, fewest, most in want.get("customers_at", ()):
            then = [one.customers for told_s, one in revisions if told_s <= at_s and isinstance(one, Incident)]
            customers = then[-1] if then else None
            if customers != (fewest, most):
                yield f"customers at {at_s} s: found {customers}, expected {(fewest, most)}"
        yield from _of_words(found, [one for _, one in revisions if isinstance(one, Incident)])

    def standing(self) -> Iterator[str]:
        for at_s, one in self._play.standing:
            asked, status = one["asked"], one["status"]
            for key in ("supply", "comms", "mode"):
                if key in asked and (status is None or getattr(status, key) != asked[key]):
                    found = status and getattr(status, key)
                    yield f"{asked['meter']} at {at_s} s: {key}: found {found}, expected {asked[key]}"
            if "by_phase" in asked and (status is None or dict(status.supply_by_phase) != asked["by_phase"]):
                found = status and dict(status.supply_by_phase)
                yield f"{asked['meter']} at {at_s} s: by phase: found {found}, expected {asked['by_phase']}"

    def sequence(self, wanted: list[str]) -> Iterator[str]:
        at = 0
        for line in wanted:
            words, _, by = line.partition(" < ")
            index = next((i for i in range(at, len(self._play.told)) if _message(self._play.told[i]) == words), None)
            if index is None:
                yield f"sequence: {words!r}: not told after the one before it"
                continue
            at = index + 1
            if by and self._play.told[index].at_s > float(by):
                yield f"sequence: {words!r}: told at {self._play.told[index].at_s:.2f} s, expected by {by} s"

    def never(self, wanted: list[str]) -> Iterator[str]:
        for line in wanted:
            for told in self._play.told:
                if line in (kind(told.record), f"{kind(told.record)} {who(told.record)}"):
                    yield f"never {line}: told at {told.at_s:.2f} s as {told.record.state}"
                    break


def _differing(want: dict[str, Any], found: Event | Incident, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if key in want and getattr(found, key) != want[key]:
            yield f"{key}: found {getattr(found, key)}, expected {want[key]}"


def _differing_lists(want: dict[str, Any], found: Event | Incident, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if key in want and sorted(want[key]) != sorted(getattr(found, key) or ()):
            yield f"{key}: found {getattr(found, key)}, expected {want[key]}"


def _lacking(wanted: Iterable[str], lines: Iterable[str], where: str) -> Iterator[str]:
    for words in wanted:
        if not any(words in line for line in lines):
            yield f"{where}: found {tuple(lines)}, expected {words!r} in it"


def _ever(revisions: list[tuple[float, Any]], key: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for _, one in revisions for line in getattr(one, key)))


def _of_words(found: Incident, revisions: list[Incident]) -> Iterator[str]:
    """What every incident must be: three lines, nothing that sounds like safety, revisions that count up."""
    if len(found.words) != 3:
        yield f"words: found {len(found.words)} lines, expected 3"
    if any("safe" in line.lower() for line in (*found.words, *found.alarms)):
        yield f"words: {found.words} sound like safety"
    if found.cause == "supply_loss" and not any(NOT_ISOLATION in line for line in revisions[0].words):
        yield f"words: {revisions[0].words} do not say that no voltage measured is not proof of isolation"


def _lasts(want: dict[str, Any], found: Event | Incident) -> Iterator[str]:
    if "lasts_s" in want:
        low_s, high_s = found.duration_min_s or 0.0, found.duration_max_s or 0.0
        if not low_s - 1e-3 <= want["lasts_s"] <= high_s + 1e-3 <= 2 * want["lasts_s"]:
            yield f"lasts_s: found [{low_s:.2f}, {high_s:.2f}], expected {want['lasts_s']}"


def _message(told: Told) -> str:
    return f"{kind(told.record)} {told.record.state} {who(told.record)}"


def _names(want: dict[str, Any], found: Event) -> bool:
    if want["kind"] != found.kind:
        return False
    return all(want[key] == getattr(found, key) for key in ("meter", "line", "scope") if key in want)


def _words(want: dict[str, Any]) -> str:
    place = want.get("meter") or want.get("line") or want.get("scope")
    return f"{want['kind']} {place} {want.get('start_s', '')}".strip()
