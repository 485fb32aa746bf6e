"""The page docs/evidence.md, from the table the code runs on: ``python -m agent.evidence_docs > docs/evidence.md``."""

from collections.abc import Iterator

from agent.desk.dark import COLLECT_US
from agent.detect.cases import CALM_US, RECLOSE_US
from agent.detect.supply_evidence import EVIDENCE, EvidenceRow
from agent.outage import LAG_H
from agent.records import NOT_ISOLATION

_HEAD = """# Is it dark there, or is only the cable dead?

Made from `agent/detect/supply_evidence.py` by `python -m agent.evidence_docs`; do not edit by hand.

For every meter the rows are asked from the top; the first that holds decides. **{no_proof}**

Silence alone never is an outage, of however many meters at once. A silent meter is `dead` only where something else
says so: the last it said itself (`last_words_dead`, `collapse`), its own registers (`own_registers`), a meter without
voltage above it (`dead_above`, `fed_dead`), or the gateway's own mains at a node that feeds it (`mains`). It is `live`
only where a meter below it has voltage and its own silence says nothing (`live_below`): nobody has measured there. By
every other row it is `unknown`.

| row | holds when | supply | basis | confidence |
|---|---|---|---|---|"""

_TAIL = """
Confidence is the most that a row is believed; what it rests on may be less sure. A `supply_loss` that was inferred
ends when the meter answers, or is seen live by another row. While it stays silent its loss stays too, although a row
may say `unknown` by then; but once all that it rests on is over, and it has had 15 s to boot, it is closed at that end,
and of its supply since then nothing is known. Another meter's return alone ends nothing. A verdict that changes its
reason is a new revision with the reason in words; one whose cause was taken back is retracted.

## What it may rest on

| word | meaning |
|---|---|
| silent | three requests in a row and a second without an answer (`comms_loss`) |
| self-powered | `powered_by` is `self`, `self:all` or one phase: the meter lives on what it measures |
| everything comes through | every way from any source, alternates included, passes that node |
| its way is whole | no reply says that it is broken: not refused, not unreachable, no adapter gone, no 0x0A |
| feeds in normal switching | the way along `parents`; another supply may take over, and then the meter would answer |
| the gateway's mains | `[mains] node` says where they come from: no proof without that, nor of what it does not feed |
| their ways went too | a meter on dc or ups fell silent with the mains: its way did, so that no silence then is proof |
| at once | the beginnings differ by no more than their bounds leave open and two seconds |

After a meter's return its own registers are read: what they prove of a silence (a power failure counted, an hour
counter that stood still) is a `supply_loss` of basis `meter_log`, and names the silence. It is one event with what was
inferred of the same loss: an inferred loss that is open is superseded, one that is over gets the register's words, its
basis and the narrower bounds of both.

## Found out afterwards

| counters, before and after | what follows |
|---|---|
| energy hardly moved (1) | the meter was dead while the gateway was: an inferred `supply_loss`, `because` of that |
| hours of a self-powered meter fell behind by over a step and {lag:g} s | likewise |
| energy ran on (2) | the meter lived: it votes so, and a loss inferred of it is retracted |
| hours of a self-powered meter ran on, likewise | likewise |
| energy stood still without load, or made a step | nothing |
| hours of a meter on an auxiliary supply | nothing: it runs without what it measures |

(1) Five steps and more are missing to what half the power of before makes, and there is no more than what may have been
counted around the dark time; and no hour counter of a self-powered meter ran on for longer than that leaves room for.
(2) Even at half as much again as the power known, what was counted takes half of the time and more, and what is left of
it is too short for the loss.

What a boot finds so of a dark time is collected until every meter that answers has moved a counter, for
{collect:g} min at most, and localised as if it were then: the dead and those who lived vote, nobody else. An incident
of it is closed from the start, unless somebody is still silent; who speaks later changes what was told of it. A
loss that is retracted leaves its incident: that is judged anew by the others, and its greatest number falls. A restart
of the agent loses none of it; who has not counted between two dark times is told over both.

An inferred loss whose cause is over, of a meter that stays silent, is closed without an end: that is told when the
meter is heard with voltage, and lies between the two.

## A line's silence

The silences of single units are held back until it is known whose they are. When another unit of the line answers
they are told, with their true start. When every unit is lost there is one `comms_loss` of scope `line`. Who stays
silent when the line is back is told then, with its true start. A line with one unit has no event of its own. The status
of each meter says `lost` at once in every case.

## Who votes

| verdict | vote |
|---|---|
| dead | at its node; measured on a bus VT, at the bus |
| a bay by its current | dead at the bay; its bus lives |
| live, and looked at since the last one died | where its voltage is taken |
| unknown, in test or maintenance | none |

A place without supply that has voltage below it which nothing explains is a `backfeed`: an alarm. That none is seen
means nothing.

## Incidents

Faults of one moment become one incident as long as their meters are the same: until somebody is restored its place
follows what is found, then it stays. The same meters dead again within {reclose:g} min of their return are counted as a
reclosing. It is closed when all have been back in band for {calm:g} min, at the instant the last came back.
"""


def markdown() -> str:
    """docs/evidence.md."""
    head = _HEAD.format(no_proof=NOT_ISOLATION)
    tail = _TAIL.format(reclose=RECLOSE_US / 60e6, calm=CALM_US / 60e6, collect=COLLECT_US / 60e6, lag=3600 * LAG_H)
    return "\n".join([head, *_rows(), tail])


def _rows() -> Iterator[str]:
    for row in EVIDENCE:
        yield f"| `{row.name}` | {row.what} | {row.supply} | {_basis(row)} | {_confidence(row)} |"


def _basis(row: EvidenceRow) -> str:
    return row.basis if row.supply != "unknown" else ""


def _confidence(row: EvidenceRow) -> str:
    return f"{row.confidence:g}" if row.confidence else ""


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - a page for the shell to put into its file
