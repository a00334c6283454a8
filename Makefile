# make repro   everything, from the archives to the table of versions (twice: the second time takes seconds)
# make zoo     many models, untuned, on the test set, as a table and a page (after make repro; docs/zoo.md)
# make test    the test suite
# make check   lint and the tests that were quick here the last time, a minute or two: before every commit
# make gauntlet  every stage and command killed, on full disks and with strangers' files, before a release
# make emulated  all stages on two emulated processors, which must write the same bytes (needs qemu-user)
# make lint    formatting, lint, types of the packages that others import, layers
# make docs    the documents as a site, site/index.html
# make lock    requirements.txt, requirements-demo.txt and requirements-docs.txt, made anew from pyproject.toml; pins stay where they can
# make clean   remove what was made here, the environment and DVC's cache included, but replies that were paid for

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
DEMO := $(VENV)/.ready-demo
DOCS := $(VENV)/.ready-docs
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: repro zoo test check gauntlet emulated browser lint docs lock setup clean

repro: setup
	@python -m vqatune.cli.before_repro
	python -m vqatune.runtime.warm_start dvc repro
	@git diff --quiet HEAD -- dvc.lock metrics || echo 'dvc.lock and metrics/ differ from the last commit: you changed' \
	    'something, or a GPU, an ARM processor or native arithmetic computes other digits. Commit them before you go on' \
	    '(git commit -am "My run"): `git restore` and `dvc checkout` then come back to files that are here.'
	@python -m vqatune.cli.after_repro

zoo: setup
	@python -m vqatune.params && python -m vqatune.runtime.dvc_files dvc.lock zoo/dvc.lock
	python -m vqatune.runtime.warm_start dvc repro zoo/dvc.yaml
	vqatune zoo
	@python -c 'from pathlib import Path; print("\nThe page:", Path("metrics/zoo.html").resolve().as_uri())'

# Three processes, for two cores: many tests wait for other processes and for servers. They compile the tests once.
test: $(DEMO) browser
	env -u PYTHONDONTWRITEBYTECODE python -m pytest -n 3 --dist worksteal

check: lint
	python -m pytest -n 2 --dist worksteal --quick -m "not slow and not browser and not emulated" --ignore tests/pipeline

# What docs/reliability.md promises, tried some thousand times; writes .work/gauntlet.json.
gauntlet: $(DEMO)
	python -m pytest tests/gauntlet -n 2 --dist worksteal

# Whether other makes of x86-64 processor compute the same bytes; needs qemu-user.
emulated: setup
	python -m pytest -m emulated tests/pipeline/test_portable.py

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
	mypy
	lint-imports --no-cache

# The variable silences news of MkDocs' future.
docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "The site: file://$(CURDIR)/site/index.html"

# `uv pip compile` keeps the pins that it finds; take a line out, or add --upgrade-package NAME, to move one.
COMPILE = uv pip compile --quiet --python-version 3.11 --no-annotate \
    --custom-compile-command 'make lock (uv pip compile)'

lock: setup
	python -m pip install --quiet uv
	$(COMPILE) --extra dev --output-file requirements.txt pyproject.toml
	$(call compile_beside,demo,--extra demo --extra serve,What `vqatune demo` and `vqatune serve` need beside requirements.txt)
	$(call compile_beside,docs,--extra docs,What `make docs` needs beside requirements.txt)

# $(call compile_beside,NAME,EXTRAS,WHAT): requirements-NAME.txt, the packages of extras that requirements.txt does not have.
define compile_beside
	cp requirements-$(1).txt $(VENV)/$(1).txt
	$(COMPILE) $(2) --constraints requirements.txt --no-header --output-file $(VENV)/$(1).txt pyproject.toml
	echo '# $(3). Made by: make lock (uv pip compile)' > requirements-$(1).txt
	grep --invert-match --line-regexp --fixed-strings --file=requirements.txt $(VENV)/$(1).txt >> requirements-$(1).txt
endef

setup: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vqatune needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the $$(grep -c == requirements.txt) packages of requirements.txt into $(VENV), once: they are downloaded first," \
	    "torch for CUDA with some gigabytes among them where the package index has it."
	python -m pip install --quiet --upgrade pip
	python -m pip install --quiet -r requirements.txt
	python -m pip install --quiet --no-deps -e .
	python -m vqatune.evaluation.metrics.wordnet
	python -m vqatune.report.dvc_page && dvc config --quiet --local plots.html_template plots_page.html
	touch $@

# What the demo needs is tested, too.
$(DEMO): $(READY) requirements-demo.txt
	python -m pip install --quiet -r requirements.txt -r requirements-demo.txt
	touch $@

$(DOCS): $(READY) requirements-docs.txt
	python -m pip install --quiet -r requirements.txt -r requirements-docs.txt
	touch $@

clean:
	rm -rf $(VENV) .dvc/cache .dvc/tmp dvc_plots site
	[ ! -d .work ] || find .work -mindepth 1 -maxdepth 1 ! -name replies -exec rm -rf {} +
	git clean -qfdX data models metrics
