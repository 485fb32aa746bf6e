"""`lamplighter simulate`: meters that are not there, for tests, demos and training."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show, stopping
from agent.cli.options import AsJson, ForSeconds
from agent.whole_file import write_whole

if TYPE_CHECKING:
    from simulators.scenario import Scenario
    from simulators.server import Simulation


def simulate(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or a packaged one's name.")],
    for_s: ForSeconds = None,
    site_file: Annotated[
        Path | None,
        typer.Option("--site-file", metavar="FILE", help="Write a site file for these meters.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Run the simulated meters of a scenario, and print where each of them listens.

    The meters speak Modbus over TCP and over serial ports that are made for the purpose, at the line's baud rate.
    Any Modbus master can read them. Their site file lets `lamplighter run` do so.

    Example: lamplighter simulate demo --site-file /tmp/demo.toml
    """
    from simulators.library import load_scenario
    from simulators.scenario import ScenarioError

    try:
        loaded = load_scenario(scenario)
        stopping.run_until_stopped(lambda stop: _serve(loaded, stop, site_file, json), for_s)
    except ScenarioError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


async def _serve(scenario: "Scenario", stop: asyncio.Event, site_file: Path | None, json: bool) -> None:
    from simulators.server import Simulation

    async with Simulation(scenario, beside=Path(scenario.file).parent) as simulation:
        _announce(simulation, site_file, json)
        await stop.wait()


def _announce(simulation: "Simulation", site_file: Path | None, json: bool) -> None:
    if site_file is not None:
        # Whole or not at all: who waits for the file reads it as soon as it is there.
        write_whole(site_file, simulation.site_toml(site_file.absolute().parent / "state"))
    listed = [asdict(endpoint) for endpoint in simulation.endpoints]
    if json:
        show.as_json({"scenario": simulation.scenario.name, "meters": listed})
        return
    columns = ("meter", "line", "kind", "address", "unit", "model", "settings")
    rows = [tuple(str(one[column]) for column in columns) for one in listed]
    show.table(f"scenario {simulation.scenario.name}", columns, rows)
    typer.echo("Ctrl-C ends it.")
