"""Maps that need more than one read to make a value, on meters typed in by hand: through `read` and through `run`."""

import json
import struct
from pathlib import Path

import pytest
from hand_meters import Em24, HandMeter, TcpLine
from running import agent, command, eventually

pytestmark = pytest.mark.e2e


def acrel(unit: int) -> HandMeter:
    """Acrel DTSD1352: secondary values from 97 on in 0.1 V and 0.01 A; PT and CT at 141 and 142, far from them."""
    meter = HandMeter(unit)
    meter.put(3, 0, bytes(2 * 400))
    meter.put(3, 97, struct.pack(">6H", 577, 578, 579, 123, 124, 125))
    meter.put(3, 119, struct.pack(">H", 5001))
    meter.put(3, 141, struct.pack(">2H", 100, 40))
    meter.put(3, 10, struct.pack(">I", 4_294_967))  # x 10 Wh x PT x CT
    return meter


def sunspec(unit: int, base: int, common_length: int) -> HandMeter:
    """A SunSpec device: marker, common model, three-phase meter 203 with its voltages in 10^-1 V, end."""
    meter = HandMeter(unit)
    start = base + 4 + common_length
    meter.put(3, base, b"SunS" + struct.pack(">2H", 1, common_length) + bytes(2 * common_length))
    words = [0x8000] * 107
    words[0:2] = [203, 105]
    words[3:7] = [11, 12, 13, 0]
    words[8:11] = [2301, 2302, 2303]
    words[15:18] = [0xFFFF, 5002, 0xFFFE]  # V_SF -1, 50.02 Hz
    meter.put(3, start, struct.pack(">107H", *words))
    meter.put(3, start + 107, struct.pack(">2H", 0xFFFF, 0))
    return meter


SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "state"
nominal_voltage = {nominal}
[lines.a]
tcp = "127.0.0.1:{port}"
[meters.m]
line = "a"
unit = 1
model = "{model}"
"""

CASES = {
    "scales in another read": (acrel(1), "acrel-dtsd1352", 5770, {"voltage_l1": 5770, "current_l3": 50}),
    "bits of a word that is read alone": (
        Em24(1),
        "carlo-gavazzi-em24",
        230,
        {"input_1": 0, "input_2": 1, "input_3": 0},
    ),
    "usual place": (sunspec(1, 40000, 66), "sunspec-meter", 230, {"voltage_l2": 230.2, "current_l1": 11}),
    "short common model": (sunspec(1, 40000, 65), "sunspec-meter", 230, {"voltage_l2": 230.2, "frequency": 50.02}),
    "marker at 0": (sunspec(1, 0, 66), "sunspec-meter", 230, {"voltage_l3": 230.3}),
    "marker at 50000": (sunspec(1, 50000, 66), "sunspec-meter", 230, {"voltage_l3": 230.3}),
}


@pytest.mark.parametrize("case", CASES)
def test_values_come_through_read_and_through_run(tmp_path: Path, case: str):
    meter, model, nominal, wanted = CASES[case]
    site = tmp_path / "site.toml"
    with TcpLine([meter]) as line:
        site.write_text(SITE.format(nominal=nominal, port=line.port, model=model))
        once = command("read", site, "--json")
        assert once.returncode == 0, once.stderr
        assert (
            json.loads(once.stdout)["readings"][0]["values"] | wanted
            == json.loads(once.stdout)["readings"][0]["values"]
        )
        with agent(site) as running:

            def said() -> dict[str, float]:
                done = command("read", site, "m", "--json")
                readings = json.loads(done.stdout or '{"readings": []}')["readings"]
                return readings[0]["values"] if readings and "time" in readings[0] else {}

            values = eventually("a reading of the running agent", said, 15)
            assert values | wanted == values
            status = json.loads(command("status", site, "--json").stdout)
            assert status["meters"][0]["supply"] == "live"
            assert "Traceback" not in running.log
