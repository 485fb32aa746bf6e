"""What every test stands on: hypothesis draws the same examples in every run, and machine load fails nothing."""

import gc
from functools import cache

from hypothesis import settings

import drivers.library

settings.register_profile("lamplighter", derandomize=True, deadline=None, print_blob=True)
# For `make check`, which is to take less than a minute; `make test` draws all of them.
settings.register_profile("quick", settings.get_profile("lamplighter"), max_examples=20)
settings.load_profile("lamplighter")

# A map's text always means the same: it is parsed once, not once for each site file of a test.
drivers.library.parse_model = cache(drivers.library.parse_model)

# While tests are collected hardly anything becomes garbage; to look for it was a sixth of that time.
gc.disable()


def pytest_collection_finish() -> None:
    """What was collected stays until the end: no look for garbage has to go through it."""
    gc.collect()
    gc.freeze()
    gc.enable()
