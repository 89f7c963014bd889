# Resarc: `make` sets up the environment and runs everything. `make help` lists the rest.
#
# Works without an activated environment, from any path, with GNU make 3.81 or newer.
# Results do not depend on the settings below: plain `.venv/bin/snakemake` gives the same bytes.

.DEFAULT_GOAL := all
.PHONY: all run setup new-study archive verify doctor test lint slurm slurm-test unit explore parity clean help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Extra arguments for Snakemake (or for archive and verify), for instance ARGS="--cores 2" or ARGS="-n".
ARGS ?=
# The name and the data file of a study that is to be described.
NAME ?=
DATA ?=
# The archive that is to be verified.
ARCHIVE ?=
# Extra arguments for pytest, for instance PYTEST_ARGS="-m unit".
PYTEST_ARGS ?= -n 2 --dist loadfile

# Python versions that uv.lock is solved for; the first one that is found is used.
PYTHONS := python3.11 python3 python3.12 python3.13 python
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
GET_PYTHON := Install one (https://www.python.org/downloads/), or uv (https://docs.astral.sh/uv/), which brings its own; then run make again.
NO_NETWORK := What could not be fetched is said above. It needs a network connection; behind a proxy set HTTPS_PROXY. Once .venv is built, Resarc runs without a network.

BIN := .venv/bin
STAMP := .venv/.synced

# The environment's own programs come first, whatever is activated outside; nothing from the
# user's site-packages. Numerical libraries use one thread a job: Snakemake runs jobs in parallel.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export LC_ALL := C
export PYTHONUTF8 := 1
export PYTHONHASHSEED := 0
export PYTHONNOUSERSITE := 1
export TZ := UTC
export MPLBACKEND := Agg
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export UV_PROJECT_ENVIRONMENT := .venv
# Hospital networks often have a certificate of their own, which only the system knows.
export UV_SYSTEM_CERTS ?= 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Where Python may not keep what it compiled, each job compiles every library anew.
unexport PYTHONDONTWRITEBYTECODE

# Snakemake, Jupyter, Matplotlib and uv keep caches in the home directory; without one that can be
# written, they get their own.
ifneq ($(shell test -n "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.venv-uv/home
export UV_CACHE_DIR := $(HOME)/.cache/uv
$(shell mkdir -p .venv-uv/home)
endif

all: run  ## set up the environment and run everything (the default)

run: $(STAMP)
	@snakemake $(ARGS)

setup: $(STAMP)  ## build .venv from uv.lock, if it is not up to date, and compile the searches
	@python workflow/scripts/compile_searches.py

# uv is used where it is on the PATH; otherwise it is installed into .venv-uv, apart from .venv.
# The Python that was tested (.python-version) is preferred: found, or fetched by uv, or else any
# supported one.
$(STAMP): uv.lock pyproject.toml .python-version
	@set -eu; \
	python=; found=; \
	for name in $(PYTHONS); do \
		if "$$name" -c '$(SUPPORTED)' >/dev/null 2>&1; then python=$$name; break; fi; \
		if version=$$("$$name" --version 2>&1); then found="$${found:+$$found, }$$name = $$version"; fi; \
	done; \
	uv=.venv-uv/bin/uv; \
	if command -v uv >/dev/null 2>&1; then uv=uv; \
	elif [ ! -x "$$uv" ]; then \
		if [ -z "$$python" ]; then \
			echo "Resarc needs Python 3.11, 3.12 or 3.13; found $${found:-no python3 on the PATH}." >&2; \
			echo "$(GET_PYTHON)" >&2; \
			exit 1; \
		fi; \
		echo "Installing uv into .venv-uv"; \
		"$$python" -m venv .venv-uv; \
		.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv \
			|| { echo "$(NO_NETWORK)" >&2; exit 1; }; \
	fi; \
	tested=$$(cat .python-version); \
	if "$$uv" python find --quiet "$$tested" >/dev/null 2>&1; then :; \
	elif "$$uv" python install --quiet "$$tested" >/dev/null 2>&1; then :; \
	elif [ -n "$$python" ]; then \
		echo "Python $$tested is not to be had; using $$("$$python" --version)"; \
		tested=$$(command -v "$$python"); \
	fi; \
	echo "Bringing .venv in line with uv.lock"; \
	"$$uv" sync --frozen --quiet --compile-bytecode --python "$$tested" || { echo "$(NO_NETWORK)" >&2; exit 1; }; \
	touch $@

new-study: $(STAMP)  ## propose a protocol for your data: make new-study NAME=ours DATA=data/ours.csv
	@if [ -z "$(NAME)" ] || [ -z "$(DATA)" ]; then \
		echo "Which name, which file? make new-study NAME=our_registry DATA=data/patients.csv" >&2; exit 2; fi
	@python workflow/scripts/new_study.py --name "$(NAME)" --data "$(DATA)" $(ARGS)

archive: $(STAMP)  ## one file of sources, results and how each was made, to publish
	@python workflow/scripts/archive.py $(ARGS)

verify: $(STAMP)  ## check an archive and run it again: make verify ARCHIVE=<zip file>
	@if [ -z "$(ARCHIVE)" ]; then echo "Which archive? make verify ARCHIVE=<zip file>" >&2; exit 2; fi
	@python workflow/scripts/verify.py "$(ARCHIVE)" $(ARGS)

doctor:  ## what is wrong with this installation, and what to do
	@for name in $(BIN)/python $(PYTHONS); do \
		if "$$name" -c '$(SUPPORTED)' >/dev/null 2>&1; then exec "$$name" workflow/scripts/doctor.py; fi; \
	done; \
	echo "fault  no Python 3.11, 3.12 or 3.13 on the PATH"; \
	echo "       do: $(GET_PYTHON)"; \
	exit 1

test: lint  ## everything that continuous integration checks
	@pytest $(PYTEST_ARGS)

slurm: $(STAMP)  ## add what sends jobs to a Slurm cluster (docs/scaling.md)
	@uv=.venv-uv/bin/uv; if command -v uv >/dev/null 2>&1; then uv=uv; fi; \
	"$$uv" sync --frozen --quiet --inexact --compile-bytecode --group slurm \
		--python $(BIN)/python || { echo "$(NO_NETWORK)" >&2; exit 1; }

slurm-test: slurm  ## the pipeline on a real Slurm, started on this machine (Debian: slurm-wlm, munge)
	@pytest -m slurm tests/slurm

unit: $(STAMP)  ## only the fast tests of single functions
	@pytest $(PYTEST_ARGS) -m unit

explore: $(STAMP)  ## the property tests with new examples; what fails is kept in .hypothesis
	@pytest $(PYTEST_ARGS) -m hypothesis --hypothesis-profile explore

lint: $(STAMP)  ## style of Python and Snakemake files, and Snakemake's own advice
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow/rules
	@snakemake --lint

parity: $(STAMP)  ## R computes the results that the tests compare with once more (needs R)
	@python tests/r/parity.py $(ARGS)

clean:  ## remove results, logs and caches; the environment and your data stay
	@if [ -d results ]; then find results -mindepth 1 ! -name .gitkeep -delete; fi
	@rm -rf .snakemake logs benchmarks/out .pytest_cache .ruff_cache .hypothesis

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1	/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done
	@echo '  Snakemake options go in ARGS, pytest options in PYTEST_ARGS:'
	@echo '  make ARGS="--cores 2 -n"    make test PYTEST_ARGS="-m unit"'
