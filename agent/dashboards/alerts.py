"""What operations are told of without looking. Pure.

A rule asks for one number of each place (series); Grafana calls the reduced number `$values.B`. A family of events
counts once: an interruption, not the sag around it. What is open is looked for among the starts of thirty days, of
ninety where it concerns a gateway's own state.
"""

from agent.dashboards.model import AlertRule, Condition, Query
from agent.records import NOT_ISOLATION, Kind

_MONTH_S = 30 * 86400
_WEEK_S = 7 * 86400
_HOUR_S = 3600
_WHERE = "{{ $labels.site }}/{{ $labels.gateway }}"
_FEEDER = f"{_WHERE}, feeder {{{{ $labels.feeder }}}}"
_COUNT = "{{ $values.B.Value }}"

# IEC 61000-4-30, 5.4 and GB/T 30137: below 5 % or 10 % of Udin on all channels it is an interruption.
_INTERRUPTION = {"= 'iec'": 0.05, "!= 'iec'": 0.1}
_CHANNELS = ("l1", "l2", "l3", "l1_l2", "l2_l3", "l3_l1")

_HANDS: tuple[Kind, ...] = (
    "sink_blocked", "store_corrupt", "card_worn", "rows_missing", "state_dir_missing", "site_file_broken",
    "descriptors_low",
)  # fmt: skip


def _open_events(kinds: tuple[Kind, ...], tags: tuple[str, ...], more: str = "") -> Query:
    """How many events of these kinds are open, by tags."""
    any_of = "|".join(kinds)
    return Query(
        f'SELECT count("revision") AS "open" FROM "event" WHERE $timeFilter AND "kind" =~ /^({any_of})$/ '  # noqa: S608
        f"AND \"state\" = 'open'{more} GROUP BY {_by(('site', 'gateway', *tags))}"
    )


def _by(tags: tuple[str, ...]) -> str:
    return ", ".join(f'"{tag}"' for tag in tags)


_NORMAL = " AND \"mode\" = 'normal'"


def _health(select: str, *tags: str) -> Query:
    return Query(f'SELECT {select} FROM "gateway" WHERE $timeFilter GROUP BY {_by(("site", "gateway", *tags))}')  # noqa: S608


def _severe() -> str:
    """Sags of which it is sure that equipment built to a curve need not ride through, less those that became a loss."""
    curves = " OR ".join(f"\"class_{curve}\" = 'violates'" for curve in ("itic", "semi_f47"))
    left = " OR ".join(
        f'("profile" {profile} AND ({_any_above(share)}))' for profile, share in _INTERRUPTION.items()
    )  # fmt: skip
    return f"\"kind\" = 'sag' AND \"state\" != 'retracted'{_NORMAL} AND ({curves}) AND ({left})"


def _severe_sags() -> Query:
    return Query(
        f'SELECT count("revision") AS "sags" FROM "event" WHERE $timeFilter AND {_severe()} '  # noqa: S608
        'GROUP BY "site", "gateway", "feeder"'
    )


def _low_voltage() -> Query:
    """Meters with an undervoltage that is its family's most severe member: not while a loss is open in it, nor while a
    severe sag in it is told, which is for an hour. At a meter one is open at a time; what began later is in it."""
    low = '"kind" =~ /^(undervoltage)$/ AND "state" = \'open\''
    loss = '"kind" =~ /^(supply_loss|phase_loss)$/ AND "state" = \'open\''
    inner = (
        f'SELECT "start_us" AS "low", "start_us" - "start_us" AS "worse" FROM "event" '  # noqa: S608
        f"WHERE $timeFilter AND {low}{_NORMAL}",
        f'SELECT "start_us" AS "worse" FROM "event" WHERE $timeFilter AND {loss}{_NORMAL}',  # noqa: S608
        f'SELECT "start_us" AS "worse" FROM "event" WHERE $timeFilter AND time > now() - {_HOUR_S}s AND {_severe()}',  # noqa: S608
    )
    ahead = 'SELECT max("low") - max("worse") AS "ahead" FROM ' + ", ".join(f"({one})" for one in inner)  # noqa: S608
    place = ("site", "gateway", "feeder")
    return Query(
        f'SELECT count("ahead") AS "open" FROM ({ahead} GROUP BY {_by((*place, "meter"))}) '  # noqa: S608
        f'WHERE "ahead" > 0 GROUP BY {_by(place)}'
    )


def _any_above(share: float) -> str:
    return " OR ".join(f'"extreme_voltage_{channel}" >= {share:g} * "reference_v"' for channel in _CHANNELS)


def _supply() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            uid="lamplighter-supply-loss",
            title="Supply lost",
            queries=(_open_events(("supply_loss", "phase_loss"), ("feeder", "kind"), _NORMAL),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_MONTH_S,
            severity="critical",
            summary=f"{_FEEDER}: {{{{ $labels.kind }}}} open at {_COUNT} meters. {NOT_ISOLATION}",
            what_to_do="Open the incident: it says where, who and how sure. Without one, open Events and read the "
            "evidence; measured means that a meter saw no voltage, inferred that it follows from others.",
        ),
        AlertRule(
            uid="lamplighter-incident",
            title="Incident open",
            queries=(
                Query(
                    'SELECT count("revision") AS "open" FROM "incident" WHERE $timeFilter AND "state" = \'open\' '
                    'GROUP BY "site", "gateway", "feeder"'
                ),
            ),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_MONTH_S,
            severity="critical",
            summary=f"{_FEEDER}: {_COUNT} open incidents. {NOT_ISOLATION}",
            what_to_do="Read its three lines on Network overview: what and where, customers from at least to at most, "
            "how sure and what next. Critical customers and alarms of danger stand there, too.",
        ),
        AlertRule(
            uid="lamplighter-sag-severity",
            title="Severe sag",
            queries=(_severe_sags(),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_HOUR_S,
            severity="warning",
            summary=f"{_FEEDER}: {_COUNT} sags in the last hour that surely violate ITIC or SEMI F47.",
            what_to_do="Open Events: depth and duration are bounds. Ask sensitive customers of the feeder, look at the "
            "trace, and at sister feeders at the same time: the fault may be elsewhere.",
        ),
        AlertRule(
            uid="lamplighter-low-voltage",
            title="Low voltage",
            queries=(_low_voltage(),),
            condition=Condition("last", above=0),
            for_s=600,
            range_s=_MONTH_S,
            severity="warning",
            summary=f"{_FEEDER}: {_COUNT} meters below their limits for ten minutes.",
            what_to_do="A meter whose supply or phase is lost, or that had a severe sag within the hour, is told by "
            "that alert alone. Open Feeder voltage: low at the head is the tap, low at the tail the line, low on one "
            "phase the balance, low in the evening the load.",
        ),
    )


def _danger() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            uid="lamplighter-neutral-fault",
            title="Neutral fault",
            queries=(_open_events(("neutral_fault",), ("feeder", "meter")),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_MONTH_S,
            severity="critical",
            summary=f"DANGER. {_FEEDER}: voltages to neutral run apart at {{{{ $labels.meter }}}}.",
            what_to_do="Treat the neutral as broken: single-phase loads may have line voltage, earthed metal may be "
            "live. Send a crew now and warn the customers.",
        ),
        AlertRule(
            uid="lamplighter-backfeed",
            title="Back-feed",
            queries=(_open_events(("backfeed",), ("feeder", "meter")),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_MONTH_S,
            severity="critical",
            summary=f"DANGER. {_FEEDER}: voltage at {{{{ $labels.meter }}}}, below a dead place. {NOT_ISOLATION}",
            what_to_do="Somebody feeds in. Stop work there, find the generator, isolate, prove dead and earth. "
            "That no back-feed is seen elsewhere means nothing.",
        ),
    )


def _gateways() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            uid="lamplighter-comms-loss",
            title="Meter or line silent",
            queries=(_open_events(("comms_loss",), ("feeder",)),),
            condition=Condition("last", above=0),
            for_s=900,
            range_s=_MONTH_S,
            severity="warning",
            # A whole line's silence has no feeder.
            summary=_WHERE + '{{ if eq $labels.feeder "none" }}, a whole line or of no feeder'
            f"{{{{ else }}}}, feeder {{{{ $labels.feeder }}}}{{{{ end }}}}: {_COUNT} silences for fifteen minutes. "
            "Silence is no proof of an outage.",
            what_to_do="Open Gateway and line health. One event for a whole line: the cable, its converter, its port. "
            "A single meter: its supply, its address, its branch of the cable.",
        ),
        AlertRule(
            uid="lamplighter-backlog",
            title="Backlog",
            queries=(_health('last("backlog_age_s") AS "age_s"', "sink"),),
            condition=Condition("last", above=900),
            for_s=600,
            severity="warning",
            summary=f"{_WHERE}: what waits for {{{{ $labels.sink }}}} is {_COUNT} s old.",
            what_to_do="Nothing is lost yet. Is the server up, the way to it open, the token valid? The gateway says "
            "why on Gateway and line health.",
        ),
        AlertRule(
            uid="lamplighter-clock",
            title="Clock not set",
            queries=(_health('last("clock_synced") AS "synced"'),),
            condition=Condition("last", below=0.5),
            for_s=1800,
            severity="warning",
            summary=f"{_WHERE}: no time source has vouched for the clock for half an hour.",
            what_to_do="Durations stay right, times of day drift. Is the time server reached (chronyc sources, "
            "timedatectl)? Do not compare its events with those of other gateways.",
        ),
        AlertRule(
            uid="lamplighter-clock-uncertain",
            title="Clock uncertain",
            queries=(_health('last("clock_uncertainty_s") AS "uncertainty_s"'),),
            condition=Condition("last", above=1),
            for_s=1800,
            severity="info",
            summary=f"{_WHERE}: the clock may be {_COUNT} s off.",
            what_to_do="Look at the time server's distance and at the way to it. Until it is better, order of events "
            "between gateways is not known to less than that.",
        ),
        AlertRule(
            uid="lamplighter-certificate",
            title="Certificate runs out",
            queries=(_open_events(("certificate_expiry",), ()),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=3 * _MONTH_S,
            severity="warning",
            summary=f"{_WHERE}: {_COUNT} certificates run out within 30 days, or have.",
            what_to_do="The event says which and until when. Renew it; a new file is taken with the next connection.",
        ),
        AlertRule(
            uid="lamplighter-hands",
            title="Gateway needs hands",
            queries=(_open_events(_HANDS, ("kind",)),),
            condition=Condition("last", above=0),
            for_s=300,
            range_s=3 * _MONTH_S,
            severity="warning",
            summary=f"{_WHERE}: {{{{ $labels.kind }}}} ({_COUNT}).",
            what_to_do="The event's evidence says what and where; the README has a line for each kind.",
        ),
        AlertRule(
            uid="lamplighter-mains",
            title="Gateway without mains",
            queries=(_open_events(("mains_loss",), ()),),
            condition=Condition("last", above=0),
            for_s=0,
            range_s=_MONTH_S,
            severity="warning",
            summary=f"{_WHERE}: the gateway lives on its battery.",
            what_to_do="It may be gone soon. Look whether the meters of its place are dark, too: then it is an outage "
            "there, and an incident follows.",
        ),
        AlertRule(
            uid="lamplighter-gateway-silent",
            title="Gateway silent",
            queries=(_silence(),),
            condition=Condition("last", below=1),
            for_s=180,
            range_s=_WEEK_S,
            severity="critical",
            summary="{{ if $labels.gateway }}" + _WHERE + "{{ else }}Every gateway{{ end }}: nothing written for three "
            "minutes or more. All it reported last is old; nothing there is known now.",
            what_to_do="All silent: the database or the way to it. One silent: its network, its supply. Its MQTT state "
            "says offline when its connection is gone. What it saw meanwhile comes later.",
            no_data="Alerting",
        ),
    )


def _silence() -> Query:
    """Points of the latest five minutes of the clock, of each gateway that wrote within the range: 0 where none came.

    In the first minute of the five it may be 0 although all is well: the rule waits for longer than that.
    """
    return Query(
        'SELECT last("points") AS "points" FROM (SELECT count("uptime_s") AS "points" FROM "gateway" '
        'WHERE $timeFilter GROUP BY time(5m), "site", "gateway" fill(0)) GROUP BY "site", "gateway"'
    )


ALL: tuple[AlertRule, ...] = (*_supply(), *_danger(), *_gateways())
