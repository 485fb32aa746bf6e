"""How much is drawn: all of it in `make test`, a fifth in `make check`, which says so by its hypothesis profile.

A test that names its number of examples would keep it under any profile.
"""

from hypothesis import settings


def part(whole: int) -> int:
    """Of so many rounds or examples those that are made now."""
    return whole // 5 if settings.get_current_profile_name() == "quick" else whole


def drawn(examples: int) -> settings:
    """A test's own number of examples."""
    return settings(max_examples=part(examples), deadline=None)
