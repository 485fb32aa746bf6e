"""Is there supply at a meter, and what says so? A table of rows, asked in order; the first whose test holds decides.

    what the meter says itself           what is around it                  what follows at most
    -----------------------------------  ---------------------------------  ------------------------------------
    voltages, and they mean something    -                                  measured: live, partial, dead
    voltages of a bus (VT), its current  -                                  current gone: the bay is dead, inferred
    voltages that mean nothing (frozen,  a dead meter above, through which  inferred
    VT circuit), or nothing at all       everything here comes; and so on
    nothing at all                       nothing, or only more silence      unknown: silence is no outage

docs/evidence.md is drawn from `EVIDENCE`. Silence never is dead by itself, nor are many at once (cables of two lines
lie in one duct); on an auxiliary supply it says nothing at all; and a broken way explains it first.
"Dead" means that no voltage is measured or that it follows from others that none can be: it is not proof of isolation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.detect.tracking import Bounds
from agent.records import Basis, Comms, Mode, Supply

# What a meter may live on so that its silence can come of what it measures.
SELF_POWERED = ("self", "self:all", "self:l1", "self:l2", "self:l3")
# 0A gateway path unavailable: a gateway is set up wrongly or has lost its way, whatever the meters do.
_PATH_CODE = 0x0A
# Last words with every voltage below this, and then silence: it went down, it was not cut off.
_COLLAPSED_PU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One meter now, as its pipeline sees it. Instants in microseconds of the boot clock.

    silent_since: (last good reply, first missed deadline]; None while it answers
    heard_us:     its last good reply arrived; None: never
    missed_us:    the last request without an answer had left; None while it answers
    as_of_us:     the voltages of its last look are of after that: its request less age and window of the register
    outcome, code, detail: of the last miss: ``silent garbled refused down``, the code of an exception, words
    supply, by_phase: as its last look has it; ``unknown`` while lost, and where nothing can be said
    pu:           the last voltage of each phase over the declared one, kept while it is silent
    stale:        its values are frozen or come from a cache; vt_failed: the voltage circuit has failed
    flowing:      current flows in some phase; None where none is read, or none was ever above noise
    current_gone: every phase's current, once well above noise, is gone since; None: it is not
    events:       ids of its open events, a measured supply_loss first
    mode:         only ``normal`` counts
    """

    meter: str
    comms: Comms = "suspect"
    silent_since: Bounds | None = None
    heard_us: int | None = None
    missed_us: int | None = None
    as_of_us: int | None = None
    outcome: str = ""
    code: int = 0
    detail: str = ""
    supply: Supply = "unknown"
    by_phase: Mapping[str, Supply] = field(default_factory=dict)
    pu: Mapping[str, float] = field(default_factory=dict)
    stale: bool = False
    vt_failed: bool = False
    flowing: bool | None = None
    current_gone: Bounds | None = None
    events: tuple[str, ...] = ()
    mode: Mode = "normal"

    @property
    def speaks(self) -> bool:
        """It has voltages of its own that mean something."""
        return self.comms != "lost" and self.supply != "unknown" and not self.stale and not self.vt_failed

    @property
    def silent(self) -> bool:
        return self.comms == "lost"


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that another says. who: in words; ids: of the events that say it; since: when it began."""

    who: str
    ids: tuple[str, ...]
    since: Bounds | None
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known around one meter now. None, or empty: not so, or not known.

    powered_by:  as in the site file; bus_vt: its voltage is that of a bus, not its own
    beside:      a meter that measures voltage at the very same place
    alone:       the only unit of its line; neighbours: some units of it that answered after this silence had begun
    line_silent: every unit of the line is silent
    silence:     id of its own comms_loss
    measured:    an open measured supply_loss of its own
    logged:      its own registers tell of a loss in this silence
    dead_above:  a meter without voltage, through which everything that feeds this one comes
    fed_dead:    what feeds it in normal switching went dead when it fell silent; another supply may feed it
    live_below:  a meter with voltage that is fed through this one only
    power_dead:  the node it is powered from has no supply
    mains:       the gateway's own supply, from a node that feeds this one in normal switching, went when it fell silent
    mains_too:   the gateway's own supply went when it fell silent, and that proves nothing of what feeds this meter
    together:    every self-powered meter below one node fell silent at once, on two lines or more that still answer
    """

    powered_by: str = "self"
    bus_vt: bool = False
    alone: bool = True
    neighbours: tuple[str, ...] = ()
    line_silent: bool = False
    silence: str | None = None
    beside: Cause | None = None
    measured: Cause | None = None
    logged: Cause | None = None
    dead_above: Cause | None = None
    fed_dead: Cause | None = None
    live_below: Cause | None = None
    power_dead: Cause | None = None
    mains: Cause | None = None
    mains_too: Cause | None = None
    together: Cause | None = None

    @property
    def self_powered(self) -> bool:
        return self.powered_by in SELF_POWERED


@dataclass(frozen=True, slots=True)
class Verdict:
    """confidence: 0 to 1, 0 where unknown; because: ids of the events it rests on; row: name of the row that decided;
    since: when what it says began, where that is not in the meter's own events"""

    supply: Supply
    basis: Basis
    confidence: float
    reason: str
    because: tuple[str, ...]
    row: str
    since: Bounds | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """test: when it holds; supply, basis: what follows; confidence: at most, the cause may bring less; cause: what it
    rests on; words: the reason, ``{who}`` is the cause's; what: the test in words, for docs/evidence.md"""

    name: str
    what: str
    test: Callable[[Seen, Around], bool]
    supply: Supply
    basis: Basis
    confidence: float
    words: str
    cause: Callable[[Seen, Around], Cause | None] = lambda seen, around: None


def _collapsed(seen: Seen) -> bool:
    return bool(seen.pu) and all(pu < _COLLAPSED_PU for pu in seen.pu.values())


def _cut_off(seen: Seen) -> bool:
    """The way to the meter is broken before it comes to the meter."""
    return seen.outcome in ("down", "refused") or seen.code == _PATH_CODE


def _lives_on_it(seen: Seen, around: Around) -> bool:
    """It would speak if it had voltage, and its way were whole."""
    return seen.silent and around.self_powered


def _last_words(seen: Seen, around: Around) -> Cause:
    ids = (*seen.events[:1], *([around.silence] if around.silence else []))
    return Cause("its last voltages", tuple(dict.fromkeys(ids)), seen.silent_since, 0.6)


def _neighbours(seen: Seen, around: Around) -> Cause:
    return Cause(", ".join(around.neighbours), (), None, 0.0)


def _gone(seen: Seen, around: Around) -> Cause:
    return Cause("its current", (), seen.current_gone, 0.7)


EVIDENCE: tuple[EvidenceRow, ...] = (
    EvidenceRow(
        "not_normal", "mode is test or maintenance", lambda seen, around: seen.mode != "normal",
        "unknown", "measured", 0.0, "it is in test or maintenance: it counts nowhere",
    ),
    EvidenceRow(
        "dead_yet_flowing", "no voltage, and current flows",
        lambda seen, around: seen.speaks and seen.supply == "dead" and seen.flowing is True,
        "unknown", "measured", 0.0, "no voltage, and yet current flows: look at the voltage circuit",
    ),
    EvidenceRow(
        "contradicted", "no voltage, and another meter has some at the very same place, or a failed voltage circuit",
        lambda seen, around: seen.speaks and seen.supply == "dead" and around.beside is not None,
        "unknown", "measured", 0.0, "no voltage, and {who} at the same place says otherwise: see the voltage circuit",
        lambda seen, around: around.beside,
    ),
    EvidenceRow(
        "measured_dead", "it answers: no voltage on any wired channel",
        lambda seen, around: seen.speaks and seen.supply == "dead" and around.measured is not None,
        "dead", "measured", 0.95, "no voltage measured", lambda seen, around: around.measured,
    ),
    EvidenceRow(
        "bay_current_gone", "its voltage is a bus VT's, the bus lives, and its current is gone from every phase",
        lambda seen, around: seen.speaks and seen.supply != "dead" and around.bus_vt and seen.current_gone is not None,
        "dead", "inferred", 0.7, "the bus has voltage, and its current is gone from every phase", _gone,
    ),
    EvidenceRow(
        "bay_current_flows", "its voltage is a bus VT's, and current flows",
        lambda seen, around: seen.speaks and seen.supply != "dead" and around.bus_vt and seen.flowing is True,
        "live", "measured", 0.9, "the bus has voltage, and current flows",
    ),
    EvidenceRow(
        "bay_idle", "its voltage is a bus VT's, and no current tells of the bay",
        lambda seen, around: seen.speaks and seen.supply != "dead" and around.bus_vt,
        "unknown", "measured", 0.0, "its voltage is the bus's, and no current tells of the bay itself",
    ),
    EvidenceRow(
        "measured_partial", "it answers: some phases have voltage, some have none",
        lambda seen, around: seen.speaks and seen.supply == "partial",
        "partial", "measured", 0.95, "voltage on some phases only",
    ),
    EvidenceRow(
        "measured_live", "it answers, with voltage", lambda seen, around: seen.speaks and seen.supply == "live",
        "live", "measured", 0.95, "voltage measured",
    ),
    EvidenceRow(
        "own_registers", "its own registers tell of a loss of power in this silence",
        lambda seen, around: around.logged is not None,
        "dead", "meter_log", 0.95, "its own registers tell of it", lambda seen, around: around.logged,
    ),
    EvidenceRow(
        "live_below", "frozen, or silent on an auxiliary supply; a meter that is fed through it only has voltage",
        lambda seen, around: around.live_below is not None and not _lives_on_it(seen, around),
        "live", "inferred", 0.85, "{who} has voltage, and is fed through here only",
        lambda seen, around: around.live_below,
    ),
    EvidenceRow(
        "last_words_dead", "silent inside its own measured loss of supply; or frozen in it, and its only way is dead",
        lambda seen, around: around.measured is not None and (seen.silent or around.dead_above is not None),
        "dead", "measured", 0.8, "no voltage was the last it said", lambda seen, around: around.measured,
    ),
    EvidenceRow(
        "silent_above_live", "silent, self-powered; a meter that is fed through it only has voltage",
        lambda seen, around: around.live_below is not None,
        "unknown", "inferred", 0.0,
        "{who} has voltage, fed through here only; yet this one, which lives on what it measures, is silent: somebody "
        "feeds in below, or its way is broken",
        lambda seen, around: around.live_below,
    ),
    EvidenceRow(
        "dead_above", "no voltages of its own; a meter that everything here comes through measures none",
        lambda seen, around: around.dead_above is not None,
        "dead", "inferred", 0.9, "{who} has no voltage, and everything here comes through it",
        lambda seen, around: around.dead_above,
    ),
    EvidenceRow(
        "fed_dead", "silent, self-powered, its way is whole; what feeds it normally went dead when it fell silent",
        lambda seen, around: _lives_on_it(seen, around) and not _cut_off(seen) and around.fed_dead is not None,
        "dead", "inferred", 0.75, "silent since {who}, which feeds it, is dead; no other supply has made it answer",
        lambda seen, around: around.fed_dead,
    ),
    EvidenceRow(
        "frozen", "its values are frozen or come from a cache", lambda seen, around: not seen.silent and seen.stale,
        "unknown", "measured", 0.0, "its values are frozen or come from a cache: they say nothing of now",
    ),
    EvidenceRow(
        "vt_failed", "its voltage circuit has failed", lambda seen, around: not seen.silent and seen.vt_failed,
        "unknown", "measured", 0.0, "its voltage circuit has failed: its voltage is not known",
    ),
    EvidenceRow(
        "not_seen", "it answers, and has told no voltage that counts: it has just booted",
        lambda seen, around: not seen.silent, "unknown", "measured", 0.0, "it has told no voltage yet that counts",
    ),
    EvidenceRow(
        "power_dead", "silent; what it is powered from has no supply",
        lambda seen, around: around.power_dead is not None,
        "unknown", "inferred", 0.0, "{who}, which it is powered from, has no supply: that explains its silence",
        lambda seen, around: around.power_dead,
    ),
    EvidenceRow(
        "auxiliary", "silent; powered by dc, ups or a node", lambda seen, around: not around.self_powered,
        "unknown", "inferred", 0.0, "silent, and on an auxiliary supply: its silence says nothing of the network",
    ),
    EvidenceRow(
        "cut_off", "refused, unreachable, adapter gone, exception 0x0A", lambda seen, around: _cut_off(seen),
        "unknown", "inferred", 0.0, "the way to it is broken: this is about the way, not about the supply",
    ),
    EvidenceRow(
        "garbled", "answers that make no sense", lambda seen, around: seen.outcome == "garbled",
        "unknown", "inferred", 0.0, "something answers, but makes no sense: look at the line, not at the supply",
    ),
    EvidenceRow(
        "mains", "silent, self-powered; the gateway's own mains, from a node that feeds it, went at the same time",
        lambda seen, around: around.mains is not None,
        "dead", "inferred", 0.8, "{who} went when it fell silent, feed it too, and it lives on what it measures",
        lambda seen, around: around.mains,
    ),
    EvidenceRow(
        "collapse", "silent, self-powered; every voltage was below half in its last words",
        lambda seen, around: _collapsed(seen),
        "dead", "inferred", 0.6, "every voltage was below half when it fell silent, and it lives on what it measures",
        _last_words,
    ),
    EvidenceRow(
        "mains_too", "silent, self-powered; the gateway's own mains went at the same time, which is no proof here",
        lambda seen, around: around.mains_too is not None,
        "unknown", "inferred", 0.0, "may be dark: {who} went when it fell silent; but its way may have gone with that",
        lambda seen, around: around.mains_too,
    ),
    EvidenceRow(
        "together", "silent, self-powered, with every other such meter below one node, at once, on two living lines",
        lambda seen, around: around.together is not None,
        "unknown", "inferred", 0.0, "may be dark: {who} fell silent at once; but cables in one duct do the same",
        lambda seen, around: around.together,
    ),
    EvidenceRow(
        "line_silent", "silent, and so is every unit of its line", lambda seen, around: around.line_silent,
        "unknown", "inferred", 0.0, "the whole line is silent: its cable, its converter, or what feeds all of it",
    ),
    EvidenceRow(
        "neighbours", "silent; others answer on the same line", lambda seen, around: bool(around.neighbours),
        "unknown", "inferred", 0.0, "silent, while {who} answers on the same line: the meter, its stub or its supply",
        _neighbours,
    ),
    EvidenceRow(
        "silence", "silent, and nothing else is known", lambda seen, around: True,
        "unknown", "inferred", 0.0, "silent, and nothing else is known: silence alone is no outage",
    ),
)  # fmt: skip


def verdict(seen: Seen, around: Around) -> Verdict:
    """What the first row whose test holds says."""
    row = next(row for row in EVIDENCE if row.test(seen, around))
    cause = row.cause(seen, around)
    if cause is None:
        return Verdict(row.supply, row.basis, row.confidence, row.words, (), row.name)
    confidence = min(row.confidence, cause.confidence)
    words, ids = row.words.format(who=cause.who), _also(cause.ids, seen, around)
    return Verdict(row.supply, row.basis, confidence, words, ids, row.name, cause.since)


def _also(ids: tuple[str, ...], seen: Seen, around: Around) -> tuple[str, ...]:
    """An inference about a silent meter rests on its silence as well."""
    own = (around.silence,) if seen.silent and around.silence else ()
    return tuple(dict.fromkeys((*ids, *own)))
