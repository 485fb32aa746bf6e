"""What every test stands on: hypothesis draws the same examples in every run, and machine load fails nothing."""

from hypothesis import settings

settings.register_profile("lamplighter", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("lamplighter")
