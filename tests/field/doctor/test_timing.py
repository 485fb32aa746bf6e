"""What many requests say of a meter's timing, and how it is measured on real lines."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from ptys import Pty
from scripted_peer import Step, on_pty, sealed

from agent.field.doctor.capture import Heard, Kind
from agent.field.doctor.measuring import measure
from agent.field.doctor.timing import Asked, Bar, bars_of, timing
from agent.site import load_site

SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
serial = "{port}"
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
[meters.spare]
line = "cabinet"
unit = 7
model = "eastron-sdm120"
"""


def asked(kind: Kind, took_ms: float = 0, *, rested: bool = False, noise: int = 0) -> Asked:
    return Asked(Heard(kind, took_us=round(took_ms * 1e3), noise_bytes=noise), rested)


def test_each_kind_is_counted_once() -> None:
    kinds: tuple[Kind, ...] = (
        "answered", "refused", "silent", "late", "twice", "other_unit", "damaged", "cut", "echo", "dull", "noise",
        "down",
    )  # fmt: skip
    told = timing("m", 1, 100.0, [asked(kind, noise=2) for kind in kinds])
    assert (told.answered, told.refused, told.silent, told.late, told.damaged, told.other) == (1, 1, 1, 1, 4, 4)
    assert told.noise_bytes == 24


def test_what_to_wait_is_half_as_long_again_as_the_slowest() -> None:
    told = timing("m", 1, 100.0, [asked("answered", each) for each in (9, 11, 12, 13, 141)])
    assert (told.median_ms, told.slowest_ms, told.proposed_ms) == (12, 141, 220)
    assert [bar for bar in told.histogram if bar.count] == [Bar(10, 1), Bar(20, 3), Bar(200, 1)]
    rows = bars_of(told)
    assert [row.split()[-1] for row in rows] == ["1", "3", "0", "0", "1"]
    assert rows[1].count("#") == 40


def test_the_wire_is_no_turn_around() -> None:
    told = timing("m", 1, 100.0, [Asked(Heard("answered", took_us=52_000), rested=False, wire_us=40_000)])
    assert told.slowest_ms == 12


def test_what_never_answered_has_no_time() -> None:
    told = timing("m", 1, 100.0, [asked("silent")] * 5)
    assert (told.median_ms, told.slowest_ms, told.proposed_ms, bars_of(told)) == (None, None, None, [])


@pytest.mark.parametrize(("soon", "rested", "gap"), [(4, 0, True), (3, 0, False), (8, 8, False), (0, 9, False)])
def test_a_meter_that_wants_a_pause(soon: int, rested: int, gap: bool) -> None:
    lost = [asked("silent")] * soon + [asked("damaged", rested=True)] * rested
    assert timing("m", 1, 100.0, [*lost, *[asked("answered", 5)] * 20]).gap == gap


def says(number: int, request: bytes) -> Iterable[Step]:
    """Unit 1: every fourth reply damaged, half of them after 40 ms; unit 7: nothing."""
    if request[0] == 1:
        count = int.from_bytes(request[4:6], "big")
        answer = sealed(request[:2] + bytes((2 * count,)) + bytes(2 * count))
        yield 0.04 if number % 2 else 0.005
        yield answer[:-1] + bytes((answer[-1] ^ (0x10 if number % 4 == 0 else 0),))


@pytest.mark.e2e
async def test_a_line_is_measured_meter_by_meter(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    with Pty(tmp_path / "port") as pty:
        path.write_text(SITE.format(port=pty.path), encoding="utf-8")
        async with on_pty(pty, says) as peer:
            main, spare = await measure(load_site(path), "cabinet", 12)
    assert (main.asked, main.answered, main.damaged, main.silent) == (12, 9, 3, 0)
    assert (spare.asked, spare.silent) == (5, 5)  # given up early
    assert len(peer.requests) == 17
    assert {request[1] for request in peer.requests} <= {3, 4}
