"""What crosses the layers of the agent. Frozen, slotted, no behaviour beyond a derived property.

Two time scales, never mixed: ``*_boot_us`` counts microseconds of the boot-time clock (durations, order,
deadlines); ``*_us`` counts microseconds of UTC since 1970 (what people and databases see).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

# What every word and page about a dead feeder has beside it.
NOT_ISOLATION = "No voltage measured is not proof of isolation."

Quality = Literal["good", "questionable", "invalid"]
Kind = Literal[
    "sag", "swell", "supply_loss", "phase_loss", "comms_loss", "undervoltage", "overvoltage", "unbalance",
    "rapid_change", "chatter", "earth_fault", "neutral_fault", "vt_failure", "stale_data", "backfeed",
    "gateway_outage", "mains_loss", "meter_changed", "clock_step", "store_corrupt",
    "sink_blocked", "certificate_expiry", "card_worn", "rows_missing",
    "state_dir_missing", "site_file_broken", "descriptors_low",
]  # fmt: skip
State = Literal["open", "closed", "retracted"]
Scope = Literal["meter", "line", "gateway"]
Basis = Literal["measured", "inferred", "meter_log"]
VoltageBasis = Literal["ln", "ll", "le"]
VoltageClass = Literal["A", "B", "C", "D"]
Mode = Literal["normal", "test", "maintenance"]
Supply = Literal["live", "dead", "partial", "unknown"]
Comms = Literal["ok", "suspect", "lost"]
Direction = Literal["upstream", "downstream", "unknown"]
Reference = Literal["declared", "sliding"]
Follows = Literal["", "omission", "restart"]
Closing = Literal["", "complete", "cut"]
# The tables and curves that `Event.classes` may name.
CLASSES = ("en50160", "ieee1159", "itic", "semi_f47", "iec61000_4_11", "iec61000_4_34")


# A named tuple: one is made per poll, and a frozen dataclass costs three times as much to make.
class Sample(NamedTuple):
    """What one meter answered in one go.

    sent_boot_us:     when the first request had left
    received_boot_us: when the last reply had arrived
    values:           primary values by quantity id, in SI units; what is not available is absent
    full:             the rest of the published set, not the watched quantities
    lacking:          a part of it stayed without an answer
    """

    meter: str
    sent_boot_us: int
    received_boot_us: int
    values: Mapping[str, float]
    full: bool
    quality: Quality = "good"
    lacking: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """A request of one meter that brought no values.

    outcome: the line's word for it (``silent garbled foreign refused down``); code: the exception's
    """

    meter: str
    due_boot_us: int
    sent_boot_us: int
    deadline_boot_us: int
    outcome: str
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One published reading of one meter: the interval that ends at ``time_us``.

    seen_s: how much of it was seen; nobody keeps it, so None of what is read back
    """

    meter: str
    time_us: int
    window_s: float
    quality: Quality
    flags: tuple[str, ...]
    values: Mapping[str, float]
    min: Mapping[str, float] = field(default_factory=dict)
    max: Mapping[str, float] = field(default_factory=dict)
    seen_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known of the wall clock. synced is None where no time source can be asked."""

    synced: bool | None
    uncertainty_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One revision of one event. Bounds: the true start lies in (start_earliest, start], the true end in
    (end_earliest, end], the true duration in [duration_min_s, duration_max_s]. Lists of ids are tuples.

    i_before, i_during: A, mean over the phases concerned, of clean readings before and of readings while it lasted
    direction:          of the cause, seen from the meter
    sag_energy_s:       missing energy of the phase that misses most, in s at the reference; only if it can be told
    unbalance_pct:      the highest 1-min figure, by `unbalance_method`: ``iec_u2`` or ``phase_magnitude``
    unbalance_nema_pct: beside ``iec_u2``, of the same minute
    change_pct:         steady voltage after less before, of the reference, on the phase that moved most
    meter_serial:       what the meter says of itself; None where its map has no read for it, or it did not say it yet
    classes:            what it would be called, by table or curve (`CLASSES`)
    """

    id: str
    kind: Kind
    revision: int
    state: State
    scope: Scope
    basis: Basis
    reported_us: int
    start_us: int
    start_earliest_us: int
    end_us: int | None = None
    end_earliest_us: int | None = None
    duration_min_s: float | None = None
    duration_max_s: float | None = None
    meter: str | None = None
    line: str | None = None
    feeder: str | None = None
    path: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    mode: Mode = "normal"
    parent: str | None = None
    supersedes: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    voltage_basis: VoltageBasis | None = None
    reference_v: float | None = None
    reference: Reference | None = None
    residual_v: float | None = None
    residual_pct: float | None = None
    peak_v: float | None = None
    peak_pct: float | None = None
    extreme_by_channel: Mapping[str, float] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    accuracy_pct: float | None = None
    window_s: float | None = None
    watch_s: float | None = None
    clock: ClockState = ClockState(None, None)
    profile: str | None = None
    config: str | None = None
    customers: tuple[int, int] | None = None
    open_at_start: bool = False
    i_before: float | None = None
    i_during: float | None = None
    direction: Direction | None = None
    sag_energy_s: float | None = None
    unbalance_pct: float | None = None
    unbalance_method: str | None = None
    unbalance_nema_pct: float | None = None
    change_pct: float | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    meter_serial: str | None = None

    @property
    def duration_s(self) -> float | None:
        """The middle, given only where the bounds differ by less than 20 %."""
        if self.duration_min_s is None or self.duration_max_s is None:
            return None
        if self.duration_max_s - self.duration_min_s >= 0.2 * self.duration_max_s:
            return None
        return (self.duration_min_s + self.duration_max_s) / 2


Cause = Literal[
    "supply_loss", "phase_loss", "open_conductor", "earth_fault", "neutral_fault", "gateway_outage"
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One revision of one incident: events with one cause, seen from the network. Bounds as in `Event`.

    cause:       what is wrong at `node`; device: what a lineman would look at there
    confidence:  0 to 1: the part of the meters below the node that voted, times the weakest evidence among them
    dead, alive, unknown: meters below the node, as they stand; restored: those that were dead in it and are back
    customers:   (fewest, most) without supply now; most: the greatest number it has been; by_phase: split, where known
    events:      ids of the events it is made of; nested: nodes that stay dead for a reason of their own
    reclosed:    how often the supply came back for a moment; locked_out: and went for good
    critical:    marked nodes (``hospital``) among those without supply
    alarms:      words about danger to people, as a voltage below a dead node; their absence means nothing
    words:       three lines for a dispatcher: what and where, who and since when, how sure and what next
    """

    id: str
    revision: int
    state: State
    reported_us: int
    cause: Cause
    node: str
    start_us: int
    start_earliest_us: int
    end_us: int | None = None
    end_earliest_us: int | None = None
    duration_min_s: float | None = None
    duration_max_s: float | None = None
    device: str = ""
    path: tuple[str, ...] = ()
    feeder: str | None = None
    confidence: float = 0.0
    phases: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    customers: tuple[int, int] | None = None
    most: tuple[int, int] | None = None
    by_phase: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    reclosed: int = 0
    locked_out: bool = False
    critical: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    clock: ClockState = ClockState(None, None)


@dataclass(frozen=True, slots=True)
class MeterStatus:
    """How one meter stands now. supply_by_phase is keyed by network phase (``l1 l2 l3``, or ``l1_l2`` ...)."""

    meter: str
    supply: Supply
    supply_by_phase: Mapping[str, Supply]
    comms: Comms
    last_good_us: int | None
    open_events: tuple[str, ...]
    mode: Mode = "normal"


@dataclass(frozen=True, slots=True)
class MeterInfo:
    """What stands at a meter's place since then. serial, firmware: as it says itself, None where it does not"""

    meter: str
    since_us: int
    model: str
    voltage_ratio: float
    current_ratio: float
    serial: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Journal entries seq_lo..seq_hi (both included) that were dropped before every sink had them."""

    seq_lo: int
    seq_hi: int
    reason: str
    time_us: int


@dataclass(frozen=True, slots=True)
class Trace:
    """A piece of the samples around one event, as fast as the meter was read. Made by `agent.detect.recorder`.

    event:     id of the event that began it; kind and start_us are that event's
    also:      ids of other events that began since the part before: inside that event, or before its trace was over
    part:      counts from 1 within the trace
    columns:   quantity ids; every row has one value for each
    rows:      packed samples (see `agent.trace_rows`), never empty; their instants count on the boot clock
    offset_us: what makes UTC of those instants
    follows:   what lies between the part before and this one
    closing:   empty while more is to come; `cut` is an end before the end
    """

    event: str
    also: tuple[str, ...]
    meter: str
    kind: Kind
    start_us: int
    part: int
    columns: tuple[str, ...]
    rows: bytes
    offset_us: int
    follows: Follows = ""
    closing: Closing = ""


IntervalKind = Literal["interval_1min", "interval_10min", "demand_15min"]


MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
LENGTH_US: Mapping[IntervalKind, int] = MappingProxyType(
    {"interval_1min": MINUTE_US, "interval_10min": 10 * MINUTE_US, "demand_15min": 15 * MINUTE_US}
)


@dataclass(frozen=True, slots=True)
class Interval:
    """What is known of one meter between two ticks of UTC. `agent.report.record` makes it.

    start_us: the tick it begins with; its kind says how long it is
    coverage: 0..1, how much of it was seen; flagged: 0..1, how much of that was questionable or marked
    values:   means (voltages: root mean square); of a demand block what passed, and its registers at its start
    min, max: the extremes that were read; of a demand block the bounds of the true value
    """

    kind: IntervalKind
    meter: str
    start_us: int
    coverage: float
    flagged: float
    values: Mapping[str, float]
    min: Mapping[str, float] = field(default_factory=dict)
    max: Mapping[str, float] = field(default_factory=dict)


HealthOf = Literal["meter", "line", "sink", "gateway"]


@dataclass(frozen=True, slots=True)
class Health:
    """How a meter, a line, a sink or the gateway itself stood at ``time_us``. `agent.status.health` makes it.

    name:     of the meter, line or sink; empty for the gateway itself
    numbers:  by field; what is not known is absent, a truth is 0.0 or 1.0
    texts:    by field, empty where there is nothing to say; instants: UTC microseconds by field
    """

    of: HealthOf
    name: str
    time_us: int
    numbers: Mapping[str, float]
    texts: Mapping[str, str] = field(default_factory=dict)
    instants: Mapping[str, int] = field(default_factory=dict)

    @property
    def meter(self) -> str | None:
        return self.name if self.of == "meter" else None


Record = Reading | Event | Gap | Trace | Incident | Interval | Health
