"""A site as `watch` shows it: one feeder with a dead end, one that nobody hears, and what was said of them."""

from collections.abc import Mapping
from typing import Any

from agent.cli import show
from agent.detect.network import Network, Node, Placed
from agent.field.watch.glyphs import UNICODE, Glyphs
from agent.field.watch.layout import Scene
from agent.field.watch.picture import Answers, History, Picture, Shown, picture

SHOWN = Shown(show.event_row, show.incident_lines, show.clock_words, show.moment)
AT = "2026-11-23T18:30:{:02d}.000000Z"
_ABOVE = {"F12": (), "tx1": ("F12",), "school": ("tx1",), "blk-a": ("tx1",), "F15": (), "market": ("F15",)}
METERS = ("tx1", "school", "blk-a", "market")
NETWORK = Network(
    [Node(name, "feeder" if name.startswith("F") else "branch", above) for name, above in _ABOVE.items()],
    [Placed(name, name, name, "feeder-room", "self") for name in METERS],
)


def reading(meter: str, second: int, volts: float | None, least: float | None = None) -> dict[str, Any]:
    values = {} if volts is None else {f"voltage_l{phase}": volts + phase / 10 for phase in (1, 2, 3)}
    low = {} if least is None else dict.fromkeys(values, least)
    return {"meter": meter, "time": AT.format(second), "values": values, "min": low}


def meter(name: str, supply: str = "live", comms: str = "ok", events: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"meter": name, "supply": supply, "comms": comms, "mode": "normal", "open_events": list(events)}


def line(error: str = "", utilisation: float | None = 0.42) -> dict[str, Any]:
    counters = {"answered": 1200, "silent": 3, "garbled": 1, "foreign": 0, "refused": 0, "down": 0, "late": 2}
    minute = None if utilisation is None else {"utilisation": utilisation, "watch_hz": {"tx1": 1.8, "school": 2.75}}
    return {"state": "open", "error": error, "foreign_master": "", "mute": {}, "counters": counters,
            "last_minute": minute}  # fmt: skip


def event(number: int, kind: str, of: str, state: str = "closed", **more: object) -> dict[str, Any]:
    return {"id": f"e{number}", "kind": kind, "meter": of, "scope": "meter", "state": state,
            "start": AT.format(number), "phases": ["l1", "l2", "l3"], "direction": "upstream", **more}  # fmt: skip


def answers(second: int = 40, **status: object) -> Answers:
    told: Mapping[str, Any] = {
        "site": "dashi",
        "gateway": "gw-01",
        "time": AT.format(second),
        "clock": {"synced": True, "uncertainty_s": 0.002, "source": "chrony", "guess": False},
        "meters": [meter("tx1"), meter("school", "dead", events=("e20",)), meter("blk-a"),
                   meter("market", "unknown", "lost")],
        "lines": {"feeder-room": line(), "ring-main": line("no answer from 10.20.0.11:502: is the cable in?", None)},
        "sinks": {"mqtt": {"accepted": 320, "rejected": 0, "error": ""},
                  "influxdb": {"accepted": 100, "rejected": 2, "error": "connection refused"}},
        "alarms": [{"kind": "card_worn", "since": AT.format(1), "words": "80 % of its life used: plan another card"}],
        "incidents": [{"state": "open", "words": ["No supply at school on feeder F12: look at the service fuse.",
                                                  "1 customer without supply."]}],
    }  # fmt: skip
    events = [
        event(20, "supply_loss", "school", "open", residual_pct=0.0),
        event(12, "sag", "school", "retracted", residual_pct=61.2),
        event(5, "sag", "tx1", duration_min_s=0.54, duration_max_s=1.3, residual_pct=58.7),
    ]
    readings = [reading("tx1", second, 229.4), reading("school", second, 0.0), reading("blk-a", second, 230.0, 139.9),
                reading("market", 10, 231.0)]  # fmt: skip
    journal = {"sinks": {"mqtt": {"rows": 0}, "influxdb": {"rows": 4711}}, "sending": {}}
    return Answers(told | dict(status), {"readings": readings}, {"events": events}, journal)


def seen(second: int = 40, *, own: bool = False, **status: object) -> Picture:
    return picture(answers(second, **status), SHOWN, own=own)


def scene(now: Picture | None, trouble: str = "", glyphs: Glyphs = UNICODE) -> Scene:
    history = History()
    for second in (30, 35):
        history.add(seen(second))
    if now is not None:
        history.add(now)
    return Scene(NETWORK, dict.fromkeys(METERS, 230.0), glyphs, history, now, trouble)
