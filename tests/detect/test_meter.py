"""All detectors of one meter together: the story is consistent, whatever is read; a restart changes no id."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from judged import Judged
from looks import U, rules, s
from quiet_years import day

from agent.detect import voltage
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.changes import Change
from agent.detect.meter import MeterDetector
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look
from agent.records import ClockState, Event
from agent.wire import event_from_json, event_to_json

GOOD = (1.0, 1.0, 1.0)
_PU = st.sampled_from([None, 0.0, 0.04, 0.3, 0.7, 0.85, 0.91, 0.94, 1.0, 1.0, 1.0, 1.06, 1.08, 1.12, 1.2])
_STORY = st.lists(
    st.tuples(st.tuples(_PU, _PU, _PU), st.sampled_from([0.4, 3.0, 70.0, 130.0]), st.booleans()), max_size=8
)
LIMITED = replace(rules(), limits=(0.95 * U, 1.05 * U))
SLIDING = replace(rules(), reference="sliding", basis="ll")


@dataclass
class Story:
    """Follows changes and complains about what cannot be."""

    open: dict[int, str] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def follow(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._one(change)
        assert len(set(self.open.values())) == len(self.open), "two open events of a kind"

    def _one(self, change: Change) -> None:
        span = change.span
        assert span.start_earliest_boot_us <= span.start_boot_us
        if change.action == "open":
            assert change.key not in self.used, "a key used twice"
            assert change.parent is None or change.parent in self.open
            assert all(key in self.open for key in change.supersedes)
            self.used.add(change.key)
            self.open[change.key] = change.kind
            return
        assert self.open[change.key] == change.kind
        if change.action == "close":
            assert span.end_boot_us is not None
            assert span.end_earliest_boot_us is not None
            assert span.start_earliest_boot_us <= span.end_earliest_boot_us <= span.end_boot_us
        if change.action != "update":
            del self.open[change.key]


@pytest.mark.slow
@drawn(60)
@given(_STORY, st.sampled_from([rules(), rules("gb"), LIMITED, SLIDING]), st.sampled_from([0.3, 1.0]))
def test_whatever_is_read_the_story_is_consistent(
    story: list[tuple[tuple[float | None, ...], float, bool]], by: Rules, period_s: float
) -> None:
    judged, seen = Judged(by, period_s, unheard=()), Story()
    for pu, lasts_s, doubtful in story:
        if doubtful:
            seen.follow(judged.look(pu, questionable=True))
        seen.follow(judged.hold(lasts_s, *pu))
    seen.follow(judged.hold(400, *GOOD))
    assert set(seen.open.values()) <= {"unbalance", "undervoltage", "overvoltage"}
    seen.follow(judged.hold(800, *GOOD))
    # A sliding reference may have followed a network that is now far away from where it was.
    assert not seen.open or by is SLIDING


@pytest.mark.slow
@pytest.mark.parametrize("pu", [(0.85, 1, 1), (0.0, 0.0, 0.0), (1.2, 1, 1), (0.94, 0.94, 0.94)])
def test_a_questionable_look_opens_closes_and_prolongs_nothing(pu: tuple[float, ...]) -> None:
    for held in (GOOD, (0.7, 1, 1), (0.93, 0.93, 0.93)):
        plain, disturbed = Judged(LIMITED), Judged(LIMITED)
        for judged in (plain, disturbed):
            judged.hold(130, *held)
        assert disturbed.look(pu, questionable=True) == []
        plain.at_s += 0.2
        for judged in (plain, disturbed):
            judged.hold(130, *GOOD)
        assert [(c.action, c.kind, c.span) for c in plain.changes] == [
            (c.action, c.kind, c.span) for c in disturbed.changes
        ]


def test_nothing_closes_because_the_agent_stops() -> None:
    judged = Judged(LIMITED)
    judged.hold(130, *GOOD)
    judged.hold(130, 0.93, 1, 1)
    assert judged.told() == [("open", "undervoltage")]


def test_tap_changes_motor_starts_and_noise_say_nothing() -> None:
    random = Random(5)  # noqa: S311 - noise, not secrets
    judged = Judged(unheard=())
    for tap in (1.0, 1.0125, 1.025, 1.0, 0.9875):
        judged.follow(100, lambda _, tap=tap: tuple(random.gauss(tap, 0.004) for _ in range(3)))  # type: ignore[misc]
        judged.follow(8, lambda t, tap=tap: (tap - 0.06 * 2.718 ** (-t / 2),) * 3)  # type: ignore[misc]
    assert judged.changes == []


@dataclass
class _Clock:
    offset_us: int = 1_790_000_000_000_000
    state: ClockState = field(default_factory=lambda: ClockState(True, 0.0))

    def wall_us(self, at_boot_us: int) -> int:
        return at_boot_us + self.offset_us

    def from_wall_us(self, at_us: int) -> int:
        return at_us - self.offset_us


class _Agent:
    """Detector and book over looks; `restart` loses everything but the events that were told."""

    def __init__(self, by: Rules) -> None:
        self.by, self.kept, self.runs = by, dict[str, Event](), 0
        self._start(())

    def _start(self, left: tuple[Event, ...]) -> None:
        self.runs += 1
        self.detector = MeterDetector(self.by)
        facts = MeterFacts(meter="m", rules=self.by, config="c", watch_s=0.5)
        self.book = Book(facts, _Clock(), id_maker("gw", f"e{self.runs}"))
        resumed = self.book.resume(left)
        assert resumed.orphans == ()
        self.detector.resume(resumed.voltage, resumed.slow, resumed.reference_v)

    def restart(self) -> None:
        left = tuple(event for event in self.kept.values() if event.state == "open")
        self._start(tuple(event_from_json(event_to_json(event)) for event in left))

    def look(self, look: Look) -> None:
        changes = self.detector.look(look, look.received_boot_us)
        for event in self.book.revise(changes, look.received_boot_us):
            before = self.kept.get(event.id)
            assert before is None or event.revision == before.revision + 1
            assert before is None or before.state == "open", "a closed event came back"
            self.kept[event.id] = event


def _looks(*rows: tuple[float, tuple[float, ...]], period_s: float = 0.5) -> list[Look]:
    looks, at_s = [], 0.0
    for lasts_s, pu in rows:
        for _ in range(round(lasts_s / period_s)):
            looks.append(Look(s(at_s), s(at_s + 0.02), tuple(one * U for one in pu)))
            at_s += period_s
    return looks


_SAG, _LOSS = (0.7, 1.0, 1.0), (0.0, 0.0, 0.0)
_RESTARTS = {
    "sag": (rules(), _looks((70, GOOD), (10, _SAG), (20, GOOD)), ["sag"]),
    "swell": (rules(), _looks((70, GOOD), (10, (1.2, 1, 1)), (20, GOOD)), ["swell"]),
    "supply_loss": (rules(), _looks((70, GOOD), (10, _LOSS), (20, GOOD)), ["supply_loss"]),
    "phase_loss": (rules(), _looks((70, GOOD), (20, (0.1, 1, 1)), (20, GOOD)), ["phase_loss"]),
    "undervoltage": (LIMITED, _looks((120, GOOD), (240, (0.93,) * 3), (130, GOOD)), ["undervoltage"]),
    "overvoltage": (LIMITED, _looks((120, GOOD), (240, (1.07,) * 3), (130, GOOD)), ["overvoltage"]),
    # Taken up again in the last ten seconds of its minute and a half, it ends as the sag it was.
    "taken over": (rules(), _looks((70, GOOD), (90, (0.85,) * 3), (80, GOOD)), ["sag", "undervoltage"]),
    "unbalance": (rules(), _looks((120, GOOD), (240, (0.93, 1, 1)), (130, GOOD)), ["unbalance"]),
    "nested": (LIMITED, _looks((120, GOOD), (130, (0.93,) * 3), (10, _LOSS), (60, (0.93,) * 3)), None),
    "sliding": (SLIDING, _looks((300, (0.95,) * 3), (10, (0.8,) * 3), (20, (0.95,) * 3)), None),
}


@pytest.mark.parametrize("name", _RESTARTS)
def test_a_restart_at_any_instant_gives_the_same_events(name: str) -> None:
    """While an event is open its id goes on; in the end there is one of it, closed, with the truth in its bounds."""
    by, looks, kinds = _RESTARTS[name]
    whole = _Agent(by)
    for look in looks:
        whole.look(look)
    final = [event for event in whole.kept.values() if event.state != "retracted"]
    if kinds is not None:
        assert [event.kind for event in final if event.kind != "rapid_change"] == kinds[-1:]
    opens = [i for i, look in enumerate(looks) if look.volts != looks[0].volts][:: max(1, len(looks) // 12)]
    for at in opens:
        agent = _Agent(by)
        for i, look in enumerate(looks):
            if i == at:
                open_before = {event.id for event in agent.kept.values() if event.state == "open"}
                agent.restart()
                assert {event.id for event in agent.book.open_events} == open_before
            agent.look(look)
        if kinds is None:
            continue
        ended = [event for event in agent.kept.values() if event.state == "closed" and event.kind != "rapid_change"]
        assert len(ended) == 1, (name, at, ended)
        assert ended[0].kind in kinds
        assert not [event for event in agent.kept.values() if event.state == "open"]
        _holds(ended[0], looks)


def _holds(event: Event, looks: list[Look]) -> None:
    """The instants between the last look before and the first look after each end are all true ones."""
    changed = [i for i, look in enumerate(looks) if look.volts != looks[0].volts]
    first, after = changed[0], changed[-1] + 1
    offset_us = _Clock().offset_us
    assert event.end_us is not None
    assert event.end_earliest_us is not None
    # One that was there before the restarted agent's first minute says that its start is not known.
    assert event.open_at_start or event.start_earliest_us - offset_us <= looks[first].sent_boot_us
    assert event.start_us - offset_us >= looks[first - 1].sent_boot_us
    assert event.end_earliest_us - offset_us <= looks[after].sent_boot_us
    assert event.end_us - offset_us >= looks[after - 1].sent_boot_us


@drawn(100)
@given(
    st.lists(st.tuples(st.tuples(_PU, _PU, _PU), st.sampled_from([0.05, 0.2, 1.0, 6.0]), st.booleans()), max_size=60),
    st.sampled_from([rules(), rules("gb")]),
)
def test_what_is_judged_look_by_look_is_what_the_table_says(
    rows: list[tuple[tuple[float | None, ...], float, bool]], by: Rules
) -> None:
    """The short way of the quiet path changes nothing: same kinds, same bounds, same extremes."""
    detector, state, at_s = MeterDetector(by), voltage.INITIAL, 0.0
    said, wanted, parted = [], [], False
    for pu, pause_s, doubtful in rows:
        at_s += pause_s
        one = Look(s(at_s), s(at_s + 0.02), tuple(None if v is None else v * U for v in pu), doubtful)
        heard = detector.look(one, one.received_boot_us)
        if parted := any(change.action == "retract" for change in heard):
            break  # a fault of one phase takes the sag over: from there the two ways part
        said += heard
        state, changes = voltage.step(state, one, by)
        wanted += changes
        # A minute may make a slow event of it, from where the two ways part.
        if at_s > 59:
            break
    kinds = {"sag", "swell", "supply_loss", "phase_loss"}

    def shown(changes: Iterable[Change]) -> list[tuple[object, ...]]:
        return [(c.action, c.kind, c.span, c.extremes, c.crossed, c.open_at_start) for c in changes if c.kind in kinds]

    assert shown(said) == shown(wanted)
    assert parted or detector.open_kinds == voltage.open_kinds(state)


@pytest.mark.slow
def test_a_quiet_day_with_taps_and_lost_replies_says_nothing() -> None:
    detector = MeterDetector(rules(window_s=1.0, age_s=1.0))
    for moment in day(3)[: 6 * 3600]:
        if moment.volts is not None:
            at_us = moment.second * 1_000_000
            assert detector.look(Look(at_us, at_us + 20_000, moment.volts), at_us) == ()


@pytest.mark.parametrize(("pu", "kind"), [(0.899, "sag"), (1.101, "swell")])
def test_the_first_look_out_of_band_opens(pu: float, kind: str) -> None:
    judged = Judged()
    judged.hold(30, *GOOD)
    judged.look((1, pu, 1))
    assert judged.told() == [("open", kind)]


def test_the_quiet_path_is_back_after_an_event() -> None:
    judged = Judged()
    judged.hold(30, *GOOD)
    judged.hold(1, 0.5, 1, 1)
    assert not judged.detector.is_ordinary
    judged.hold(1, *GOOD)
    assert judged.detector.is_ordinary
    assert judged.detector.open_kinds == frozenset()
