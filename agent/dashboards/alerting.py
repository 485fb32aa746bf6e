"""Alert rules -> the file that Grafana provisions them from: its API's JSON, which its YAML reader takes. Pure.

Each rule is three steps: A asks the database, B makes one number of each series, C says whether that fires. Grafana
puts environment variables where a title or a label has a `$`; in queries and annotations it leaves them alone.
"""

import json
from collections.abc import Sequence

from agent.dashboards.alerts import ALL
from agent.dashboards.model import AlertRule, Condition, Query

DATA_SOURCE_UID = "lamplighter"
_EXPRESSION = {"type": "__expr__", "uid": "__expr__"}
_EVERY = "1m"
_MOST_POINTS = 43200


def rules_text(rules: Sequence[AlertRule] = ALL) -> str:
    """The whole file."""
    group = {
        "orgId": 1,
        "name": "lamplighter",
        "folder": "Lamplighter",
        "interval": _EVERY,
        "rules": [_rule(rule) for rule in rules],
    }
    return json.dumps({"apiVersion": 1, "groups": [group]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: AlertRule) -> dict[str, object]:
    (query,) = rule.queries
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "data": [
            _asked(query, rule.range_s),
            _expression("B", {"type": "reduce", "expression": "A", "reducer": rule.condition.reduce}, rule.range_s),
            _expression(
                "C", {"type": "threshold", "expression": "B", "conditions": [_beyond(rule.condition)]}, rule.range_s
            ),
        ],
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "for": f"{rule.for_s}s",
        "annotations": {"summary": rule.summary, "description": rule.what_to_do, "runbook_url": rule.page},
        "labels": {"product": "lamplighter", "severity": rule.severity},
    }


def _asked(query: Query, range_s: int) -> dict[str, object]:
    return {
        "refId": "A",
        "relativeTimeRange": {"from": range_s, "to": 0},
        "datasourceUid": DATA_SOURCE_UID,
        "model": {
            "refId": "A",
            "datasource": {"type": "influxdb", "uid": DATA_SOURCE_UID},
            "query": query.influxql,
            "rawQuery": True,
            "resultFormat": query.format,
            "intervalMs": 60000,
            "maxDataPoints": _MOST_POINTS,
        },
    }


def _expression(ref: str, model: dict[str, object], range_s: int) -> dict[str, object]:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": range_s, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref, "datasource": _EXPRESSION, **model},
    }


def _beyond(condition: Condition) -> dict[str, object]:
    if condition.above is not None:
        return {"evaluator": {"type": "gt", "params": [condition.above]}}
    return {"evaluator": {"type": "lt", "params": [condition.below]}}
