"""How Grafana shows the values of a panel: units, colours, mappings, per column or series. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from agent.dashboards.model import Axis, Cloud, Link, Mapping, Override, Panel, Threshold

Json = dict[str, object]
_PLAIN = (Threshold(None, "text"),)
_SHOW_AS_BACKGROUND: Json = {"type": "color-background", "mode": "basic"}
# Versions that know no wrapping cut the text off and show the whole of it under the pointer.
_WRAPPED: Json = {"type": "auto", "wrapText": True}


def field_config(panel: Panel) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "noValue": panel.no_data,
        "color": {"mode": _colour_mode(panel)},
        "thresholds": _thresholds(panel.thresholds or _PLAIN),
        "mappings": _mappings(panel.mappings),
        "custom": _custom(panel),
        **_limits(panel.y),
    }
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    return {"defaults": defaults, "overrides": [*_overrides(panel)]}


def _colour_mode(panel: Panel) -> str:
    if panel.kind in ("timeseries", "xychart"):
        return "palette-classic"
    return "thresholds"


def _custom(panel: Panel) -> Json:
    match panel.kind:
        case "timeseries":
            return {
                "drawStyle": panel.draw,
                "lineWidth": 1,
                "fillOpacity": 70 if panel.draw == "bars" else 0,
                "pointSize": 4,
                "showPoints": "always" if panel.draw == "points" else "auto",
                # A hole is time that was not seen: no line is drawn across it.
                "spanNulls": False,
                "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
                "thresholdsStyle": {"mode": "line" if panel.lines else "off"},
                "axisLabel": panel.y.title,
            }
        case "state-timeline":
            return {"fillOpacity": 80, "lineWidth": 0}
        case "table":
            return {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}}
        case "xychart":
            return {"show": "points", "pointSize": {"fixed": 6}, "axisLabel": panel.y.title}
    return {}


def _overrides(panel: Panel) -> Iterator[Json]:
    if panel.columns:
        # Hidden, not left out: links read them. First, while columns still have their own names.
        others = {"mode": "exclude", "names": [column.field for column in panel.columns]}
        yield {
            "matcher": {"id": "byNames", "options": others},
            "properties": [{"id": "custom.hidden", "value": True}],
        }
    for override in (*panel.columns, *panel.overrides):
        yield _override(override)
    for cloud in panel.clouds:
        across = ("unit", panel.x.unit), ("custom.axisLabel", panel.x.title), _scale(panel.x)
        yield _for_name(cloud.x, [*across, *_limits(panel.x).items()])
        shown = ("displayName", cloud.title), ("unit", panel.y.unit), ("color", _fixed(cloud.colour))
        yield _for_name(cloud.y, [*shown, *_joined(cloud)])


def _joined(cloud: Cloud) -> Iterator[tuple[str, object]]:
    if cloud.line:
        yield from (("custom.show", "lines"), ("custom.lineWidth", 2))


def _scale(axis: Axis) -> tuple[str, object]:
    return "custom.scaleDistribution", {"type": "log", "log": 10} if axis.log else {"type": "linear"}


def _override(override: Override) -> Json:
    properties: list[tuple[str, object]] = []
    plain = {
        "unit": override.unit,
        "displayName": override.title,
        "color": _fixed(override.colour) if override.colour else None,
        "decimals": override.decimals,
        "custom.width": override.width,
        "custom.drawStyle": override.draw,
        "custom.lineWidth": override.line_width,
        "custom.lineStyle": {"fill": "dash", "dash": [8, 6]} if override.dashed else None,
        "custom.axisPlacement": "right" if override.right_axis else None,
        "custom.cellOptions": _cell(override),
        "min": override.minimum,
        "max": override.maximum,
        "thresholds": _thresholds(override.thresholds) if override.thresholds else None,
        "mappings": _mappings(override.mappings) or None,
        "links": links(override.links) or None,
    }
    properties += [(key, value) for key, value in plain.items() if value not in (None, "")]
    if override.fill_below:
        properties += [("custom.fillBelowTo", override.fill_below), ("custom.fillOpacity", 15)]
    return _for_name(override.field, properties)


def _cell(override: Override) -> Json | None:
    if override.cell:
        return _SHOW_AS_BACKGROUND
    return _WRAPPED if override.wrap else None


def _for_name(name: str, properties: Iterable[tuple[str, object]]) -> Json:
    by = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": by, "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties],
    }


def _fixed(colour: str) -> Json:
    return {"mode": "fixed", "fixedColor": colour}


def _limits(axis: Axis) -> Json:
    told = {"min": axis.minimum, "max": axis.maximum}
    return {key: value for key, value in told.items() if value is not None}


def _thresholds(steps: Sequence[Threshold]) -> Json:
    return {"mode": "absolute", "steps": [{"value": step.above, "color": step.colour} for step in steps]}


def _mappings(mappings: Sequence[Mapping]) -> list[Json]:
    told: list[Json] = []
    for place, one in enumerate(mappings):
        result: Json = {"text": one.text, "index": place}
        if one.colour:
            result["color"] = one.colour
        if one.up_to is None:
            told.append({"type": "value", "options": {one.value: result}})
        else:
            told.append({"type": "range", "options": {"from": float(one.value), "to": one.up_to, "result": result}})
    return told


def links(told: Sequence[Link]) -> list[Json]:
    return [{"title": one.title, "url": one.url, "targetBlank": one.new_tab} for one in told]
