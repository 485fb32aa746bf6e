"""What `lamplighter models` says of meter maps: for programs, and as the page docs/meters.md. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from agent.budget import read_time_s
from agent.detect.floor import HALF, Watching, floor_words, shortest_visible_s, surely_seen_s
from agent.wiring import latched, watched
from drivers.identity import IdRead
from drivers.line import SerialPort, TcpEndpoint
from drivers.modbus.pdu import Read
from drivers.model import GRADES, MeterModel
from drivers.plan import plan_reads, wire_time_s

BAUDS = (2400, 9600, 19200, 38400, 115200)
UNVERIFIED = "unverified"
_TRANSPORTS = {"rtu": "RTU", "tcp": "TCP"}

_HEAD = """# Meters

Made from the maps in `drivers/models/` by `lamplighter models --markdown`; do not edit by hand.
`lamplighter models show MODEL` prints a map as the vendor's table has it, with its requests and their wire time.

- **checked**: the best and the worst grade of the rows that are read:
  {grades}.
  Rows of grade D are named below each meter and read only where the site file says `unproven = true`. A map is
  **unverified** until a test decodes words from another hand (a capture, a document's example, an independent
  computation) right.
- **smallest sag**: the shortest sag to half the voltage that can show at all in the meter's averaging window; after
  the slash the shortest that no alignment of window and polling hides, watched at the meter's refresh by looks that
  may come late (`docs/detection.md`).
- **assumed**: no document says how often its registers change or what they average over; the map takes what meters
  alike have. Every bound of an event and every duration in the words about sags rests on it.
- **input_1** and so on are the meter's digital inputs: 1 active, its contact closed; 0 not active, open. Where a meter
  writes it the other way round, the map turns it over.
- **says who it is**: `lamplighter identify` can be certain. The others are told by plausible values alone.
- Serial settings are as delivered, mostly general knowledge: the meter's display decides.
"""


def summary(model: MeterModel) -> dict[str, Any]:
    """One map as `--json` lists it. Times in s; grades: rows by grade. Null: verified where no vector exists, the sags
    where no voltage is read."""
    sees = _sees(model)
    return {
        "model": model.id,
        "vendor": model.vendor,
        "name": model.name,
        "checked": checked(model),
        "verified": model.verified or None,
        "grades": dict(sorted(Counter(register.grade for register in model.registers).items())),
        "quantities": list(model.quantities),
        "evidence": list(model.evidence),
        "unproven": list(model.unproven),
        "transports": list(model.transports),
        "serial": {"baud": model.baud, "parity": model.parity, "stop_bits": model.stop_bits},
        "wiring": model.wiring,
        "powered_by": model.powered_by,
        "refresh_s": model.refresh_s,
        "window_s": model.window_s,
        "assumed": list(model.assumed),
        "shortest_sag_s": None if sees is None else round(sees[0], 3),
        "sees_all_s": None if sees is None else round(sees[1], 3),
        "floor": list(floor_of(model)),
        "identified_by": list(identified_by(model)),
    }


def checked(model: MeterModel) -> str:
    """Best and worst grade of what is read, ``A-C``; or that no vector has met the map yet."""
    grades = sorted({register.grade for register in model.registers if register.grade != "D"})
    if not model.verified:
        return UNVERIFIED
    return "-".join(dict.fromkeys((grades[0], grades[-1]))) if grades else "D"


def transport(model: MeterModel) -> str:
    """``TCP, RTU 19200 8E1``; serial settings as delivered."""
    words = [_TRANSPORTS[each] for each in reversed(model.transports)]
    settings = f" {model.baud} 8{model.parity}{model.stop_bits}"
    return ", ".join(word + settings * (word == "RTU") for word in words)


def smallest_sag(model: MeterModel) -> str:
    """The shortest sag to half the voltage that can show at all: ``0.25 s``."""
    sees = _sees(model)
    return "none" if sees is None else f"{sees[0]:.2f} s"


def surely_seen_sag(model: MeterModel) -> str:
    """The shortest that cannot be missed, watched at the meter's refresh."""
    sees = _sees(model)
    return "none" if sees is None else f"{sees[1]:.2f} s"


def floor_of(model: MeterModel) -> tuple[str, ...]:
    """What it shows of sags in words, alone on its line and watched at its refresh."""
    watching = _watching(model)
    if watching is None:
        return floor_words(model.window_s, model.refresh_s, None, 0.0)
    pace_s, late_s = watching.watch_s, watching.jitter_s
    return floor_words(watching.window_s, watching.refresh_s, pace_s, late_s, assumed=model.assumed)


def renews(model: MeterModel) -> str:
    """``1 s (assumed), averages over 1 s (assumed)``"""
    refresh, window = (" (assumed)" * (name in model.assumed) for name in ("refresh_s", "window_s"))
    return f"{model.refresh_s:g} s{refresh}, averages over {model.window_s:g} s{window}"


def _sees(model: MeterModel) -> tuple[float, float] | None:
    watching = _watching(model)
    if watching is None:
        return None
    return shortest_visible_s(model.window_s, HALF), surely_seen_s(HALF, watching)


def _watching(model: MeterModel) -> Watching | None:
    """A look waits at most for a read of the full set. None where there is no voltage to look at."""
    if not watched(model, "ll" if model.wiring == "3p3w" else "ln", model.wiring):
        return None
    line = SerialPort("", model.baud, model.parity, model.stop_bits) if "rtu" in model.transports else TcpEndpoint("")
    late_s = max(read_time_s(read, model, line) for read in _reads(model, model.quantities))
    return Watching(model.window_s, model.refresh_s, model.refresh_s, min(late_s, model.refresh_s))


def identified_by(model: MeterModel) -> tuple[str, ...]:
    """In words; empty where the family says nothing of itself."""
    reads = [_id_read(one) for one in model.identity.reads if one.proves]
    return (*reads, *(("function 43/14",) if model.identity.device_id else ()))


def _id_read(one: IdRead) -> str:
    words = f"{one.read.count} word{'s' * (one.read.count > 1)}"
    return f"{one.title} (function {one.read.function}, address {one.read.address}, {words})"


def requests(model: MeterModel) -> list[dict[str, Any]]:
    """What one poll of everything the map offers asks for."""
    return [
        {
            "function": planned.read.function,
            "address": planned.read.address,
            "words": planned.read.count,
            "quantities": [row.quantity for row, _ in planned.fields],
        }
        for planned in plan_reads(model, model.quantities).reads
    ]


def wire_times(model: MeterModel) -> list[dict[str, Any]]:
    """Per baud rate: seconds that a poll of everything and a look at voltages and currents take on the wire, with the
    meter's parity and stop bits and its usual turn-around."""
    often = watched(model, "ll" if model.wiring == "3p3w" else "ln", model.wiring)
    poll, watch = _reads(model, model.quantities), _reads(model, often)
    bits = SerialPort("", model.baud, model.parity, model.stop_bits).bits_per_char
    return [
        {"baud": baud, "poll_s": _wire_s(poll, baud, bits, model), "watch_s": _wire_s(watch, baud, bits, model)}
        for baud in sorted({*BAUDS, model.baud})
    ]


def _reads(model: MeterModel, quantities: Sequence[str]) -> list[Read]:
    return [planned.read for planned in plan_reads(model, quantities).reads]


def _wire_s(reads: Sequence[Read], baud: int, bits: int, model: MeterModel) -> float:
    return round(sum(wire_time_s(read, baud, bits, model.turnaround_s) for read in reads), 3)


def markdown(models: Sequence[MeterModel]) -> str:
    """docs/meters.md."""
    grades = ", ".join(f"{grade}: {words}" for grade, words in GRADES.items())
    return "\n".join([_HEAD.format(grades=grades), *_table(models), *(_section(model) for model in models)])


def _table(models: Sequence[MeterModel]) -> Iterator[str]:
    yield "| model | meter | checked | quantities | transport | refresh | smallest sag | says who it is |"
    yield "|---|---|---|---|---|---|---|---|"
    for model in models:
        says = "yes" if model.identity.proves else "no"
        cells = (
            f"[{model.id}](#{model.id})", f"{model.vendor} {model.name}", checked(model), str(len(model.quantities)),
            transport(model), f"{model.refresh_s:g} s" + ", assumed" * ("refresh_s" in model.assumed),
            f"{smallest_sag(model)} / {surely_seen_sag(model)}" + ", assumed" * ("window_s" in model.assumed), says,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""


def _section(model: MeterModel) -> str:
    facts = [
        f"Wiring {model.wiring}, powered by {model.powered_by}; at most {model.max_words} words in a read.",
        f"Refresh {renews(model)}.",
        f"Checked against: {model.verified or 'nothing yet'}.",
        f"Sources: {'; '.join(model.sources)}.",
        f"Quantities: {' '.join(model.quantities) or 'none'}.",
    ]
    evidence = latched(model)
    if evidence:
        facts.append(f"Its own evidence, read once a minute and at once after trouble: {' '.join(evidence)}.")
    if others := [name for name in model.evidence if name not in evidence]:
        facts.append(f"Kept by the meter and not read: {' '.join(others)}.")
    facts += [f"Not read: {each}." for each in model.not_read]
    if model.unproven:
        facts.append(f"Grade D, off: {' '.join(model.unproven)}.")
    if model.identity.proves:
        facts.append(f"Says who it is: {'; '.join(identified_by(model))}.")
    return "\n".join([f"## {model.id}", "", f"{model.vendor} {model.name}.", "", *(f"- {fact}" for fact in facts), ""])
