# asperity: `make demo` shows what it does, `make test` proves it right, `make verify` proves it honest.
# Needs Python >= 3.11 with pip, and make. Everything else goes into .venv, once.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TYPES := $(VENV)/types.txt
# The peers, some of them under the GPL, live in an environment of their own.
PEERS := .venv-bench
# The lowest versions that pyproject.toml admits, on Python 3.11.
LOWEST := .venv-lowest
INPUTS := pyproject.toml constraints.txt
WORKERS ?= 2
FIND_PYTHON = for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then echo $$python; break; fi; done

.PHONY: help demo test verify verify-lowest bench clean

help:
	@echo "make demo   analyze a virtual force map, compare with the truth, write asperity-demo/report.html"
	@echo "make test   style, types and the tests of correctness (some minutes on two cores; WORKERS=8 for more)"
	@echo "make verify the statistical studies, each with its table (long); PART=selection runs those of that name"
	@echo "make verify-lowest  the tests of correctness with the lowest versions admitted (needs Python 3.11)"
	@echo "make bench  speed against other programs"
	@echo "make clean  remove .venv and everything that was written"

demo: $(STAMP)-core
	$(BIN)/asperity demo --out asperity-demo

# What the tests' many processes import is compiled once, also where the environment forbids files of bytecode.
# Three quarters of the tests' time would go into optimizing what runs once; tests/verify/test_compiled.py holds that
# the numbers are the same, and `make verify` runs what users run.
test: $(STAMP)-dev
	$(BIN)/ruff check .
	@$(BIN)/basedpyright > $(TYPES) & types=$$!; \
	PYTHONDONTWRITEBYTECODE= JAX_DISABLE_MOST_OPTIMIZATIONS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal; tests=$$?; \
	wait $$types; types=$$?; cat $(TYPES); exit $$((tests ? tests : types))

verify: $(STAMP)-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m study tests/verify tests \
	  $(if $(PART),-k "$(PART)")

verify-lowest: $(LOWEST)/.installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal

bench: $(PEERS)/.installed
	$(PEERS)/bin/python -m benchmarks $(BENCH)

$(LOWEST)/bin/python: PYTHON := $(or $(PYTHON),python3.11)
$(BIN)/python $(PEERS)/bin/python $(LOWEST)/bin/python:
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
	  echo "asperity needs Python 3.11 or newer with venv and pip, and found none." >&2; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	echo "Setting up $(@:/bin/python=) with $$python"; "$$python" -m venv $(@:/bin/python=)

$(STAMP)-core: $(INPUTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(STAMP)-dev: $(INPUTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP)-core $@

$(PEERS)/.installed: $(INPUTS) | $(PEERS)/bin/python
	$(PEERS)/bin/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt | $(LOWEST)/bin/python
	$(LOWEST)/bin/python -m pip install --quiet -c constraints-lowest.txt -e '.[dev,readers,images,dask]'
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(LOWEST) asperity-demo asperity-results build dist .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
