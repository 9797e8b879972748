# Everything starts here: `make` lists the targets.
# Needs Python 3.11 or newer and make; the rest is installed below .venv and node_modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test soak lint format lock assets bench clean venv runtime dev

BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input
ARGS ?=
# The first interpreter that is new enough and can make virtual environments; `make PYTHON=…` overrides.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

# $(call once,NAME,FILES,COMMANDS): run COMMANDS unless they ran for these very FILES at this place.
define once
	@now=$$( (pwd; cat $(2)) | cksum); \
	if [ "$$(cat .venv/.made-$(1) 2>/dev/null)" != "$$now" ]; then \
		set -e; $(3); echo "$$now" > .venv/.made-$(1); \
	fi
endef

help: ## list the targets
	@echo "Pillar. Targets:"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: runtime ## everything from a fresh clone: install, database, sample company; then web, worker, scheduler
	@tools/assets.sh run
	@exec $(PY) -m pillar.cli up

test: dev ## the whole suite from a fresh clone (ARGS="tests/test_x.py -k name")
	@tools/assets.sh test
	@$(BIN)/pytest -n 2 --dist worksteal -m "not soak" $(ARGS)

soak: dev ## the long tests: fuzz x 100, kill -9, parallel
	@tools/assets.sh test
	@PILLAR_SOAK=1 PILLAR_FUZZ=100 $(BIN)/pytest -n 2 -m "soak or scales" $(ARGS)

lint: dev ## style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: dev ## write the format and the fixes that ruff is sure about
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

lock: venv ## lock the requirements and browser libraries again
	@command -v uv >/dev/null || $(PIP) uv
	@cd requirements && for name in runtime dev node; do \
		UV_CUSTOM_COMPILE_COMMAND="make lock" PATH="$(CURDIR)/$(BIN):$$PATH" \
		uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt || exit 1; \
	done
	@npm update --package-lock-only --ignore-scripts

assets: venv ## fetch the browser libraries (every page also works without them)
	@tools/assets.sh again

bench: runtime ## figures with floors and ratios (ARGS="--quick")
	@$(PY) -m pillar.cli bench $(ARGS)

clean: ## remove what make installed and made; the data directory stays
	rm -rf .venv node_modules pillar/static/vendor build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@if ! $(PY) -c '' 2>/dev/null; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "Pillar needs Python 3.11 or newer with the venv module (Debian: apt-get install python3-venv)." >&2; \
			exit 1; \
		fi; \
		echo "Making the virtual environment with $(PYTHON)"; \
		rm -rf .venv; "$(PYTHON)" -m venv .venv; \
	fi

runtime: venv
	$(call once,runtime,requirements/runtime.txt,echo "Installing packages"; $(PIP) --require-hashes -r requirements/runtime.txt)
	$(call once,pillar,pyproject.toml requirements/runtime.in,$(PIP) --no-deps --no-build-isolation -e .)

dev: runtime
	$(call once,dev,requirements/dev.txt,echo "Installing the tools for tests"; $(PIP) --require-hashes -r requirements/dev.txt)
