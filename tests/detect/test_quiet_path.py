"""The detector costs little while nothing happens."""

import gc
import struct
from timeit import timeit

from looks import U, look, rules

from agent.detect.meter import MeterDetector
from agent.detect.voltage import Look

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


def test_what_an_event_was_compared_with_goes_once_it_is_over() -> None:
    """Of 200 meters that had one each it would be ten megabytes, and more with every meter that has its first."""
    gc.collect()
    before = sum(isinstance(one, Look) for one in gc.get_objects())
    detectors = [MeterDetector(rules()) for _ in range(10)]
    for detector in detectors:
        part = [1.0] * 50 + [0.7] * 5 + [1.0] * 20
        looks = [look(float(second), *(3 * (pu,))) for second, pu in enumerate(part)]
        kinds = [change.action for one in looks for change in detector.look(one, one.received_boot_us)]
        assert (kinds[0], kinds[-1]) == ("open", "close")
        assert detector.calm
    del looks
    gc.collect()
    held = sum(isinstance(one, Look) for one in gc.get_objects()) - before
    # The 15 to 20 since the event, for the mean of their minute.
    assert held <= 10 * 25
