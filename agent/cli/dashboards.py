"""`lamplighter dashboards`: what operations see in Grafana."""

from pathlib import Path
from typing import Annotated

import typer


def dashboards(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Write one file for each dashboard into DIR.", show_default=False),
    ],
    site: Annotated[
        Path | None,
        typer.Option(
            "--site",
            metavar="SITE",
            help="Lay them out for this site file: its feeders, limits, customers, days.",
            show_default="for any site",
        ),
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option("--alerts", metavar="FILE", help="Write the alert rules here, too.", show_default=False),
    ] = None,
) -> None:
    """Write Grafana's dashboards: network, voltage, events, outages, energy, health.

    Plain JSON with InfluxQL, for Grafana 10 and later, to import by hand or to be provisioned; the database is chosen
    there. The same ones for any site are in deploy/grafana/dashboards.

    Examples: lamplighter dashboards --out dashboards; lamplighter dashboards --out dashboards --site site.toml
    """
    from agent.dashboards.alerting import rules_text
    from agent.dashboards.grafana import dashboard_text, file_name
    from agent.dashboards.library import dashboards as made_for
    from agent.dashboards.options import Options, options_of
    from agent.site import load_site

    options = Options() if site is None else options_of(load_site(site))
    files = {out / file_name(made): dashboard_text(made) for made in made_for(options)}
    _made(out)
    if alerts is not None:
        files[alerts] = rules_text()
    for file, text in files.items():
        _replace(file, text)
        typer.echo(f"written: {file}")


def _made(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        allowed = "allowed: a directory, or a new one within a directory that is there"
        raise OSError(f"--out {out}: {error.strerror}; {allowed}; nothing was written") from error


def _replace(file: Path, text: str) -> None:
    """Grafana reads a provisioned directory every few seconds: it must not find half a file."""
    from agent.whole_file import write_whole

    try:
        write_whole(file, text)
    except OSError as error:
        raise OSError(f"{file}: {error.strerror}; it is as it was before") from error
