"""What each panel's query has to answer, from the truth of the day. One entry for each query: a panel without one
makes a test fail."""

from dashboard_events import (
    SILENCES,
    counted_as,
    event_table,
    events_over_time,
    incidents_in_range,
    indices_expected,
    itic,
    itic_curve,
    of_kind,
    reaching,
    revisions_told,
    samples,
    true_events,
    unheard,
)
from dashboard_measured import (
    CURRENTS,
    LL,
    LN,
    OF_FEEDER,
    OF_SITE,
    OUTCOMES,
    QUARTER_MS,
    Wanted,
    along_feeder,
    answered,
    banded,
    coverage_of,
    coverage_steps,
    descriptors,
    each_meter,
    energy_of_each,
    how_meters_answer,
    in_steps,
    last_heard,
    low_by_day,
    nobody_counted,
    not_heard,
    of_gateways,
    of_open_incidents,
    of_those_without,
    open_in_detail,
    qualification,
    supply_counts,
    supply_of,
    supply_of_feeders,
    worst_supply,
)
from dashboard_truth import DAY_MS, MINUTE_MS, Answer, Truth, count, each, high, low, mean, stepped, total
from grafana_queries import Shown

NETWORK, VOLTAGE, EVENTS = "lamplighter-network", "lamplighter-voltage", "lamplighter-events"
OUTAGES, ENERGY, HEALTH = "lamplighter-outages", "lamplighter-energy", "lamplighter-health"

EXPECTED: dict[tuple[str, str, str], Wanted] = {
    (NETWORK, "Meters by supply", "A"): supply_counts,
    (NETWORK, "Meters by supply", "B"): not_heard,
    (NETWORK, "Open incidents", "A"): of_open_incidents("open", count("id")),
    (NETWORK, "Customers without supply now", "A"): of_those_without("at least", total("customers_min")),
    (NETWORK, "Customers without supply now", "B"): of_those_without("at most", total("customers_max")),
    (NETWORK, "Customers without supply now", "C"): nobody_counted,
    (NETWORK, "Gateways last heard", "A"): last_heard("uptime_s", by=OF_SITE),
    (NETWORK, "Open incidents in detail", "A"): open_in_detail,
    (NETWORK, "Feeders", "A"): supply_of_feeders,
    (NETWORK, "Meters", "A"): each_meter,
    (NETWORK, "Supply over time", "A"): worst_supply,
    (VOLTAGE, "Voltage, line to neutral", "A"): banded(LN, ("low", "high")),
    (VOLTAGE, "Voltage, line to line", "A"): banded(LL),
    (VOLTAGE, "Voltage unbalance", "A"): in_steps("interval_10min", u2=high("voltage_unbalance")),
    (VOLTAGE, "Voltage distortion", "A"): in_steps(
        "interval_10min", **{f"voltage_thd_{phase}": high(f"voltage_thd_{phase}") for phase in ("l1", "l2", "l3")}
    ),
    (VOLTAGE, "Voltage qualification", "A"): qualification,
    (VOLTAGE, "Coverage", "A"): coverage_of("interval_1min", MINUTE_MS, OF_FEEDER),
    (VOLTAGE, "Voltage along the feeder", "A"): along_feeder,
    (VOLTAGE, "Lowest minute of each meter", "A"): in_steps(
        "interval_1min", "meter", by=OF_FEEDER, **{name: low(name) for name in LN}
    ),
    (VOLTAGE, "Low-voltage minutes a day", "A"): low_by_day,
    (VOLTAGE, "Coverage over time", "A"): coverage_steps("interval_1min", MINUTE_MS, OF_FEEDER),
    (EVENTS, "Families of events", "A"): counted_as("events", of_kind, parent=""),
    (EVENTS, "Supply losses", "A"): counted_as("events", true_events, kind="supply_loss"),
    (EVENTS, "Silences", "A"): counted_as("events", true_events, kind="comms_loss"),
    (EVENTS, "Coverage", "A"): coverage_of("interval_1min", MINUTE_MS),
    (EVENTS, "Events over time", "A"): events_over_time,
    (EVENTS, "Events", "A"): event_table,
    (EVENTS, "ITIC: violated", "A"): itic("violates"),
    (EVENTS, "ITIC: undecided", "A"): itic("undecided"),
    (EVENTS, "ITIC: kept", "A"): itic("ok"),
    **{(EVENTS, f"ITIC: {verdict}", "B"): itic_curve for verdict in ("violated", "undecided", "kept")},
    (EVENTS, "Trace: voltages", "A"): samples(*LN, *LL),
    (EVENTS, "Trace: currents", "A"): samples(*CURRENTS),
    (EVENTS, "Revisions of this event", "A"): revisions_told,
    (OUTAGES, "Customers without supply in the range", "A"): incidents_in_range,
    **indices_expected(),
    (OUTAGES, "Not over yet", "A"): counted_as("losses", true_events, kind="supply_loss", state="open", mode="normal"),
    (OUTAGES, "Not over yet", "B"): lambda truth, shown: each(
        unheard(truth, shown, *SILENCES, state="open", mode="normal"), silences=count("id")
    ),
    (OUTAGES, "Coverage", "A"): coverage_of("interval_1min", MINUTE_MS),
    (OUTAGES, "Supply losses in the range", "A"): reaching("supply_loss"),
    (OUTAGES, "Silences in the range", "A"): reaching(*SILENCES),
    (OUTAGES, "Meters dead, partial and unknown", "A"): of_gateways(
        "gateway", **{state: high(f"meters_{state}") for state in ("dead", "partial", "unknown", "lost")}
    ),
    (OUTAGES, "Supply of each meter", "A"): worst_supply,
    (OUTAGES, "Coverage over time", "A"): coverage_steps("interval_1min", MINUTE_MS),
    (ENERGY, "Energy and highest demand of each meter", "A"): energy_of_each,
    (ENERGY, "Coverage", "A"): coverage_of("demand_15min", QUARTER_MS),
    (ENERGY, "Energy a day", "A"): in_steps(
        "demand_15min", "meter", step_ms=DAY_MS, **{"import": total("active_energy_import")}
    ),
    (ENERGY, "Demand", "A"): in_steps(
        "demand_15min", "meter", demand=high("active_power_demand"),
        **{"at least": high("active_power_demand_min"), "at most": high("active_power_demand_max")},
    ),
    (ENERGY, "Reactive demand", "A"): in_steps(
        "demand_15min", "meter", **{"reactive demand": high("reactive_power_demand")}
    ),
    (ENERGY, "Coverage over time", "A"): coverage_steps("demand_15min", QUARTER_MS),
    (ENERGY, "Power", "A"): in_steps(
        "interval_1min", "meter", power=mean("active_power_total"), reactive=mean("reactive_power_total")
    ),
    (ENERGY, "Power factor", "A"): in_steps(
        "interval_1min", "meter", **{"power factor": mean("power_factor_total")}
    ),
    (ENERGY, "Highest current", "A"): in_steps(
        "interval_1min", "meter", **{name: high(f"{name}_max") for name in CURRENTS}
    ),
    (HEALTH, "Gateways", "A"): last_heard(
        "version", "uptime_s", "alarms", "clock_synced", "clock_uncertainty_s", "clock_source", "journal_ok",
        "journal_oldest_unsent_s", "journal_error", "state_free_bytes", "supply_lost", "meters", "meters_lost",
        by=OF_SITE,
    ),
    (HEALTH, "Sinks", "A"): last_heard(
        "sink_ok", "blocked", "failures", "backlog_rows", "backlog_bytes", "backlog_age_s", "dead_letters",
        "sink_error", "sink_blocked", by=(*OF_SITE, "sink"),
    ),
    (HEALTH, "Certificates, days left", "A"): last_heard(
        "client_certificate_days_left", "ca_days_left", "server_certificate_days_left", by=(*OF_SITE, "sink")
    ),
    (HEALTH, "Age of the oldest row that waits", "A"): of_gateways("gateway", "sink", age=high("backlog_age_s")),
    (HEALTH, "Rows waiting", "A"): of_gateways("gateway", "sink", rows=high("backlog_rows")),
    (HEALTH, "Rows dropped", "A"): of_gateways("gateway", dropped=total("dropped")),
    (HEALTH, "Line utilisation", "A"): of_gateways("gateway", "line", utilisation=high("utilisation")),
    (HEALTH, "Line lag", "A"): of_gateways("gateway", "line", lag=high("lag_max_s")),
    (HEALTH, "Achieved watch rate", "A"): of_gateways(
        "gateway", "line", slowest=low("watch_hz_min"), mean=mean("watch_hz_mean")
    ),
    (HEALTH, "Answered requests", "A"): of_gateways("gateway", "line", answered=answered),
    (HEALTH, "Failed requests by kind", "A"): of_gateways(
        "gateway", "line", **{name: total(f"exchanges_{name}") for name in OUTCOMES[1:]}
    ),
    (HEALTH, "Overruns", "A"): of_gateways("gateway", "line", overruns=total("overruns")),
    (HEALTH, "How each meter answers", "A"): how_meters_answer,
    (HEALTH, "Clock uncertainty", "A"): of_gateways("gateway", uncertainty=high("clock_uncertainty_s")),
    (HEALTH, "Clock moved", "A"): of_gateways("gateway", moved=total("clock_moved_s")),
    (HEALTH, "CPU", "A"): of_gateways("gateway", cpu=high("cpu_share")),
    (HEALTH, "Memory", "A"): of_gateways("gateway", memory=high("rss_bytes")),
    (HEALTH, "Event loop lag", "A"): of_gateways("gateway", lag=high("loop_lag_max_s")),
    (HEALTH, "Journal, part of its room", "A"): of_gateways("gateway", share=high("journal_share")),
    (HEALTH, "Written to the card a day", "A"): of_gateways("gateway", written=high("card_written_bytes_day")),
    (HEALTH, "Alarms and descriptors", "A"): of_gateways(
        "gateway", alarms=high("alarms_open"), **{"descriptors used": descriptors}
    ),
}  # fmt: skip

# China's days begin at 16:00 UTC.
_CHINA_MS = 8 * 3_600_000


def _energy_by_day_in_china(truth: Truth, shown: Shown) -> Answer:
    columns = {"import": total("active_energy_import")}
    return stepped(truth.find("demand_15min", shown), DAY_MS, "meter", zone_ms=_CHINA_MS, columns=columns)


# What is another query where the dashboards are laid out for the day's own site file.
OF_THE_SITE: dict[tuple[str, str, str], Wanted] = {
    (NETWORK, "Supply of F11", "A"): supply_of("F11"),
    (NETWORK, "Supply of F12", "A"): supply_of("F12"),
    (NETWORK, "Supply of no feeder", "A"): supply_of("none"),
    (VOLTAGE, "Low-voltage minutes a day", "A"): lambda truth, shown: low_by_day(truth, shown, _CHINA_MS),
    (ENERGY, "Energy a day", "A"): _energy_by_day_in_china,
}  # fmt: skip
