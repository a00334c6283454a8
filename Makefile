# make repro   everything, from the archives to the table of versions (twice: the second time takes seconds)
# make test    the test suite
# make lint    formatting and lint
# make clean   what was made here, the environment and DVC's cache included

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: repro test lint setup clean

repro: setup
	dvc repro
	vqatune table

test: setup
	python -m pytest -n 2 --dist worksteal

lint: setup
	ruff format --check .
	ruff check .

setup: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vqatune needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --upgrade pip
	python -m pip install --quiet -r requirements.txt
	python -m pip install --quiet --no-deps -e .
	python -m vqatune.evaluation.wordnet
	touch $@

clean:
	rm -rf $(VENV) .work .dvc/cache .dvc/tmp dvc_plots
	git clean -qfdX data models metrics
