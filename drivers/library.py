"""Finds map files: the site's own `models/` beside its site file first, then the packaged ones.

Only the map that is asked for is read and parsed.
"""

from pathlib import Path

from drivers.errors import ModelError
from drivers.model import MeterModel, parse_model

_PACKAGED = Path(__file__).parent / "models"


def load_model(name: str, beside: Path | None = None) -> MeterModel:
    """The map `name`; `beside` is the directory of the site file, whose `models/NAME.toml` wins.

    Raises ModelError: unknown name (with close matches), unreadable or wrong map.
    """
    files = _files(beside)
    path = files.get(name)
    if path is None:
        from difflib import get_close_matches

        names = sorted(files)
        close = get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        own = f"; own maps go to {beside / 'models'}" if beside is not None else ""
        raise ModelError(f"model: found {name!r}; allowed: {' '.join(names)}{hint}{own}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; allowed: a readable file in UTF-8"
        ) from error
    return parse_model(text, str(path))


def model_names(beside: Path | None = None) -> tuple[str, ...]:
    return tuple(sorted(_files(beside)))


def _files(beside: Path | None) -> dict[str, Path]:
    """Map files by name, the site's own over the packaged."""
    folders = [_PACKAGED] + ([beside / "models"] if beside is not None else [])
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
