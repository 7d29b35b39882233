# Two commands do everything: `make demo` and `make test`. Nothing but Python 3.11+ and make is needed beforehand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export DO_NOT_TRACK := 1

.PHONY: help install demo up test test-slow test-fuzz test-servers test-kill check docs format bench bench-client bench-demo bench-detection bench-drift bench-ingest clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Kedge needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed -c constraints.txt -e '.[demo,postgres]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[demo,postgres,dev]'
	@touch $@

install: $(VENV)/.installed ## make .venv with .venv/bin/kedge

demo: install ## a real model drifts, alerts and is rolled back, before your eyes (Ctrl-C ends it)
	$(BIN)/kedge demo

up: install ## collector, worker and dashboard for your own endpoint
	$(BIN)/kedge up

test: $(VENV)/.installed-dev ## all tests but the slow soaks and the long fuzz, in parallel
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow and not fuzz and not servers'

test-slow: $(VENV)/.installed-dev ## soaks and statistics
	$(BIN)/python -m pytest -n 2 -m slow

test-fuzz: $(VENV)/.installed-dev ## ten thousand damaged bodies for each log format
	$(BIN)/python -m pytest -n 2 --dist worksteal -m fuzz tests/fuzz

test-servers: $(VENV)/.installed-dev ## MLServer and BentoML, installed by pip, log live to a real Kedge
	$(BIN)/python -m pytest -m servers tests/servers

test-kill: $(VENV)/.installed-dev ## kill -9 of the collector and its children, fifty times under load
	$(BIN)/python -m pytest -s tests/e2e/test_sigkill.py

check: $(VENV)/.installed-dev ## lint, types, import rules, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/docs

docs: $(VENV)/.installed-dev ## write docs/reference anew from the code
	$(BIN)/python -m docs.generate

format: $(VENV)/.installed-dev ## apply the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## every benchmark; each ends with one line of JSON
	$(BIN)/python -m benchmarks

bench-client bench-demo bench-detection bench-drift bench-ingest: bench-%: $(VENV)/.installed-dev ## one benchmark
	$(BIN)/python -m benchmarks.$*

clean: ## remove the environment and the demo's data
	rm -rf $(VENV) .kedge-demo
