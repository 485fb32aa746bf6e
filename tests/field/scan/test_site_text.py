"""What a scan writes: a file that loads, whatever the machine is called, and additions to what is there."""

from pathlib import Path

import pytest

from agent.field.scan.found import Met
from agent.field.scan.site_text import addition, new_site
from agent.site import load_site
from drivers.endpoints import LineConfig, SerialPort, TcpEndpoint
from drivers.identify import Verdict
from drivers.library import load_model
from drivers.verdict import Candidate

PORT = SerialPort("/dev/ttyUSB0", 19200, "E", 1)
GATEWAY = TcpEndpoint("10.0.0.7")


def met(unit: int, line: LineConfig = PORT, *grades: str, mistake: str = "") -> Met:
    models = [load_model("eastron-sdm630"), load_model("eastron-sdm120")]
    candidates = tuple(
        Candidate(model, grade, ("voltages 230 V",), mistake) for model, grade in zip(models, grades, strict=False)
    )
    return Met(line, unit, Verdict(candidates, (), 9, ""))


@pytest.mark.parametrize("name", ["pump", "Pump house 7", "变电站", "-", 'a"b', "x/y+#"])
def test_a_new_file_loads_whatever_the_machine_is_called(tmp_path: Path, name: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(new_site(name, name, [met(1, PORT, "certain"), met(9, GATEWAY, "likely")]), encoding="utf-8")
    site = load_site(path)
    assert (site.lines["line-1"], site.lines["line-2"]) == (PORT, GATEWAY)
    assert {name: meter.unit for name, meter in site.meters.items()} == {"line-1-unit-1": 1, "line-2-unit-9": 9}


@pytest.mark.parametrize("grades", [(), ("possible",), ("certain", "certain"), ("likely", "likely")])
def test_what_is_not_certain_is_a_comment(grades: tuple[str, ...]) -> None:
    text = addition([met(7, PORT, *grades)], {"bus": PORT}, ())
    assert all(row.startswith("#") for row in text.splitlines() if row)
    assert "unit 7 answers" in text


def test_a_map_with_a_mistake_in_it_is_a_comment() -> None:
    assert "# model" in addition([met(7, PORT, "certain", mistake="one off")], {"bus": PORT}, ())


def test_only_what_is_new_is_added_to_the_line_that_is_there() -> None:
    found = [met(1, PORT, "certain"), met(2, PORT, "certain"), met(1, GATEWAY, "certain")]
    text = addition(found, {"line-1": PORT}, {("line-1", 1)})
    headers = [row for row in text.splitlines() if row.startswith("[")]
    assert headers == ["[meters.line-1-unit-2]", "[lines.line-2]", "[meters.line-2-unit-1]"]
    assert addition(found, {"a": PORT, "b": GATEWAY}, {("a", 1), ("a", 2), ("b", 1)}) == ""
