# Every target sets up .venv from nothing where needed; a second call does not reinstall.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
# Files of tests run in parallel, in the order of tests/conftest.py; PARALLEL= for one process.
PARALLEL ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: run ui check test test-faults test-scale test-latest test-wheel lint docs fuzz soak bench bench-quick constraints clean help

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/installed  ## Materialize the whole graph; ARGS="--select group:pca" for less
	@$(BIN)/mnist-pipeline run $(ARGS)

ui: $(VENV)/installed  ## Serve the Dagster UI on http://127.0.0.1:3000; ARGS="--port 3001" for another
	@$(BIN)/mnist-pipeline ui $(ARGS)

check: lint  ## Lint, types, import contracts, and the quick tests (one minute)
	@$(BIN)/python -m pytest $(PARALLEL) -m "not browser and not full and not slow" $(ARGS)

test: $(VENV)/installed-test  ## Run the tests; ARGS="-k pca" for some
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-faults: $(VENV)/installed-test  ## Make runs fail in every way, and see that nothing is lost (8 minutes)
	@$(BIN)/python -m pytest $(PARALLEL) $(if $(PARALLEL),--dist worksteal) tests/faults $(ARGS)

test-scale: $(VENV)/installed-scale  ## Run the graph on Ray, PostgreSQL and an S3 server of this machine (15 minutes)
	@$(BIN)/python -m pytest -s tests/scale $(ARGS)

# The tests that meet Dagster most, and run the whole graph once; ARGS="tests" runs all.
LATEST := .venv-latest
LATEST_TESTS := tests/assets/test_contracts.py tests/assets/test_graph.py tests/assets/test_automation.py tests/assets/test_dg.py \
  tests/runtime/test_dagster_internals.py tests/runtime/graph tests/cli/test_run.py tests/cli/test_lineage.py
test-latest:  ## Run the quick tests against the newest Dagster, in an environment of its own
	@test -x $(LATEST)/bin/python || $(PYTHON) -m venv $(LATEST)
	@$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade \
	  dagster dagster-dg-cli dagster-graphql dagster-webserver
	@$(LATEST)/bin/python -c 'import dagster; print("Dagster", dagster.__version__)'
	@$(LATEST)/bin/python -m pytest $(or $(ARGS),$(LATEST_TESTS))

# A release installs for each of these; PYTHON=python3.13 runs the wheel with another one.
PYTHONS := 3.10 3.11 3.12 3.13 3.14
WHEEL := .venv-wheel
test-wheel: $(VENV)/installed-test  ## Install the wheel into an empty environment, and use it in another directory
	@rm -rf $(WHEEL) && $(PYTHON) -m venv $(WHEEL)
	@$(BIN)/python -m pip wheel --quiet --no-deps . --wheel-dir $(WHEEL)
	@$(WHEEL)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(WHEEL)/*.whl
	@INSTALLED_PYTHON=$(WHEEL)/bin/python $(BIN)/python -m pytest tests/test_wheel.py
	@for version in $(PYTHONS); do $(BIN)/uv pip compile pyproject.toml --all-extras --only-binary :all: \
	  --constraint constraints.txt --python-version $$version --quiet >/dev/null || exit 1; done

fuzz: $(VENV)/installed-test  ## Try 50,000 malformed data sets, 40,000 odd pictures and 40,000 damaged picture files (10 minutes)
	@$(BIN)/python -m pytest $(PARALLEL) tests/data/test_fuzz.py tests/recognition/test_pictures_fuzz.py --fuzz-cases 100000

lint: $(VENV)/installed-test  ## Lint, check formatting and types
	@$(BIN)/ruff check --no-cache .  # a cache keeps the order of imports that a moved package had
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/installed-docs  ## Build the documentation site in docs/_build/site, and run its tutorial (a minute)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/site
	@echo "docs/_build/site/index.html"

bench: $(VENV)/installed-bench  ## Compare the methods with other libraries (15 minutes)
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/installed-bench  ## The same with fewer repetitions (3 minutes)
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks --quick $(ARGS)

soak: $(VENV)/installed  ## Run everything in 2 GB of address space, then 20 times in one process, and look for leaks
	@$(BIN)/python -m benchmarks.soak $(ARGS)

constraints:  ## Resolve constraints.txt anew
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 --no-header --no-annotate --quiet \
	  | grep -vE '^(torch|torchvision|triton|nvidia-|cuda-)' > constraints.new
	@(grep '^#' constraints.txt; cat constraints.new) > constraints.all && rm constraints.new && mv constraints.all constraints.txt

clean:  ## Remove the virtual environments and the documentation site
	@rm -rf $(VENV) $(LATEST) $(WHEEL) docs/_build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "$(PYTHON) is older than 3.10; name another with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) can't make a virtual environment; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(BIN)/python $(SOURCES)
	@echo "Installing the pipeline into $(VENV) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@echo "Installing the test tools into $(VENV) …"
	@$(PIP) --editable '.[test]'
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix $(VENV) axe-core@4; \
	  else echo "npm is absent: the accessibility checks will be skipped"; fi
	@touch $@

$(VENV)/installed-scale: $(VENV)/installed-test
	@echo "Installing the engines to scale on into $(VENV) …"
	@$(PIP) --editable '.[test,test-scale]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	@echo "Installing the tools of the documentation into $(VENV) …"
	@$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	@echo "Installing the libraries to compare with into $(VENV) …"
	@$(PIP) --editable '.[bench]'
	@touch $@
