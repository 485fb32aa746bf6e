# Every target does its own set-up. `make setup && make demo` is all a newcomer needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo check test system pictures schema bench soak clean
.DELETE_ON_ERROR:

setup: $(READY)

# Anew whenever the lock or the project's metadata changes; code changes need none, the install is editable.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A simulated substation and the agent on it, until Ctrl-C. `make demo FOR=60` ends by itself.
demo: setup
	$(BIN)/lamplighter demo $(if $(FOR),--for $(FOR))

# Compiled once and kept, whatever the environment says: to compile the tests anew took each worker of pytest 10 s.
check test: export PYTHONDONTWRITEBYTECODE =
check test: export PYTHONPYCACHEPREFIX = $(CURDIR)/$(VENV)/pycache

# Stores that tests open sync each commit, 10 ms on a disk: they do it in memory where there is room for their files.
# The end-to-end tests keep to the disk.
MEMORY = $(shell [ -w /dev/shm ] && [ "$$(df -k --output=avail /dev/shm | tail -n 1)" -gt 2000000 ] && echo /dev/shm)
IN_MEMORY = $(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY) )$(BIN)/pytest -q -n 2 --dist worksteal \
	-o tmp_path_retention_policy=failed -o tmp_path_retention_count=1

# What is quick, under a minute on two cores: style, types, and the tests that start no server and take less than 0.3 s
# of CPU each, with a fifth of the drawn examples. `make test` has them all.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(IN_MEMORY) -m "not e2e and not slow" --hypothesis-profile=quick

# End-to-end tests wait more than they work: with `make test E2E_WORKERS=3` they take less time where nothing else runs.
E2E_WORKERS ?= 2

# Everything that has to pass before a change lands. Installs the servers that the tests meet, where it may.
test: setup
	tests/support/install-servers.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(IN_MEMORY) -m "not e2e"
	$(BIN)/pytest -q -n $(E2E_WORKERS) -m "e2e and not alone" --dist loadfile --no-loadscope-reorder
	$(BIN)/pytest -q -m alone

# What needs more than Python and the servers of `make test`, or longer; each has a target of its own.
system: schema pictures

# The dashboards against Grafana's own types: needs Node (tried with 20) and a registry of its packages.
schema:
	tests/support/install-servers.sh node=nodejs npm
	npm --prefix tests/dashboards/schema-check run fresh

# The dashboards and the report as one sees them, into build/pictures, to be looked at: some two minutes.
pictures: setup
	tests/support/install-servers.sh chromium
	rm -rf build/pictures
	$(BIN)/python tests/dashboards/harness/pictures.py build/pictures

# Lamplighter and its peers against the same slaves, about 20 minutes on a quiet machine. `make bench ARGS=--quick` is a
# smoke of 4. Figures belong into the page only on purpose: `make bench ARGS="--write docs/performance.md"`.
bench: setup
	$(BIN)/python bench/run.py $(ARGS)

# Long campaigns, each with a verdict: what they are and their last figures stand in docs/reliability.md and
# docs/detection.md. Some seven and a half hours, two of them memory_soak; `make soak ONLY=rtu_campaign` runs
# one of them.
soak: setup
	$(BIN)/python tests/soak/run.py $(ONLY)

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
