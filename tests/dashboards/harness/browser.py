"""Pages as chromium draws them without a screen."""

import re
import subprocess
from pathlib import Path

from server_process import program

# A picture higher than that is hard to look at; chromium itself draws no more than 16384.
_SLICE_PX = 3600
_WITHIN_S = 60.0
_HEIGHT = "<script>document.title = document.documentElement.scrollHeight</script>"


def picture(page: Path, to: Path, width_px: int, height_px: int) -> None:
    """Of what fits into a window of this size."""
    _chromium(page, width_px, height_px, f"--screenshot={to.resolve()}")
    print(to)  # noqa: T201


def pictures(page: Path, width_px: int) -> None:
    """Of the whole page, from the top: beside it, with numbers, as many as it takes."""
    text = page.read_text(encoding="utf-8")
    measured = page.with_suffix(".measured.html")
    measured.write_text(text + _HEIGHT, encoding="utf-8")
    told = re.search(r"<title>(\d+)</title>", _chromium(measured, width_px, 800, "--dump-dom"))
    assert told, "chromium told no height"
    whole_px = int(told[1])
    for number, top_px in enumerate(range(0, whole_px, _SLICE_PX), start=1):
        style = f"<style>html{{overflow:hidden}}body{{position:relative;top:-{top_px}px}}</style>"
        measured.write_text(text + style, encoding="utf-8")
        to = page.with_name(f"{page.stem}-{width_px}-{number}.png")
        picture(measured, to, width_px, min(_SLICE_PX, whole_px - top_px))
    measured.unlink()


def printed(page: Path) -> None:
    """As paper gets it."""
    to = page.with_suffix(".pdf")
    _chromium(page, 1200, 800, "--no-pdf-header-footer", f"--print-to-pdf={to.resolve()}")
    print(to)  # noqa: T201


def _chromium(page: Path, width_px: int, height_px: int, *what: str) -> str:
    command = [
        program("chromium", "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--window-size={width_px},{height_px}", *what, page.resolve().as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, timeout=_WITHIN_S)
    return done.stdout.decode("utf-8", "replace")
