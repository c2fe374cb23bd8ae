# Everything that is done to this checkout by hand or by CI. `make` alone lists it.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Twice as many workers as processors, since tests mostly wait; `make test WORKERS=0` runs in one process.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
# There one CRM is enough: what differs are the processes.
ON_CELERY_ONLY ?= not bitrix24 and not hubspot
ON_CELERY ?= tests/journeys/test_conversation.py tests/journeys/test_promises.py
UV ?= $(firstword $(wildcard $(BIN)/uv) uv)
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

.PHONY: help install demo test check format docs chaos simulate requirements clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

install: $(STAMP) ## make .venv with everything pinned, and the project itself

$(STAMP): requirements/base.txt requirements/dev.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	  echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make install PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$("$(PYTHON)" --version) is too old: Threadline needs 3.11 or newer. Name another: make install PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@if [ -x $(BIN)/python ] && ! $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "$(VENV) is broken or too old: it is made anew."; rm -rf "$(VENV)"; fi
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv "$(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## a day of conversations, on emulators, with no account anywhere
	$(BIN)/threadline demo

test: $(STAMP) ## the whole test suite, and the heart of it once more on Celery
	$(BIN)/pytest -n $(WORKERS) --dist worksteal
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --executor celery -k "$(ON_CELERY_ONLY)" $(ON_CELERY)

check: $(STAMP) ## everything that is judged without running it
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/threadline docs --check
	$(BIN)/python -m tests.architecture.hygiene secrets

format: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## print the reference pages and .env.example from the code
	$(BIN)/threadline docs

# `make chaos SEED=7` repeats a day.
chaos: $(STAMP) ## conversations while workers are killed and the database restarts
	$(BIN)/threadline chaos $(if $(SEED),--seed $(SEED))

simulate: $(STAMP) ## the whole hub in virtual time, by seed
	$(BIN)/threadline simulate $(if $(SEED),--seed $(SEED))

requirements: ## pin anew what requirements/*.in ask for
	@command -v $(UV) >/dev/null 2>&1 || { echo "uv compiles the pins, and is not here: pip install uv" >&2; exit 1; }
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/base.in -c requirements/dev.txt -o requirements/base.txt
	$(COMPILE) requirements/otel.in -c requirements/dev.txt -o requirements/otel.txt
	$(COMPILE) requirements/s3.in -c requirements/dev.txt -o requirements/s3.txt

clean: ## remove what can be made again; data in var/ stays
	rm -rf "$(VENV)" build dist ./*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
