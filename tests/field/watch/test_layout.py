"""The screen of `watch`: as it was agreed upon, in files to read, and its rules at any size."""

from pathlib import Path

import pytest
from watch_scene import METERS, answers, meter, scene, seen

from agent.field.watch import words
from agent.field.watch.glyphs import ASCII
from agent.field.watch.layout import Line, Size, screen, snapshot
from agent.field.watch.view import PAGES, View
from agent.records import NOT_ISOLATION

SCREENS = Path(__file__).parent / "screens"


def text_of(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("size", [Size(80, 24), Size(120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("page", [*PAGES, "help"])
def test_a_screen_is_as_agreed(page: str, size: Size) -> None:
    view = View(helped=True) if page == "help" else View(page)
    agreed = (SCREENS / f"{page}-{size.columns}x{size.rows}.txt").read_text(encoding="utf-8")
    assert text_of(screen(scene(seen()), view, size).lines) == agreed


def test_all_pages_at_once_in_ascii_are_as_agreed() -> None:
    lines = snapshot(scene(seen(own=True), glyphs=ASCII), 120)
    assert "\n".join(lines) + "\n" == (SCREENS / "snapshot.txt").read_text(encoding="utf-8")
    assert "\n".join(lines).isascii()


@pytest.mark.parametrize("columns", [1, 20, 40, 79, 80, 99, 100, 132, 300])
@pytest.mark.parametrize("rows", [1, 9, 10, 24, 60])
def test_no_screen_is_larger_than_its_terminal(columns: int, rows: int) -> None:
    for page in PAGES:
        for helped in (False, True):
            drawn = screen(scene(seen(own=True), "no answer since noon"), View(page, 99, helped), Size(columns, rows))
            assert len(drawn.lines) == rows
            assert max(sum(len(span.text) for span in line) for line in drawn.lines) <= columns


def test_what_is_small_says_how_large_it_should_be() -> None:
    assert words.TOO_SMALL in text_of(screen(scene(seen()), View(), Size(39, 24)).lines).replace("\n", "")


def test_of_an_old_picture_nothing_is_live() -> None:
    text = text_of(screen(scene(seen(), "no answer since noon"), View(), Size(80, 24)).lines)
    assert "no answer since noon" in text
    assert NOT_ISOLATION in text
    rows = [line for line in text.splitlines()[3:10] if any(name in line for name in METERS)]
    assert len(rows) == len(METERS)
    assert all("unknown" in row and "live" not in row and "229." not in row for row in rows)


def test_only_where_all_is_live_nothing_is_said_of_isolation() -> None:
    live = [meter(name) for name in METERS]
    assert NOT_ISOLATION not in text_of(screen(scene(seen(meters=live, incidents=[])), View(), Size(80, 24)).lines)
    for supply in ("dead", "partial", "unknown"):
        told = [meter(METERS[0], supply), *live[1:]]
        drawn = screen(scene(seen(meters=told, incidents=[])), View(), Size(80, 24))
        assert NOT_ISOLATION in text_of(drawn.lines)


def test_on_the_smallest_screen_warnings_leave_room_for_meters_and_for_what_is_no_isolation() -> None:
    text = text_of(screen(scene(seen(own=True), "no answer since noon " * 20), View(), Size(40, 10)).lines)
    assert NOT_ISOLATION in text.replace("\n", " ")
    assert "no answer since noon" in text
    assert "F12" in text
    assert text.splitlines()[-1].endswith("q: leave")


def test_a_meter_under_test_is_marked() -> None:
    marked = [{**meter(METERS[0]), "mode": "maintenance"}, *(meter(name) for name in METERS[1:])]
    for columns in (80, 120):
        assert "tx1 (maintenance)  live" in text_of(screen(scene(seen(meters=marked)), View(), Size(columns, 24)).lines)


def test_a_silent_meter_shows_no_voltage_whatever_it_said_last() -> None:
    market = next(each for each in seen().meters if each.name == "market")
    assert answers().readings["readings"][-1]["values"]["voltage_l1"] > 200
    assert market.volts == (None, None, None)


def test_a_page_longer_than_the_screen_is_moved_to_its_end_and_no_further() -> None:
    first = screen(scene(seen()), View("events", 0), Size(80, 10))
    last = screen(scene(seen()), View("events", 500), Size(80, 10))
    assert (first.top, first.lines == last.lines) == (0, False)
    assert 0 < last.top < 10
    assert "at most 58.7 %" in text_of(last.lines)


def test_before_the_first_answer_it_says_so() -> None:
    assert "waiting for the first answer" in text_of(screen(scene(None), View(), Size(80, 24)).lines)


def test_what_no_terminal_should_get_is_not_sent() -> None:
    drawn = screen(scene(seen(gateway="gw\x1b[2J\x07")), View(), Size(80, 24))
    assert text_of(drawn.lines).replace("\n", "").isprintable()
