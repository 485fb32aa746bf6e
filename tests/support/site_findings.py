"""A site file that is written, read, and found wanting."""

from pathlib import Path

import pytest

from agent.errors import Finding, SiteError
from agent.site import Site, load_site


def load(directory: Path, text: str) -> Site:
    path = directory / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path)


def findings(directory: Path, text: str) -> dict[str, Finding]:
    """What is wrong, by key path. One finding per path, and each says something in all of its parts."""
    with pytest.raises(SiteError) as caught:
        load(directory, text)
    found = {finding.where: finding for finding in caught.value.findings}
    assert len(found) == len(caught.value.findings), caught.value
    assert all(one.found and one.allowed and one.todo for one in found.values())
    return found
