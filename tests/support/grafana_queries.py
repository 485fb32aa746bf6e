"""What Grafana does to an InfluxQL query before the database sees it, and to an answer before a panel or an alert does.

As the data source has it (grafana/grafana: pkg/tsdb/influxdb/models/query.go and
public/app/plugins/datasource/influxdb/datasource.ts): the browser puts in the variables, escaped where they stand in a
regular expression, the server the time range in milliseconds, both ends within, and the interval as a whole number of a
unit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

# Chosen where all is: the dashboards' own value for that goes in as it stands.
ALL = "$__all"
_MACRO = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<bare>\w+)|\[\[(?P<old>\w+)\]\]")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
# Newer versions put several values into parentheses, older ones do not.
Joined = Callable[[Sequence[str]], str]


def in_parentheses(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def side_by_side(values: Sequence[str]) -> str:
    return "|".join(values)


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody looks at. variables: the values chosen of each; interval_ms: what Grafana makes of the range and
    the panel's width; joined: how several values of a variable are put together"""

    from_ms: int
    to_ms: int
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    interval_ms: int = 60_000
    joined: Joined = in_parentheses

    def query(self, influxql: str) -> str:
        """As the database gets it at the end of the range, by whose clock `now()` is. KeyError: a variable that the
        dashboard has not."""
        return _MACRO.sub(self._value, influxql).replace("now()", f"{self.to_ms}ms")

    def _value(self, found: "re.Match[str]") -> str:
        match name := next(filter(None, found.groups())):
            case "timeFilter":
                return f"time >= {self.from_ms}ms and time <= {self.to_ms}ms"
            case "__interval" | "interval":
                return duration(self.interval_ms)
            case "__interval_ms":
                return str(self.interval_ms)
            case "__from":
                return str(self.from_ms)
            case "__to":
                return str(self.to_ms)
        values = self.variables[name]
        if ALL in values:
            return ".*"
        inside = found.string[: found.start()].endswith(("/^(", "/^", "/"))
        return self.joined([escaped(value) if inside else value for value in values])


def escaped(value: str) -> str:
    """For a regular expression within a query: the backslash itself is escaped, too."""
    return re.sub(r"[$^*{}\[\]'+?.()|/]", r"\\\g<0>", value.replace("\\", "\\\\\\\\"))


def duration(ms: int) -> str:
    """As InfluxQL writes it, in the greatest unit that has no rest."""
    unit, size_ms = next((unit, size_ms) for unit, size_ms in _UNITS if ms % size_ms == 0)
    return f"{ms // size_ms}{unit}"


def milliseconds(text: str) -> int:
    """Of a duration as a panel writes it."""
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return int(number) * dict(_UNITS)[unit]


def reduced(how: str, values: Sequence[float]) -> float | None:
    """A series as one number, as a stat panel and an alert's reduce expression do it; None of no values."""
    kinds: dict[str, Callable[[Sequence[float]], float]] = {
        "last": lambda some: some[-1], "max": max, "min": min, "mean": fmean, "sum": sum, "count": len,
    }  # fmt: skip
    return kinds[how](values) if values else None
