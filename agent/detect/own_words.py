"""What a meter's own register said, in words. A person reads them; no program should."""

from collections.abc import Callable

from agent.clock import rfc3339
from agent.detect.evidence import Move

OWN = "the meter's own "
_AFFAIR = ": at which voltage, and for how long it stays set, is the meter's affair"


def words_of(move: Move, wall_us: Callable[[int], int]) -> str:
    """wall_us: boot clock -> UTC."""
    latch = move.latch
    name = OWN + latch.row.words + (f" of {latch.phase}" if latch.phase else "")
    between = f"between {_spoken(wall_us(move.asked_us))} and {_spoken(wall_us(move.until_us))}"
    match latch.row.how:
        case "low" | "high" as how:
            went = "fell" if how == "low" else "rose"
            return f"{name} {went} from {move.before:.1f} to {move.after:.1f} V {between}: over an unknown window"
        case "last":
            return f"{name} says {3600 * move.after:.10g} s, before it said {3600 * move.before:.10g} s, {between}"
        case "flag":
            went = f"{name} was set {between}"
            if move.back is not None:
                asked, until = (_spoken(wall_us(us)) for us in move.back)
                went += f", and cleared between {asked} and {until}"
            return went + _AFFAIR if latch.row.family != "power" else went
        case "bits":
            return f"{name} went from {round(move.before):#x} to {round(move.after):#x} {between}"
        case "hours":
            elapsed_h = (move.until_us - move.asked_us) / 3.6e9
            return f"{name} counted {move.after - move.before:.4g} h in {elapsed_h:.4g} h, {between}"
        case _:
            over = f" ({move.count} counted: past the end of its range)" if move.after < move.before else ""
            return f"{name} rose from {move.before:.10g} to {move.after:.10g}{over} {between}"


def _spoken(us: int) -> str:
    """UTC to the tenth of a second: what two reads can tell is coarser."""
    return rfc3339(us)[:21] + "Z"
