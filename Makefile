# make repro   everything, from the archives to the table of versions (twice: the second time takes seconds)
# make test    the test suite
# make lint    formatting and lint
# make clean   remove what was made here, the environment and DVC's cache included, but replies that were paid for

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
DEMO := $(VENV)/.ready-demo
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: repro test browser lint setup clean

repro: setup
	dvc repro
	vqatune table

test: $(DEMO) browser
	python -m pytest -n 2 --dist worksteal

# The pages are tested in Chromium, which is no Python package.
browser:
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
	    && echo "installing chromium, to test the pages in it" \
	    && { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium; } > /dev/null 2>&1; \
	} || echo "chromium is not here and could not be installed: tests of the pages in a browser are skipped"

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
	python -m vqatune.evaluation.metrics.wordnet
	touch $@

# What the demo needs is tested, too.
$(DEMO): $(READY) requirements-demo.txt
	python -m pip install --quiet -r requirements.txt -r requirements-demo.txt
	touch $@

clean:
	rm -rf $(VENV) .dvc/cache .dvc/tmp dvc_plots
	[ ! -d .work ] || find .work -mindepth 1 -maxdepth 1 ! -name replies -exec rm -rf {} +
	git clean -qfdX data models metrics
