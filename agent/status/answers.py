"""What the running agent answers on its local socket: one coroutine per question, JSON objects out."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from agent import wire
from agent.clock import rfc3339
from agent.overview import floors
from agent.records import Mode
from agent.status.demand_answer import demand_answer, open_blocks
from agent.status.journal_answers import journal_answers
from agent.status.socket import Answer
from agent.status.upkeep_answer import upkeep_answer

if TYPE_CHECKING:
    from agent.app import App
    from agent.poll.poller import LinePoller

_MOST = 1000


def answers(app: "App") -> dict[str, Answer]:
    """By question: `status` everything at a glance, `readings` the latest of each meter, `events` and the incidents of
    the same time, one event with its `trace`, and `journal`; `demand` of open blocks; `mode` marks a meter."""

    sight = Sight(app)

    async def status(_: Mapping[str, Any]) -> object:
        floor = sight.floors()
        return {
            "site": app.site.name,
            "gateway": app.site.gateway,
            "time": rfc3339(app.clock.wall_us()),
            "clock": _clock(app),
            "meters": [
                {**wire.status_to_json(each), "floor": list(floor[each.meter])} for each in app.board.statuses()
            ],
            "lines": {name: _line(app, name) for name in app.lines},
            "sinks": {name: asdict(progress) for name, progress in app.sinks.items()},
            "supply": _supply(app),
            **upkeep_answer(app),
            "demand": demand_answer(app),
            "alarms": [
                {"kind": alarm.kind, "since": rfc3339(each.start_us), "words": each.evidence[0]}
                for alarm in app.alarms.values()
                for each in alarm.standing
            ],
            "incidents": [
                wire.incident_to_json(each) for each in await app.journal.incidents(limit=_MOST) if each.state == "open"
            ],
        }

    async def demand(_: Mapping[str, Any]) -> object:
        return {"blocks": list(open_blocks(app))}

    async def readings(question: Mapping[str, Any]) -> object:
        meter = question.get("meter")
        return {
            "readings": [
                wire.reading_to_json(reading) for name, reading in app.board.readings.items() if meter in (None, name)
            ]
        }

    async def events(question: Mapping[str, Any]) -> object:
        limit = question.get("limit", 100)
        found = await app.journal.events(
            limit=min(limit, _MOST) if isinstance(limit, int) else 100,
            since_us=_optional(question.get("since_us"), int),
            meter=_optional(question.get("meter"), str),
            kind=_optional(question.get("kind"), str),
            until_us=_optional(question.get("until_us"), int),
        )
        about = wire.incidents_about(found, await app.journal.incidents(limit=_MOST))
        return {
            "events": [wire.event_to_json(event) for event in found],
            "incidents": [wire.incident_to_json(each) for each in about],
        }

    async def trace(question: Mapping[str, Any]) -> object:
        event = await app.journal.event(str(question.get("id")))
        if event is None:
            return {"event": None, "known": [each.id for each in await app.journal.events(limit=_MOST)]}
        stats = await app.journal.stats()
        return wire.traced_event_to_json(event, await app.journal.traces(event), stats.traces_evicted)

    async def mode(question: Mapping[str, Any]) -> object:
        return _mode(app, question)

    return {
        "status": status, "demand": demand, "readings": readings, "events": events, "trace": trace, "mode": mode,
        **journal_answers(app),
    }  # fmt: skip


def _clock(app: "App") -> dict[str, object]:
    """The wall clock: by whom, how well, since when; why databases wait for it."""
    clock = app.clock
    return asdict(clock.state) | {
        "source": clock.source_name,
        "since": rfc3339(clock.wall_us(clock.since_boot_us)),
        "guess": clock.guess,
        "waits": app.times.waits() or "",
        "suspended_s": clock.suspended_us / 1e6,
        "stalled_s": app.stalls.total_us / 1e6,
    }


def _supply(app: "App") -> dict[str, object] | None:
    """The gateway's own supply, where there is somebody to ask about it."""
    source, since = app.gateway.source, app.gateway.mains.lost_since
    if source is None:
        return None
    lost_since = None if since is None else rfc3339(app.clock.wall_us(since.latest_us))
    return {"lost_since": lost_since, "trouble": source.trouble, "words": source.words}


def _mode(app: "App", question: Mapping[str, Any]) -> object:
    meter, word = str(question.get("meter")), question.get("mode")
    mode: Mode | None = next((one for one in get_args(Mode) if one == word), None)
    until_us, for_us = (_optional(question.get(key), int) for key in ("until_us", "for_us"))
    now_us = app.clock.wall_us()
    if meter not in app.site.meters:
        return {"error": f"METER: found {meter}; allowed: {', '.join(app.site.meters)}; name one of these"}
    if mode is None:
        return {"error": f"MODE: found {word}; allowed: {', '.join(get_args(Mode))}; name one of these"}
    if for_us is not None:
        until_us = now_us + for_us
    if until_us is not None and until_us <= now_us:
        return {"error": f"--until: found {rfc3339(until_us)}; allowed: after {rfc3339(now_us)}; name a later time"}
    standing = app.gateway.set_mode(meter, mode, until_us)
    until = None if standing.until_us is None else rfc3339(standing.until_us)
    body = {"meter": meter, "mode": standing.mode, "until": until, "reason": standing.reason}
    return {key: value for key, value in body.items() if value}


def _line(app: "App", name: str) -> dict[str, object]:
    line, poller = app.lines[name], app.pollers[name]
    meters = [meter.name for meter in app.site.meters.values() if meter.line == name]
    figures = poller.recent.figures()
    return {
        "state": line.state,
        "error": line.error,
        "foreign_master": str(line.foreign_master or ""),
        "counters": asdict(line.counters),
        "health": {meter: poller.health(meter).state for meter in meters},
        "mute": {meter: poller.mute(meter) for meter in meters if poller.mute(meter)},
        "missed_ticks": {meter: poller.missed_ticks(meter) for meter in meters},
        "last_minute": None if figures is None else asdict(figures),
        "refresh_s": _learnt_s(poller, meters),
    }


def _learnt_s(poller: "LinePoller", meters: Iterable[str]) -> dict[str, float]:
    return {meter: us / 1e6 for meter in meters if (us := poller.refresh_us(meter)) is not None}


class Sight:
    """What each meter shows of sags, in words; worked out anew when more is known of a meter."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._learnt_s: dict[str, float] = {}
        self._floors = floors(app.site)

    def floors(self) -> Mapping[str, tuple[str, ...]]:
        app = self._app
        pollers = {meter.name: app.pollers[meter.line] for meter in app.site.meters.values()}
        learnt_s = {name: s for name, poller in pollers.items() for s in _learnt_s(poller, [name]).values()}
        if learnt_s != self._learnt_s:
            self._learnt_s, self._floors = learnt_s, floors(app.site, learnt_s)
        return self._floors


def _optional(value: object, kind: type) -> Any:
    return value if isinstance(value, kind) else None
