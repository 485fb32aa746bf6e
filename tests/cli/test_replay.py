"""`lamplighter replay`: a recording in, its events out."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine

_C60 = Path(__file__).parents[1] / "cases" / "c60_330kV_1ph_fault_then_deenergise.csv"


def test_it_prints_the_events_of_a_recording(lamplighter: CommandLine) -> None:
    done = lamplighter("replay", _C60)
    assert done.code == 0
    assert "0 to 1.7 s, RMS over 20 ms" in done.out
    rows = [line.split() for line in done.out.splitlines() if line[:1].isdigit()]
    assert [row[1] for row in rows] == ["sag", "swell", "supply_loss"]
    assert "1.160 to 1.190" in done.out


def test_the_polled_view_speaks_of_bounds(lamplighter: CommandLine) -> None:
    done = lamplighter("replay", _C60, "--window", "0.2", "--every", "0.5")
    assert "RMS over 0.2 s, looked at every 0.5 s" in done.out
    assert "at most " in done.out
    assert "swell" not in done.out


def test_json_is_for_programs(lamplighter: CommandLine) -> None:
    told = json.loads(lamplighter("replay", _C60, "--interruption", "1", "--profile", "gb", "--json").out)
    assert [event["kind"] for event in told["events"]] == ["sag", "swell"]
    assert (told["rows"], told["profile"], told["interruption_pct"], told["window_s"]) == (169, "gb", 1.0, None)
    assert told["events"][1]["class"]["en50160"] == "T1"


def test_nothing_seen_is_said(lamplighter: CommandLine, tmp_path: Path) -> None:
    calm = tmp_path / "calm.csv"
    calm.write_text("t_window_start_s,t_window_end_s,u1_pu\n0,0.02,1\n0.01,0.03,1\n", encoding="utf-8")
    done = lamplighter("replay", calm)
    assert (done.code, "events: none" in done.out) == (0, True)


def test_a_pace_that_hardly_looks_is_said(lamplighter: CommandLine) -> None:
    done = lamplighter("replay", _C60, "--window", "0.2", "--every", "60")
    assert "RMS over 0.2 s, looked at every 60 s: 1 look" in done.out
    assert "--every: 60 s is longer than the recording (1.7 s)" in done.out
    assert "nothing between two looks is seen" in done.out
    told = json.loads(lamplighter("replay", _C60, "--window", "0.2", "--every", "60", "--json").out)
    assert (told["looks"], told["events"]) == (1, [])
    often = lamplighter("replay", _C60, "--window", "0.2", "--every", "0.5").out
    assert "looked at every 0.5 s: 4 looks" in often
    assert "--every:" not in often


def test_what_cannot_be_used_is_exit_2_and_no_traceback(lamplighter: CommandLine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("t_window_start_s,t_window_end_s,u1_pu\n0,0.02,1\n0.01,0.03,volts\n", encoding="utf-8")
    for arguments, words in [
        ((broken,), "row 3, column u1_pu: found volts; allowed: a finite number"),
        ((tmp_path / "none.csv",), "none.csv: found"),
        ((tmp_path,), "allowed: a readable CSV"),
        ((_C60, "--window", "0.03"), "--window: found 0.03 s; allowed: a whole number of the recording's 0.02 s"),
        ((_C60, "--every", "1"), "--every, --shift: found without --window"),
        ((_C60, "--profile", "eic"), "--profile: found eic; allowed: iec, gb, ieee"),
        ((_C60, "--window", "0.2", "--shift", "inf"), "--shift: found inf; allowed: 0 to 86400"),
        ((_C60, "--window", "0.2", "--shift", "nan"), "--shift: found nan; allowed: 0 to 86400"),
        ((_C60, "--window", "0.2", "--shift", "-1"), "--shift: found -1; allowed: 0 to 86400"),
        ((_C60, "--window", "0.2", "--every", "inf"), "--every: found inf; allowed: 0.001 to 86400"),
        ((_C60, "--window", "nan"), "--window: found nan; allowed: 0.001 to 86400"),
        ((_C60, "--interruption", "nan"), "--interruption: found nan; allowed: 0.1 to 89"),
        ((_C60, "--window", "0.2", "--shift", "1e4"), "--window: found 0.2 s; allowed: no longer than what"),
    ]:
        done = lamplighter("replay", *arguments)
        assert (done.code, "Traceback" in done.err) == (2, False), arguments
        assert words in done.err


def test_a_shift_that_is_no_whole_step_is_said(lamplighter: CommandLine) -> None:
    done = lamplighter("replay", _C60, "--window", "0.2", "--shift", "0.123")
    assert "--shift: 0.123 s is no whole step of the recording; windows begin at 0.12 s" in done.out
    told = json.loads(lamplighter("replay", _C60, "--window", "0.2", "--shift", "0.123", "--json").out)
    assert told["shift_s"] == 0.12


@pytest.mark.e2e
def test_what_lasts_over_a_minute_is_an_undervoltage_as_in_run(lamplighter: CommandLine, tmp_path: Path) -> None:
    long = tmp_path / "long.csv"
    rows = [(i, 0.85 if 100 <= i < 13_100 else 1.0) for i in range(13_600)]
    lines = [f"{i / 100:.2f},{i / 100 + 0.02:.2f},{pu}" for i, pu in rows]
    long.write_text("\n".join(("t_window_start_s,t_window_end_s,u1_pu", *lines)), encoding="utf-8")
    (told,) = json.loads(lamplighter("replay", long, "--json").out)["events"]
    assert told["kind"] == "undervoltage"
    assert 129.9 < told["duration_min_s"] < 130 < told["duration_max_s"] < 130.1
