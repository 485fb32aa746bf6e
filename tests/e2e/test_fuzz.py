"""A cut of tests/soak/fuzz_campaign.py, and that it finds what there is to be found."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fuzz_dice import Dice
from fuzz_record import added, record, recorded
from fuzz_targets import Target, feed_inlet, targets
from fuzz_toml import CORPUS, ROOT
from fuzzing import Findings, fuzzed, key_of
from http_fuzz import fuzzed_answers

from agent.sitefile.reading import read_site
from drivers.model import parse_model

INPUTS = {"inlet": 20_000, "rtu": 6_000, "tcp": 12_000, "influx": 20_000, "site": 600, "map": 1_500}
# What has to come up, or nothing was tested.
OUTCOMES = {
    "inlet": {"acknowledged", "passed", "refused"}, "rtu": {"answered", "refused", "garbled", "foreign", "silent"},
    "tcp": {"answered", "refused", "garbled", "foreign", "open"}, "influx": {"stored", "refused", "later", "blocked"},
    "site": {"refused", "read"}, "map": {"refused", "read"},
}  # fmt: skip


def target(name: str, place: Path) -> Target:
    return next(one for one in targets(place) if one.name == name)


@pytest.mark.e2e
@pytest.mark.parametrize("name", INPUTS)
def test_nothing_that_others_write_is_too_much_for_who_reads_it(name: str, tmp_path: Path) -> None:
    found = fuzzed(target(name, tmp_path), range(INPUTS[name]), seed=1)
    assert found.examples == []
    assert found.outcomes.keys() >= OUTCOMES[name]


@pytest.mark.e2e
async def test_no_answer_of_a_database_is_too_much_for_the_sink() -> None:
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    found = await fuzzed_answers(range(400), seed=1)
    assert found.examples == []
    assert found.outcomes.keys() == {"accept", "reject", "keep"}


# What is broken on purpose: the part that has to notice it, the file, what stands there, and what is put in its place.
BROKEN = {
    "a reason code is not looked at": ("inlet", "agent/publish/mqtt_packets.py", "data[body + 2] if", "0 if"),
    "half a reply is forgotten": ("rtu", "drivers/modbus/rtu.py", "(*due, *self._new(buffer))", "self._new(buffer)"),
    "a full buffer is thrown away": ("rtu", "drivers/modbus/rtu_master.py", " - MAX_FRAME, now_us", ", now_us"),
    "any length will do": ("tcp", "drivers/modbus/tcp.py", " != end - at:", " < -1:"),
    "any depth of brackets is read": ("influx", "agent/publish/influx_rules.py", "RecursionError)", "KeyError)"),
    "a site with a wrong unit is judged on": ("site", "agent/sitefile/schema.py", '{"line", "unit",', '{"line",'),
    "a date is printed like a text": ("site", "agent/sitefile/values.py", ", default=str", ""),
    "a key has any number of parts": ("map", "drivers/toml_text.py", "_MOST_DOTS = 500", "_MOST_DOTS = 9999"),
}  # fmt: skip
FEED = """
import sys, tempfile
from pathlib import Path
from fuzz_targets import targets
from fuzzing import fuzzed
with tempfile.TemporaryDirectory() as place:
    target = next(one for one in targets(Path(place)) if one.name == sys.argv[1])
    print(fuzzed(target, range(int(sys.argv[2])), seed=1).kinds.total())
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what reads, to be broken."""
    place = tmp_path_factory.mktemp("broken")
    for package in ("agent", "drivers"):
        shutil.copytree(ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.mark.e2e
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_reader_is_caught(fault: str, copy: Path) -> None:
    part, file, right, wrong = BROKEN[fault]
    text = (copy / file).read_text(encoding="utf-8")
    assert right in text, f"{file} no longer says {right!r}"
    (copy / file).write_text(text.replace(right, wrong), encoding="utf-8")
    path = os.pathsep.join(map(str, (copy, ROOT / "tests" / "support")))
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(copy / "compiled")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", FEED, part, str(INPUTS[part])],
            env=os.environ | compiled | {"PYTHONPATH": path}, cwd=copy, capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        (copy / file).write_text(text, encoding="utf-8")
    assert int(done.stdout) > 0


@pytest.mark.parametrize(
    ("name", "feed", "words"),
    [
        ("tcp", lambda data: {0: "x"}[len(data) % 7], "KeyError"),
        pytest.param(
            "map", lambda data: str(sum(n * n for n in range(1000 * (1024 + len(data))))), "ms per KiB",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "tcp", lambda data: str(sum(n * n for n in range(1_200_000)) if len(data) == 17 else 0), "ms per KiB",
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_what_is_raised_and_what_takes_long_is_found(
    name: str, feed: Callable[[bytes], str], words: str, tmp_path: Path
) -> None:
    found = fuzzed(replace(target(name, tmp_path), feed=feed), range(40 if name == "tcp" else 1), seed=1)
    assert any(words in example for example in found.examples)


def test_who_took_long_in_a_batch_is_named(tmp_path: Path) -> None:
    tcp = target("tcp", tmp_path)
    slow = tcp.make(Dice(key_of("tcp", 1), 21))

    def feed(data: bytes) -> str:
        return str(sum(n * n for n in range(100_000)) if data == slow else 0)

    found = fuzzed(replace(tcp, feed=feed), range(40), seed=1)
    assert found.slowest == 21
    assert found.slowest_ms > 2


@pytest.mark.slow
def test_what_took_long_some_times_and_not_again_is_no_finding(tmp_path: Path) -> None:
    fed = Counter[bytes]()

    def feed(data: bytes) -> str:
        fed[data] += 1
        if fed[data] <= 6:
            began_ns = time.thread_time_ns()
            while time.thread_time_ns() - began_ns < 15_000_000:
                pass
        return ""

    found = fuzzed(replace(target("tcp", tmp_path), feed=feed), range(8), seed=1)
    assert (found.examples, found.slowest_ms < 10) == ([], True)


@pytest.mark.parametrize(
    ("stream", "outcome"),
    [
        (b"\x40\x02\x00\x01" * 3, "acknowledged"),
        (b"\xd0\x00\x40\x00\x15\x80\x80\x80\x80\x01\x40\x02\x00\x01", "passed"),
        (b"\x40\x02\x00\x01\x30\xff\xff\xff\x7f", "refused"),
        (b"\x40\x02\x00", "passed"),
        (b"", "passed"),
    ],
)
def test_the_oracle_of_the_inlet_says_what_the_standard_does(stream: bytes, outcome: str) -> None:
    assert feed_inlet(stream) == outcome


def made(one: Target, numbers: range, seed: int) -> list[bytes]:
    return [one.make(Dice(key_of(one.name, seed), number)) for number in numbers]


@pytest.mark.parametrize("name", INPUTS)
def test_a_number_and_a_seed_make_an_input_whatever_came_before_it(name: str, tmp_path: Path) -> None:
    one = target(name, tmp_path)
    whole = made(one, range(60), seed=5)
    assert made(one, range(40, 60), seed=5) + made(one, range(40), seed=5) == whole[40:] + whole[:40]
    assert len(set(whole)) > 40
    assert made(one, range(60), seed=6) != whole


def test_pieces_add_up_to_the_whole(tmp_path: Path) -> None:
    tcp, file = target("tcp", tmp_path), tmp_path / "pieces.jsonl"
    for piece in (range(200, 300), range(150), range(150, 200)):
        record(file, fuzzed(tcp, piece, seed=5))
    (total,) = added(recorded([file]))
    whole = fuzzed(tcp, range(300), seed=5)
    assert (total.first, total.inputs, total.outcomes) == (0, 300, whole.outcomes)
    assert [one.seed for one in added([total, fuzzed(tcp, range(10), seed=6)])] == [5, 6]


def test_what_was_fed_twice_does_not_count_twice() -> None:
    with pytest.raises(ValueError, match="tcp, seed 1: inputs from 99 on are there twice"):
        added([Findings("tcp", 1, 0, 100), Findings("tcp", 1, 99, 1), Findings("map", 1, 0, 100)])


def test_findings_of_all_pieces_and_the_slowest_of_them_are_kept() -> None:
    one, other = Findings("tcp", 1, 0, 10), Findings("tcp", 1, 10, 10, slowest_ms=4.0, slowest=12)
    one.add("KeyError: 0", 3, b"x")
    other.add("KeyError: 0", 15, b"x")
    (total,) = added([other, one])
    assert (total.kinds["KeyError: 0"], total.slowest_ms, total.slowest) == (2, 4.0, 12)
    assert total.examples == ["KeyError: 0; input 3: b'x'", "KeyError: 0; input 15: b'x'"]


def test_what_is_drawn_is_even_and_never_runs_out() -> None:
    dice = Dice(b"any", 7)
    seen = [0] * 10
    for _ in range(5000):
        seen[dice.below(10)] += 1
    assert min(seen) > 430
    assert len({dice.some(64) for _ in range(50)} | {dice.some(4) for _ in range(50)}) == 100


def keys_of(text: str) -> set[str]:
    """Every key of TOML, of inline tables and of lines that are commented out too."""
    return set(re.findall(r"(?:^|[{,]|^# )\s*([a-z_0-9]+) *= ", text, re.MULTILINE))


def test_the_small_sites_have_every_key_and_are_read(tmp_path: Path) -> None:
    target("site", tmp_path)  # puts there what they name
    seen = set[str]()
    for path in (CORPUS / "sites").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        assert read_site(tmp_path / "site.toml", tmp_path).name
        seen |= keys_of(text)
    assert keys_of((ROOT / "config" / "reference.toml").read_text(encoding="utf-8")) <= seen


def test_the_small_maps_have_every_key_and_are_read() -> None:
    seen = set[str]()
    for path in (CORPUS / "maps").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert parse_model(text, path.name).registers
        seen |= keys_of(text)
    for path in (ROOT / "drivers" / "models").glob("*.toml"):
        assert keys_of(path.read_text(encoding="utf-8")) <= seen, path.name
