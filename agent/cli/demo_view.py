"""What the demo shows: a live table on a terminal, a line per news in a pipe, a summary at the end."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from agent.cli import show
from agent.records import NOT_ISOLATION
from agent.status.answers import answers

if TYPE_CHECKING:
    from rich.console import Group

    from agent.app import App
    from simulators.server import Simulation

# Quicker than a site would be, so that there is something to see.
SITE_KEYS: Mapping[str, str | float] = {"watch": "200ms", "poll": "2s", "publish_every": "1s"}

_EVERY_S = 0.5
# Rows of the screen that are neither a meter nor an event: titles, headings, rulers, words.
_FRAME_ROWS = 17
_FEWEST_EVENTS = 3
_MOST_EVENTS = 1000
_MOST_READINGS = 1_000_000
_COLUMNS = ("meter", "L1 V", "L2 V", "L3 V", "supply", "comms", "going on")


class Story:
    """What happens in the simulation, and what the agent makes of it."""

    def __init__(self, app: "App", simulation: "Simulation") -> None:
        self._app = app
        self._answers = answers(app)
        self._simulation = simulation

    async def events(self, limit: int = _MOST_EVENTS) -> list[dict[str, Any]]:
        """Youngest first, as their latest revisions stand."""
        return list((await self._found(limit))["events"])

    async def incidents(self) -> list[dict[str, Any]]:
        """Those that the events belong to."""
        return list((await self._found(_MOST_EVENTS))["incidents"])

    async def _found(self, limit: int) -> Any:
        return await self._answers["events"]({"limit": limit})

    def happening(self) -> str:
        """What the simulation is doing to the substation right now, in words."""
        now_us = self._app.clock.boot_us()
        current = [
            f"{truth.do.replace('_', ' ')} at {truth.target}"
            for truth in self._simulation.truth
            if truth.start_boot_us <= now_us and (truth.end_boot_us is None or now_us < truth.end_boot_us)
        ]
        return ", ".join(dict.fromkeys(current)) or "all is well"

    async def meters(self) -> list[show.Row]:
        """A row per meter, in the columns of _COLUMNS."""
        kinds = {event["id"]: event["kind"] for event in await self.events()}
        told: Any = await self._answers["status"]({})
        return [self._meter(meter, kinds) for meter in told["meters"]]

    def _meter(self, status: Mapping[str, Any], kinds: Mapping[str, str]) -> show.Row:
        reading = self._app.board.readings.get(status["meter"])
        values = reading.values if reading is not None else {}
        volts = (values.get(f"voltage_{phase}") for phase in ("l1", "l2", "l3"))
        going_on = " ".join(kinds.get(event, "") for event in status["open_events"])
        shown = ("-" if volt is None or status["comms"] == "lost" else f"{volt:.1f}" for volt in volts)
        return status["meter"], *shown, status["supply"], status["comms"], going_on

    async def summary(self) -> dict[str, Any]:
        """What `--for` ends with."""
        events = await self.events()
        readings = await self._app.journal.readings(None, _MOST_READINGS)
        return {
            "meters": len(self._app.site.meters),
            "readings": len(readings),
            "events_by_kind": dict(Counter(event["kind"] for event in events if event["state"] != "retracted")),
            "events": events,
            "incidents": await self.incidents(),
        }


async def wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def tell(story: Story, stop: asyncio.Event) -> None:
    """Show the story until `stop` is set."""
    await (_live(story, stop) if sys.stdout.isatty() else _lines(story, stop))


async def _live(story: Story, stop: asyncio.Event) -> None:
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        while not await _stopped(stop):
            live.update(await _screen(story, live.console.height), refresh=True)


async def _screen(story: Story, height: int) -> "Group":
    from rich.console import Group

    meters = await story.meters()
    room = max(_FEWEST_EVENTS, height - len(meters) - _FRAME_ROWS)
    events = [show.event_row(event) for event in await story.events(room)]
    return Group(
        "[bold]lamplighter demo[/bold]: a simulated substation, read over Modbus as a real one. Ctrl-C ends it.",
        f"[dim]The simulation's truth now:[/dim] {story.happening()}",
        show.rich_table("meters", _COLUMNS, meters),
        show.rich_table("events, the youngest first", show.EVENT_COLUMNS, events),
        "\n".join(line for told in (await story.incidents())[:1] for line in show.incident_lines(told)),
        f"[dim]{NOT_ISOLATION}[/dim]",
    )


async def _lines(story: Story, stop: asyncio.Event) -> None:
    """A line for every revision of every event, in the order they were said."""
    typer.echo(NOT_ISOLATION)
    said: dict[str, int] = {}
    done = False
    while not done:
        done = await _stopped(stop)
        for event in sorted(await story.events(), key=lambda event: str(event["reported"])):
            if event["revision"] > said.get(event["id"], 0):
                said[event["id"]] = event["revision"]
                typer.echo(news(event))


def news(event: Mapping[str, Any]) -> str:
    """One revision of one event in a line."""
    start, meter, kind, state, lasted, voltage, phases, cause = show.event_row(event)
    words = [f"{state} {kind}", f"at {meter}", f"since {start}"]
    words += [] if lasted in ("-", "goes on") else [f"lasted {lasted}"]
    words += [] if voltage == "-" else [f"voltage {voltage}"]
    words += [phases] if phases else []
    words += [f"cause {cause}"] if cause in ("upstream", "downstream") else []
    return ", ".join(words)


async def _stopped(stop: asyncio.Event) -> bool:
    """Whether `stop` is set within the time that a screen stands."""
    try:
        async with asyncio.timeout(_EVERY_S):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def print_summary(told: Mapping[str, Any]) -> None:
    typer.echo()
    show.table("events", show.EVENT_COLUMNS, [show.event_row(event) for event in reversed(told["events"])])
    show.incidents(told["incidents"])
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["events_by_kind"].items()) or "none"
    typer.echo(f"{told['readings']} readings of {told['meters']} meters; events: {kinds}")
    typer.echo(NOT_ISOLATION)
    typer.echo("Next: write a site file (config/small.toml is the smallest), then `lamplighter check site.toml`.")
