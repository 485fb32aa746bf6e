"""The detector costs little while nothing happens."""

import struct
from timeit import timeit

from looks import U, look, rules

from agent.detect.meter import MeterDetector

_LOOKS = [look(0.1 * i, 1.0, 0.99, 1.01) for i in range(2000)]
_WORDS = struct.pack(">3f", U, U, U)


def _bare() -> int:
    beyond = 0
    for _ in _LOOKS:
        for volts in struct.unpack(">3f", _WORDS):
            if volts < 207.0 or volts > 253.0:
                beyond += 1
    return beyond


def _detector() -> None:
    """All detectors of a meter, ten looks a second."""
    judge = MeterDetector(rules()).look
    for one in _LOOKS:
        assert not judge(one, one.received_boot_us)


def test_the_quiet_path_costs_at_most_five_times_a_bare_unpack_and_compare() -> None:
    """Best of many short runs of each, in turn, so that a busy machine does not decide. Measured: about three
    times; bench/quiet.py shows other rates."""
    runs = [(timeit(_bare, number=1), timeit(_detector, number=1)) for _ in range(40)]
    bare_s, detector_s = (min(taken) for taken in zip(*runs, strict=True))
    assert detector_s <= 5 * bare_s
