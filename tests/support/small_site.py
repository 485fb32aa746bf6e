"""Site files of one meter on a port where nobody listens, for tests that are about something else."""

DASHI = """[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 230
[lines.a]
tcp = "127.0.0.1:1"
[meters.m]
line = "a"
unit = 1
model = "eastron-sdm630"
"""
WORKSHOP = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
tcp = "127.0.0.1:1"
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
"""
