"""What an incident is beside what is told of it, as text that outlives the agent; and an open incident of another run,
taken up again. Pure.

    its instants are kept   the boot is the same: they hold, whatever was done to the wall clock
    else                    it began in another boot, `Case.former`: only UTC says how long it lasts, and the boot clock
                            no more than that it began before now
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agent.detect.book_state import Earlier
from agent.detect.cases import Case, Fault, Said
from agent.detect.register import Register
from agent.detect.tracking import Bounds
from agent.records import Incident


@dataclass(frozen=True, slots=True)
class Kept:
    """began_us, ended_us: of its latest bounds, on the boot clock; None: it began in another boot, or has not ended.
    confidence: of its cause and place, when nothing is known of anybody as well; past, slack_s: as of a case"""

    began_us: int | None
    ended_us: int | None
    confidence: float
    past: bool
    slack_s: float


def told(cases: Iterable[Case], boot_id: str) -> str:
    """Nothing while there are none."""
    rows = {case.id: [*_instants(case), case.fault.confidence, case.past, case.slack_s] for case in cases}
    return json.dumps({"boot": boot_id, "cases": rows}, separators=(",", ":")) if rows else ""


def _instants(case: Case) -> tuple[int | None, int | None]:
    if case.former is not None or case.began is None:
        return None, None
    return case.began.span.latest_us, None if case.ended is None else case.ended.span.latest_us


def understood(text: str | None, boot_id: str) -> dict[str, Kept]:
    """By id. A text that is no such text tells nothing."""
    try:
        body = json.loads(text or "{}")
        same_boot = bool(boot_id) and body.get("boot") == boot_id
        return {str(id_): _kept(row, same_boot) for id_, row in body.get("cases", {}).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _kept(row: Collection[object], same_boot: bool) -> Kept:
    began_us, ended_us, confidence, past, slack_s = row
    instants = [int(at) if same_boot and isinstance(at, int) else None for at in (began_us, ended_us)]
    return Kept(instants[0], instants[1], float(str(confidence)), bool(past), float(str(slack_s)))


def taken_up(
    one: Incident, kept: Kept | None, earlier: Earlier, register: Register, meters: Collection[str], now_us: int
) -> Case:
    """earlier: where its UTC lies on the boot clock, as far as that is known; register: knows its events; meters: that
    the site has."""
    confidence = one.confidence or (0.0 if kept is None else kept.confidence)
    fault = Fault(
        one.cause, one.node, one.device, one.dead, one.alive, one.unknown, confidence, one.customers,
        one.by_phase, one.phases, one.critical, alarms=one.alarms,
    )  # fmt: skip
    case = Case(one.id, fault, told=one, most=one.most, settled=bool(one.restored))
    case.stands = fault if one.dead or one.unknown else None
    case.feeder, case.nested, case.locked = one.feeder, one.nested, one.locked_out
    _place(case, one, kept, earlier)
    case.losses = {name: {} for name in (*one.dead, *one.restored) if name in meters}
    case.back, case.waiting = set(one.restored), {name for name in one.unknown if name in meters}
    case.unnamed = tuple(id_ for id_ in one.events if not _is_known(case, id_, register, meters))
    case.carried = one.reclosed - case.seen_again()
    case.quiet_us = None if one.dead else min(now_us, earlier.from_wall_us(one.reported_us))
    calm = case.ended is not None and case.stands is None
    case.calm_us = min(now_us, case.ended.span.latest_us) if calm and case.ended is not None else None
    return case


def _place(case: Case, one: Incident, kept: Kept | None, earlier: Earlier) -> None:
    began_us = ended_us = None
    if kept is not None:
        case.past, case.slack_s = kept.past, kept.slack_s
        began_us, ended_us = kept.began_us, kept.ended_us
    case.former = one if began_us is None else None
    at_us = earlier.from_wall_us
    case.began = _said(at_us(one.start_us) if began_us is None else began_us, one.start_us, one.start_earliest_us)
    if one.end_us is not None and one.end_earliest_us is not None:
        case.ended = _said(at_us(one.end_us) if ended_us is None else ended_us, one.end_us, one.end_earliest_us)


def _said(boot_us: int, latest_us: int, earliest_us: int) -> Said:
    return Said(Bounds(boot_us - (latest_us - earliest_us), boot_us), latest_us, earliest_us)


def _is_known(case: Case, id_: str, register: Register, meters: Collection[str]) -> bool:
    event = register.event(id_)
    if event is None or event.meter not in meters or case.began is None:
        return False
    if event.mode != "normal":
        register.counted.setdefault(event.id, case.began.span)
    loss = register.loss(event)
    if loss is None:
        return False
    case.losses.setdefault(loss.meter, {})[loss.id] = loss
    return True
