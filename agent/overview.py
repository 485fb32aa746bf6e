"""What a site file amounts to: per line the wire time and the watch rates that are left, per meter what it can see."""

from collections.abc import Mapping
from typing import Any

from agent.budget import LineBudget, Load, Pace, Share, line_budget, load
from agent.detect.floor import HALF, Watching, floor_words, surely_seen_s
from agent.site import Site
from agent.wiring import watched
from drivers.line import LineConfig, RtuOverTcpEndpoint, SerialPort


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
        "mqtt": None if site.mqtt is None else f"{site.mqtt.host}:{site.mqtt.port}",
        "influxdb": None if site.influxdb is None else site.influxdb.url,
    }


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
        "floor": list(_floor(site, share)),
        "nominal_v": meter.nominal_v,
        "basis": meter.basis,
        "voltage_ratio": meter.installation.vt,
        "current_ratio": meter.installation.ct,
        "path": list(meter.path),
        "feeder": meter.feeder,
    }


def _overrun(share: Share) -> float:
    """Part of the asked looks that the line has no time for."""
    return 0.0 if share.asked_hz is None else round(max(0.0, 1 - share.got_hz / share.asked_hz), 4)


def floors(site: Site) -> Mapping[str, tuple[str, ...]]:
    """By meter: what it shows of sags at the pace its line has for it, in words."""
    budgets = line_budgets(site).values()
    return {share.load.meter: _floor(site, share) for budget in budgets for share in budget.shares}


def _floor(site: Site, share: Share) -> tuple[str, ...]:
    model = site.meters[share.load.meter].model
    return floor_words(model.window_s, model.refresh_s, _pace_s(share), share.late_s)


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
