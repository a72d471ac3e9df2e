# Frontdesk: everything a developer does. `make` alone lists it.
#
# A fresh machine needs Python 3.11 (with its venv module) and make; `make widget` also needs Node.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
HOST ?= 127.0.0.1
# How long `make bench` drives each measurement, in seconds.
SECONDS_EACH ?= 9
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DATA := $(if $(FRONTDESK_DATA_DIR),$(FRONTDESK_DATA_DIR),var)
BASE_PYTHON := $(shell for name in python3.11 python3 python3.12 python3.13 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; done)
LOCK := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links -p 3.11 pyproject.toml

.PHONY: help serve test check format bench lock widget nightly clean

help:  ## List what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

serve: $(VENV)/.installed  ## Serve on http://HOST:PORT (127.0.0.1:8000) with a demo tenant
	@$(BIN)/frontdesk migrate
	@if [ ! -e "$(DATA)/.demo-shown" ]; then \
		echo "Demo tenant and its keys, shown this once (new ones: $(BIN)/frontdesk demo):"; \
		$(BIN)/frontdesk demo --json && touch "$(DATA)/.demo-shown"; fi
	@exec $(BIN)/frontdesk serve --host $(HOST) --port $(PORT)

test: $(VENV)/.installed-test  ## Install what the tests need, run the fast checks and every test
	@.ci/test $(PYTEST_ARGS)

check: $(VENV)/.installed-test  ## The fast gate: format, lint, imports, types, unit and architecture tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit tests/architecture

format: $(VENV)/.installed-test  ## Format the code and sort its imports
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test  ## Measure the gateway against a mock provider, and its budgets (wrk; JSON on stdout)
	@$(BIN)/python -m benches.gateway --seconds $(SECONDS_EACH)
	@$(BIN)/python -m benches.budgets

nightly: $(VENV)/.installed-test  ## Run every test with many more generated examples
	TEST_KILLS=50 TEST_OUTAGE_S=60 $(BIN)/pytest -p tests.nightly

widget:  ## Build the chat widget from its sources (Node)
	cd widget && npm ci && npm run build

lock:  ## Write the lock files anew from pyproject.toml (uv)
	$(LOCK) -o requirements.lock
	$(LOCK) -c requirements.lock --extra test --extra dev -o requirements-test.lock

clean:  ## Remove the environment and caches; the data directory stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@if [ -z "$(BASE_PYTHON)" ]; then \
		echo "Python 3.11 or newer was not found: install it (Debian: apt-get install python3 python3-venv)."; exit 2; fi
	@echo "Making $(VENV) with $(BASE_PYTHON)"
	@"$(BASE_PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The venv module is missing: install it (Debian: apt-get install python3-venv)."; exit 2; }

# A stamp holds the digest of what was installed, so a checkout that only moves file times installs nothing.
define install
	@want=$$(cat $^ | sha256sum); if [ "$$want" != "$$(cat $@ 2>/dev/null)" ]; then \
		echo "Installing the packages of $<"; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
		$(PIP) --require-hashes -r $< && $(PIP) --no-deps -e . && echo "$$want" > $@; else touch $@; fi
endef

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(install)

$(VENV)/.installed-test: requirements-test.lock pyproject.toml | $(BIN)/python
	$(install)
