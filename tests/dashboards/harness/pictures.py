"""Pictures to be looked at: all dashboards with the answers of the simulated day, and the report of a simulated month.

    .venv/bin/python tests/dashboards/harness/pictures.py DIRECTORY

Needs influxd, nginx and chromium; takes a minute or two. `make pictures` draws them into build/pictures.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_TESTS.parent), str(_TESTS / "support"), str(Path(__file__).parent)]

from browser import picture  # noqa: E402
from dashboard_day import DAY_S, MIDNIGHT_US, database, lived  # noqa: E402
from drawing import Series, page  # noqa: E402
from grafana_queries import ALL, Shown, milliseconds  # noqa: E402
from report_pictures import draw_report  # noqa: E402
from servers import Influx  # noqa: E402

from agent.dashboards.library import dashboards  # noqa: E402
from agent.dashboards.model import Dashboard, Panel, Query  # noqa: E402
from agent.dashboards.options import Options, options_of  # noqa: E402
from agent.records import Trace  # noqa: E402
from agent.site import load_site  # noqa: E402

_FROM_MS = MIDNIGHT_US // 1000
_POINTS = 800


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    folder = _TESTS / "dashboards" / "day"
    day = lived()
    trace = next(day.of(Trace))
    assert isinstance(trace, Trace)
    site = options_of(load_site(folder / "site.toml", folder))
    with tempfile.TemporaryDirectory() as tmp, database(Path(tmp), day) as influx:
        for name, options in (("", Options()), ("site-", site)):
            for dashboard in dashboards(options):
                _picture(out / f"{name}{dashboard.uid}", dashboard, influx, trace)
    draw_report(out)
    print(f"Look at them: {len(list(out.glob('*.png')))} pictures in {out}")  # noqa: T201


def _picture(stem: Path, dashboard: Dashboard, influx: Influx, trace: Trace) -> None:
    chosen = {one.name: [one.default or ALL] for one in dashboard.variables} | {"event": [trace.event]}
    if dashboard.uid == "lamplighter-voltage":
        chosen["meter"] = ["village"]
    if "customers" in chosen:
        chosen["customers"] = ["331"]
    whole = Shown(_FROM_MS, _FROM_MS + DAY_S * 1000, chosen)
    around_ms = trace.start_us // 1000

    def shown(panel: Panel) -> Shown:
        if panel.title.startswith("Trace"):
            return replace(whole, from_ms=around_ms - 15_000, to_ms=around_ms + 75_000)
        step_ms = milliseconds(panel.step) if panel.step else 0
        return replace(
            whole, interval_ms=max(step_ms, (whole.to_ms - whole.from_ms) // (panel.points or _POINTS) // 1000 * 1000)
        )

    def ask(panel: Panel, query: Query) -> tuple[Sequence[Series], tuple[int, int]]:
        now = shown(panel)
        return influx.series(now.query(query.influxql)), (now.from_ms, now.to_ms)

    text, height_px = page(dashboard, ask, {name: values[0] for name, values in chosen.items()})
    stem.with_suffix(".html").write_text(text, encoding="utf-8")
    picture(stem.with_suffix(".html"), stem.with_suffix(".png"), 1930, height_px)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
