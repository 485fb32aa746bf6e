"""A case -> a revision of its incident, with three lines that a dispatcher understands. Pure.

1  what, and where: the cause, the node, what to look at there
2  who, and since when: customers, meters, what is back
3  how sure, and what else: confidence, reclosing, nested faults, what was noted; and what no display can promise
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.detect.cases import DARK, Case, Fault, Said
from agent.detect.network import Network
from agent.records import NOT_ISOLATION, Cause, ClockState, Incident, State

_AFTER_TEST = "It began during a test; it counts from the end of that."
_PAST = "Found out afterwards, from what the meters had counted: the gateway itself was dark."
_BEHIND = "The wall clock is behind: when it came back is not known before that is set."
_UNSET = "The wall clock was not set after a boot inside it: how long it lasted is not known."
_SHOWN = 4  # names in one line
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAUSES: dict[Cause, str] = {
    "supply_loss": "No supply",
    "phase_loss": "One phase lost",
    "open_conductor": "A conductor is open",
    "earth_fault": "Earth fault",
    "neutral_fault": "Neutral lost or loose, DANGER",
    "gateway_outage": "The gateway was without power",
}
_WAS: dict[Cause, str] = {
    "supply_loss": "Supply is back",
    "phase_loss": "All phases are back",
    "open_conductor": "All phases are back",
    "earth_fault": "The earth fault is gone",
    "neutral_fault": "Voltages to neutral are even again",
    "gateway_outage": "The gateway has power again",
}


def record_of(
    case: Case, network: Network, state: State, reported_us: int, clock: ClockState, locked_out: bool, why: str = ""
) -> Incident:
    """The revision to tell now, of a case that is placed in time. reported_us: UTC; why: what ended it, in words"""
    shown = case.stands or _all_back(case)
    node, told = case.fault.node, case.told
    record = Incident(
        id=case.id,
        revision=1 if told is None else told.revision + 1,
        state=state,
        reported_us=reported_us,
        cause=case.fault.cause,
        node=node,
        device=case.fault.device,
        path=network.path(node),
        feeder=case.feeder or network.feeder_of(node),
        confidence=round(case.fault.confidence if case.stands is None else shown.confidence, 3),
        phases=case.fault.phases,
        dead=_ordered(shown.struck, network),
        alive=_ordered(shown.alive, network),
        unknown=_ordered(shown.unknown, network),
        restored=_ordered(case.restored, network),
        customers=shown.customers,
        most=case.most,
        by_phase=shown.by_phase,
        events=case.events,
        nested=case.nested,
        reclosed=case.reclosed,
        locked_out=locked_out,
        critical=shown.critical if case.stands is not None else tuple(case.critical),
        alarms=shown.alarms,
        clock=clock,
        start_us=0,
        start_earliest_us=0,
    )
    record = _placed(record, case, clock)
    notes = case.fault.notes if case.stands is None else shown.notes
    return replace(record, words=(_what(record), _who(record), _how(record, case, notes, why)))


def _ordered(meters: Sequence[str], network: Network) -> tuple[str, ...]:
    """As in the site file; those no longer in it last."""
    if len(meters) < 2:
        return tuple(meters)
    place = {name: index for index, name in enumerate(network.meters)}
    return tuple(sorted(meters, key=lambda name: place.get(name, len(place))))


def same(one: Incident, other: Incident | None) -> bool:
    """They say the same."""
    if other is None:
        return False
    return replace(one, revision=0, reported_us=0, clock=other.clock) == replace(other, revision=0, reported_us=0)


def _all_back(case: Case) -> Fault:
    """Those that were dead and those that were alive, nobody else."""
    fault = case.fault
    none = None if fault.customers is None else (0, 0)
    alive = tuple(dict.fromkeys((*fault.alive, *case.restored)))
    return replace(fault, struck=(), alive=alive, unknown=(), customers=none, by_phase={}, critical=(), alarms=())


def _placed(record: Incident, case: Case, clock: ClockState) -> Incident:
    """With its bounds: UTC as it was told, durations of the boot clock."""
    began, ended = case.began, case.ended
    if began is None:
        return record
    record = replace(record, start_us=began.latest_us, start_earliest_us=began.earliest_us)
    return record if ended is None else _ended(record, case, began, ended, clock)


def _ended(record: Incident, case: Case, began: Said, ended: Said, clock: ClockState) -> Incident:
    if case.former is not None:
        return _ended_apart(record, case.former, began, ended, clock)
    # It did not end before it began.
    early_us = max(0, began.span.earliest_us - ended.span.earliest_us)
    shortest_us = max(0, ended.span.earliest_us - began.span.latest_us)
    longest_us = max(shortest_us, ended.span.latest_us - began.span.earliest_us)
    return replace(
        record,
        end_us=ended.latest_us,
        end_earliest_us=min(ended.earliest_us + early_us, ended.latest_us),
        duration_min_s=max(0.0, shortest_us / 1e6 - case.slack_s),
        duration_max_s=longest_us / 1e6 + case.slack_s,
    )


def _ended_apart(record: Incident, former: Incident, began: Said, ended: Said, clock: ClockState) -> Incident:
    """Over a boot durations rest on the wall clock, if that is right; what another run told of them stays. By a clock
    that has not come to its beginning yet it has no end."""
    if ended.latest_us < began.latest_us:
        return record
    earliest_us = min(max(ended.earliest_us, began.earliest_us), ended.latest_us)
    record = replace(record, end_us=ended.latest_us, end_earliest_us=earliest_us)
    if (former.end_us, former.end_earliest_us) == (ended.latest_us, earliest_us):
        return replace(record, duration_min_s=former.duration_min_s, duration_max_s=former.duration_max_s)
    if False in (former.clock.synced, clock.synced):
        return replace(record, duration_min_s=0.0)
    slack_s = (former.clock.uncertainty_s or 0.0) + (clock.uncertainty_s or 0.0)
    shortest_us, longest_us = earliest_us - began.latest_us, ended.latest_us - began.earliest_us
    shortest_s = max(0.0, shortest_us / 1e6 - slack_s)
    return replace(record, duration_min_s=shortest_s, duration_max_s=longest_us / 1e6 + slack_s)


def _is_over(record: Incident) -> bool:
    return record.state != "retracted" and not record.dead and not record.unknown and record.end_us is not None


def _what(record: Incident) -> str:
    """What to look at there stays: after a reclosing somebody has to."""
    over, named = _is_over(record), ", ".join(record.phases)
    lately = record.state != "retracted" and not over and not record.dead  # nobody shows it now, and some say nothing
    back = over or (lately and bool(record.restored))
    said = (_WAS if back else _CAUSES)[record.cause]
    phases = "" if not named else f" ({named})" if back else f" of {named}"
    seen = "" if not lately else ", as last seen," if not back else ", where it can be seen," if record.unknown else ""
    feeder = f" on feeder {record.feeder}" if record.feeder and record.feeder != record.node else ""
    look = f": look at the {record.device}" if record.device else ""
    return f"{said}{phases}{seen} at {record.node}{feeder}{look}."


def _who(record: Incident) -> str:
    since = f"since {_time(record.start_us)}"
    if _is_over(record) and record.end_us is not None:
        most = f"; {_customers(record.most)} when it was greatest" if record.most is not None else ""
        return f"All back at {_time(record.end_us)}, {since}{most}; seen at {_meters(record.restored)}."
    concerned = "without supply" if record.cause == "supply_loss" else "concerned"
    people = "Customers not known" if record.customers is None else _customers(record.customers)
    among = f" (among them: {', '.join(record.critical)})" if record.critical else ""
    meters = [f"{_meters(record.dead)} {'dead' if record.cause == 'supply_loss' else 'with it'}"] if record.dead else []
    meters += [f"{len(record.unknown)} unknown"] if record.unknown else []
    meters += [f"{len(record.restored)} back"] if record.restored else []
    return f"{people} {concerned}{among} {since}; {', '.join(meters or ['no meter dead'])}."


def _how(record: Incident, case: Case, notes: Sequence[str], why: str) -> str:
    words = [why] if why else []
    words += [*record.alarms]
    if record.unknown and not record.dead and DARK not in notes:
        words.append(f"Of {_some(record.unknown)} nothing is known: not heard since, in test, or fed by somebody else.")
    else:
        words.append(f"Confidence {record.confidence:.0%}.")
    if record.reclosed:
        out = ", locked out" if record.locked_out else ""
        times = "once" if record.reclosed == 1 else f"{record.reclosed} times"
        words.append(f"Came back for a moment {times}{out}.")
    if record.nested and record.dead:
        words.append(f"Stays dead for a reason of its own: {', '.join(record.nested)}.")
    words += [_AFTER_TEST] if case.after_test else []
    words += _past_words(record, case) if case.past else []
    words += [f"Events of it not named: {case.more}."] if case.more else []
    words += [*_clock_words(record, case), *notes, *([case.feeder_words] if case.feeder_words else []), NOT_ISOLATION]
    return " ".join(words)


def _past_words(record: Incident, case: Case) -> list[str]:
    """Of what nobody saw while it lasted: how it is known, how exactly, and whom it took."""
    began = f"Began between {_time(record.start_earliest_us)} and {_time(record.start_us)}"
    ended = ""
    if record.end_us is not None and record.end_earliest_us is not None:
        ended = f", ended between {_time(record.end_earliest_us)} and {_time(record.end_us)}"
    split = [f"{phase} {_customers(both)}" for phase, both in case.split.items()]
    return [_PAST, f"{began}{ended}.", *([f"By phase: {', '.join(split)}."] if split else [])]


def _clock_words(record: Incident, case: Case) -> list[str]:
    """Where the instants told do not show how long it was."""
    if case.ended is not None and record.end_us is None:
        return [_BEHIND]
    if record.end_us is None or record.duration_min_s is None:
        return []
    if record.duration_max_s is None:
        return [_UNSET]
    apart_s = (record.end_us - record.start_us) / 1e6
    if record.duration_min_s - 1.0 <= apart_s <= record.duration_max_s + 1.0:
        return []
    lasted = f"{record.duration_min_s:.0f} to {record.duration_max_s:.0f} s"
    return [f"The wall clock was set meanwhile: it lasted {lasted}."]


def _some(meters: Sequence[str]) -> str:
    more = len(meters) - _SHOWN
    return ", ".join(meters[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _customers(customers: tuple[int, int]) -> str:
    least, most = customers
    return f"{least} customer{'s' * (least != 1)}" if least == most else f"{least} to {most} customers"


def _meters(meters: Sequence[str]) -> str:
    return f"{len(meters)} meter{'s' * (len(meters) != 1)}"


def _time(us: int) -> str:
    """Plain arithmetic: no 32-bit time_t on the way."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S UTC")
