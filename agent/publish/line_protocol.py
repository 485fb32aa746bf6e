"""Readings, events, incidents, traces, health and gaps -> InfluxDB line protocol, precision ns. Pure.

One type per field for ever: numbers are floats, instants integers (microseconds since 1970, ``*_us``), truths
booleans, everything else strings. A second write of the same row changes nothing: same tags, same nanosecond.

Line protocol has no null, and the database unites the fields of all writes to a point: a number that a later revision
of an event or incident has no longer stays there. So each revision names in `absent` the numbers it has not: what
stands beside them in the point is an earlier revision's. In `event_log` each revision has a point of its own.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from agent.records import CLASSES, Event, Gap, Health, Incident, Interval, MeterInfo, Reading, Trace
from agent.trace_rows import LOST, QUESTIONABLE, row_struct
from drivers.quantities import PHASES, VOLTAGES_LL, VOLTAGES_LN

ABSENT = "none"  # what a tag says that has nothing to say: InfluxDB knows no empty tag
Instant = int
NUMBERS = (
    "revision", "duration_min_s", "duration_max_s", "duration_s", "reference_v", "residual_v", "residual_pct",
    "peak_v", "peak_pct", "accuracy_pct", "window_s", "watch_s", "i_before", "i_during", "sag_energy_s",
    "unbalance_pct", "unbalance_nema_pct", "change_pct",
)  # fmt: skip
_INSTANTS = ("reported_us", "start_us", "start_earliest_us", "end_us", "end_earliest_us")
TEXTS = (
    "id", "state", "scope", "basis", "line", "mode", "parent", "voltage_basis", "reference", "profile",
    "config", "direction", "unbalance_method", "meter_serial",
)  # fmt: skip
LISTS = ("path", "evidence", "supersedes", "because", "channels", "phases")
INCIDENT_NUMBERS = ("revision", "confidence", "duration_min_s", "duration_max_s", "reclosed")
INCIDENT_TEXTS = ("id", "state", "cause", "node", "device")
INCIDENT_LISTS = (
    "path", "phases", "dead", "alive", "unknown", "restored", "events", "nested", "critical", "alarms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineEncoder:
    """Encodes for one gateway. feeders: meter -> feeder, for readings, which do not carry theirs."""

    site: str
    gateway: str
    feeders: Mapping[str, str | None]

    def reading(self, reading: Reading, seq: int) -> bytes:
        """One `reading` point.

        seq: its journal number. Its last three digits keep two readings apart to which a clock set back gives
        the same microsecond; and a row that is sent again has the same nanosecond.
        """
        fields = [_number(key, value) for key, value in reading.values.items()]
        fields += [_number(f"{key}_min", value) for key, value in reading.min.items()]
        fields += [_number(f"{key}_max", value) for key, value in reading.max.items()]
        fields += [
            _number("window_s", reading.window_s),
            _text("quality", reading.quality),
            _text("flags", ",".join(reading.flags)),
        ]
        where = (reading.meter, self.feeders.get(reading.meter))
        return self._point("reading", where, fields, _ns(reading.time_us, seq))

    def interval(self, interval: Interval) -> bytes:
        """One `interval_1min`, `interval_10min` or `demand_15min` point, at the interval's start."""
        fields = [_number(key, value) for key, value in interval.values.items()]
        fields += [_number(f"{key}_min", value) for key, value in interval.min.items()]
        fields += [_number(f"{key}_max", value) for key, value in interval.max.items()]
        fields += [_number("coverage", interval.coverage), _number("flagged", interval.flagged)]
        where = (interval.meter, self.feeders.get(interval.meter))
        return self._point(interval.kind, where, fields, _ns(interval.start_us, 0))

    def health(self, health: Health, seq: int) -> bytes:
        """One `status` point of a meter, or `gateway` point of the gateway, a line or a sink. seq: as of a reading.

        Texts are written when empty, too: the last there is must never be older than the point.
        """
        fields = [_number(key, value) for key, value in health.numbers.items()]
        fields += [_instant(key, at_us) for key, at_us in health.instants.items()]
        fields += [_text(key, text) for key, text in health.texts.items()]
        where = (health.meter, None if health.meter is None else self.feeders.get(health.meter))
        more: dict[str, str] = {health.of: health.name} if health.of in ("line", "sink") else {}
        measurement = "gateway" if health.meter is None else "status"
        return self._point(measurement, where, fields, _ns(health.time_us, seq), more)

    def event(self, event: Event) -> bytes:
        """The one `event` point of an event, at its start: each revision overwrites the one before.

        Always all fields a revision has, never a delta, so that any one revision makes the point whole. The
        nanosecond's tail comes from the id: two events of one meter, kind and start stay two points.
        """
        return self._event_point("event", event, _ns(event.start_us, _hash(event.id)))

    def event_log(self, event: Event) -> bytes:
        """The `event_log` point of one revision, at the time it was reported: what the desk saw when."""
        # id and revision added, not hashed together: successive revisions of one event differ for certain.
        tail = _hash(event.id) + event.revision
        return self._event_point("event_log", event, _ns(event.reported_us, tail))

    def incident(self, incident: Incident) -> bytes:
        """The one `incident` point of an incident, at its start, as that of an event. It has a node, and no meter."""
        at_ns = _ns(incident.start_us, _hash(incident.id))
        return self._point("incident", (None, incident.feeder), _incident_fields(incident), at_ns)

    def trace(self, trace: Trace) -> list[bytes]:
        """A `trace` point for each sample that came, at its own instant; a lost one is a hole.

        The nanosecond's tail comes from the event's id: traces of one meter that share samples stay apart.
        """
        series = self._series("trace", (trace.meter, self.feeders.get(trace.meter)))
        event, tail = _text("event", trace.event), _hash(trace.event)
        names = [_escaped_name(name) for name in trace.columns]
        whole = "".join(f"{name}=%.7g," for name in names)
        lines = []
        # Hundreds of lines while the loop waits: rows as they are packed, and one template for those without a hole.
        for at_us, mark, *values in row_struct(len(names)).iter_unpack(trace.rows):
            if mark == LOST:
                continue
            if math.isfinite(sum(values)):
                numbers = whole % tuple(values)
            else:
                numbers = "".join(f"{n}={v:.7g}," for n, v in zip(names, values, strict=True) if math.isfinite(v))
            quality = "questionable" if mark == QUESTIONABLE else "good"
            at_ns = _ns(at_us + trace.offset_us, tail)
            lines.append(f'{series} {numbers}{event},quality="{quality}" {at_ns}'.encode())
        return lines

    def meter_info(self, info: MeterInfo) -> bytes:
        """What stands at a meter's place, as one point at the time since when: sent again it changes nothing."""
        said = {"serial": info.serial, "firmware": info.firmware}
        fields = [
            _text("model", info.model),
            _number("voltage_ratio", info.voltage_ratio),
            _number("current_ratio", info.current_ratio),
            *(_text(key, value) for key, value in said.items() if value is not None),
        ]
        return self._point("meter_info", (info.meter, self.feeders.get(info.meter)), fields, _ns(info.since_us, 0))

    def gap(self, gap: Gap) -> bytes:
        """What had to be dropped before it was sent, as a `gateway` point: an eviction is never silent."""
        fields = [_number("dropped", gap.seq_hi - gap.seq_lo + 1), _text("dropped_reason", gap.reason)]
        return self._point("gateway", (None, None), fields, _ns(gap.time_us, gap.seq_lo))

    def _event_point(self, measurement: Literal["event", "event_log"], event: Event, at_ns: int) -> bytes:
        # The event's own feeder, not today's site file: a changed file must not move the point elsewhere.
        fields = _event_fields(event)
        return self._point(measurement, (event.meter, event.feeder), fields, at_ns, {"kind": event.kind})

    def _point(
        self,
        measurement: str,
        where: tuple[str | None, str | None],
        fields: Iterable[str],
        at_ns: int,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> bytes:
        series = self._series(measurement, where, more)
        return f"{series} {','.join(filter(None, fields))} {at_ns}".encode()

    def _series(
        self, measurement: str, where: tuple[str | None, str | None], more: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        meter, feeder = where
        tags = {"site": self.site, "gateway": self.gateway, "meter": meter, "feeder": feeder, **more}
        # Sorted by key: InfluxDB sorts them anyway, and that is its slow step.
        return f"{measurement},{','.join(_tag(key, tags[key]) for key in sorted(tags))}"


def _event_fields(event: Event) -> list[str]:
    fields = _numbers(_event_numbers(event))
    fields += [_instant(key, getattr(event, key)) for key in _INSTANTS]
    # Texts are written when empty, too: a revision that takes something back must overwrite it.
    fields += [_text(key, getattr(event, key) or "") for key in TEXTS]
    fields += [_text(key, ",".join(getattr(event, key))) for key in LISTS]
    fields += [_text(f"class_{key}", event.classes.get(key, "")) for key in CLASSES]
    fields.append(_truth("clock_synced", event.clock.synced))
    fields.append(_truth("open_at_start", event.open_at_start))
    return fields


def _event_numbers(event: Event) -> dict[str, float | None]:
    """All that an event can have, those it has not among them."""
    numbers: dict[str, float | None] = {key: getattr(event, key) for key in NUMBERS}
    judged = VOLTAGES_LL if event.voltage_basis == "ll" else VOLTAGES_LN
    channels = (*(judged if event.voltage_basis else ()), *event.extreme_by_channel)
    numbers |= {f"extreme_{channel}": event.extreme_by_channel.get(channel) for channel in channels}
    numbers["customers_min"], numbers["customers_max"] = event.customers or (None, None)
    numbers["clock_uncertainty_s"] = event.clock.uncertainty_s
    return numbers


def _incident_fields(incident: Incident) -> list[str]:
    fields = _numbers(_incident_numbers(incident))
    fields += [_instant(key, getattr(incident, key)) for key in _INSTANTS]
    fields += [_text(key, getattr(incident, key)) for key in INCIDENT_TEXTS]
    fields += [_text(key, ",".join(getattr(incident, key))) for key in INCIDENT_LISTS]
    fields.append(_text("words", " ".join(incident.words)))
    fields.append(_truth("locked_out", incident.locked_out))
    fields.append(_truth("clock_synced", incident.clock.synced))
    return fields


def _incident_numbers(incident: Incident) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {key: getattr(incident, key) for key in INCIDENT_NUMBERS}
    counted = {"customers": incident.customers, "most": incident.most}
    counted |= {f"customers_{phase}": incident.by_phase.get(phase) for phase in PHASES}
    for key, bounds in counted.items():
        numbers[f"{key}_min"], numbers[f"{key}_max"] = bounds or (None, None)
    numbers["clock_uncertainty_s"] = incident.clock.uncertainty_s
    return numbers


def _numbers(numbers: Mapping[str, float | None]) -> list[str]:
    """Those there are, and the names of those there are not."""
    absent = (key for key, value in numbers.items() if not _number(key, value))
    return [*(_number(key, value) for key, value in numbers.items()), _text("absent", ",".join(absent))]


def _ns(at_us: Instant, tail: int) -> int:
    return at_us * 1000 + tail % 1000


def _hash(text: str) -> int:
    # Not hash(): that one differs from process to process.
    return zlib.crc32(text.encode())


def _number(key: str, value: float | None) -> str:
    """repr of a float is its shortest exact decimal and never looks like an integer. What is not available is
    left out: InfluxDB has no NaN."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{_escaped_name(key)}={float(value)!r}"


def _instant(key: str, at_us: Instant | None) -> str:
    return "" if at_us is None else f"{key}={at_us:d}i"


def _truth(key: str, value: bool | None) -> str:
    return "" if value is None else f"{key}={'true' if value else 'false'}"


def _text(key: str, value: str) -> str:
    # A line break is legal in a string, but 1.6.7 loses its way there when a tag of the line has a quotation mark.
    escaped = value.replace("\n", " ").replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'


def _tag(key: str, value: str | None) -> str:
    return f"{key}={_escaped_name(value or ABSENT)}"


def _escaped_name(name: str) -> str:
    """Tag values and field keys. ValueError for what InfluxDB cannot hold.

    A backslash has no escape there: before a space or at the end it joins what should be apart, in 1.6.7 even lines.
    """
    if not name.isprintable() or "\\" in name:
        raise ValueError(f"{name!r} cannot be a tag in InfluxDB: it has a backslash or a control character")
    return name.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
