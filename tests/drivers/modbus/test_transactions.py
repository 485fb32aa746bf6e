"""A cut of the campaign of `make soak`: transactions on bad lines, in virtual time, judged by an oracle that knows what
the slaves really sent. And masters that were broken on purpose: the campaign has to notice each."""

import importlib
import shutil
from pathlib import Path

import pytest
from bad_wire import Mix
from campaign import Kit, Sum, campaign

from drivers.modbus import rtu_master

pytestmark = pytest.mark.e2e  # the cut of a campaign: ten seconds in all

TRANSACTIONS = 40_000
SOURCES = Path(rtu_master.__file__).parent


def last(transactions: int, mix: Mix = Mix(), kit: Kit = Kit()) -> Sum:  # noqa: B008 - frozen
    *_, total = campaign(transactions, seed=20, mix=mix, kit=kit)
    return total


def test_no_value_is_credited_to_another_request() -> None:
    total = last(TRANSACTIONS)
    tally = total.tally
    assert tally.sound, tally.examples
    assert tally.transactions == TRANSACTIONS
    assert tally.outcomes["answered"] > 0.92 * TRANSACTIONS
    assert tally.outcomes["refused"] > 0.003 * TRANSACTIONS
    assert tally.questionable < 0.02 * TRANSACTIONS
    assert total.late_heard > 0.04 * TRANSACTIONS
    assert min(total.faults[fault] for fault in ("garbled", "foreign", "noise", "echo")) > 0.008 * TRANSACTIONS


@pytest.mark.parametrize("fault", ["late", "garbled", "foreign", "noise", "echo", "refused"])
def test_nor_on_a_line_with_much_of_one_thing(fault: str) -> None:
    total = last(4_000, Mix(**{fault: 0.5}))
    assert total.tally.sound, total.tally.examples
    assert total.tally.outcomes["answered"] > 0.3 * 4_000


def test_another_master_that_asks_our_units_the_same_makes_values_questionable() -> None:
    """Not all: where its request meets other bytes on the wire, ours is the only one that is heard."""
    tally = last(20_000, Mix(rival=0.05)).tally
    assert tally.questionable_wrong > 100
    assert tally.wrong < 0.03 * tally.questionable_wrong
    assert tally.questionable < 0.1 * tally.transactions


def test_an_echo_of_every_request_costs_nothing() -> None:
    total = last(4_000, Mix(late=0, lost=0, garbled=0, foreign=0, noise=0, refused=0, echo=1))
    assert total.tally.outcomes == {"answered": 4_000}


EVERY_OFFSET = (
    "at = buffer.find(self._unit, self._seen)\n        while at >= 0:\n            yield at\n"
    "            at = buffer.find(self._unit, at + 1)",
    "yield from range(self._seen, len(buffer))",
)
BROKEN = {
    "the check is not looked at": ("rtu.py", "crc16(buffer[at : at + size]) == 0", "True"),
    "any unit will do": ("rtu.py", *EVERY_OFFSET),
    "any length will do": ("pdu.py", "if promised == request.byte_count else IMPOSSIBLE", ""),
    "a late reply is like any other": ("late.py", "        return any(\n", "        return False and any(\n"),
    "the next reply settles what is late": (
        "rtu_master.py",
        "        if waiting.questionable or waiting.copies > 1:\n            self._quiesce(waiting, now_us)",
        "        self._outstanding = Outstanding()",
    ),
    "a late exception is believed": ("rtu_master.py", "self._outstanding.take(reply) is not None", "False"),
    "a spare is cut in the wrong place": ("pdu.py", "data[2 * skip : 2 * skip", "data[: 0"),
}  # fmt: skip


# Exceptions that are late are rare in the usual mix.
WORSE = Mix(late=0.15, refused=0.2)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_master_is_caught(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, right, wrong = BROKEN[fault]
    package = f"broken_{list(BROKEN).index(fault)}"
    shutil.copytree(SOURCES, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source in (tmp_path / package).glob("*.py"):
        text = source.read_text(encoding="utf-8").replace("drivers.modbus", package)
        assert source.name != file or right in text, f"{file} no longer says {right!r}"
        source.write_text(text.replace(right, wrong) if source.name == file else text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    broken = importlib.import_module(f"{package}.rtu_master")
    assert not last(6_000, WORSE, Kit.of(broken)).tally.sound
