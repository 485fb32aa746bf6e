"""One meter as its pipeline sees it now, in the words that the evidence is judged by. Pure."""

from collections.abc import Iterable, Sequence

from agent.detect.comms import CommsState, comms
from agent.detect.meter import MeterDetector
from agent.detect.supply import supply
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds
from agent.detect.voltage import Amps
from agent.records import Event, Miss, Mode

Volts = tuple[float | None, ...]


def standing_volts(detector: MeterDetector, volts: Volts | None) -> Volts | None:
    """What the voltages of the last look say of the supply: nothing, of a meter whose values are old."""
    if detector.stale.voiceless:
        return None
    return volts if detector.heard is None else detector.heard


def seen_of(
    meter: str,
    detector: MeterDetector,
    state: CommsState,
    miss: Miss | None,
    volts: Volts | None,
    flowing: bool | None,
    events: Iterable[Event],
    mode: Mode = "normal",
) -> Seen:
    """miss: the last; volts: of the last look; flowing: as in `Seen`; events: the open ones."""
    heard, rules = comms(state), detector.rules
    silence, last, gone = state.silence, detector.last_look, detector.current_gone
    told = standing_volts(detector, volts)
    total, by_phase = supply(told, rules, heard, detector.open_kinds)
    known = zip(rules.phases, told or (), strict=False)
    return Seen(
        meter=meter,
        comms=heard,
        silent_since=None if silence is None else Bounds(silence.heard_us, silence.first_deadline_us),
        heard_us=state.last_good_us,
        missed_us=None if silence is None else silence.last_sent_us,
        as_of_us=None if last is None else last.sent_boot_us - rules.reach_us,
        outcome="" if miss is None else miss.outcome,
        code=0 if miss is None else miss.code,
        detail="" if miss is None else miss.detail,
        supply=total,
        by_phase=by_phase,
        pu={phase: one / rules.nominal_v for phase, one in known if one is not None},
        stale=detector.stale.voiceless,
        vt_failed="vt_failure" in detector.faults and (told is None or set(told) == {None}),
        flowing=flowing,
        current_gone=None if gone is None else Bounds(gone.start_earliest_boot_us, gone.start_boot_us),
        events=tuple(event.id for event in sorted(events, key=_after_loss)),
        mode=mode,
    )


class LastFacts:
    """seen: the last facts of a meter. They stand until it is heard or missed again, which makes new states of its
    line; or until its events, its mode or its rules are others."""

    def __init__(self, meter: str) -> None:
        self.seen = Seen(meter=meter)
        self._of: tuple[CommsState | None, Miss | None, object] = (None, None, None)

    def stands(self, state: CommsState, miss: Miss | None, more: object) -> bool:
        known, self._of = self._of, (state, miss, more)
        return known[0] is state and known[1] is miss and known[2] == more


def _after_loss(event: Event) -> bool:
    return not (event.kind == "supply_loss" and event.basis == "measured")


def flows(amps: Amps | Sequence[float | None], floor_a: float, flowed: bool) -> bool | None:
    """Whether current flows in some phase; None where none is read, or none was ever (flowed) above noise."""
    read = [one for one in amps if one is not None]
    if read and max(read) >= floor_a:
        return True
    return False if read and flowed else None
