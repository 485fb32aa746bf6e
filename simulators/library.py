"""Finds scenario files: a path, or the name of a packaged one (``demo``)."""

from difflib import get_close_matches
from pathlib import Path

from simulators.scenario import Scenario, ScenarioError, parse_scenario

_PACKAGED = Path(__file__).parent / "scenarios"


def load_scenario(source: str | Path) -> Scenario:
    """Raises ScenarioError: no such file or name, unreadable, or wrong."""
    path = Path(source)
    if not path.suffix and not path.exists():
        path = _PACKAGED / f"{path.name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = scenario_names()
        close = get_close_matches(path.stem, names, n=1)
        todo = f"did you mean {close[0]}?" if close else "check the path"
        allowed = f"a readable file, or one of {', '.join(names)}"
        found = str(getattr(error, "strerror", None) or error)
        raise ScenarioError(str(source), "file", found, allowed, todo) from None
    return parse_scenario(text, str(path))


def scenario_names() -> tuple[str, ...]:
    """Those that come with the product."""
    return tuple(sorted(path.stem for path in _PACKAGED.glob("*.toml")))
