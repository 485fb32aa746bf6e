"""Sags against the ITIC curve: residual voltage over duration, and the curve itself. Pure."""

from agent.dashboards.influxql import OF_KIND, SITE, VALID, of_inner, select, table
from agent.dashboards.model import Axis, Cloud, Panel, Query
from agent.dashboards.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW

# A logarithmic axis has no 0: what may have lasted no time at all is drawn here, at its left edge.
_LEAST_S = 0.001
# Over a day: no loss of a day's picture lies beyond the curve's end.
_MOST_S = 100_000
# ITIC (CBEMA 2000), lower curve: duration in s up to which the next level, in %, is not asked for yet.
_CORNERS = ((0.02, 0, 70), (0.5, 70, 80), (10, 80, 90))


def outside() -> Panel:
    return _scatter("ITIC: violated", "violates", "Events that surely left the curve.", RED)


def undecided() -> Panel:
    said = "Events whose bounds lie on both sides of the curve: nobody can tell from what was polled."
    return _scatter("ITIC: undecided", "undecided", said, ORANGE)


def inside() -> Panel:
    return _scatter("ITIC: kept", "ok", "Events that surely stayed within the curve.", GREEN)


def _scatter(title: str, verdict: str, said: str, colour: str) -> Panel:
    fields = (
        f'{_on_axis("duration_min_s")} AS "shortest_s", {_on_axis("duration_max_s")} AS "longest_s", '
        '"residual_pct" AS "shortest", "residual_pct" AS "longest", "meter", "kind"'
    )
    query = select(fields, "event", VALID, OF_KIND, f"\"class_itic\" = '{verdict}'", "\"state\" = 'closed'")
    return Panel(
        title=title,
        description=(
            f"{said} Each event is two points: the shortest and the longest it may have lasted, both at its residual, "
            "which is an upper bound. The line is the ITIC curve: below 20 ms anything is allowed, then 70 % to 0.5 s, "
            "80 % to 10 s, 90 % beyond; what lies below it is outside. It alone says that there is no such event; it "
            "is not drawn where nothing at all was measured on the last day of the range. Swells are not drawn. What "
            "may have lasted no time at all, its duration's least being 0, is drawn at the left edge, at 1 ms: such an "
            "axis has no 0."
        ),
        kind="xychart",
        queries=(table(query), _curve()),
        width=8,
        height=10,
        no_data="No such event is known in this range",
        clouds=(
            Cloud("shortest", "shortest_s", "shortest", YELLOW if colour == ORANGE else BLUE),
            Cloud("longest", "longest_s", "longest", colour),
            Cloud("ITIC curve", "itic_s", "itic", GREY, line=True),
        ),
        x=Axis("Duration", "s", log=True, minimum=_LEAST_S),
        y=Axis("Residual voltage", "percent", minimum=0, maximum=100),
    )


def _on_axis(seconds: str) -> str:
    """The greater of the two: InfluxQL has no other word for it."""
    return f'("{seconds}" + {_LEAST_S} + abs("{seconds}" - {_LEAST_S})) / 2'


def _curve() -> Query:
    """Its corners, from left to right. InfluxQL says nothing but what rests on a field: a count times 0 is one."""
    places = [(at_s, level) for at_s, *levels in _CORNERS for level in levels]
    places.append((_MOST_S, _CORNERS[-1][-1]))
    return table(of_inner('"itic_s", "itic"', *(_corner(number, *place) for number, place in enumerate(places))), "B")


def _corner(number: int, at_s: float, level: int) -> str:
    """The answer's instant is the beginning of what is asked for: a millisecond more each keeps them in order."""
    fields = f'count("coverage") * 0 + {at_s} AS "itic_s", count("coverage") * 0 + {level} AS "itic"'
    time = f"time > ${{__to}}ms - 1d + {number}ms AND time <= ${{__to}}ms"
    return select(fields, "interval_10min", tags=SITE, time=time)
