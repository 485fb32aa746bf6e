"""What every test stands on: hypothesis draws the same examples in every run, and machine load fails nothing."""

from hypothesis import settings

settings.register_profile("lamplighter", derandomize=True, deadline=None, print_blob=True)
# For `make check`, which is to take less than a minute; `make test` draws all of them.
settings.register_profile("quick", settings.get_profile("lamplighter"), max_examples=25)
settings.load_profile("lamplighter")
