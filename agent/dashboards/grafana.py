"""Dashboards -> JSON that Grafana 10 and later import, with a data source that is chosen there. Pure."""

import json
from collections.abc import Iterator

from agent.dashboards.fields import Json, field_config, links
from agent.dashboards.grid import Place, placed
from agent.dashboards.model import Dashboard, Link, Panel, Query, Variable

# Of Grafana 10.0; later ones bring it up to theirs by themselves.
SCHEMA_VERSION = 38
DATA_SOURCE: Json = {"type": "influxdb", "uid": "${ds}"}
_TABLES = ("table", "xychart")
# Not an instant before it would ask the database again.
_REFRESH = 2


def dashboard_text(dashboard: Dashboard) -> str:
    """The whole file."""
    return json.dumps(_dashboard(dashboard), indent=2, ensure_ascii=False) + "\n"


def file_name(dashboard: Dashboard) -> str:
    return f"{dashboard.uid}.json"


def _dashboard(dashboard: Dashboard) -> Json:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": dashboard.since, "to": "now"},
        "refresh": dashboard.refresh,
        "links": [_dashboard_link(link) for link in dashboard.links],
        "templating": {"list": [_data_source(), *map(_variable, dashboard.variables)]},
        "annotations": {"list": []},
        "panels": [*_panels(dashboard)],
    }


def _dashboard_link(link: Link) -> Json:
    return {
        "title": link.title,
        "url": link.url,
        "type": "link",
        "icon": "dashboard",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": link.new_tab,
        "includeVars": False,
        "keepTime": True,
    }


def _data_source() -> Json:
    return {
        "name": "ds",
        "label": "Database",
        "type": "datasource",
        "query": "influxdb",
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        # The uid that deploy/grafana provisions; where there is none of it Grafana takes the first one.
        "current": {"text": "Lamplighter", "value": "lamplighter", "selected": True},
    }


def _variable(variable: Variable) -> Json:
    told: Json = {"name": variable.name, "label": variable.label, "hide": 0}
    if not variable.influxql:
        chosen: Json = {"text": variable.default, "value": variable.default, "selected": True}
        return told | {"type": "textbox", "query": variable.default, "current": chosen, "options": [chosen]}
    told |= {
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": variable.influxql,
        "refresh": _REFRESH,
        "regex": "",
        "sort": 1,
        "multi": variable.all,
        "includeAll": variable.all,
        "options": [],
    }
    if variable.all:
        told["allValue"] = ".*"
    # One that is not chosen yet: Grafana takes the first there is.
    return told | ({"current": _current(variable)} if variable.all or variable.default else {})


def _current(variable: Variable) -> Json:
    if not variable.default:
        return {"text": ["All"], "value": ["$__all"], "selected": True}
    if variable.all:
        return {"text": [variable.default], "value": [variable.default], "selected": True}
    return {"text": variable.default, "value": variable.default, "selected": True}


def _panels(dashboard: Dashboard) -> Iterator[Json]:
    number = 0
    for row in placed(dashboard.rows):
        number += 1
        heading: Json = {
            "id": number,
            "type": "row",
            "title": row.row.title,
            "collapsed": row.row.collapsed,
            "gridPos": _place(row.heading),
        }
        panels = [_panel(panel, place, number + 1 + n) for n, (panel, place) in enumerate(row.panels)]
        number += len(panels)
        yield heading | {"panels": panels if row.row.collapsed else []}
        if not row.row.collapsed:
            yield from panels


def _place(place: Place) -> Json:
    return {"x": place.x, "y": place.y, "w": place.width, "h": place.height}


def _panel(panel: Panel, place: Place, number: int) -> Json:
    told: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": _place(place),
        "datasource": DATA_SOURCE,
        "targets": [_target(query) for query in panel.queries],
        "fieldConfig": field_config(panel),
        "options": _options(panel),
        "links": links(panel.links),
        "transformations": [*_transformations(panel)],
    }
    told |= {"interval": panel.step} if panel.step else {}
    return told | ({"maxDataPoints": panel.points} if panel.points else {})


def _target(query: Query) -> Json:
    return {
        "refId": query.ref,
        "datasource": DATA_SOURCE,
        "query": query.influxql,
        "rawQuery": True,
        "resultFormat": query.format,
        "alias": query.alias,
    }


def _transformations(panel: Panel) -> Iterator[Json]:
    """Tags come in any order: columns are put into the panel's. A scatter's queries become one frame: versions of
    Grafana look for a series in the frame of its number, and an empty answer has none."""
    if panel.kind == "xychart":
        yield {"id": "concatenate", "options": {"frameNameMode": "drop"}}
    if panel.kind == "table":
        order = {column.field: place for place, column in enumerate(panel.columns)}
        yield {"id": "organize", "options": {"excludeByName": {}, "renameByName": {}, "indexByName": order}}


def _options(panel: Panel) -> Json:
    legend: Json = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
    match panel.kind:
        case "text":
            return {"mode": "markdown", "content": panel.text}
        case "stat":
            return {
                "reduceOptions": {"calcs": [_REDUCERS[panel.show]], "fields": "", "values": False},
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "textMode": "value_and_name",
                "orientation": "auto",
            }
        case "table":
            sort = [{"displayName": panel.sort_by, "desc": panel.descending}] if panel.sort_by else []
            return {"showHeader": True, "cellHeight": "sm", "sortBy": sort, "footer": {"show": False}}
        case "timeseries":
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "none"}}
        case "state-timeline":
            rows: Json = {"showValue": "never", "rowHeight": 0.8, "mergeValues": True, "alignValue": "left"}
            return rows | {"legend": legend, "tooltip": {"mode": "single", "sort": "none"}}
        case "xychart":
            series = [{"frame": 0, "x": cloud.x, "y": cloud.y, "name": cloud.title} for cloud in panel.clouds]
            # As of Grafana 10; later ones take it over. `pluginVersion` is left out: that is how they know.
            return {"seriesMapping": "manual", "series": series, "dims": {"frame": 0}, "legend": legend,
                    "tooltip": {"mode": "single", "sort": "none"}}  # fmt: skip
    return {}


_REDUCERS = {"last": "lastNotNull", "max": "max", "min": "min", "mean": "mean", "sum": "sum", "count": "count"}
