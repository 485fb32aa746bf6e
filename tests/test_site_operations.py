"""`[key_customers.NAME]` and `[targets]` of the site file: what they become, and every rule with its message."""

from pathlib import Path

import pytest
from site_findings import findings, load

from agent.errors import Finding
from agent.sitefile.operations import KeyCustomer

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
[lines.room]
serial = "/dev/ttyUSB0"
[nodes.clinic]
kind = "key"
critical = "hospital"
"""
SITE += "".join(
    f'[meters.{name}]\nline = "room"\nunit = {unit}\nmodel = "eastron-sdm630"\n'
    for unit, name in enumerate(("tx1", "tx2", "main"), start=1)
)
KEY = '[key_customers.clinic]\nload = "main"\nsources = ["tx1", "tx2"]\n'


def only(directory: Path, text: str) -> Finding:
    found = findings(directory, text)
    assert len(found) == 1, found
    return next(iter(found.values()))


def test_a_key_customer_needs_no_more_than_its_meters(tmp_path: Path) -> None:
    assert load(tmp_path, SITE).operations.key_customers == ()
    (one,) = load(tmp_path, SITE + KEY).operations.key_customers
    assert one == KeyCustomer("clinic", "main", ("tx1", "tx2"), 15.0, 35 * 86_400.0)


def test_what_it_stands_and_how_often_its_switch_is_tested(tmp_path: Path) -> None:
    (one,) = load(tmp_path, SITE + KEY + 'allowed_gap = "500ms"\ntested_every = "90d"\n').operations.key_customers
    assert (one.allowed_gap_s, one.tested_every_s) == (0.5, 90 * 86_400.0)


def test_targets_are_by_class(tmp_path: Path) -> None:
    site = load(tmp_path, SITE + '[targets]\ndefault = "4h"\nhospital = "90min"\n')
    assert site.operations.targets_s == {"default": 14_400.0, "hospital": 5400.0}


@pytest.mark.parametrize(
    ("text", "where", "found", "todo"),
    [
        (KEY.replace('"main"', '"mian"'), "key_customers.clinic.load", '"mian"', "did you mean main?"),
        (KEY.replace('"tx2"', '"tx3"'), "key_customers.clinic.sources", '"tx3"', "did you mean tx2?"),
        (KEY.replace('"tx1", ', '"main", '), "key_customers.clinic.sources", "which is the load as well", "behind it"),
        (KEY.replace('"tx1", ', '"tx2", '), "key_customers.clinic.sources", '["tx2", "tx2"]', "correct the value"),
        (KEY.replace('"tx1", ', ""), "key_customers.clinic.sources", '["tx2"]', "correct the value"),
        (KEY.replace('load = "main"\n', ""), "key_customers.clinic.load", "nothing", "add this key"),
        (KEY + 'allowed_gap = "0s"\n', "key_customers.clinic.allowed_gap", '"0s"', "correct the value"),
        (KEY + "allowed_gap = 15\n", "key_customers.clinic.allowed_gap", "15", "correct the value"),
        (KEY + 'tested_every = "1 month"\n', "key_customers.clinic.tested_every", '"1 month"', "correct the value"),
        (KEY + 'alowed_gap = "1s"\n', "key_customers.clinic.alowed_gap", "an unknown key", "did you mean allowed_gap?"),
        ('[targets]\nhospitals = "1h"\n', "targets.hospitals", '"hospitals"', "did you mean hospital?"),
        ("[targets]\ndefault = 4\n", "targets.default", "4", "correct the value"),
        ('[targets]\ndefault = "-1h"\n', "targets.default", '"-1h"', "correct the value"),
    ],
)
def test_what_is_wrong_is_said_with_where_and_what_to_do(
    tmp_path: Path, text: str, where: str, found: str, todo: str
) -> None:
    told = only(tmp_path, SITE + text)
    assert told.where == where
    assert found in told.found
    assert todo in told.todo


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert only(tmp_path, 'targets = "4h"\n' + SITE).todo == "write it as [targets]"
    assert only(tmp_path, "key_customers = 1\n" + SITE).todo == "write it as a table"


def test_a_class_that_nobody_is_of_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    assert only(tmp_path, SITE + '[targets]\nschool = "1h"\n').allowed == "default, hospital"
