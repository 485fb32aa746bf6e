"""The detection campaign: does the detector see what theory says, and nothing else? Exit 1 on failure.
About 25 minutes.

python tests/soak/detection_campaign.py [--quick] [PART ...]    parts by their letters, all of them without one

a  alignments   every cell of depth, duration, phases, window and pace; every alignment compared with theory
b  random       20 000 noisy sags and motor starts, tap changes, lost replies: bounds always, recall as theory says
c  quiet        20 meter-years without a disturbance: no event
   slow         20 more through all detectors, for what is judged by means: no event
d  recording    the recorded line fault through every window and pace, at every alignment: bounds
e  registers    20 000 views of faults that hand over and part, at a meter that counts them itself, over silences and
                restarts: nothing false, no count missed
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests" / "support")]

from alignments import Tally, cells, enumerate_cell, wave_of  # noqa: E402 - its place is known only now
from quiet_years import OVERSAMPLED, SIGMA, Quiet, slow_years, years  # noqa: E402
from random_events import Noise, Recall, try_event  # noqa: E402
from recording_views import bounded_views  # noqa: E402
from register_views import Tally as Views  # noqa: E402
from register_views import try_view  # noqa: E402

from agent.replay import parse_recording  # noqa: E402

_CASE = _ROOT / "tests" / "cases" / "c60_330kV_1ph_fault_then_deenergise.csv"
# Two sides of the normal distribution leave 1 % outside.
_99_PERCENT = 2.576
_TELL_EVERY_S = 20.0

# A part yields how far it is, 0 to 1, and returns its summary.
Part = Iterator[float]


class FoundError(Exception):
    """What a part found to be wrong."""


def alignments(quick: bool, said: list[str]) -> Part:
    tally, todo = Tally(), list(cells())[:: 101 if quick else 1]
    wave, made_for = None, None
    for i, cell in enumerate(todo):
        if wave is None or made_for != (cell.depth, cell.halves, cell.phases):
            wave, made_for = wave_of(cell), (cell.depth, cell.halves, cell.phases)
        enumerate_cell(cell, wave, tally)
        yield i / len(todo)
    said.append(
        f"{tally.cells} cells, {tally.alignments:,} alignments ({tally.looks:,} looks): {tally.detected:,} seen, "
        "each as theory says, every bound true"
    )


def random_events(quick: bool, said: list[str]) -> Part:
    noise, recall, count = Noise(1), Recall(), 2_000 if quick else 20_000
    for seed in range(count):
        try_event(seed, noise, recall)
        yield seed / count
    said.append(
        f"{recall.events:,} events, {recall.lost:,} of {recall.looks:,} looks lost: {recall.seen:,} seen, theory "
        f"{recall.expected:,.1f} ({recall.deviation:+.2f} standard deviations), truth within the bounds of all"
    )
    if abs(recall.deviation) > _99_PERCENT:
        raise FoundError(f"recall outside the 99 % interval: {said.pop()}")


def quiet_years(quick: bool, said: list[str]) -> Part:
    quiet, count = Quiet(), 1 if quick else 20
    for month, _ in enumerate(years(count, 1, quiet)):
        yield month / (12 * count)
    said.append(
        f"{quiet.looks:,} looks in {quiet.hours / 8760:g} meter-years, {quiet.taps:,} tap changes, {quiet.lost:,} "
        f"replies lost, noise of {SIGMA:.1%} with tails of {OVERSAMPLED} times as many looks: {quiet.lowest:.3f} to "
        f"{quiet.highest:.3f} pu, {quiet.changes} events"
    )
    if quiet.changes:
        raise FoundError(f"events where nothing happened: {said.pop()}")


def slow_kinds(quick: bool, said: list[str]) -> Part:
    quiet, count = Quiet(), 1 if quick else 20
    for month, _ in enumerate(slow_years(count, 1, quiet)):
        yield month / (12 * count)
    said.append(
        f"{quiet.stepped:,} looks in {quiet.hours / 8760:g} meter-years through all detectors, {quiet.taps:,} tap "
        f"changes, {quiet.lost:,} looks lost: levels of {quiet.lowest:.3f} to {quiet.highest:.3f} pu, {quiet.changes} "
        "events of any kind"
    )
    if quiet.changes:
        raise FoundError(f"events where nothing happened: {said.pop()}")


def recording(quick: bool, said: list[str]) -> Part:
    case, views = parse_recording(_CASE.read_text(encoding="utf-8"), _CASE.name), 0
    grid = [(w, p) for w in (0.06, 0.1, 0.2, 0.4) for p in (0.05, 0.1, 0.3, 0.5)][:: 7 if quick else 1]
    for i, (window_s, every_s) in enumerate(grid):
        views += bounded_views(case, window_s, every_s)
        yield i / len(grid)
    said.append(f"{views:,} polled views of one recorded fault, truth within the bounds of all")


def registers(quick: bool, said: list[str]) -> Part:
    views, count = Views(), 1_000 if quick else 20_000
    for seed in range(count):
        if wrong := try_view(seed, views):
            raise FoundError("; ".join(wrong))
        yield seed / count
    said.append(
        f"{views.views:,} views, {views.events:,} events, {views.measured:,} of them seen by polling, {views.parted:,} "
        "lost phases: nothing false, no count missed"
    )


_PARTS: tuple[tuple[str, Callable[[bool, list[str]], Part]], ...] = (
    ("a", alignments), ("b", random_events), ("c", quiet_years), ("c", slow_kinds), ("d", recording), ("e", registers),
)  # fmt: skip


def _run(part: Callable[[bool, list[str]], Part], quick: bool) -> bool:
    said: list[str] = []
    began_s = told_s = time.monotonic()
    try:
        for progress in part(quick, said):
            if time.monotonic() - told_s > _TELL_EVERY_S:
                told_s = time.monotonic()
                print(f"  {part.__name__}: {progress:.0%} after {told_s - began_s:.0f} s", flush=True)
    except (AssertionError, FoundError) as wrong:
        print(f"FAILED {part.__name__}: {wrong}", flush=True)
        return False
    print(f"ok {part.__name__}: {said[0]}; {time.monotonic() - began_s:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    wanted = set(sys.argv[1:]) - {"--quick"}
    if unknown := sorted(wanted - {letter for letter, _ in _PARTS}):
        sys.exit(f"no part {', '.join(unknown)}; there are a to e")
    todo = [part for letter, part in _PARTS if not wanted or letter in wanted]
    results = [_run(part, quick="--quick" in sys.argv[1:]) for part in todo]
    sys.exit(0 if all(results) else 1)
