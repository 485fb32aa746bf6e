"""What the screen is made of: keys, sparklines, the tree, pictures and their history."""

import re
from dataclasses import replace

import pytest
from watch_scene import NETWORK, SHOWN, answers, line, meter, reading, seen

from agent.detect.network import Network, Node, Placed
from agent.field.watch import words
from agent.field.watch.glyphs import ASCII, UNICODE, glyphs_for, sparkline
from agent.field.watch.picture import Answers, History, NotUnderstoodError, picture
from agent.field.watch.tree import branches
from agent.field.watch.view import PAGES, View, keys


@pytest.mark.parametrize(
    ("typed", "pressed"),
    [
        ("q", ["quit"]), ("\x1b[A\x1b[B", ["up", "down"]), ("\x1bOCj\t", ["right", "down", "right"]),
        ("\x1b[Z\x1b[5~\x1b[6~", ["left", "page_up", "page_down"]), ("\x1b[1;5Aq", ["quit"]), ("\x1bq", ["quit"]),
        ("zé\x1b", []), ("?3", ["help", "3"]), ("\x03", ["quit"]),
    ],
)  # fmt: skip
def test_keys(typed: str, pressed: list[str]) -> None:
    assert list(keys(typed)) == pressed


def test_pages_turn_round_and_begin_at_their_top() -> None:
    view = View(top=7)
    for page in (*PAGES[1:], PAGES[0]):
        view = view.after("right")
        assert (view.page, view.top) == (page, 0)
    assert view.after("left").page == PAGES[-1]
    assert view.after("3").page == "lines"


def test_moves_stop_at_the_top_and_help_goes_with_any_key() -> None:
    assert View(top=1).after("up").after("up").top == 0
    assert View(top=20).after("page_up").top == 10
    helped = View(top=3).after("help")
    assert helped.helped
    assert helped.after("down") == View(top=3)
    assert helped.after("quit").over


def test_a_sparkline_tells_dead_from_silent_and_low_from_high() -> None:
    volts = (230.0, 115.0, 23.1, 22.9, None, 260.0, 186.0)
    assert sparkline(volts, 230.0, 9, UNICODE) == "  ▅▁▁x █▁"
    assert sparkline(volts, 230.0, 3, ASCII) == " #_"
    assert sparkline(volts, 230.0, 0, ASCII) == ""


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LANG": "en_US.UTF-8"}, True), ({"LANG": "de_DE.utf8"}, True), ({}, False), ({"LANG": "C"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False), ({"LANG": "de_DE@euro"}, False),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False), ({"LC_CTYPE": "C.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8"}, True),
    ],
)  # fmt: skip
def test_lines_and_blocks_are_drawn_where_the_locale_has_them(environ: dict[str, str], unicode: bool) -> None:
    assert glyphs_for(environ) == (UNICODE if unicode else ASCII)


def test_the_tree_has_every_node_and_meter_once() -> None:
    rows = [(row.margin + row.name, row.meter) for row in branches(NETWORK, ASCII)]
    assert rows == [
        ("F12", ""), ("`- tx1", "tx1"), ("   |- school", "school"), ("   `- blk-a", "blk-a"), ("F15", ""),
        ("`- market", "market"),
    ]  # fmt: skip


def test_a_ring_and_meters_under_other_names_stand_in_the_tree_once() -> None:
    nodes = [Node("a", "bus"), Node("b", "bus"), Node("c", "branch", ("a", "b")), Node("d", "branch", ("c",))]
    meters = [Placed(name, at, at, "x", "self") for name, at in (("m1", "a"), ("m2", "c"), ("d", "d"))]
    rows = branches(Network(nodes, meters), ASCII)
    assert [row.margin + row.name for row in rows] == ["a", "|- m1", "`- c", "   |- m2", "   `- d", "b"]
    assert [row.meter for row in rows] == ["", "m1", "", "m2", "d", ""]


def test_history_takes_a_reading_once_at_its_lowest_and_marks_a_silence_once() -> None:
    history = History()
    for second in (30, 30, 35):
        history.add(seen(second))
    assert history.of("blk-a") == ((139.9,) * 3,) * 2
    heard = [pytest.approx((229.5, 229.6, 229.7))] * 2
    assert list(history.of("tx1")) == heard
    for second in (40, 41):
        history.add(seen(second, meters=[meter("tx1", "unknown", "lost")]))
    assert list(history.of("tx1")) == [*heard, (None,) * 3]
    assert history.of("nobody") == ()


def test_line_to_line_voltages_are_shown_where_there_are_no_others() -> None:
    values = {"voltage_l1_l2": 10_020.0, "voltage_l2_l3": 10_010.0, "voltage_l3_l1": 9_990.0}
    told = answers()
    readings = {"readings": [{**reading("tx1", 40, None), "values": values}]}
    now = picture(replace(told, readings=readings), SHOWN, own=False)
    assert now.meters[0].volts == (10_020.0, 10_010.0, 9_990.0)


def test_a_line_counts_what_failed_and_names_what_its_meters_lack() -> None:
    lines = {"a": {**line(), "mute": {"tx1": ["its log"]}, "foreign_master": "another master"}}
    seen_line = seen(lines=lines).lines[0]
    assert (seen_line.failed, seen_line.watch_hz) == (6, (1.8, 2.75))
    assert seen_line.trouble == "another master, tx1 lacks its log"


@pytest.mark.parametrize(
    ("status", "why"), [({"error": "disk I/O error"}, "disk I/O error"), ({}, "KeyError"), ([], "TypeError")]
)
def test_an_answer_that_is_another_than_expected_is_an_error_with_a_reason(status: object, why: str) -> None:
    told = answers()
    with pytest.raises(NotUnderstoodError, match=why):
        picture(Answers(status, told.readings, told.events), SHOWN, own=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", words.TEMPLATES)
def test_every_message_ends_in_its_code_and_says_what_to_do(code: str) -> None:
    fields = dict.fromkeys(re.findall(r"{(\w+)}", words.TEMPLATES[code]), "x")
    assert words.told(code, **fields).endswith(f" [{code}]")
    assert re.fullmatch(r"watch\.[a-z_]+", code)
