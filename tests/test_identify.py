"""Identification over the wire: simulated meters of every map, served by pymodbus."""

import pytest

from agent.identify import deadline_s, identify_unit
from drivers.library import load_model, model_names
from drivers.line import RtuOverTcpEndpoint, SerialPort, TcpEndpoint
from drivers.modbus.pdu import Read, ReadDeviceId
from simulators.scenario import Scenario, parse_scenario
from simulators.server import Simulation

HEAD = """
[scenario]
name = "lab"
nominal = 230
duration_s = 60
[lines.lan]
kind = "{kind}"
{baud}
"""
METER = """
[meters.{name}]
model = "{name}"
line = "lan"
unit = {unit}
turnaround_s = 0.001
"""


def scenario(kind: str, *names: str) -> Scenario:
    head = HEAD.format(kind=kind, baud="" if kind == "tcp" else "baud = 115200")
    return parse_scenario(
        head + "".join(METER.format(name=name, unit=n) for n, name in enumerate(names, 1)), "lab.toml"
    )


@pytest.mark.e2e
async def test_each_meter_of_a_bus_is_identified_as_itself_and_as_no_other() -> None:
    names = model_names()
    models = [load_model(name) for name in names]
    found = {}
    async with Simulation(scenario("tcp", *names)) as simulation:
        host, _, port = simulation.endpoints[0].address.partition(":")
        for endpoint in simulation.endpoints:
            verdict = await identify_unit(TcpEndpoint(host, int(port)), endpoint.unit, models, lambda count, why: None)
            found[endpoint.model] = [candidate.model.id for candidate in verdict.candidates]
    assert found == {name: [name] for name in names}


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["serial", "rtu_over_tcp"])
async def test_a_serial_meter_introduces_itself(kind: str) -> None:
    """Function 43/14 has no length field: its end is found in the frame."""
    told: list[str] = []
    async with Simulation(scenario(kind, "schneider-pm5000")) as simulation:
        address = simulation.endpoints[0].address
        host, _, port = address.partition(":")
        line = SerialPort(address, 115200) if kind == "serial" else RtuOverTcpEndpoint(host, int(port))
        models = [load_model("schneider-pm5000"), load_model("schneider-iem3000")]
        verdict = await identify_unit(line, 1, models, lambda count, why: told.append(f"{count}: {why}"))
    assert verdict.says[0] == "function 43/14: Schneider Electric, METSEPM5, V1.0"
    assert [candidate.grade for candidate in verdict.candidates] == ["certain"]
    assert told[0] == "1: who it says it is (function 43/14)"
    assert len(told) == verdict.requests


def test_each_request_has_a_deadline_by_its_line() -> None:
    slow, fast = SerialPort("/dev/ttyX", 1200), SerialPort("/dev/ttyX", 115200)
    read = Read(3, 0, 30)
    assert 0.6 < deadline_s(read, fast) < 0.7 < 1.2 < deadline_s(read, slow) < deadline_s(ReadDeviceId(), slow) < 4
    assert deadline_s(read, TcpEndpoint("h")) == deadline_s(ReadDeviceId(), TcpEndpoint("h")) == 1.0
