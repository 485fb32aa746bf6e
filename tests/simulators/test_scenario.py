from math import inf
from pathlib import Path

import pytest

from simulators.library import load_scenario, scenario_names
from simulators.scenario import Scenario, ScenarioError, parse_scenario

HEAD = """
[scenario]
name = "lab"
nominal = 220
duration_s = 60
[nodes.F1]
kind = "feeder"
[lines.bus]
kind = "serial"
baud = 19200
parity = "E"
[lines.lan]
kind = "tcp"
[meters.a]
model = "eastron-sdm630"
line = "bus"
unit = 1
upstream = "F1"
[meters.b]
model = "schneider-pm5000"
line = "lan"
unit = 255
upstream = "a"
"""


def parsed(text: str) -> Scenario:
    return parse_scenario(HEAD + text, "lab.toml")


def test_a_scenario_is_read_with_its_defaults() -> None:
    scenario = parsed('[[steps]]\nat_s = 8\ndo = "sag"\nnode = "F1"\nto_pu = 0.6\nfor_s = 1.2\n')
    assert scenario.order == ("F1", "a", "b")
    assert scenario.path("b") == ("F1", "a", "b")
    assert scenario.lines["bus"].char_s == pytest.approx(11 / 19200)
    assert scenario.meters["a"].nominal_v == 220.0
    assert scenario.meters["a"].wiring is None
    step = scenario.steps[0]
    assert (step.do, step.target, step.phases, step.to_pu) == ("sag", "F1", ("l1", "l2", "l3"), 0.6)
    assert step.start_s == 8.0
    assert step.end_s == pytest.approx(9.2)


def test_a_step_lasts_until_it_is_restored() -> None:
    text = '[[steps]]\nat_s = 8\ndo = "cable_dead"\nmeter = "a"\n[[steps]]\nat_s = 20\ndo = "restore"\nmeter = "a"\n'
    assert [(step.start_s, step.end_s) for step in parsed(text).steps] == [(8.0, 20.0)]
    assert parsed('[[steps]]\nat_s = 8\ndo = "line_silent"\nline = "bus"\n').steps[0].end_s == inf


WRONG = {
    'colour = "red"': ("nodes.F2.colour", "drop_pct"),
    'kind = "feedr"': ("nodes.F2.kind", "feeder"),
    'upstream = "F9"': ("nodes.F2.upstream", "a node or a meter"),
    "nominal = true": ("nodes.F2.nominal", "a number"),
    "drop_pct = -1": ("nodes.F2.drop_pct", "0..10"),
}


@pytest.mark.parametrize(("line", "said"), WRONG.items())
def test_a_wrong_node_is_said_with_its_place(line: str, said: tuple[str, str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(f"[nodes.F2]\n{line}\n")
    assert caught.value.file == "lab.toml"
    assert caught.value.where == said[0]
    assert said[1] in caught.value.allowed
    assert caught.value.todo


@pytest.mark.parametrize(
    ("step", "where", "allowed"),
    [
        ('do = "sagg"\nnode = "F1"', "step 1: do", "sag slow stuck"),
        ('do = "sag"\nnode = "F1"', "step 1: to_pu", "a number"),
        ('do = "sag"\nmeter = "a"\nto_pu = 0.5', "step 1", "exactly one key node"),
        ('do = "sag"\nnode = "F9"\nto_pu = 0.5', "step 1: node", "F1 a b"),
        ('do = "sag"\nnode = "F1"\nto_pu = 1.5', "step 1: to_pu", "0.999"),
        ('do = "phase_loss"\nnode = "F1"', "step 1: phases", "l1 l2 l3"),
        ('do = "phase_loss"\nnode = "F1"\nphases = ["l4"]', "step 1: phases", "l1 l2 l3"),
        ('do = "bad_crc"\nline = "lan"', "step 1: do", "lan, which is tcp"),
        ('do = "echo"\nmeter = "b"', "step 1: do", "lan, which is tcp"),
        ('do = "late"\nmeter = "b"', "step 1: late_s", "a number"),
        ('do = "noise"\nmeter = "b"\nprobability = 2', "step 1: probability", "0.0001..1"),
        ('do = "input_closed"\nmeter = "a"', "step 1: input", "1..16"),
        ('do = "restore"\nnode = "F1"', "step 1: node", "no for_s"),
        ('do = "meter_off"\nmeter = "a"\nto_pu = 0.5', "step 1: to_pu", "at_s do for_s"),
        ('do = "meter_off"\nmeter = "a"\nfor_s = -1', "step 1: for_s", "0.001"),
    ],
)
def test_a_wrong_step_is_said_with_its_number(step: str, where: str, allowed: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(f"[[steps]]\nat_s = 1\n{step}\n")
    assert caught.value.where == where
    assert allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("meter", "where"),
    [
        ('line = "bus"\nunit = 1', "meters.c.unit"),
        ('line = "bus"\nunit = 248', "meters.c.unit"),
        ('line = "bus"\nunit = 0', "meters.c.unit"),
        ('line = "buss"\nunit = 5', "meters.c.line"),
        ('line = "bus"\nunit = 5\nvt = "10000/100"', "meters.c.registers"),
        ('line = "bus"\nunit = 5\nct = "600:5"', "meters.c.ct"),
        ('line = "bus"\nunit = 5\nphase_map = ["l1", "l2"]', "meters.c.phase_map"),
        ('line = "bus"\nunit = 5\nphase_map = ["l1", "l2", "l2"]', "meters.c.phase_map"),
        ('line = "bus"\nunit = 5\nupstream = "c"', "upstream"),
        ('line = "bus"\nunit = 5\nunits = 5', "meters.c.units"),
    ],
)
def test_a_wrong_meter_is_said_with_its_place(meter: str, where: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(f'[meters.c]\nmodel = "eastron-sdm630"\n{meter}\n')
    assert caught.value.where == where


def test_broken_toml_is_said_with_line_and_column() -> None:
    with pytest.raises(ScenarioError, match=r"lab.toml: TOML: .*line 2, column"):
        parse_scenario("[scenario]\nname = \n", "lab.toml")


def test_missing_and_misspelt_keys_name_what_was_meant() -> None:
    with pytest.raises(ScenarioError, match=r"found nothing.*add nominal"):
        parse_scenario('[scenario]\nname = "lab"\n', "lab.toml")
    with pytest.raises(ScenarioError, match="did you mean lines"):
        parsed('[line.x]\nkind = "tcp"\n')


def test_a_repeating_story_must_end_within_its_period() -> None:
    text = HEAD.replace("duration_s = 60", "duration_s = 60\nrepeat = true")
    step = '[[steps]]\nat_s = 59\ndo = "line_silent"\nline = "bus"\nfor_s = 2\n'
    with pytest.raises(ScenarioError, match="as it repeats"):
        parse_scenario(text + step, "lab.toml")
    assert parse_scenario(text, "lab.toml").period_s == 60.0


@pytest.mark.parametrize("name", scenario_names())
def test_packaged_scenarios_are_right(name: str) -> None:
    assert load_scenario(name).name == name or name == "demo"


def test_the_demo_tells_its_story_within_half_a_minute() -> None:
    steps = load_scenario("demo").steps
    assert steps[0].start_s <= 8.0
    told = {step.do for step in steps if step.end_s <= 30.0}
    assert told >= {"sag", "swell", "phase_loss", "supply_loss", "cable_dead"}


def test_an_unknown_scenario_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="did you mean demo"):
        load_scenario("dmo")
    with pytest.raises(ScenarioError, match="a readable file"):
        load_scenario(tmp_path / "none.toml")
