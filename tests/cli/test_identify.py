"""`lamplighter identify`, against meters that share nothing with the product."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from hand_meters import Em24, HandMeter, Pm5000, RtuLine, Sdm630, TcpLine

SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
"""


class KnownEm24(Em24):
    """Asked for word 0x0B alone it answers with its identification code, 71 for an AV9."""

    def answer(self, pdu: bytes) -> bytes:
        if pdu == bytes([4, 0, 0x0B, 0, 1]):
            return bytes([4, 2, 0, 71])
        return super().answer(pdu)


class Stranger(HandMeter):
    """Answers, but nothing that any map knows."""


class Busy(HandMeter):
    """Never has the time."""

    def answer(self, pdu: bytes) -> bytes:
        return bytes([pdu[0] | 0x80, 6])


@pytest.fixture
def lan() -> Iterator[TcpLine]:
    with TcpLine([KnownEm24(1), Sdm630(2), Stranger(3), Pm5000(4)]) as line:
        yield line


def test_a_certain_meter_is_exit_0_with_evidence_and_stanza(lamplighter: CommandLine, lan: TcpLine) -> None:
    done = lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}")
    assert done.code == 0, done.err
    assert "certain: carlo-gavazzi-em24 (Carlo Gavazzi EM24 (RS485))" in done.out
    assert "identification code 71" in done.out
    assert "voltages 230.1 230.2 230.3 V" in done.out


def test_the_stanza_can_be_pasted_into_a_site_file(lamplighter: CommandLine, lan: TcpLine, tmp_path: Path) -> None:
    told = json.loads(lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}", "--json").out)
    site = tmp_path / "site.toml"
    site.write_text(SITE + told["site"], encoding="utf-8")
    assert lamplighter("check", site).code == 0
    assert [candidate["model"] for candidate in told["candidates"]] == ["carlo-gavazzi-em24"]


def test_a_likely_meter_is_exit_1_and_still_gets_its_stanza(lamplighter: CommandLine, lan: TcpLine) -> None:
    done = lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}", "--unit", "2", "--json")
    told = json.loads(done.out)
    assert done.code == 1
    assert [(each["model"], each["grade"]) for each in told["candidates"]] == [("eastron-sdm630", "likely")]
    assert 'model = "eastron-sdm630"' in told["site"]


def test_several_maps_that_fit_are_left_to_the_engineer(lamplighter: CommandLine, lan: TcpLine) -> None:
    told = json.loads(lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}", "--unit", "4", "--json").out)
    assert {each["model"] for each in told["candidates"]} == {"schneider-iem3000", "schneider-pm5000"}
    assert told["site"] == ""


def test_a_meter_that_no_map_fits_is_exit_1_and_says_what_to_do(lamplighter: CommandLine, lan: TcpLine) -> None:
    done = lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}", "--unit", "3")
    assert done.code == 1
    assert "docs/add-a-meter.md" in done.out


def test_a_unit_that_is_always_busy_is_exit_1_soon(lamplighter: CommandLine) -> None:
    with TcpLine([Busy(1)]) as line:
        done = lamplighter("identify", "--tcp", f"127.0.0.1:{line.port}")
    assert done.code == 1
    assert "it answers every read with exception 06 (it is busy); after 12 requests" in done.out
    assert "Next: wait until no other master asks it" in done.out


def test_a_broken_map_that_nobody_asked_for_is_left_out(lamplighter: CommandLine, lan: TcpLine, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "draft.toml").write_text("nonsense", encoding="utf-8")
    site = tmp_path / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    words = ("identify", "--tcp", f"127.0.0.1:{lan.port}", "--beside", str(site))
    done = lamplighter(*words)
    assert done.code == 0, done.err
    assert "left out, not a map: " in done.err
    assert "draft.toml" in done.err
    assert lamplighter(*words, "--model", "draft").code == 2


def test_a_nominal_voltage_that_was_given_goes_into_the_stanza(lamplighter: CommandLine, lan: TcpLine) -> None:
    done = lamplighter("identify", "--tcp", f"127.0.0.1:{lan.port}", "--nominal", "231")
    assert "\nnominal_voltage = 231\n" in done.out


def test_one_map_may_be_tried_alone(lamplighter: CommandLine, lan: TcpLine) -> None:
    words = ("--tcp", f"127.0.0.1:{lan.port}", "--unit", "2", "--json")
    told = json.loads(lamplighter("identify", *words, "--model", "siemens-pac3200").out)
    assert told["candidates"] == []
    assert lamplighter("identify", *words, "--model", "siemens-pac32000").code == 2


@pytest.mark.e2e
def test_on_a_serial_line(lamplighter: CommandLine) -> None:
    with RtuLine([KnownEm24(7)], baud=19200) as line:
        done = lamplighter("identify", "--serial", line.path, "--baud", "19200", "--unit", "7")
    assert done.code == 0, done.out
    assert f'serial = "{line.path}"\nbaud = 19200\nparity = "N"\nstop_bits = 1' in done.out


def test_nobody_there_is_exit_1_and_says_why(lamplighter: CommandLine) -> None:
    done = lamplighter("identify", "--tcp", "127.0.0.1:1")
    assert done.code == 1
    assert "connection refused 127.0.0.1:1" in done.out
    assert "Next: " in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--serial, --tcp, --rtu-over-tcp: found none of them; allowed: exactly one"),
        (["--tcp", "a", "--serial", "b"], "allowed: exactly one"),
        (["--tcp", "host:port"], "--tcp: found host:port; allowed: host:port"),
        (["--rtu-over-tcp", "host"], "--rtu-over-tcp: found host; allowed: host:port"),
        (["--serial", "/dev/ttyX", "--unit", "248"], "--unit: found 248; allowed: 1 to 247"),
        (["--serial", "/dev/ttyX", "--parity", "even"], "--parity: found even; allowed: N, E or O"),
        (["--serial", "/dev/null"], "no terminal"),
        (
            ["--serial", "/dev/null", "--beside", "/none/site.toml"],
            "--beside: found /none/site.toml; allowed: a site file",
        ),
    ],
)
def test_wrong_use_is_exit_2_with_what_to_write_instead(lamplighter: CommandLine, words: list[str], told: str) -> None:
    done = lamplighter("identify", *words)
    assert (done.code, told in done.err) == (2, True), done.err


def test_a_dark_feeder_is_no_proof_of_isolation(lamplighter: CommandLine) -> None:
    meter = KnownEm24(1)
    meter.put(4, 0, bytes(2 * 128))
    with TcpLine([meter]) as line:
        done = lamplighter("identify", "--tcp", f"127.0.0.1:{line.port}")
    assert "No voltage measured is not proof of isolation." in done.out
