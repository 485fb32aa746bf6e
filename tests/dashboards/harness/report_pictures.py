"""Pictures of the report of the simulated month, on a screen, on a telephone and on paper."""

import asyncio
import tempfile
from pathlib import Path

from browser import pictures, printed
from report_month import ZONE, World
from report_told import simulated

from agent.report.drawn.page import page
from agent.report.drawn.words import Words

_DAYS = 31
_SCREEN_PX, _TELEPHONE_PX = 1200, 400
_LANGUAGES = ("en", "zh")


def draw_report(out: Path) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        told = asyncio.run(simulated(World(_DAYS), Path(tmp) / "month"))
    for language in _LANGUAGES:
        file = out / f"report-{language}.html"
        file.write_text(page(told.report, ZONE.key, Words(language)), encoding="utf-8")
        pictures(file, _SCREEN_PX)
        printed(file)
    pictures(out / "report-en.html", _TELEPHONE_PX)
