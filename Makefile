# `make bench` and `make test` need Python 3.11 with venv, make and the usual package registries; neither root nor Docker.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
SUITE ?= multiplayer
ARGS ?=
export DAGSTER_HOME ?= $(abspath $(or $(PERF_PIPELINE_HOME),.perf-pipeline))/dagster

.DEFAULT_GOAL := help
.PHONY: help setup bench ui test test-unit lint check lock clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(VENV)/.run  ## install what a benchmark needs into .venv

bench: $(VENV)/.run  ## set everything up and run one complete benchmark (ARGS="--profile smoke" for a short one)
	@$(BIN)/perf-pipeline run $(SUITE) $(ARGS)

ui: $(VENV)/.run  ## open Dagster's UI with all runs, on http://127.0.0.1:3000
	@$(BIN)/perf-pipeline ui

test: $(VENV)/.dev  ## set everything up and pass the tests (real k6, Prometheus, PostgreSQL, Dagster)
	$(BIN)/python -m pytest tests/unit tests/integration $(ARGS)

test-unit: $(VENV)/.dev  ## the fast tests only
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(VENV)/.dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test  ## what CI runs

lock: $(VENV)/.dev  ## renew the hash-pinned requirements after a change of pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  pyproject.toml --group build -o requirements.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

clean:  ## remove what was installed; results in .perf-pipeline stay
	rm -rf $(VENV) .tools

$(VENV)/.uv: requirements-uv.txt
	@echo "setting up: a virtual environment"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; call make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment: on Debian, apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.uv requirements.txt pyproject.toml
	@echo "setting up: packages (pinned by hash)"
	@$(UV) --require-hashes -r requirements.txt
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "setting up: packages for the tests"
	@$(UV) --require-hashes -r requirements-dev.txt
	@touch $@
