"""What each alert rule's query has to answer, from the truth of a day up to now. One entry for each rule."""

from collections.abc import Callable

from dashboard_truth import Answer, Column, Row, Truth, count, each, grouped, last
from grafana_queries import Shown

Wanted = Callable[[Truth, Shown], Answer]
_ANYWHERE: tuple[str, ...] = ()
_PLACE = ("site", "gateway")
_CHANNELS = ("l1", "l2", "l3", "l1_l2", "l2_l3", "l3_l1")
_FIVE_MIN_MS = 300_000


def _open(kinds: tuple[str, ...], *tags: str, modes: tuple[str, ...] = ("normal", "test", "maintenance")) -> Wanted:
    def wanted(truth: Truth, shown: Shown) -> Answer:
        rows = truth.find(
            "event", shown, lambda row: row["kind"] in kinds and row["state"] == "open" and row["mode"] in modes,
            by=_ANYWHERE,
        )  # fmt: skip
        return each(rows, *_PLACE, *tags, open=count("revision"))

    return wanted


def _incidents(truth: Truth, shown: Shown) -> Answer:
    rows = truth.find("incident", shown, lambda row: row["state"] == "open", by=_ANYWHERE)
    return each(rows, *_PLACE, "feeder", open=count("revision"))


def _low_voltage(truth: Truth, shown: Shown) -> Answer:
    """Undervoltages that nothing worse lies in: an open loss, or a severe sag of the last hour."""
    rows = truth.find("event", shown, by=_ANYWHERE)
    hour_ms = shown.to_ms - 3_600_000
    worse = [
        row for row in rows
        if (row["kind"] in ("supply_loss", "phase_loss") and row["state"] == "open" and row["mode"] == "normal")
        or (_is_severe_sag(row) and row.at_ms > hour_ms)
    ]  # fmt: skip
    low = [
        row for row in rows if row["kind"] == "undervoltage" and row["state"] == "open" and row["mode"] == "normal"
        and not any(one["meter"] == row["meter"] and one["start_us"] >= row["start_us"] for one in worse)
    ]  # fmt: skip
    return each(low, *_PLACE, "feeder", open=count("id"))


def _severe_sags(truth: Truth, shown: Shown) -> Answer:
    rows = truth.find("event", shown, _is_severe_sag, by=_ANYWHERE)
    return each(rows, *_PLACE, "feeder", sags=count("revision"))


def _is_severe_sag(row: Row) -> bool:
    """Not one of whose channels all were as good as gone: that is a loss."""
    gone_v = (0.05 if row["profile"] == "iec" else 0.1) * (row["reference_v"] or 0.0)
    volts = [row[f"extreme_voltage_{channel}"] for channel in _CHANNELS]
    return (
        row["kind"] == "sag" and row["state"] != "retracted" and row["mode"] == "normal"
        and "violates" in (row["class_itic"], row["class_semi_f47"])
        and any(one is not None and one >= gone_v for one in volts)
    )  # fmt: skip


def _health(name: str, of: Column, *tags: str) -> Wanted:
    return lambda truth, shown: each(truth.find("gateway", shown, by=_ANYWHERE), *_PLACE, *tags, **{name: of})


def _silence(truth: Truth, shown: Shown) -> Answer:
    """How often it told of itself in the latest five minutes of the clock: 0 where it is silent, though nothing may be
    wrong in the first of the five."""
    rows = truth.find("gateway", shown, lambda row: row["uptime_s"] is not None, by=_ANYWHERE)
    latest_ms = shown.to_ms // _FIVE_MIN_MS * _FIVE_MIN_MS
    return {
        key: [(None, {"points": sum(row.at_ms >= latest_ms for row in some)})]
        for key, some in grouped(rows, *_PLACE).items()
    }  # fmt: skip


_HANDS = (
    "sink_blocked", "store_corrupt", "card_worn", "rows_missing", "state_dir_missing", "site_file_broken",
    "descriptors_low",
)  # fmt: skip

ALERTS: dict[str, Wanted] = {
    "lamplighter-supply-loss": _open(("supply_loss", "phase_loss"), "feeder", "kind", modes=("normal",)),
    "lamplighter-incident": _incidents,
    "lamplighter-sag-severity": _severe_sags,
    "lamplighter-low-voltage": _low_voltage,
    "lamplighter-neutral-fault": _open(("neutral_fault",), "feeder", "meter"),
    "lamplighter-backfeed": _open(("backfeed",), "feeder", "meter"),
    "lamplighter-comms-loss": _open(("comms_loss",), "feeder"),
    "lamplighter-backlog": _health("age_s", last("backlog_age_s"), "sink"),
    "lamplighter-clock": _health("synced", last("clock_synced")),
    "lamplighter-clock-uncertain": _health("uncertainty_s", last("clock_uncertainty_s")),
    "lamplighter-certificate": _open(("certificate_expiry",)),
    "lamplighter-hands": _open(_HANDS, "kind"),
    "lamplighter-mains": _open(("mains_loss",)),
    "lamplighter-gateway-silent": _silence,
}
