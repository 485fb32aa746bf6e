"""What a site file amounts to: per line the wire time and the watch rates that are left, per meter what it can see."""

from collections.abc import Mapping
from typing import Any

from agent.budget import LineBudget, Load, Pace, Share, line_budget, load
from agent.detect.blocks import COVERED, LATE, LONGEST_US
from agent.detect.floor import HALF, Paced, Watching, floor_words, surely_measured_s, surely_seen_s
from agent.journal.retention import holds_s
from agent.network_tree import network_rows
from agent.poll.schedule import BESIDE_US
from agent.site import MainsSite, Site
from agent.wiring import watched
from drivers.line import LineConfig, RtuOverTcpEndpoint, SerialPort

_BESIDE_S = BESIDE_US / 1e6
_STANDS_S = LONGEST_US / 1e6


def line_budgets(site: Site) -> Mapping[str, LineBudget]:
    """By line, in the order of the file; a line without meters has an empty one."""
    loads: dict[str, list[Load]] = {name: [] for name in site.lines}
    for meter in site.meters.values():
        often = watched(meter.model, meter.basis, meter.wiring)
        pace = Pace(meter.poll_us, meter.watch_us)
        loads[meter.line].append(load(meter.name, meter.model, often, site.lines[meter.line], pace))
    return {name: line_budget(on_line) for name, on_line in loads.items()}


def overview(site: Site) -> dict[str, Any]:
    """The site as `check --json` prints it. Rates in Hz, times in s; what does not apply is null."""
    return {
        "file": str(site.file),
        "site": site.name,
        "gateway": site.gateway,
        "profile": site.profile,
        "config": site.config_hash,
        "state_dir": str(site.state_dir),
        "lines": {name: _line(site, name, budget) for name, budget in line_budgets(site).items()},
        "network": network_rows(site.network),
        "mains": _mains(site.mains),
        "journal": _journal(site),
        "calendar": None if site.calendar is None else str(site.calendar),
        "mqtt": None if site.mqtt is None else f"{site.mqtt.host}:{site.mqtt.port}",
        "influxdb": None if site.influxdb is None else site.influxdb.url,
    }


def _journal(site: Site) -> dict[str, Any]:
    """holds_h: hours of a backlog for which there is room, while nothing is out of its band."""
    readings_hz = sum(1e6 / meter.publish_every_us for meter in site.meters.values())
    cap_mib, keep_us = site.journal.cap_mib, site.journal.keep_us
    return {
        "cap_mib": cap_mib,
        "keep_h": None if keep_us is None else keep_us // 3_600_000_000,
        "readings_hz": round(readings_hz, 3),
        "holds_h": round(holds_s(cap_mib << 20, readings_hz) / 3600) if readings_hz else None,
    }


def _mains(mains: MainsSite | None) -> dict[str, Any] | None:
    if mains is None:
        return None
    ups, host, port = mains.nut or ("", "", 0)
    return {"asks": str(mains.sysfs) if mains.sysfs else f"{ups}@{host}:{port}", "node": mains.node}


def _line(site: Site, name: str, budget: LineBudget) -> dict[str, Any]:
    return {
        "address": address(site.lines[name]),
        "round_s": round(budget.round_s, 4),
        "period_s": budget.period_s,
        "utilisation": round(budget.utilisation, 4),
        "meters": {share.load.meter: _meter(site, share) for share in budget.shares},
    }


def _meter(site: Site, share: Share) -> dict[str, Any]:
    meter = site.meters[share.load.meter]
    return {
        "unit": meter.unit,
        "model": meter.model.id,
        "poll_reads": share.load.poll_reads,
        "watch_reads": share.load.watch_reads,
        "watch_asked_hz": share.asked_hz,
        "watch_got_hz": round(share.got_hz, 3),
        "watch_overrun": _overrun(share),
        "watch_lag_s": round(share.late_s, 4),
        "sees_all_s": _sees_all_s(site, share),
        "floor": list(_floor(site, share, {})),
        "nominal_v": meter.nominal_v,
        "basis": meter.basis,
        "voltage_ratio": meter.installation.vt,
        "current_ratio": meter.installation.ct,
        "node": meter.node,
        "voltage_node": meter.voltage_node,
        "powered_by": meter.powered_by,
        "path": list(meter.path),
        "feeder": meter.feeder,
    }


def _overrun(share: Share) -> float:
    """Part of the asked looks that the line has no time for."""
    return 0.0 if share.asked_hz is None else round(max(0.0, 1 - share.got_hz / share.asked_hz), 4)


def floors(site: Site, learnt_s: Mapping[str, float] | None = None) -> Mapping[str, tuple[str, ...]]:
    """By meter: what it shows of sags at the pace its line has for it, in words. learnt_s: by meter, how often it was
    seen to renew its values: more slowly than its map says shows less."""
    budgets = line_budgets(site).values()
    return {share.load.meter: _floor(site, share, learnt_s or {}) for budget in budgets for share in budget.shares}


def paces(site: Site) -> Mapping[str, Paced]:
    """By meter that is watched. The floor is that of a line that looks more often at another meter of its."""
    told = ((share, _pace_s(share), len(budget.shares)) for budget in line_budgets(site).values()
            for share in budget.shares)  # fmt: skip
    return {
        share.load.meter: Paced(pace_s, surely_measured_s(_at_worst(site, share, pace_s, beside=meters > 1)))
        for share, pace_s, meters in told
        if pace_s is not None
    }


def _at_worst(site: Site, share: Share, pace_s: float, *, beside: bool) -> Watching:
    model = site.meters[share.load.meter].model
    if beside and pace_s + share.late_s < _BESIDE_S:
        return Watching(model.window_s, model.refresh_s, _BESIDE_S)
    return Watching(model.window_s, model.refresh_s, pace_s, min(share.late_s, pace_s))


def _floor(site: Site, share: Share, learnt_s: Mapping[str, float]) -> tuple[str, ...]:
    model = site.meters[share.load.meter].model
    refresh_s = max(model.refresh_s, learnt_s.get(share.load.meter, 0.0))
    alone = sum(meter.line == site.meters[share.load.meter].line for meter in site.meters.values()) == 1
    assumed = [name for name in model.assumed if name == "window_s" or refresh_s == model.refresh_s]
    pace_s, beside_s = _pace_s(share), None if alone else _BESIDE_S
    return floor_words(model.window_s, refresh_s, pace_s, share.late_s, beside_s, assumed) + _minute_words(share)


def _minute_words(share: Share) -> tuple[str, ...]:
    """What is judged by 1-min means needs looks that cover most of a minute."""
    pace_s, watch_us = _pace_s(share), share.load.watch_us
    stands_s = max(_STANDS_S, LATE * (watch_us or 0) / 1e6)
    if pace_s is None or pace_s <= _STANDS_S / COVERED:
        return ()
    if pace_s > stands_s / COVERED:
        return (
            f"a look every {pace_s:.3g} s, more seldom than asked, makes no 1-min mean: no under- or overvoltage and "
            "no unbalance is judged",
        )
    return (f"its 1-min means rest on a look every {pace_s:.3g} s: what lies between is taken to be the same",)


def _sees_all_s(site: Site, share: Share) -> float | None:
    """Shortest sag to half the voltage that cannot be missed at the rate got; None where nothing is watched."""
    pace_s = _pace_s(share)
    if pace_s is None:
        return None
    model = site.meters[share.load.meter].model
    watching = Watching(model.window_s, model.refresh_s, pace_s, min(share.late_s, pace_s))
    return round(surely_seen_s(HALF, watching), 3)


def _pace_s(share: Share) -> float | None:
    """From one look to the next at the rate got; None where there is none, or no voltage to look at."""
    return 1 / share.got_hz if share.got_hz and share.load.watch_reads else None


def address(line: LineConfig) -> str:
    """Where a line is, as an engineer writes it: ``/dev/ttyUSB0 9600 8N1``, ``10.0.0.1:502``."""
    if isinstance(line, SerialPort):
        return f"{line.path} {line.baud} 8{line.parity}{line.stop_bits}"
    return f"{line.host}:{line.port}" + " RTU over TCP" * isinstance(line, RtuOverTcpEndpoint)
