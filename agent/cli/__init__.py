"""The command line: one file per command, no logic. Nothing outside this package imports typer or rich."""
