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


def test_a_serial_path_that_is_a_file_is_refused_as_by_run(lamplighter: CommandLine, site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8").replace('tcp = "127.0.0.1:1"', f'serial = "{site_file}"')
    site_file.write_text(text, encoding="utf-8")
    done = lamplighter("check", site_file)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"{site_file}: no terminal; a serial line needs a port such as /dev/serial/by-id/...\n"


def test_a_serial_path_that_is_absent_is_sound(lamplighter: CommandLine, site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8").replace('tcp = "127.0.0.1:1"', f'serial = "{site_file.parent}/none"')
    site_file.write_text(text, encoding="utf-8")
    assert lamplighter("check", site_file).code == 0


@pytest.mark.parametrize(
    ("place", "words"), [("no/such", "/no does not exist; create it"), ("site.toml", "no directory; move it away")]
)
def test_a_state_directory_that_run_would_not_get_is_told_below_the_rest(
    place: str, words: str, lamplighter: CommandLine, site_file: Path
) -> None:
    done = lamplighter("check", site_file, "--state-dir", site_file.parent / place)
    assert (done.code, "is sound" in done.out) == (1, True)
    assert done.err.startswith(f"{site_file.parent / place}: the state directory")
    assert words in done.err
    assert "another place with state_dir or --state-dir" in done.err
    assert not (site_file.parent / "no").exists()


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
    assert live["clock"].keys() == {"time", "source", "synced", "uncertainty_s", "trouble"}


def test_live_prints_tables_for_people(lamplighter: CommandLine, site_file: Path) -> None:
    done = lamplighter("check", site_file, "--live")
    assert done.code == 1
    assert "meters, asked once" in done.out
    assert "servers: none" in done.out
    assert "\nclock: 20" in done.out


NETWORK = """
customers = 3
[meters.bay]
line = "cabinet"
unit = 2
model = "schneider-pm5000"
node = "F12"
voltage_node = "bus"
[meters.clinic]
line = "cabinet"
unit = 3
model = "eastron-sdm630"
node = "clinic"
powered_by = "node:bus"
[nodes.bus]
kind = "bus"
[nodes.F12]
kind = "feeder"
parents = ["bus"]
[nodes.tx-17]
kind = "transformer"
parents = ["F12"]
vector_group = "Dyn11"
rated_kva = 630
customers = { l1 = 60, l2 = 61, l3 = 57, three_phase = 4 }
[nodes.genset]
kind = "bus"
[nodes.clinic]
kind = "key"
parents = ["tx-17"]
alternates = ["genset"]
critical = "hospital"
customers = 1
[nodes.pumps]
kind = "service"
parents = ["tx-17", "genset"]
[mains]
nut = "ups@127.0.0.1"
node = "tx-17"
"""
TREE = """\
network: 7 nodes, 186 customers; in brackets what a lineman looks at
bus  bus (bus); 183 customers below
└─ F12  feeder (feeder breaker); 183 customers below
   │  meter bay: lives on an auxiliary supply, voltage taken at bus
   └─ tx-17  transformer Dyn11 630 kVA (transformer fuse); 183 customers, 182 of them here (l1 60, l2 61, l3 57, \
three-phase 4)
      ├─ clinic  key (service fuse or transfer switch); 1 customer; or fed from genset; critical: hospital; its meter \
lives on the voltage of node bus
      └─ pumps  service (service fuse)
genset  bus (bus)
└─ pumps (drawn above)
main  service (service fuse); 3 customers; its meter lives on the voltage it measures
"""


@pytest.fixture
def networked(site_file: Path) -> Path:
    site_file.write_text(site_file.read_text(encoding="utf-8") + NETWORK, encoding="utf-8")
    return site_file


def test_it_draws_the_network(lamplighter: CommandLine, networked: Path) -> None:
    done = lamplighter("check", networked)
    assert done.code == 0
    assert done.out.endswith(TREE)
    assert "mains: ups@127.0.0.1:3493, from node tx-17\ncalendar: none\njournal: 512 MiB, room for " in done.out


def test_the_network_is_there_for_programs(lamplighter: CommandLine, networked: Path) -> None:
    told = json.loads(lamplighter("check", networked, "--json").out)
    rows = {row["node"]: row for row in told["network"]}
    assert next(iter(rows)) == "bus"
    assert rows["clinic"] == {
        "node": "clinic", "kind": "key", "device": "service fuse or transfer switch", "declared": True,
        "parents": ["tx-17"], "alternates": ["genset"], "feeder": "F12", "vector_group": None, "rated_kva": None,
        "critical": "hospital",
        "customers": {"l1": 0, "l2": 0, "l3": 0, "three_phase": 0, "unsplit": 1, "total": 1}, "customers_below": 1,
        "meters": [{"meter": "clinic", "voltage_node": "clinic", "powered_by": "node:bus"}],
    }  # fmt: skip
    assert (rows["tx-17"]["vector_group"], rows["tx-17"]["rated_kva"], rows["F12"]["customers"]) == ("Dyn11", 630, None)
    assert rows["F12"]["meters"] == [{"meter": "bay", "voltage_node": "bus", "powered_by": "dc"}]
    assert told["mains"] == {"asks": "ups@127.0.0.1:3493", "node": "tx-17"}


def test_a_network_with_mistakes_is_refused_with_all_of_them(lamplighter: CommandLine, networked: Path) -> None:
    text = networked.read_text(encoding="utf-8").replace('parents = ["bus"]', 'parents = ["tx-17"]')
    networked.write_text(text.replace('voltage_node = "bus"', 'voltage_node = "buss"'), encoding="utf-8")
    done = lamplighter("check", networked)
    assert done.code == 2
    assert "nodes.F12.parents: found a loop: F12 -> tx-17 -> F12; allowed: no node above itself" in done.err
    assert 'meters.bay.voltage_node: found "buss"; allowed: F12, bus, ' in done.err
    assert "did you mean bus?" in done.err
    assert "Traceback" not in done.err


def test_a_wrong_calendar_is_refused_with_where_and_what(lamplighter: CommandLine, site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8").replace("[lines", 'calendar = "calendar.toml"\n[lines', 1)
    site_file.write_text(text, encoding="utf-8")
    calendar = site_file.with_name("calendar.toml")
    calendar.write_text('[[mode]]\nmeters = ["mian"]\nmode = "test"\nfrom = "2026-11-23T08:00"\n', encoding="utf-8")
    done = lamplighter("check", site_file)
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith(f'{calendar}: mode[1].meters: found "mian"; allowed: names of meters in the site file; ')
    assert second.startswith(f"{calendar}: mode[1].until: found nothing; allowed: a time as")
    calendar.write_text("", encoding="utf-8")
    assert lamplighter("check", site_file).code == 0


@pytest.mark.parametrize(("content", "trouble"), [("1", ""), ("0", ""), ("?", "found '?'; allowed: 0, 1 or 2")])
def test_live_asks_for_the_gateways_own_supply(
    lamplighter: CommandLine, site_file: Path, content: str, trouble: str
) -> None:
    (site_file.parent / "online").write_text(content)
    with site_file.open("a", encoding="utf-8") as file:
        file.write(f'[mains]\nsysfs = "{site_file.parent}"\n')
    live = json.loads(lamplighter("check", site_file, "--live", "--json").out)["live"]
    (asked,) = live["servers"]
    assert (asked["server"], asked["address"]) == ("mains", str(site_file.parent))
    assert asked["trouble"].endswith(trouble)
    assert bool(asked["trouble"]) is bool(trouble)


def test_it_says_how_many_hours_of_readings_the_journal_holds(lamplighter: CommandLine, site_file: Path) -> None:
    table = '[journal]\ncap = "64 MiB"\nkeep = "30d"\n'
    site_file.write_text(site_file.read_text(encoding="utf-8") + table, encoding="utf-8")
    journal = json.loads(lamplighter("check", site_file, "--json").out)["journal"]
    assert (journal["cap_mib"], journal["keep_h"]) == (64, 720)
    # 0.725 of the file is for readings, of 64 bytes each.
    assert journal["holds_h"] == round(0.725 * (64 << 20) / 64 / journal["readings_hz"] / 3600)
    words = f"journal: 64 MiB, room for {journal['holds_h']} h of readings at {journal['readings_hz']:g} a second"
    assert f"{words}; none older than 720 h is kept\n" in lamplighter("check", site_file).out
