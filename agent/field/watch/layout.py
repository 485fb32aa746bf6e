"""The screen of `watch`: a picture and a size in, lines of styled text out. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Literal

from agent.detect.network import Network
from agent.field.watch import words
from agent.field.watch.glyphs import Glyphs, sparkline
from agent.field.watch.picture import History, LineSeen, MeterSeen, Picture
from agent.field.watch.tree import Branch, branches
from agent.field.watch.view import PAGES, View
from agent.records import NOT_ISOLATION

Style = Literal["", "good", "bad", "warn", "dim", "head", "chosen"]

# Colour repeats what a word says; without it nothing is lost.
_STYLES: dict[str, Style] = {
    "live": "good", "ok": "good", "open": "good", "dead": "bad", "lost": "bad", "partial": "warn", "suspect": "warn",
    "supply_loss": "bad", "phase_loss": "bad", "sag": "warn", "swell": "warn", "comms_loss": "warn",
    "neutral_fault": "bad", "earth_fault": "bad", "backfeed": "bad",
}  # fmt: skip
_LEAST_COLUMNS, _LEAST_ROWS = 40, 10
# Rows that no warning takes from the page itself.
_LEAST_BODY = 3
_WIDE = 100
_DOING = 22
_VOLT = 6
_LONGEST_NAME = 34
# Rows of events below the meters, their heading among them.
_LATEST = 8
_EVENT_HEADS = ("start (UTC)", "meter", "kind", "state", "lasted", "voltage", "phases", "cause")
_KEYS = "tab: page  j k: move  ?: help  q: leave"
_HELP = (
    "tab, arrows, h l, 1 to 4   another page",
    "j k, arrows, space, g      down, up, a page down, to the top",
    "?                          this page",
    "q, Ctrl-C                  leave; the agent goes on",
    "",
    "supply: live, dead, partial (some phases), unknown (nobody can tell).",
    "L1 L2 L3: V of the latest reading; of line-to-line meters L1-L2, L2-L3, L3-L1.",
    "lowest: the lowest phase of each reading, 82 to 114 % of nominal, last at right;",
    "x is below 10 %, a gap is no reading. A wide screen has one for each phase.",
    "lasted and voltage are bounds: the truth lies between them.",
)


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Of the terminal, in characters."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Screen:
    """lines: as many as the terminal has rows, none wider than it; top: the first row of the body that is shown."""

    lines: tuple[Line, ...]
    top: int


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is shown. picture: None before the first; trouble: why it is old; empty while it is not."""

    network: Network
    nominal_v: dict[str, float]
    glyphs: Glyphs
    history: History
    picture: Picture | None = None
    trouble: str = ""


def screen(scene: Scene, view: View, size: Size) -> Screen:
    """One screenful."""
    if size.columns < _LEAST_COLUMNS or size.rows < _LEAST_ROWS:
        text = words.told(words.TOO_SMALL, columns=size.columns, rows=size.rows)
        return Screen(_filled([_plain(part) for part in wrap(text, max(1, size.columns))], size), 0)
    head = [_title(scene), _tabs(view), ()]
    foot = [*_isolation(scene, size.columns), _plain(_KEYS, "dim")]
    foot = [*list(_warnings(scene, size.columns))[: size.rows - len(head) - len(foot) - _LEAST_BODY], *foot]
    room = size.rows - len(head) - len(foot)
    body = list(_help(size.columns)) if view.helped else list(_body(scene, view.page, size.columns))
    top = min(view.top, max(0, len(body) - room))
    shown = body[top : top + room]
    return Screen(_filled([*head, *shown, *[()] * (room - len(shown)), *foot], size), top)


def snapshot(scene: Scene, columns: int) -> tuple[str, ...]:
    """All pages once, as plain text, for a pipe or a terminal that cannot be drawn on."""
    pages = [line for page in PAGES for line in ((), *_body(scene, page, columns, latest=False))]
    lines = [_title(scene), *pages, (), *_warnings(scene, columns), *_isolation(scene, columns)]
    return tuple("".join(span.text for span in line).rstrip() for line in lines)


def _help(columns: int) -> Iterator[Line]:
    return (_plain(part) for line in _HELP for part in wrap(line, columns) or [""])


def _filled(lines: Sequence[Line], size: Size) -> tuple[Line, ...]:
    padded = [*lines, *[()] * size.rows][: size.rows]
    return tuple(_clipped(line, size.columns) for line in padded)


def _clipped(line: Line, columns: int) -> Line:
    kept: list[Span] = []
    for span in line:
        text = "".join(each if each.isprintable() else "?" for each in span.text)[:columns]
        columns -= len(text)
        kept.append(Span(text, span.style))
    return tuple(kept)


def _plain(text: str, style: Style = "") -> Line:
    return (Span(text, style),)


def _title(scene: Scene) -> Line:
    now = scene.picture
    if now is None:
        return _plain("lamplighter watch: waiting for the first answer", "head")
    source = "own polling" if now.own else "running agent"
    return (Span(f"{now.site} / {now.gateway}", "head"), Span(f"   {now.time} UTC   {source}   clock {now.clock}"))


def _tabs(view: View) -> Line:
    tabs = (Span(f" {number} {page} ", "chosen") if page == view.page else Span(f" {number} {page} ", "dim")
            for number, page in enumerate(PAGES, start=1))  # fmt: skip
    marked = (Span(f"[{tab.text.strip()}]", tab.style) if tab.style == "chosen" else tab for tab in tabs)
    return tuple(marked)


def _warnings(scene: Scene, columns: int) -> Iterator[Line]:
    now = scene.picture
    if scene.trouble:
        yield from (_plain(part, "bad") for part in wrap(scene.trouble, columns))
    if now is None:
        return
    if now.own:
        yield from (_plain(part, "warn") for part in wrap(words.told(words.OWN_POLLING), columns))
    if missing := [each.name for each in now.meters if not each.reading_time]:
        text = words.told(words.NO_READING, meters=_some(missing))
        yield from (_plain(part, "warn") for part in wrap(text, columns))
    for incident in now.incidents[:1]:
        yield _plain(incident[0], "bad")


def _isolation(scene: Scene, columns: int) -> Iterator[Line]:
    if scene.picture is not None and (scene.picture.dead or scene.trouble):
        yield from (_plain(part, "bad") for part in wrap(NOT_ISOLATION, columns))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _body(scene: Scene, page: str, columns: int, *, latest: bool = True) -> Iterator[Line]:
    """latest: events stand below the meters as well."""
    now = scene.picture
    if now is None:
        return
    if page == "meters":
        yield from _meters(scene, now, columns)
        if latest:
            yield ()
            yield from list(_events(now, columns))[:_LATEST]
    elif page == "events":
        told = (part for incident in now.incidents for part in incident)
        yield from (_plain(line, "bad") for part in told for line in wrap(part, columns, subsequent_indent="    "))
        yield from _events(now, columns)
    elif page == "lines":
        yield from _lines(scene, now, columns)
    else:
        yield from _sinks(now, columns)


def _meters(scene: Scene, now: Picture, columns: int) -> Iterator[Line]:
    rows = branches(scene.network, scene.glyphs)
    seen = {each.name: _as_known(scene, each) for each in now.meters}
    width = min(_LONGEST_NAME, max([len("meter"), *(len(_name(row, seen.get(row.meter))) for row in rows)]))
    yield _plain(_meter_head(width, columns), "head")
    for row in rows:
        yield _meter_row(scene, row, seen.get(row.meter), width, columns)


def _as_known(scene: Scene, meter: MeterSeen) -> MeterSeen:
    """Of an old picture nobody can tell what is live."""
    if not scene.trouble:
        return meter
    return replace(meter, supply="unknown", comms="-", volts=(None,) * 3)


def _name(row: Branch, meter: MeterSeen | None) -> str:
    mode = f" ({meter.mode})" if meter is not None and meter.mode != "normal" else ""
    return f"{row.margin}{row.name}{mode}"


def _spark_room(width: int, columns: int) -> int:
    """What is left beside name, supply, communication, three voltages, and what goes on on a wide screen."""
    doing = _DOING + 2 if columns >= _WIDE else 0
    return columns - (width + 2 + 7 + 1 + 7 + 3 * (_VOLT + 1) + 2) - doing


def _apiece(width: int, columns: int) -> int:
    """Width of one phase's sparkline; 0 where they share one."""
    each = (_spark_room(width, columns) - 2) // 3
    return each if columns >= _WIDE and each >= 6 else 0


def _meter_head(width: int, columns: int) -> str:
    volts = "".join(f" {phase:>{_VOLT}}" for phase in ("L1 V", "L2 V", "L3 V"))
    each = _apiece(width, columns)
    room = _spark_room(width, columns)
    lows = " ".join(f"{f'lowest {phase}'[-each:]:>{each}}" for phase in ("L1", "L2", "L3")) if each else "lowest"
    doing = "  going on" if columns >= _WIDE else ""
    return f"{'meter':<{width}}  {'supply':<7} {'comms':<7}{volts}  {lows:>{max(room, 0)}}{doing}"


def _meter_row(scene: Scene, row: Branch, meter: MeterSeen | None, width: int, columns: int) -> Line:
    name = Span(f"{_name(row, meter)[:width]:<{width}}  ")
    if meter is None:
        return (name,)
    volts = "".join(f" {_volts(volt):>{_VOLT}}" for volt in meter.volts)
    spans = [
        name,
        Span(f"{meter.supply:<7} ", _STYLES.get(meter.supply, "dim")),
        Span(f"{meter.comms:<7}", _STYLES.get(meter.comms, "dim")),
        Span(f"{volts}  {_sparks(scene, meter.name, width, columns)}"),
    ]
    if columns >= _WIDE:
        style: Style = next((_STYLES[kind] for kind in meter.doing if kind in _STYLES), "")
        spans.append(Span("  " + " ".join(meter.doing)[:_DOING], style))
    return tuple(spans)


def _volts(volt: float | None) -> str:
    if volt is None:
        return "-"
    return f"{volt:.1f}" if volt < 1000 else f"{volt / 1000:.2f}k"


def _sparks(scene: Scene, meter: str, width: int, columns: int) -> str:
    history, nominal_v = scene.history.of(meter), scene.nominal_v[meter]
    if each := _apiece(width, columns):
        phases = zip(*history, strict=True) if history else ((), (), ())
        drawn = " ".join(sparkline(phase, nominal_v, each, scene.glyphs) for phase in phases)
        return drawn.rjust(_spark_room(width, columns))
    lowest = [min((volt for volt in volts if volt is not None), default=None) for volts in history]
    return sparkline(lowest, nominal_v, _spark_room(width, columns), scene.glyphs)


def _events(now: Picture, columns: int) -> Iterator[Line]:
    if columns >= _WIDE:
        yield from _table(_EVENT_HEADS, now.events)
        return
    heads = ("start (UTC)", "meter", "kind", "lasted", "voltage")
    yield from _table(heads, [_narrow(event) for event in now.events])


def _narrow(event: Sequence[str]) -> Sequence[str]:
    """For 80 columns. What was taken back must not look like something that was."""
    start, meter, kind, state, lasted, voltage, *_ = event
    return start[5:19], meter, kind, "retracted" if state == "retracted" else lasted, voltage


def _lines(scene: Scene, now: Picture, columns: int) -> Iterator[Line]:
    heads = ("line", "state", "busy", "watched", "answered", "failed")
    rows = [_line_row(each, old=bool(scene.trouble)) for each in now.lines]
    for line, each in zip(_table(heads, rows), (None, *now.lines), strict=False):
        yield line
        if each is not None and each.trouble:
            yield from _indented(each.trouble, columns)


def _line_row(line: LineSeen, *, old: bool) -> Sequence[str]:
    busy = "-" if line.busy is None else f"{line.busy:.0%}"
    low, high = line.watch_hz or (0.0, 0.0)
    watched = "-" if line.watch_hz is None else f"{low:.3g} /s" if low == high else f"{low:.3g} to {high:.3g} /s"
    return line.name, "unknown" if old else line.state, busy, watched, str(line.answered), str(line.failed)


def _sinks(now: Picture, columns: int) -> Iterator[Line]:
    rows = [(each.name, str(each.accepted), str(each.rejected), "-" if each.behind is None else str(each.behind))
            for each in now.sinks]  # fmt: skip
    for line, each in zip(_table(("sink", "sent", "refused", "waiting"), rows), (None, *now.sinks), strict=False):
        yield line
        if each is not None and each.trouble:
            yield from _indented(each.trouble, columns)
    yield ()
    yield _plain(f"clock: {now.clock}")
    for alarm in now.alarms:
        yield from (_plain(part, "warn") for part in wrap(alarm, columns, subsequent_indent="  "))


def _indented(text: str, columns: int) -> Iterator[Line]:
    return (_plain(part, "warn") for part in wrap(text, columns, initial_indent="  ", subsequent_indent="  "))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    if not rows:
        yield _plain(f"{heads[0] if heads[0] != 'start (UTC)' else 'event'}s: none")
        return
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    yield _plain("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)), "head")
    for row in rows:
        yield tuple(
            Span(cell.ljust(width) + "  ", _STYLES.get(cell, "")) for cell, width in zip(row, widths, strict=True)
        )
