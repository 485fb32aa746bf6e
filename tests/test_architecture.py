"""The shape of the house, held by a test: who may import what, what stays pure, what stays small."""

import ast
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "drivers", "simulators")
LONGEST_MODULE = 350

# Whoever touches a clock, a file, a socket or a loop is part of the thin shell.
IMPURE = {
    "asyncio", "concurrent", "logging", "multiprocessing", "os", "random", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
PURE = (
    "agent/budget.py", "agent/clock_discipline.py", "agent/clock_memory.py", "agent/journal/csv_rows.py",
    "agent/journal/health_rows.py", "agent/status/health.py",
    "agent/dashboards/*.py", "agent/journal/shifts.py", "agent/journal/stands.py", "agent/publish/points.py",
    "agent/publish/mqtt_suspects.py",
    "agent/field/doctor/capture.py", "agent/field/doctor/findings.py", "agent/field/doctor/opening.py",
    "agent/field/doctor/overheard.py", "agent/field/doctor/running.py", "agent/field/doctor/silence.py",
    "agent/field/doctor/timing.py", "agent/field/doctor/words.py",
    "agent/field/commission/angles.py", "agent/field/commission/currents.py", "agent/field/commission/judge.py",
    "agent/field/commission/moving.py", "agent/field/commission/observed.py", "agent/field/commission/page.py",
    "agent/field/commission/sheet.py", "agent/field/commission/voltages.py", "agent/field/commission/words.py",
    "agent/field/scan/found.py", "agent/field/scan/heard.py", "agent/field/scan/plan.py",
    "agent/field/scan/site_text.py", "agent/field/scan/words.py",
    "agent/field/watch/glyphs.py", "agent/field/watch/layout.py", "agent/field/watch/picture.py",
    "agent/field/watch/tree.py", "agent/field/watch/view.py", "agent/field/watch/words.py",
    "agent/detect/*.py", "agent/modes.py", "agent/network_tree.py", "agent/outage.py",
    "agent/overview.py", "agent/plot*.py", "agent/poll/*.py", "agent/report/*.py", "agent/report/*/*.py",
    "agent/report/*/*/*.py", "agent/publish/line_protocol.py",
    "agent/publish/topics.py", "agent/records.py", "agent/replay.py", "agent/sitefile/loops.py",
    "agent/sitefile/network.py", "agent/sitefile/days.py", "agent/sitefile/demand*.py", "agent/sitefile/operations*.py",
    "agent/sitefile/rules.py", "agent/sitefile/schema*.py", "agent/sitefile/tables.py", "agent/sitefile/values.py",
    "agent/tidied.py", "agent/trace_rows.py",
    "agent/units.py", "agent/varint.py", "agent/wire.py", "agent/wiring.py", "drivers/*.py", "drivers/modbus/*.py",
    "simulators/feeder.py", "simulators/grid*.py", "simulators/latches.py", "simulators/meter.py",
    "simulators/miswired.py", "simulators/scenario.py", "simulators/steps.py",
)  # fmt: skip
SHELL = {
    "agent/report/demand/known.py", "agent/report/gathering.py", "agent/report/record/history.py",
    "agent/report/record/history_file.py",
    "agent/report/record/readable.py",
    "agent/report/operations/known.py",
    "agent/poll/place.py", "agent/poll/poller.py", "agent/poll/said.py", "drivers/library.py", "drivers/line.py",
    "drivers/outbox.py", "drivers/readers.py", "drivers/transport.py", "drivers/wheel.py",
}  # fmt: skip

# Third-party packages, and the only files that may import them.
THIRD_PARTY = {
    "aiomqtt": ("agent/publish/mqtt_connection.py",),
    "influxdb_client": ("agent/publish/influx_post.py",),
    "paho": ("agent/publish/mqtt_connection.py",),
    "pydantic": ("agent/sitefile/schema*.py", "agent/sitefile/tables.py"),
    "pymodbus": ("simulators/server.py",),
    "rich": ("agent/cli/*.py",),
    "serial": ("drivers/transport.py",),
    "typer": ("agent/cli/*.py",),
    "urllib3": ("agent/publish/influx_post.py",),
}
MAY_IMPORT = {"agent": {"agent", "drivers"}, "drivers": {"drivers"}, "simulators": {"simulators", "drivers"}}
SHOWS_SIMULATIONS = ("agent/cli/demo.py", "agent/cli/demo_view.py", "agent/cli/simulate.py")


@dataclass(frozen=True)
class Import:
    """root: first name of what is imported; lazy: inside a function; typing: only for the type checker."""

    file: str
    line: int
    root: str
    lazy: bool
    typing: bool


def modules() -> Iterator[str]:
    for package in PACKAGES:
        yield from sorted(str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py"))


def imports_of(file: str) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, *, lazy: bool, typing: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(file, node.lineno, name.name.split(".")[0], lazy, typing) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}:{node.lineno}: relative import; write the package's name"
            found.append(Import(file, node.lineno, node.module.split(".")[0], lazy, typing))
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                visit(child, lazy=lazy, typing=typing)

    visit(ast.parse(text_of(file)), lazy=False, typing=False)
    return found


def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def every_import() -> list[Import]:
    return [one for file in modules() for one in imports_of(file)]


def matches(file: str, patterns: tuple[str, ...]) -> bool:
    return any(Path(file).match(pattern) for pattern in patterns)


def told(wrong: list[Import]) -> str:
    return "\n".join(f"{one.file}:{one.line} imports {one.root}" for one in wrong)


def test_imports_point_one_way() -> None:
    wrong = [
        one
        for one in every_import()
        if one.root in PACKAGES
        and one.root not in MAY_IMPORT[one.file.split("/")[0]]
        and one.file not in SHOWS_SIMULATIONS
    ]
    assert not wrong, told(wrong)


def test_simulators_are_imported_by_demo_and_simulate_alone_and_late() -> None:
    outside = [one for one in every_import() if one.root == "simulators" and not one.file.startswith("simulators/")]
    wrong = [one for one in outside if one.file not in SHOWS_SIMULATIONS or not (one.lazy or one.typing)]
    assert outside
    assert not wrong, told(wrong)


def test_pure_modules_touch_no_clock_file_socket_or_loop() -> None:
    pure = [file for file in modules() if matches(file, PURE) and file not in SHELL]
    wrong = [one for one in every_import() if one.file in pure and one.root in IMPURE and not one.typing]
    assert len(pure) > 30
    assert not wrong, told(wrong)


def test_every_name_in_the_list_of_pure_modules_exists() -> None:
    files = list(modules())
    assert [pattern for pattern in PURE if not any(Path(file).match(pattern) for file in files)] == []
    assert set(files) >= SHELL


def test_each_third_party_library_is_imported_where_it_is_wrapped_and_nowhere_else() -> None:
    wrong = [
        one
        for one in every_import()
        if one.root not in sys.stdlib_module_names
        and one.root not in PACKAGES
        and not matches(one.file, THIRD_PARTY.get(one.root, ()))
    ]
    assert not wrong, told(wrong)


def test_rich_is_imported_late() -> None:
    wrong = [one for one in every_import() if one.root == "rich" and not (one.lazy or one.typing)]
    assert not wrong, told(wrong)


# What dashboards are made of: names of quantities and records, and what a site file says.
_DASHBOARDS_MAY = (
    "agent.dashboards", "agent.detect.network", "agent.detect.thresholds", "agent.records", "agent.site",
    "drivers.quantities",
)  # fmt: skip


def modules_imported(file: str) -> Iterator[str]:
    nodes = (node for node in ast.walk(ast.parse(text_of(file))) if isinstance(node, ast.ImportFrom))
    return (node.module for node in nodes if node.module)


def test_the_running_agent_knows_nothing_of_dashboards_and_they_know_names_only() -> None:
    inside = [file for file in modules() if file.startswith("agent/dashboards/")]
    strange = [
        f"{file} imports {name}"
        for file in inside
        for name in modules_imported(file)
        if name.split(".")[0] in PACKAGES and not name.startswith(_DASHBOARDS_MAY)
    ]
    users = {file for file in modules() if "agent.dashboards" in text_of(file)} - set(inside)
    assert inside
    assert not strange, strange
    assert users == {"agent/cli/dashboards.py"}


def test_config_is_data_and_never_imported() -> None:
    tests = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")]
    suspects = [file for file in tests if "import config" in (text := text_of(file)) or "from config" in text]
    wrong = [one for one in (*every_import(), *(i for t in suspects for i in imports_of(t))) if one.root == "config"]
    assert not wrong, told(wrong)


def test_tests_are_no_package() -> None:
    """tests/agent/__init__.py would shadow the agent."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_modules_stay_small() -> None:
    assert [file for file in modules() if len(text_of(file).splitlines()) > LONGEST_MODULE] == []


def test_one_broad_except_in_the_whole_product() -> None:
    broad = [
        f"{file}:{node.lineno}"
        for file in modules()
        if "Exception" in (text := text_of(file)) or "except:" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]
    assert [place.split(":")[0] for place in broad] in ([], ["agent/supervisor.py"]), broad


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_name_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text


_RUN = """
import sys
from agent.cli.entry import main
sys.argv = ["lamplighter", "run", sys.argv[1]]
main()
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


@pytest.mark.e2e
def test_run_imports_only_what_the_site_uses(tmp_path: Path) -> None:
    """A gateway pays no memory for options it has read, tables it does not draw and sinks it does not have."""
    site = tmp_path / "site.toml"
    site.write_text(
        """
[site]
name = "a"
gateway = "b"
nominal_voltage = 230
state_dir = "state"
[lines.l]
tcp = "127.0.0.1:1"
[meters.m]
line = "l"
unit = 1
model = "eastron-sdm630"
""",
        encoding="utf-8",
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(20)
        environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        child = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(site)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert b"READY=1" in notify.recv(4096)
        child.send_signal(signal.SIGTERM)
        imported = child.communicate(timeout=20)[0].split()
    assert child.returncode == 0
    assert "asyncio" in imported
    # The first four are wanted while it starts, to read options and the site file, and then no more.
    unused = {"pydantic", "typer", "rich", "click", "aiohttp", "influxdb_client", "aiomqtt", "paho", "pymodbus",
              "simulators", "serial", "difflib", "tomllib"}  # fmt: skip
    assert unused.intersection(imported) == set()
