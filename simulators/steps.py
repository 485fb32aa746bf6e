"""What happens in a scenario: the [[steps]] of its file.

A step has ``at_s``, ``do``, exactly one target (``node``, ``meter`` or ``line``; see `STEPS`) and mostly
``for_s``; without it the step lasts until a step ``restore`` with the same target, or for ever. Further keys:

- ``sag``, ``swell``: ``to_pu``, ``phases`` (all)
- ``phase_loss``: ``phases``, ``to_pu`` (0); ``supply_loss``: ``to_pu`` (0)
- ``input_closed``: ``input``, its number; the others are open
- ``noise``, ``truncation``: ``bytes`` (1); ``exception``: ``code`` (4); ``late``: ``late_s``
- all faults on frames: ``probability`` (1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from drivers.quantities import INPUTS
from drivers.strict import Table

PHASES = ("l1", "l2", "l3")

ELECTRICAL = ("sag", "swell", "phase_loss", "supply_loss")
SILENCES = ("meter_off", "cable_dead", "line_silent")
FRAME_FAULTS = ("noise", "bad_crc", "truncation", "echo", "wrong_unit", "foreign", "exception", "late", "slow", "lost")
# What `do` may be, and what it may happen to.
STEPS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(ELECTRICAL, ("node",)),
    "meter_off": ("meter",),  # it has lost its own supply: it is silent, and boots when it is over
    "cable_dead": ("meter", "line"),  # its cable is cut: it is silent and otherwise well
    "line_silent": ("line",),  # nobody on the line answers
    "stuck": ("meter",),  # it answers, and its registers no longer change
    "input_closed": ("meter",),  # a contact on one of its digital inputs
    **dict.fromkeys(FRAME_FAULTS, ("meter", "line")),  # see simulators/faults.py
    "restore": ("node", "meter", "line"),
}
# What may be left of the voltage: a loss that leaves more than that is a sag.
_TO_PU = {"sag": (0.01, 0.999), "swell": (1.001, 3.0), "phase_loss": (0.0, 0.59), "supply_loss": (0.0, 0.2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens to ``target`` from ``start_s`` up to ``end_s`` (inf: for ever).

    kind:  whether the target is a ``node`` (a meter is one too), a ``meter`` or a ``line``
    phases, to_pu: of electrical steps; input_number: of input_closed
    probability, code, late_s, count: of faults on the frames
    """

    do: str
    kind: str
    target: str
    start_s: float
    end_s: float
    phases: tuple[str, ...] = ()
    to_pu: float = 1.0
    input_number: int = 1
    probability: float = 1.0
    code: int = 4
    late_s: float = 0.5
    count: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where steps may happen: nodes (meters included), the line of each meter, the kind of each line."""

    nodes: tuple[str, ...]
    meter_lines: Mapping[str, str]
    line_kinds: Mapping[str, str]
    duration_s: float
    period_s: float


def parse_steps(root: Table, place: Place) -> tuple[Step, ...]:
    made: list[Step] = []
    for table in root.tables("steps", "step", default=[]):
        step = _step(table, place)
        if step.do == "restore":
            made = _restored(table, step, made)
        else:
            made.append(step)
    for step in made:
        if step.end_s > place.period_s:
            where, allowed = f"{step.do} at {step.start_s:g} s", f"an end within {place.period_s:g} s, as it repeats"
            raise root.error(f"steps: {where}", step.end_s, allowed, "shorten it, or lengthen duration_s")
    return tuple(sorted(made, key=lambda step: step.start_s))


def _restored(table: Table, step: Step, earlier: list[Step]) -> list[Step]:
    """The steps so far, with those that `step` ends."""
    ended = [
        replace(each, end_s=step.start_s)
        if (each.target, each.end_s) == (step.target, inf) and each.start_s < step.start_s
        else each
        for each in earlier
    ]
    if ended == earlier:
        allowed, todo = "a target with an earlier step that has no for_s", "remove it, or the for_s of what it ends"
        raise table.error(step.kind, repr(step.target), allowed, todo)
    return ended


def _step(table: Table, place: Place) -> Step:
    do = table.text("do", among=STEPS)
    kind = _target_kind(table, do)
    names = {"node": place.nodes, "meter": tuple(place.meter_lines), "line": tuple(place.line_kinds)}[kind]
    start_s = table.number("at_s", 0, place.duration_s)
    for_s = table.number("for_s", 0.001, 1e7, None) if do != "restore" else None
    end_s = start_s + for_s if for_s is not None else inf
    step = Step(do=do, kind=kind, target=table.text(kind, among=names), start_s=start_s, end_s=end_s)
    step = _electrical(table, step) if do in ELECTRICAL else _fault(table, step, place)
    table.done()
    return step


def _target_kind(table: Table, do: str) -> str:
    named = [kind for kind in ("node", "meter", "line") if table.has(kind)]
    allowed = " or ".join(STEPS[do])
    if len(named) != 1 or named[0] not in STEPS[do]:
        raise table.error(
            "", ", ".join(named) or "no target", f"exactly one key {allowed} for {do}", "say what it happens to"
        )
    return named[0]


def _electrical(table: Table, step: Step) -> Step:
    phases: tuple[str, ...] = PHASES
    if step.do == "phase_loss":
        phases = table.names("phases", PHASES)
    elif step.do != "supply_loss":
        phases = table.names("phases", PHASES, PHASES)
    low, high = _TO_PU[step.do]
    if step.do in ("sag", "swell"):
        return replace(step, phases=phases, to_pu=table.number("to_pu", low, high))
    return replace(step, phases=phases, to_pu=table.number("to_pu", low, high, 0.0))


def _fault(table: Table, step: Step, place: Place) -> Step:
    if step.do == "input_closed":
        return replace(step, input_number=table.integer("input", 1, INPUTS))
    if step.do not in FRAME_FAULTS:
        return step
    line = step.target if step.kind == "line" else place.meter_lines[step.target]
    if place.line_kinds[line] == "tcp" and step.do in ("bad_crc", "echo"):
        raise table.error("do", repr(step.do), f"a fault that can happen on {line}, which is tcp", "use an RTU line")
    step = replace(step, probability=table.number("probability", 0.0001, 1, 1.0))
    if step.do == "exception":
        step = replace(step, code=table.integer("code", 1, 255, 4))
    if step.do == "late":
        step = replace(step, late_s=table.number("late_s", 0.001, 60))
    if step.do in ("noise", "truncation"):
        step = replace(step, count=table.integer("bytes", 1, 64, 1))
    return step
