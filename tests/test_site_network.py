"""Nodes, the shorthand that stands for them, mains and calendar in the site file: what they become, what is refused."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import site_findings

from agent.detect.network import Customers, Node, Placed
from agent.errors import Finding, SiteError
from agent.site import MainsSite, Site, load_site

HEAD = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
[lines.room]
serial = "/dev/ttyUSB0"
"""
NODES = """
[nodes.tx-17]
kind = "transformer"
parents = ["F12"]
[nodes.F12]
kind = "feeder"
"""


def meter(name: str, unit: int, keys: str = "") -> str:
    return f'[meters.{name}]\nline = "room"\nunit = {unit}\nmodel = "eastron-sdm630"\n{keys}\n'


def meters(**keys: str) -> str:
    """``a="feeder='F12'"``: one meter each; a dash in a name is written as two underscores."""
    rows = [meter(name.replace("__", "-"), unit, more) for unit, (name, more) in enumerate(keys.items(), 1)]
    return "".join(rows)


def load(directory: Path, text: str) -> Site:
    return site_findings.load(directory, HEAD + text)


def findings(directory: Path, text: str) -> dict[str, Finding]:
    return site_findings.findings(directory, HEAD + text)


def only(directory: Path, text: str) -> Finding:
    found = findings(directory, text)
    assert len(found) == 1, list(map(str, found.values()))
    return next(iter(found.values()))


class TestShorthand:
    def test_a_lone_meter_is_a_node_of_its_own(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(a="customers = 3"))
        assert site.network.nodes == {"a": Node("a", "service", customers=Customers(unsplit=3))}
        assert site.network.meters == {"a": Placed("a", "a", "a", "room", "self")}
        assert (site.network.site, site.meters["a"].node, site.meters["a"].voltage_node) == ("dashi", "a", "a")

    def test_feeder_and_upstream(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(a="feeder = 'F12'", b="upstream = 'a'\ncustomers = 7", c="feeder = 'F12'"))
        assert [(node.name, node.kind, node.parents) for node in site.network.nodes.values()] == [
            ("F12", "feeder", ()), ("a", "branch", ("F12",)), ("c", "service", ("F12",)), ("b", "service", ("a",)),
        ]  # fmt: skip
        assert [site.meters[name].feeder for name in "abc"] == ["F12"] * 3
        assert [site.meters[name].path for name in "abc"] == [("a",), ("a", "b"), ("c",)]
        assert [site.meters[name].upstream for name in "abc"] == [None, "a", None]
        assert not any(node.declared for node in site.network.nodes.values())

    def test_a_feeder_starts_below_the_meter_that_all_of_it_hang_on(self, tmp_path: Path) -> None:
        text = meters(
            main="",
            a="upstream = 'main'\nfeeder = 'F1'",
            b="upstream = 'main'\nfeeder = 'F1'",
            c="upstream = 'main'\nfeeder = 'F2'",
            d="upstream = 'a'",
        )
        site = load(tmp_path, text)
        network = site.network
        assert network.path("d") == ("main", "F1", "a", "d")
        assert network.path("c") == ("main", "F2", "c")
        assert network.meters_below("F1") == ("a", "b", "d")
        assert site.meters["d"].path == ("main", "a", "d")
        assert [site.meters[name].feeder for name in ("main", "a", "d", "c")] == [None, "F1", "F1", "F2"]

    def test_heads_that_disagree_leave_their_feeder_alone(self, tmp_path: Path) -> None:
        text = meters(
            x="", y="", a="upstream = 'x'\nfeeder = 'F1'", b="upstream = 'y'\nfeeder = 'F1'", c="feeder = 'F1'"
        )
        site = load(tmp_path, text)
        assert [site.network.path(name) for name in "abc"] == [("x", "a"), ("y", "b"), ("F1", "c")]
        assert [site.meters[name].feeder for name in "abc"] == ["F1"] * 3

    def test_a_meter_called_like_its_feeder_is_the_feeders_head(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(F12="feeder = 'F12'", a="feeder = 'F12'"))
        assert site.network.nodes["F12"].kind == "feeder"
        assert site.network.meters_at("F12") == ("F12",)
        assert site.meters["a"].path == ("F12", "a")

    def test_a_feeder_above_and_below_another_is_no_loop(self, tmp_path: Path) -> None:
        text = meters(a="feeder = 'F1'", b="upstream = 'a'\nfeeder = 'F2'", c="upstream = 'b'\nfeeder = 'F1'")
        network = load(tmp_path, text).network
        assert network.path("c") == ("F1", "a", "F2", "b", "c")


class TestNodes:
    def test_the_contracts_example(self, tmp_path: Path) -> None:
        text = """
[nodes.tx-17]
kind = "transformer"
parents = ["F12"]
alternates = ["F15"]
vector_group = "Dyn11"
rated_kva = 630
critical = "hospital"
customers = { l1 = 60, l2 = 61, l3 = 57, three_phase = 4 }
[nodes.F15]
kind = "feeder"
"""
        site = load(tmp_path, text + meters(a="feeder = 'F12'"))
        assert site.network.nodes["tx-17"] == Node(
            "tx-17",
            "transformer",
            ("F12",),
            ("F15",),
            "Dyn11",
            630.0,
            "hospital",
            Customers(60, 61, 57, 4),
            declared=True,
        )
        assert site.network.customers_below("F12").total == 182

    def test_a_meter_on_a_node(self, tmp_path: Path) -> None:
        site = load(
            tmp_path, NODES + "customers = 9\n" + meters(a="node = 'F12'", b="node = 'tx-17'", c="node = 'tx-17'")
        )
        assert list(site.network.nodes) == ["F12", "tx-17"]
        a, b, c = (site.meters[name] for name in "abc")
        assert (a.node, a.feeder, a.path, a.customers) == ("F12", "F12", ("a",), (9, 9))
        assert (b.node, b.feeder, b.path, b.upstream) == ("tx-17", "F12", ("a", "b"), "a")
        assert (c.path, c.upstream) == (("a", "c"), "a")

    def test_its_customers_may_stand_with_its_meter(self, tmp_path: Path) -> None:
        site = load(tmp_path, NODES + meters(b="node = 'tx-17'\ncustomers = 12"))
        assert site.network.nodes["tx-17"].customers == Customers(unsplit=12)
        assert site.meters["b"].customers == (12, 12)

    def test_nodes_and_shorthand_mix(self, tmp_path: Path) -> None:
        text = NODES + '[nodes.farm]\nkind = "service"\nparents = ["b"]\n'
        site = load(tmp_path, text + meters(a="node = 'tx-17'", b="upstream = 'a'", c="feeder = 'F12'"))
        assert site.network.path("farm") == ("F12", "tx-17", "b", "farm")
        assert site.network.path("c") == ("F12", "c")
        assert (site.meters["b"].path, site.meters["b"].feeder) == (("a", "b"), "F12")
        assert site.network.nodes["b"].kind == "branch"

    def test_a_bay_on_a_bus_voltage_transformer(self, tmp_path: Path) -> None:
        text = NODES.replace('"feeder"', '"feeder"\nparents = ["bus"]') + '[nodes.bus]\nkind = "bus"\n'
        site = load(tmp_path, text + meters(bay="node = 'F12'\nvoltage_node = 'bus'\npowered_by = 'node:bus'"))
        assert site.network.meters["bay"] == Placed("bay", "F12", "bus", "room", "node:bus", "F12")
        assert (site.meters["bay"].voltage_node, site.meters["bay"].powered_by) == ("bus", "node:bus")

    def test_a_feeder_with_a_table_starts_below_the_meter_it_names(self, tmp_path: Path) -> None:
        text = '[nodes.F1]\nkind = "feeder"\nparents = ["main"]\n'
        network = load(tmp_path, text + meters(main="", a="upstream = 'main'\nfeeder = 'F1'")).network
        assert network.path("a") == ("main", "F1", "a")

    def test_a_voltage_taken_from_the_other_feeder_of_a_ring(self, tmp_path: Path) -> None:
        text = NODES.replace('["F12"]', '["F12"]\nalternates = ["F15"]') + '[nodes.F15]\nkind = "feeder"\n'
        site = load(tmp_path, text + meters(a="node = 'tx-17'\nvoltage_node = 'F15'"))
        assert site.meters["a"].voltage_node == "F15"

    def test_a_meter_called_like_the_node_it_is_on(self, tmp_path: Path) -> None:
        site = load(tmp_path, NODES + meters(tx__17="node = 'tx-17'"))
        assert site.network.meters_at("tx-17") == ("tx-17",)

    def test_ways_around_may_go_both_ways(self, tmp_path: Path) -> None:
        text = NODES + 'alternates = ["F15"]\n[nodes.F15]\nkind = "feeder"\nalternates = ["F12"]\n'
        network = load(tmp_path, text + meters(a="node = 'tx-17'")).network
        assert (network.nodes["F12"].alternates, network.nodes["F15"].alternates) == (("F15",), ("F12",))

    def test_powered_by_a_node_that_is_another_meters(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(a="", b="powered_by = 'node:a'"))
        assert site.network.meters["b"].powered_by == "node:a"

    def test_the_map_says_what_a_meter_lives_on_if_the_file_does_not(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(a="").replace("eastron-sdm630", "schneider-pm5000"))
        assert site.network.meters["a"].powered_by == site.meters["a"].model.powered_by == "dc"


class TestMainsAndCalendar:
    def test_neither_is_the_default(self, tmp_path: Path) -> None:
        site = load(tmp_path, meters(a=""))
        assert (site.mains, site.calendar) == (None, None)

    def test_sysfs(self, tmp_path: Path) -> None:
        text = '[mains]\nsysfs = "/sys/class/power_supply/AC"\nnode = "a"\n'
        assert load(tmp_path, text + meters(a="")).mains == MainsSite(Path("/sys/class/power_supply/AC"), None, "a")

    @pytest.mark.parametrize(
        ("told", "server"),
        [
            ("ups@127.0.0.1:3494", ("ups", "127.0.0.1", 3494)),
            ("ups@nut.example", ("ups", "nut.example", 3493)),
            ("rack-1@[fd00::1]", ("rack-1", "fd00::1", 3493)),
        ],
    )
    def test_nut(self, tmp_path: Path, told: str, server: tuple[str, str, int]) -> None:
        assert load(tmp_path, f'[mains]\nnut = "{told}"\n' + meters(a="")).mains == MainsSite(None, server, None)

    def test_calendar(self, tmp_path: Path) -> None:
        (tmp_path / "calendar.toml").write_text("", encoding="utf-8")
        path = tmp_path / "site.toml"
        text = HEAD.replace('gateway = "gw-01"', 'gateway = "gw-01"\ncalendar = "calendar.toml"') + meters(a="")
        path.write_text(text, encoding="utf-8")
        assert load_site(path).calendar == tmp_path / "calendar.toml"

    @pytest.mark.parametrize("value", ['"calendar.toml"', '"no file!"', "3", '""', "true", "[]"])
    def test_a_calendar_that_is_not_there(self, tmp_path: Path, value: str) -> None:
        path = tmp_path / "site.toml"
        text = HEAD.replace('gateway = "gw-01"', f'gateway = "gw-01"\ncalendar = {value}') + meters(a="")
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SiteError) as caught:
            load_site(path)
        (finding,) = caught.value.findings
        assert (finding.where, "beside the site file" in finding.allowed) == ("site.calendar", True)


def _chain(count: int) -> str:
    return "".join(f'[nodes.n{n}]\nkind = "branch"\n' + f'parents = ["n{n - 1}"]\n' * (n > 0) for n in range(count))


def _pairs(count: int) -> str:
    return "".join(f'[nodes.n{n}]\nkind = "branch"\nparents = ["n{n ^ 1}"]\n' for n in range(count))


def _feeders(count: int) -> str:
    head = '[lines.l{n}]\ntcp = "10.0.1.{n}"\n[meters.m{n}]\nline = "l{n}"\nunit = 1\nmodel = "eastron-sdm120"\n'
    below = 'feeder = "F{n}"\nupstream = "m{up}"\n'
    return "".join((head + below * (n > 0)).format(n=n, up=n - 1) for n in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("made", [_chain, _pairs, _feeders])
def test_work_does_not_grow_with_the_cube_of_a_site(made: Callable[[int], str], tmp_path: Path) -> None:
    def calls(count: int) -> int:
        path, seen = tmp_path / "site.toml", 0
        path.write_text(HEAD + meters(a="") + made(count), encoding="utf-8")

        def count_one(*_: object) -> None:
            nonlocal seen
            seen += 1

        sys.setprofile(count_one)
        try:
            with suppress(SiteError):
                load_site(path)
        finally:
            sys.setprofile(None)
        return seen

    calls(2)  # what is imported and compiled once
    assert calls(120) < 3.5 * calls(60)


# What is wrong, at which key path, and words of the message.
REFUSED = {
    "a missing parent": (NODES.replace('"F12"]', '"F13"]'), "nodes.tx-17.parents", ("F13", "did you mean F12")),
    "a missing alternate": (NODES.replace("parents", "alternates").replace('"F12"]', '"X"]'), "nodes.tx-17.alternates",
                            ('"X"', "add the node")),
    "a node above itself": (NODES + 'parents = ["F12"]', "nodes.F12.parents", ("a loop: F12 -> F12", "take one")),
    "a loop of two": (NODES + 'parents = ["tx-17"]', "nodes.tx-17.parents", ("a loop: tx-17 -> F12 -> tx-17",)),
    "an alternate that is a parent": (NODES.replace('["F12"]', '["F12"]\nalternates = ["F12"]'),
                                      "nodes.tx-17.alternates", ("a parent of it",)),
    "an alternate that is the node": (NODES.replace('["F12"]', '["F12"]\nalternates = ["tx-17"]'),
                                      "nodes.tx-17.alternates", ("the node itself",)),
    "a vector group on a feeder": (NODES + 'vector_group = "Dyn11"', "nodes.F12.vector_group", ('kind "feeder"',)),
    "a group that cannot be": (NODES.replace('["F12"]', '["F12"]\nvector_group = "Dyn0"'), "nodes.tx-17.vector_group",
                               ("Dyn0", "odd clock number")),
    "no kind": (NODES.replace('kind = "feeder"', ""), "nodes.F12.kind", ("nothing", '"bus" or "feeder"')),
    "a kind there is not": (NODES.replace('"feeder"', '"cable"'), "nodes.F12.kind", ("cable", '"bus" or "feeder"')),
    "a kind that is a number": (NODES.replace('"feeder"', "3"), "nodes.F12.kind", ("3",)),
    "parents as a string": (NODES.replace('["F12"]', '"F12"'), "nodes.tx-17.parents", ('["F12"]',)),
    "parents as numbers": (NODES.replace('["F12"]', "[12]"), "nodes.tx-17.parents", ("names of nodes",)),
    "parents as a table": (NODES.replace('["F12"]', "{ F12 = 1 }"), "nodes.tx-17.parents", ("a table",)),
    "a parent twice": (NODES.replace('["F12"]', '["F12", "F12"]'), "nodes.tx-17.parents", ("each once",)),
    "a parent without a name": (NODES.replace('["F12"]', '[""]'), "nodes.tx-17.parents", ("names of nodes",)),
    "customers below zero": (NODES + "customers = -1", "nodes.F12.customers", ("-1", "a count")),
    "half a customer": (NODES + "customers = 1.5", "nodes.F12.customers", ("a count",)),
    "true customers": (NODES + "customers = true", "nodes.F12.customers", ("true", "a count")),
    "customers in words": (NODES + 'customers = "many"', "nodes.F12.customers", ("many", "l1 = 60")),
    "customers on a phase that is none": (NODES + "customers = { l4 = 3 }", "nodes.F12.customers", ("l1 = 60",)),
    "customers of a word": (NODES + 'customers = { l1 = "x" }', "nodes.F12.customers", ("l1 = 60",)),
    "customers of an empty table": (NODES + "customers = {}", "nodes.F12.customers", ("l1 = 60",)),
    "customers in a list": (NODES + "customers = [1, 2]", "nodes.F12.customers", ("l1 = 60",)),
    "no power": (NODES + "rated_kva = 0", "nodes.F12.rated_kva", ("0", "kVA above zero")),
    "power in words": (NODES + 'rated_kva = "630"', "nodes.F12.rated_kva", ("630", "kVA above zero")),
    "endless power": (NODES + "rated_kva = inf", "nodes.F12.rated_kva", ("inf",)),
    "nothing critical": (NODES + 'critical = ""', "nodes.F12.critical", ("not empty",)),
    "an unknown key": (NODES + "parent = 'x'", "nodes.F12.parent", ("did you mean parents",)),
    "a node that is no table": ("[nodes]\nF12 = 3\n", "nodes.F12", ("3", "[nodes.F12]")),
    "a name no topic can have": ('[nodes."F 12"]\nkind = "bus"\n', 'nodes."F 12"', ("letters, digits",)),
    "no mains at all": ("[mains]\n", "mains", ("none of them", "exactly one of sysfs, nut")),
    "two kinds of mains": ('[mains]\nsysfs = "/a"\nnut = "u@h"\n', "mains", ("sysfs and nut",)),
    "mains from nowhere": ('[mains]\nsysfs = "/a"\nnode = "F13"\n' + NODES, "mains.node", ("F13", "did you mean F12")),
    "a sysfs that is no path": ('[mains]\nsysfs = "AC"\n', "mains.sysfs", ("AC", "power_supply")),
    "a sysfs of a number": ("[mains]\nsysfs = 1\n", "mains.sysfs", ("1", "power_supply")),
    "a ups without a server": ('[mains]\nnut = "ups"\n', "mains.nut", ("UPS@HOST:PORT",)),
    "a ups on no port": ('[mains]\nnut = "ups@h:0"\n', "mains.nut", ("UPS@HOST:PORT",)),
    "a ups in a list": ('[mains]\nnut = ["ups@h"]\n', "mains.nut", ("UPS@HOST:PORT",)),
    "an unknown key of the mains": ('[mains]\nsysfs = "/a"\nups = 1\n', "mains.ups", ("unknown key",)),
}  # fmt: skip

MISPLACED = {
    "node beside upstream": ("node = 'tx-17'\nupstream = 'b'", "meters.a.upstream",
                             ('"b" beside node = "tx-17"', "either")),
    "an unknown node": ("node = 'tx-71'", "meters.a.node", ("tx-71", "did you mean tx-17")),
    "an unknown voltage node": ("node = 'tx-17'\nvoltage_node = 'F21'", "meters.a.voltage_node", ("F21", "F12")),
    "a voltage from elsewhere": ("node = 'tx-17'\nvoltage_node = 'F15'", "meters.a.voltage_node",
                                 ("does not feed node tx-17", "F12, tx-17")),
    "a node in a list": ("node = ['tx-17']", "meters.a.node", ("letters, digits",)),
    "a node of a number": ("node = 17", "meters.a.node", ("17", "letters, digits")),
    "an unknown node to live on": ("powered_by = 'node:F21'", "meters.a.powered_by", ("node:F21", "node: and one of")),
    "no node to live on": ("powered_by = 'node:'", "meters.a.powered_by", ("node:NAME",)),
    "to live on hope": ("powered_by = 'hope'", "meters.a.powered_by", ("hope", "node:NAME")),
    "to live on a number": ("powered_by = 1", "meters.a.powered_by", ("1", "node:NAME")),
    "a feeder that is a transformer": ("feeder = 'tx-17'", "meters.a.feeder", ('kind "transformer"', "node = ")),
    "a feeder that the node is not on": ("node = 'tx-17'\nfeeder = 'F15'", "meters.a.feeder", ("is on F12",)),
    "a feeder for a node on none": ("node = 'lone'\nfeeder = 'F15'", "meters.a.feeder",
                                    ("is on no feeder", "parents of lone")),
    "customers on a node that counts its own": ("node = 'lone'\ncustomers = 3", "meters.a.customers",
                                                ("nodes.lone has too",)),
    "customers on a node without a table": ("node = 'b'\ncustomers = 3", "meters.a.customers", ("[nodes.b]",)),
}  # fmt: skip
AROUND = NODES + '[nodes.F15]\nkind = "feeder"\n[nodes.lone]\nkind = "service"\ncustomers = 4\n'


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_is_refused(tmp_path: Path, name: str) -> None:
    text, where, words = REFUSED[name]
    finding = only(tmp_path, f"{text}\n{meters(m='')}")
    assert finding.where == where
    assert [word for word in words if word not in str(finding)] == [], str(finding)


@pytest.mark.parametrize("name", MISPLACED)
def test_a_meter_that_is_misplaced(tmp_path: Path, name: str) -> None:
    keys, where, words = MISPLACED[name]
    finding = only(tmp_path, AROUND + meters(b="", a=keys))
    assert finding.where == where
    assert [word for word in words if word not in str(finding)] == [], str(finding)


@pytest.mark.parametrize(("key", "words"), [("nodes", "[nodes.NAME]"), ("mains", "[mains]")])
@pytest.mark.parametrize("value", ["3", '"x"', "[1]", "true", "1979-05-27"])
def test_what_is_no_table(tmp_path: Path, key: str, words: str, value: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f"{key} = {value}\n{HEAD}{meters(m='')}", encoding="utf-8")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    (finding,) = caught.value.findings
    assert (finding.where, words in finding.todo + finding.allowed) == (key, True)


def test_a_meter_called_like_a_node_it_is_not_on(tmp_path: Path) -> None:
    finding = only(tmp_path, NODES + meters(tx__17=""))
    assert (finding.where, 'node = "tx-17"' in finding.allowed) == ("meters.tx-17", True)
    assert only(tmp_path, NODES + meters(tx__17="node = 'F12'")).where == "meters.tx-17"


def test_loops_through_feeders_of_meters(tmp_path: Path) -> None:
    assert "a loop: a -> b -> a" in only(tmp_path, meters(a="feeder = 'b'", b="feeder = 'a'")).found
    crossed = '[nodes.F12]\nkind = "feeder"\nparents = ["a"]\n'
    assert "a loop: F12 -> a -> F12" in only(tmp_path, crossed + meters(a="feeder = 'F12'")).found


def test_a_loop_of_upstreams_is_told_once(tmp_path: Path) -> None:
    assert only(tmp_path, meters(a="upstream = 'b'", b="upstream = 'a'")).where == "meters.a.upstream"


def test_two_loops_are_two_findings_and_what_hangs_on_them_is_none(tmp_path: Path) -> None:
    table = '[nodes.{}]\nkind = "bus"\nparents = ["{}"]\n'
    pairs = (("a", "b"), ("b", "a"), ("x", "y"), ("y", "x"), ("below", "a"), ("further", "below"))
    text = "".join(table.format(*pair) for pair in pairs)
    assert set(findings(tmp_path, text + meters(m=""))) == {"nodes.a.parents", "nodes.x.parents"}


def test_customers_of_one_node_on_two_meters(tmp_path: Path) -> None:
    both = meters(a="node = 'tx-17'\ncustomers = 3", b="node = 'tx-17'\ncustomers = 3")
    finding = only(tmp_path, NODES + both)
    assert (finding.where, "whose customers a has too" in finding.found) == ("meters.b.customers", True)


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    text = NODES.replace('["F12"]', '["F13"]') + meters(a="node = 'F21'", b="upstream = 'z'\npowered_by = 'node:q'")
    found = findings(tmp_path, text + '[mains]\nnode = "v"\n')
    assert set(found) == {
        "nodes.tx-17.parents", "meters.a.node", "meters.b.upstream", "meters.b.powered_by", "mains", "mains.node",
    }  # fmt: skip


def test_a_mistake_in_a_node_makes_no_second_one_where_it_is_named(tmp_path: Path) -> None:
    text = NODES.replace('kind = "feeder"', 'kind = "cable"')
    assert set(findings(tmp_path, text + meters(a="node = 'F12'"))) == {"nodes.F12.kind"}


def test_a_mistake_in_a_meter_makes_no_second_one_where_it_is_named(tmp_path: Path) -> None:
    text = '[nodes.farm]\nkind = "service"\nparents = ["a"]\n' + meters(a="", b="upstream = 'a'\nfeeder = 'F1'")
    assert set(findings(tmp_path, text.replace("unit = 1", "unit = 'x'"))) == {"meters.a.unit"}
