"""`lamplighter check`: what it says of a sound site, and what it finds when it looks."""

import json
import socket
from pathlib import Path

import pytest
from command_line import CommandLine


def test_it_tells_wire_time_reads_and_rates(lamplighter: CommandLine, site_file: Path) -> None:
    done = lamplighter("check", site_file)
    assert done.code == 0
    assert "is sound: site workshop, gateway gw-01" in done.out
    assert "line cabinet: 127.0.0.1:1, wire time 0." in done.out
    assert "eastron-sdm630" in done.out
    assert "main: a sag to 50 % shorter than 1.51 s may pass unseen (looks up to " in done.out
    assert "one of 253 ms or less never shows" in done.out


def test_json_is_for_programs(lamplighter: CommandLine, site_file: Path) -> None:
    told = json.loads(lamplighter("check", site_file, "--json").out)
    line = told["lines"]["cabinet"]
    assert (told["site"], told["mqtt"], line["address"]) == ("workshop", None, "127.0.0.1:1")
    assert 0 < line["utilisation"] < 1
    assert line["meters"]["main"]["watch_got_hz"] == pytest.approx(1.0)
    assert line["meters"]["main"]["watch_overrun"] == 0
    assert 0 < line["meters"]["main"]["watch_lag_s"] < 0.5
    # Watched once a second, a window of a second: polls at exactly the refresh may miss what one window shows.
    assert line["meters"]["main"]["sees_all_s"] == pytest.approx(1.507, abs=0.001)
    assert len(line["meters"]["main"]["floor"]) == 5
    assert "assumed: no document says" in line["meters"]["main"]["floor"][-1]


def test_a_watch_beyond_the_line_is_shown_as_what_it_gets(lamplighter: CommandLine, site_file: Path) -> None:
    site_file.write_text(site_file.read_text(encoding="utf-8") + 'watch = "max"\n', encoding="utf-8")
    meter = json.loads(lamplighter("check", site_file, "--json").out)["lines"]["cabinet"]["meters"]["main"]
    assert meter["watch_asked_hz"] is None
    assert 5 < meter["watch_got_hz"] < 1000


def test_attention_for_a_neighbour_makes_the_others_see_less(lamplighter: CommandLine, site_file: Path) -> None:
    second = '[meters.second]\nline = "cabinet"\nunit = 2\nmodel = "janitza-umg604"\n'
    site_file.write_text(site_file.read_text(encoding="utf-8") + second, encoding="utf-8")
    meters = json.loads(lamplighter("check", site_file, "--json").out)["lines"]["cabinet"]["meters"]
    words = "while another meter of its line has an event, it may be looked at every 2 s only: then one shorter than"
    assert f"{words} 2.51 s may pass" not in meters["second"]["floor"][-1]
    assert any(each.startswith(words) for each in meters["second"]["floor"])
    assert any(each == f"{words} 1.51 s may pass" for each in meters["main"]["floor"])


@pytest.mark.parametrize(("watch", "words"), [("10s", None), ("30s", "its 1-min means rest on a look every 30 s")])
def test_looks_that_minutes_rest_on_are_said(
    watch: str, words: str | None, lamplighter: CommandLine, site_file: Path
) -> None:
    site_file.write_text(site_file.read_text(encoding="utf-8") + f'watch = "{watch}"\n', encoding="utf-8")
    floor = json.loads(lamplighter("check", site_file, "--json").out)["lines"]["cabinet"]["meters"]["main"]["floor"]
    assert any("1-min" in each for each in floor) == (words is not None)
    assert words is None or any(each.startswith(words) for each in floor)


def test_an_impossible_poll_is_refused_with_the_sum(lamplighter: CommandLine, site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8").replace('tcp = "127.0.0.1:1"', 'serial = "/dev/ttyUSB0"')
    site_file.write_text(text + 'poll = "200ms"\n', encoding="utf-8")
    done = lamplighter("check", site_file)
    assert done.code == 2
    assert "cabinet needs 0.301 s per round, 0.2 s asked" in done.err


def test_state_dir_overrides_the_sites(lamplighter: CommandLine, site_file: Path) -> None:
    told = json.loads(lamplighter("check", site_file, "--json", "--state-dir", "/elsewhere").out)
    assert told["state_dir"] == "/elsewhere"


def test_live_finds_what_does_not_answer(lamplighter: CommandLine, site_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        port = broker.getsockname()[1]
        sinks = f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"\n[influxdb]\nurl = "http://127.0.0.1:1"\n'
        site_file.write_text(site_file.read_text(encoding="utf-8") + sinks, encoding="utf-8")
        done = lamplighter("check", site_file, "--live", "--json")
    live = json.loads(done.out)["live"]
    assert done.code == 1
    assert "down" in live["meters"][0]["trouble"]
    assert live["lines"] == [{"line": "cabinet", "address": "127.0.0.1:1", "trouble": ""}]
    assert [server["trouble"] == "" for server in live["servers"]] == [True, False]


def test_live_prints_tables_for_people(lamplighter: CommandLine, site_file: Path) -> None:
    done = lamplighter("check", site_file, "--live")
    assert done.code == 1
    assert "meters, asked once" in done.out
    assert "servers: none" in done.out
