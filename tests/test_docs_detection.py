"""docs/detection.md: its pictures are what the code draws, its figures what the code says."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.detect.floor import floor_words, shortest_visible_s

ROOT = Path(__file__).resolve().parent.parent
_PICTURES = sorted(path.name for path in (ROOT / "docs").glob("detection-*.svg"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pictures")
    subprocess.run([sys.executable, "bench/pictures.py", str(directory)], cwd=ROOT, check=True, timeout=60)
    return directory


def test_there_are_three_pictures_and_the_page_shows_each(drawn: Path) -> None:
    page = (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in drawn.iterdir()) == _PICTURES
    assert len(_PICTURES) == 3
    assert all(f"]({name})" in page for name in _PICTURES)


@pytest.mark.parametrize("name", _PICTURES)
def test_a_picture_is_what_the_code_draws(drawn: Path, name: str) -> None:
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == (drawn / name).read_text(encoding="utf-8"), "the code has changed: python bench/pictures.py docs"
    assert ElementTree.fromstring(found).tag.endswith("svg")  # noqa: S314 - our own file


def test_the_page_quotes_the_floor_as_the_code_says_it() -> None:
    page = " ".join((ROOT / "docs" / "detection.md").read_text(encoding="utf-8").split())
    assert "; ".join(floor_words(1.0, 1.0, 1.0, 0.151)) in page
    assert (
        f"{1000 * shortest_visible_s(0.2, 0.5):.0f} ms of 200 ms, {1000 * shortest_visible_s(1, 0.5):.0f} ms of 1 s"
        in page
    )
