"""Arguments that several commands share, so that they read and behave alike."""

from pathlib import Path
from typing import Annotated

import typer

SitePath = Annotated[Path, typer.Argument(metavar="SITE", help="The site file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _directory(text: str) -> Path:
    """An unset variable in a script must not mean the current directory."""
    if not text:
        raise typer.BadParameter("found nothing; allowed: a directory; name one, or leave the option out")
    return Path(text)


StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        parser=_directory,
        help="Use this state directory, not the site's.",
        show_default=False,
    ),
]
ForSeconds = Annotated[
    float | None,
    typer.Option("--for", metavar="S", min=0.1, help="Stop after S seconds.", show_default="until Ctrl-C"),
]
