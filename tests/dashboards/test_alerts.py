"""Every alert rule against a real InfluxDB as it was at some instants of the simulated day: its query answers what the
records say, and it fires when it has to, and only then."""

from collections.abc import Iterator, Mapping

import pytest
from dashboard_alerts import ALERTS
from dashboard_day import GATEWAY, MIDNIGHT_US, SITE, Day
from dashboard_truth import Answer, Truth, answer_of, differences, truth_of
from grafana_queries import Shown, reduced
from servers import Influx

from agent.dashboards.alerts import ALL
from agent.dashboards.model import AlertRule
from agent.publish.line_protocol import LineEncoder

pytestmark = pytest.mark.e2e

_DAY_LONG = {"lamplighter-certificate", "lamplighter-hands", "lamplighter-mains"}
# Seconds of the day -> rules that fire then: 03:09 the gateway is off, 04:00 all is well, 06:06 F12 is dead, 09:31
# after a deep sag, 13:16 the mill is silent, 16:40 the database out of reach, 18:02 the village is low, 18:21 a deep
# sag in that, so that it is told alone, 19:36 still low, and no time source, 23:59 F12 dead once more.
FIRING = {
    11_350: {"lamplighter-gateway-silent"},
    14_430: set[str](),
    22_000: {"lamplighter-supply-loss", "lamplighter-incident", "lamplighter-comms-loss"},
    34_260: {"lamplighter-sag-severity"},
    47_800: {"lamplighter-comms-loss"},
    60_030: {"lamplighter-backlog", *_DAY_LONG},
    64_950: {"lamplighter-low-voltage", *_DAY_LONG},
    66_100: {"lamplighter-sag-severity", *_DAY_LONG},
    70_570: {"lamplighter-clock", "lamplighter-clock-uncertain", "lamplighter-low-voltage", *_DAY_LONG},
    86_350: {
        "lamplighter-supply-loss", "lamplighter-incident", "lamplighter-neutral-fault", "lamplighter-backfeed",
        "lamplighter-comms-loss", *_DAY_LONG,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def moments(day: Day, influx: Influx) -> Mapping[int, Truth]:
    """The truth at each instant, and a database beside it as it was then."""
    truths = {}
    for at_s in FIRING:
        known = day.between(0, at_s)
        recent = {one.at_s: one for one in known.sent if one.at_s > at_s - 1_200}
        told = [one for one in known.sent if type(one.record).__name__ in ("Event", "Incident") or one.at_s in recent]
        known = type(day)(told, day.infos, day.feeders)
        influx.create(f"at_{at_s}")
        status, body = influx.write(known.lines(LineEncoder(SITE, GATEWAY, day.feeders)), f"at_{at_s}")
        assert status == 204, body
        truths[at_s] = truth_of(known)
    return truths


def _shown(rule: AlertRule, at_s: int) -> Shown:
    # At 21:00 the wall clock was put forward.
    now_ms = MIDNIGHT_US // 1000 + (at_s + 5 * (at_s > 75_600)) * 1000 + 300
    return Shown(now_ms - rule.range_s * 1000, now_ms)


def _fires(rule: AlertRule, answer: Answer) -> bool:
    """As reduce and threshold do it, of any series; without one as the rule says."""
    if not answer:
        return rule.no_data == "Alerting"
    numbers = [reduced(rule.condition.reduce, list(_numbers(rows))) for rows in answer.values()]
    above, below = rule.condition.above, rule.condition.below
    return any(
        one is not None and ((above is not None and one > above) or (below is not None and one < below))
        for one in numbers
    )


def _numbers(rows: list[tuple[int | None, Mapping[str, float | None]]]) -> Iterator[float]:
    for _, values in rows:
        (value,) = values.values()
        if value is not None:
            yield value


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.uid)
def test_a_rule_answers_what_the_day_was_and_fires_when_it_has_to(
    rule: AlertRule, moments: Mapping[int, Truth], influx: Influx
) -> None:
    (query,) = rule.queries
    fired = set()
    for at_s, truth in moments.items():
        shown = _shown(rule, at_s)
        found = answer_of(influx.series(shown.query(query.influxql), f"at_{at_s}"))
        assert differences(found, ALERTS[rule.uid](truth, shown)) == [], f"at {at_s} s: {query.influxql}"
        if _fires(rule, found):
            fired.add(at_s)
    assert fired == {at_s for at_s, rules in FIRING.items() if rule.uid in rules}


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.uid)
def test_where_nothing_was_ever_written_only_a_silent_gateway_is_told(rule: AlertRule, influx: Influx) -> None:
    influx.create("empty")
    (query,) = rule.queries
    answer = answer_of(influx.series(_shown(rule, 50_000).query(query.influxql), "empty"))
    assert _fires(rule, answer) == (rule.uid == "lamplighter-gateway-silent")


def test_every_rule_has_its_truth_and_every_truth_its_rule() -> None:
    assert {rule.uid for rule in ALL} == ALERTS.keys()


def test_every_rule_fires_at_some_time_of_the_day() -> None:
    assert {rule.uid for rule in ALL} == set().union(*FIRING.values())
