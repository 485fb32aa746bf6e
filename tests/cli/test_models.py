"""`lamplighter models`: list, show, check."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from command_line import CommandLine
from running import LAMPLIGHTER

from drivers.library import model_names


def test_list_for_people(lamplighter: CommandLine) -> None:
    done = lamplighter("models")
    assert done.code == 0
    assert all(name in done.out for name in ("eastron-sdm630", "carlo-gavazzi-em24", "schneider-pm5000"))


def test_list_for_programs(lamplighter: CommandLine) -> None:
    models = {model["model"]: model for model in json.loads(lamplighter("models", "--json").out)["models"]}
    em24 = models["carlo-gavazzi-em24"]
    assert (em24["vendor"], em24["refresh_s"]) == ("Carlo Gavazzi", 0.6)
    assert "voltage_l1" in em24["quantities"]
    assert 0 < em24["shortest_sag_s"] < em24["sees_all_s"]
    assert set(em24["grades"]) <= {"A", "B", "C", "D"}


def test_show_is_to_be_proof_read(lamplighter: CommandLine) -> None:
    done = lamplighter("models", "show", "eastron-sdm630")
    assert done.code == 0
    assert "voltage_l1" in done.out
    assert "sources:" in done.out
    assert "\nrequests of one poll\nfc  address  words  values\n4   0        80     27\n" in done.out
    assert re.search(r"^9600 +0\.\d{3} s +0\.\d{3} s$", done.out, re.MULTILINE)
    assert "sight: a sag to 50 % shorter than 1.51 s may pass unseen" in done.out
    assert "grade D, off: voltage_l1_l2 voltage_l2_l3 voltage_l3_l1" in done.out


def test_the_markdown_page_is_the_one_in_docs(lamplighter: CommandLine) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "meters.md"
    assert lamplighter("models", "--markdown").out == page.read_text(encoding="utf-8")


@pytest.mark.e2e
@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_nothing_is_cut_and_no_line_is_too_long(width: int) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 50, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen([LAMPLIGHTER, "models"], stdin=theirs, stdout=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while chunk := os.read(ours, 4096):
                shown += chunk
    os.close(ours)
    lines = shown.decode().splitlines()
    assert child.returncode == 0
    assert max(map(len, lines)) <= width
    assert [name for name in model_names() if not any(line.startswith(f"{name} ") for line in lines)] == []
    assert any("Carlo Gavazzi EM24 (RS485)" in line for line in lines)


def test_show_for_programs(lamplighter: CommandLine) -> None:
    registers = json.loads(lamplighter("models", "show", "eastron-sdm630", "--json").out)["registers"]
    first = next(register for register in registers if register["quantity"] == "voltage_l1")
    assert (first["function"], first["address"], first["words"]) == (4, 0, 2)


def test_show_of_an_unknown_model_names_the_close_ones(lamplighter: CommandLine) -> None:
    done = lamplighter("models", "show", "eastron-sdm631")
    assert done.code == 2
    assert "eastron-sdm630" in done.err


def test_check_of_a_sound_map(lamplighter: CommandLine, tmp_path: Path) -> None:
    shown = lamplighter("models", "show", "eastron-sdm630")
    packaged = Path(__file__).resolve().parents[2] / "drivers" / "models" / "eastron-sdm630.toml"
    own = tmp_path / "own.toml"
    own.write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
    done = lamplighter("models", "check", own)
    assert done.code == 0
    assert done.out.startswith("own: ")
    assert done.out.count("voltage_l1") == shown.out.count("voltage_l1")


def test_check_of_a_wrong_map(lamplighter: CommandLine, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("vendor = 3\n", encoding="utf-8")
    done = lamplighter("models", "check", own)
    assert (done.code, str(own) in done.err) == (2, True)


def test_check_of_no_file(lamplighter: CommandLine, tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        done = lamplighter("models", "check", path)
        assert (done.code, "Traceback" in done.err) == (2, False)


def test_maps_beside_a_site_file(lamplighter: CommandLine, tmp_path: Path) -> None:
    packaged = Path(__file__).resolve().parents[2] / "drivers" / "models" / "eastron-sdm630.toml"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.toml").write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "site.toml").touch()
    for beside in (tmp_path / "site.toml", tmp_path):  # a first map may be written before there is a site file
        assert "own" in lamplighter("models", "--beside", beside).out
        assert lamplighter("models", "show", "own", "--beside", beside).code == 0


@pytest.mark.parametrize("command", [["models"], ["models", "show", "own"], ["identify", "--serial", "/dev/null"]])
def test_a_place_beside_which_nothing_can_be_is_an_error(
    lamplighter: CommandLine, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "models").mkdir()
    for beside in (tmp_path / "sight.toml", tmp_path / "models"):  # the one mistyped, the other without maps
        done = lamplighter(*command, "--beside", beside)
        assert (done.code, done.out) == (2, "")
        assert f"--beside: found {beside}; allowed: a site file, or a directory with models/; " in done.err


def test_show_says_which_bit_an_input_is_and_what_a_set_bit_means(lamplighter: CommandLine) -> None:
    rows = {name: lamplighter("models", "show", name).out for name in ("carlo-gavazzi-em24", "siemens-pac3200")}
    assert re.search(r"^input_3 +4 +768 +u16 +bit 2, set = 0 +A$", rows["carlo-gavazzi-em24"], re.MULTILINE)
    assert re.search(r"^input_2 +3 +209 +u32 +msw +bit 1 +A$", rows["siemens-pac3200"], re.MULTILINE)
    registers = json.loads(lamplighter("models", "show", "carlo-gavazzi-em24", "--json").out)["registers"]
    told = {register["quantity"]: (register["bit"], register["inverted"]) for register in registers}
    assert (told["input_2"], told["voltage_l1"]) == ((1, True), (None, False))
