"""Figures by experiment, client and metric; one value per round."""

import json
import statistics
from dataclasses import dataclass, field


@dataclass(slots=True)
class Results:
    """failed: why a client has no figure (in some round) of an experiment."""

    figures: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, work: str, client: str, **metrics: float) -> None:
        for metric, value in metrics.items():
            self.figures.setdefault((work, client, metric), []).append(value)

    def fail(self, work: str, client: str, why: object) -> None:
        self.failed[work, client] = str(why)
        print(f"    {client}: FAILED: {why}", flush=True)

    def values(self, work: str, client: str, metric: str) -> list[float]:
        return self.figures.get((work, client, metric), [])

    def median(self, work: str, client: str, metric: str) -> float | None:
        """Over the rounds; None where there is no figure."""
        values = self.values(work, client, metric)
        return statistics.median(values) if values else None

    def cell(self, work: str, client: str, metric: str) -> str:
        """``61.2 (58.9-66.0)``: the median and, from two rounds on, the extremes."""
        values = self.values(work, client, metric)
        if not values:
            return "-"
        middle = brief(statistics.median(values))
        return middle if len(values) == 1 else f"{middle} ({brief(min(values))}-{brief(max(values))})"

    def clients(self, work: str) -> list[str]:
        """In the order in which they were measured; those that failed come too."""
        named = [client for one, client, _ in self.figures if one == work]
        return list(dict.fromkeys([*named, *(client for one, client in self.failed if one == work)]))

    def as_json(self) -> str:
        figures = [
            {"work": work, "client": client, "metric": metric, "values": values}
            for (work, client, metric), values in self.figures.items()
        ]
        failed = [{"work": work, "client": client, "why": why} for (work, client), why in self.failed.items()]
        return json.dumps({"versions": self.versions, "figures": figures, "failed": failed}, indent=1)


def brief(value: float) -> str:
    """Three figures that mean something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def p99(values: list[float]) -> float:
    """The value that at most one in a hundred exceeds (nearest rank)."""
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)]
