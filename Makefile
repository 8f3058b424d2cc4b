# Every target sets up .venv from nothing where needed; a second call does not reinstall.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv installs in seconds what takes pip minutes; the test tools bring it along. Neither compiles: Python compiles a module when it
# first imports it.
UV = $(shell command -v uv || command -v $(BIN)/uv)
PIP = $(1)/bin/python -m pip install --no-compile --disable-pip-version-check
INSTALL = $(if $(UV),$(UV) pip install --python $(1)/bin/python,$(PIP)) --quiet --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
# Installs the pipeline with an extra at once, and says how long it took and how large the environment is now.
comma := ,
define install
	@echo "Installing $(1) into $(VENV) …"
	@start=$$(date +%s); $(call INSTALL,$(VENV)) --editable '$(2)' \
	  && echo "Installed in $$(($$(date +%s) - start)) s; $(VENV) has $$(du -sh $(VENV) | cut -f1)"
	@touch $(VENV)/installed $@
endef
# Files of tests run in parallel, in the order of tests/conftest.py; PARALLEL= for one process.
PARALLEL ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: run ui check test test-scale lint docs pictures bench nightly wheel constraints clean help

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/installed  ## Materialize the whole graph; ARGS="--select group:pca" for less
	@$(BIN)/mnist-pipeline run $(ARGS)
	@echo "Next:   $(VENV)/bin/mnist-pipeline report --open, or make ui for the graph and a page to draw on"

ui: $(VENV)/installed  ## Serve the Dagster UI on http://127.0.0.1:3000; ARGS="--port 3001" for another
	@$(BIN)/mnist-pipeline ui $(ARGS)

check: lint  ## Lint, types, import contracts, and the quick tests (1½ minutes)
	@$(BIN)/python -m pytest $(PARALLEL) -m "not browser and not full and not slow" $(ARGS)

test: $(VENV)/installed-test  ## Run the tests; ARGS="-k pca" for some
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-scale: $(VENV)/installed-scale  ## Run the graph in a bucket, on PostgreSQL and on Ray (3 minutes)
	@$(BIN)/python -m pytest tests/scale $(ARGS)

lint: $(VENV)/installed-test  ## Lint, check formatting, types, imports, and names in the documentation
	@$(BIN)/ruff check --no-cache .  # a cache keeps the order of imports that a moved package had
	@$(BIN)/ruff format --check .
	@$(BIN)/oxlint mnist_pipeline
	@$(BIN)/oxfmt --check 'mnist_pipeline/**/*.js' 'mnist_pipeline/**/*.css'
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python docs/check_names.py

docs: $(VENV)/installed-docs  ## Build the documentation site in docs/_build/site, with the report of a run, and run its tutorial (a minute; 3½ the first time)
	@$(BIN)/mnist-pipeline run --changed >/dev/null
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/site
	@cp "$$($(BIN)/mnist-pipeline report)" docs/_build/site/demonstration.html
	@echo "docs/_build/site/index.html"

pictures: $(VENV)/installed-test  ## Take the pictures of the documentation anew, with Chromium (6 minutes); ARGS="play draw" for some
	@$(BIN)/python docs/draw_pictures.py $(ARGS)

bench: $(VENV)/installed-bench  ## Compare with other libraries, and renew docs/benchmarks.md (20 minutes); ARGS="--only knn" for a section
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks $(ARGS)

WHEEL := .venv-wheel
wheel: $(VENV)/installed-test  ## Build the wheel in dist/, install it into an empty environment, and use it elsewhere
	@rm -rf dist $(WHEEL) && $(PYTHON) -m venv $(WHEEL)
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps . --wheel-dir dist
	@echo "Installing the wheel into $(WHEEL) …"
	@$(call INSTALL,$(WHEEL)) dist/*.whl
	@INSTALLED_PYTHON=$(WHEEL)/bin/python $(BIN)/python -m pytest tests/test_wheel.py

# A release installs for each of these.
PYTHONS := 3.11 3.12 3.13 3.14
FASHION ?= /usr/share/datasets/fashion-mnist
nightly: $(VENV)/installed-scale  ## Fuzzing, four Pythons, another data set, the wheel, and the scale tests (12 minutes)
	@$(BIN)/python -m pytest $(PARALLEL) tests/data/test_fuzz.py --fuzz-cases 50000
	@for version in $(PYTHONS); do echo "Resolving for Python $$version …"; $(BIN)/uv pip compile pyproject.toml \
	  --all-extras --only-binary :all: --constraint constraints.txt --python-version $$version --quiet >/dev/null || exit 1; done
	@test -d $(FASHION) || { echo "Fashion-MNIST is absent; on Debian: apt-get install dataset-fashion-mnist" >&2; exit 1; }
	@storage=$$(mktemp -d) && MNIST_PIPELINE_DATA=$(FASHION) MNIST_PIPELINE_STORAGE=$$storage $(BIN)/mnist-pipeline run \
	  && rm -rf $$storage
	@$(MAKE) wheel test-scale

constraints: $(VENV)/installed-test  ## Resolve constraints.txt anew
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate --quiet \
	  | grep -vE '^(torch|torchvision|triton|nvidia-|cuda-)' > constraints.new
	@(grep '^#' constraints.txt; cat constraints.new) > constraints.all && rm constraints.new && mv constraints.all constraints.txt
	@for tool in ruff oxlint oxfmt; do \
	  sed -i "s/\[$$tool==.*\]/[$$(grep "^$$tool==" constraints.txt)]/" .pre-commit-config.yaml; done

clean:  ## Remove the virtual environments, the wheel and the documentation site
	@rm -rf $(VENV) $(WHEEL) dist docs/_build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; name another with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) can't make a virtual environment; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/installed $(VENV)/installed-test $(VENV)/installed-docs $(VENV)/installed-bench: $(BIN)/python $(SOURCES)

$(VENV)/installed:
	$(call install,the pipeline,.)

$(VENV)/installed-test:
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix $(VENV) axe-core@4; \
	  else echo "npm is absent: the tests skip the accessibility checks"; test -z "$$CI"; fi
	$(call install,the pipeline and the test tools,.[test])

$(VENV)/installed-scale: $(VENV)/installed-test
	$(call install,the engines to scale on,.[test$(comma)test-scale])

$(VENV)/installed-docs:
	$(call install,the pipeline and the tools of the documentation,.[docs])

$(VENV)/installed-bench:
	$(call install,the pipeline and the libraries to compare with,.[bench])
