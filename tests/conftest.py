"""What every test stands on: hypothesis draws the same examples in every run, and machine load fails nothing."""

import gc

from hypothesis import settings

settings.register_profile("lamplighter", derandomize=True, deadline=None, print_blob=True)
# For `make check`, which is to take less than a minute; `make test` draws all of them.
settings.register_profile("quick", settings.get_profile("lamplighter"), max_examples=20)
settings.load_profile("lamplighter")

# While tests are collected hardly anything becomes garbage; to look for it was a sixth of that time.
gc.disable()


def pytest_collection_finish() -> None:
    """What was collected stays until the end: no look for garbage has to go through it."""
    gc.collect()
    gc.freeze()
    gc.enable()
