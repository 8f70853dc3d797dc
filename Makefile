# Every task of the project, by one name each: `make help` lists them.
#
# Nothing has to be installed first but Python 3.11 or newer: the targets make .venv themselves, and install again only
# when what pyproject.toml asks for has changed. Once that is done everything here works without a network.

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PYTHON := $(VENV)/bin/python
JOBS ?= 2

# One BLAS thread in each test process: two processes with two threads each would wait for one another on two cores.
# A test about threads asks for its own number.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal

# A core type forced by the environment would measure the kernels of another processor, and compiling every module at
# each start another import.
AS_IT_IS := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE -u PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all test-rest fuzz test-torch check format bench bench-peers docs browser web web-check clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed-user ## install localgrad with everything a user needs, and train on the digits
	@$(VENV)/bin/localgrad train digits

test: $(VENV)/.installed-dev ## everything a change can break: under 6 minutes on 2 cores
	@$(PYTEST) -m "not slow" --doctest-modules tests src

test-all: $(VENV)/.installed-dev ## `test` and the slow ones: under 30 minutes
	@$(PYTEST) --doctest-modules tests src

# pytest leaves with 5 when no test is marked slow, which is no failure here.
test-rest: $(VENV)/.installed-dev ## only what `test-all` adds to `test`
	@$(PYTEST) -m slow tests || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

fuzz: $(VENV)/.installed-dev ## damaged ONNX files for five minutes, other ones each time: make fuzz SECONDS=60 SEED=1
	@$(PYTHON) -W ignore -m tests.fuzz_onnx $(or $(SECONDS),300) $(SEED)

# In one process: the last test counts what all the others found.
test-torch: .torch/.installed ## PyTorch's own table of sample inputs as a judge, in an environment of its own: a few minutes
	@$(ONE_THREAD) .torch/bin/python -m pytest -q tests/torch

check: $(VENV)/.installed-dev ## format, lint, types, imports between rooms, docs
	@echo "check: format"; $(PYTHON) -m ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@echo "check: lint"; $(PYTHON) -m ruff check --quiet .
	@echo "check: types"; $(PYTHON) -m mypy --no-error-summary
	@echo "check: imports between rooms"; $(VENV)/bin/lint-imports > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@$(MAKE) --no-print-directory docs

format: $(VENV)/.installed-dev ## write the format, and the fixes of the linter that are safe
	@$(PYTHON) -m ruff check --fix --quiet . || true
	@$(PYTHON) -m ruff format .

# Every page anew (-a -E): whether a page's examples still run depends on the library and not on the page.
docs: $(VENV)/.installed-dev ## the documentation, its examples executed, warnings as errors
	@echo "docs: into docs/_build/html/index.html"
	@mkdir -p docs/_build
	@$(ONE_THREAD) $(PYTHON) -m sphinx -j 2 -q -W --keep-going -a -E -b html -d docs/_build/doctrees docs docs/_build/html > docs/_build/log 2>&1 \
	|| { cat docs/_build/log >&2; exit 1; }

bench: $(VENV)/.installed-user ## the speed of localgrad on its own
	@$(AS_IT_IS) $(PYTHON) -m benchmarks

# One process for each workload: what a peer keeps in memory would slow the next one down.
bench-peers: .bench/.installed ## the same beside PyTorch, JAX and scikit-learn, in an environment of their own; writes docs/benchmarks.md
	@for only in chain mlp digits import cost T1 T2 T3 T4 T5 T5b T6 T6b T7 T9 T9b; do \
		$(AS_IT_IS) .bench/bin/python -m benchmarks --peers --only $$only --figures docs/benchmarks.json || exit 1; \
	done
	@for only in T1 T2 T3 T4 T5 T5b T6 T6b T7 T9 T9b; do \
		$(AS_IT_IS) .bench/bin/python -m benchmarks --peers --threads 2 --only $$only --figures docs/benchmarks.json || exit 1; \
	done
	@.bench/bin/python -m benchmarks --page docs/benchmarks.json

NPM_SOURCES := npm ci --prefer-offline --no-audit --no-fund --silent && npm run --silent lint && npm run --silent test

browser: ## the Chromium that the browser tests drive
	@if command -v chromium > /dev/null; then echo "chromium is installed: $$(command -v chromium)"; \
	elif command -v apt-get > /dev/null && [ "$$(id -u)" -eq 0 ]; then \
		echo "installing chromium and a Chinese font"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk > /dev/null; \
	elif command -v apt-get > /dev/null; then \
		echo "chromium was not found; run: sudo apt-get install chromium fonts-noto-cjk" >&2; exit 1; \
	else \
		echo "chromium was not found; install it with your system's packages so that 'chromium' is on the PATH" >&2; exit 1; \
	fi

web: ## the explorer's page, from its TypeScript sources into the package's assets; needs Node 20.19 or newer
	@command -v npm > /dev/null || { echo "npm was not found; install Node.js 20.19 or newer" >&2; exit 1; }
	@cd web && $(NPM_SOURCES) && npm run --silent build

web-check: ## that the sources of the page are in order and the committed page is what they build
	@if command -v npm > /dev/null; then cd web && $(NPM_SOURCES) && npm run --silent check; \
	else echo "npm was not found, so the explorer's sources were not checked; install Node.js 20.19 or newer" >&2; fi

clean: ## what was built and cached; the environments .venv, .bench and .torch stay
	@rm -rf build dist docs/_build docs/jupyter_execute docs/reference/kinds .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests docs benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2> /dev/null || true

# ---------------------------------------------------------------- environments

# The first interpreter that is new enough, or what the caller names: make BASE_PYTHON=/path/to/python3 test
define find_python
base=""; \
for candidate in $(or $(BASE_PYTHON),python3 python python3.13 python3.12 python3.11 python3.14); do \
	if "$$candidate" -c '$(NEW_ENOUGH)' 2> /dev/null; then base="$$candidate"; break; fi; \
done; \
if [ -z "$$base" ]; then \
	echo "localgrad needs Python 3.11 or newer; found $$($(or $(BASE_PYTHON),python3) --version 2>&1 || true). Install one, or name it: make BASE_PYTHON=/path/to/python3" >&2; exit 1; \
fi
endef

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# An environment made by hand is used as it is. Where there is none, or its interpreter is gone, it is made. Debian
# splits ensurepip off: there `-m venv` fails, and the pip of the interpreter itself can fill an empty environment.
define make_environment
if ! "$(1)/bin/python" -c '' 2> /dev/null; then \
	$(find_python); \
	echo "making $(1) with $$("$$base" --version)"; \
	"$$base" -m venv --clear --without-pip "$(1)" || { echo "could not make an environment: $$base has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
fi; \
if ! "$(1)/bin/python" -c '$(NEW_ENOUGH)'; then \
	echo "localgrad needs Python 3.11 or newer; $(1) has $$("$(1)/bin/python" --version). Remove the folder $(1) and run make again" >&2; exit 1; \
fi; \
if ! "$(1)/bin/python" -m pip --version > /dev/null 2>&1; then \
	"$(1)/bin/python" -m ensurepip --default-pip > /dev/null 2>&1 || { $(find_python); "$$base" -m pip --python "$(1)/bin/python" install -q pip; } || { \
		echo "could not put pip into $(1): Python's ensurepip is missing, and so is pip. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
fi
endef

# What decides an installation: the build system, the project table and the folder. A changed tool setting installs
# nothing, so it needs no network.
WANTED := import json, os, tomllib; all = tomllib.load(open("pyproject.toml", "rb")); \
	print(json.dumps([os.getcwd(), all["build-system"], all["project"], all["tool"]["hatch"]], sort_keys=True))

define install
$(call make_environment,$(1)); \
"$(1)/bin/python" -c '$(WANTED)' > "$(1)/wanted.json"; \
if ! cmp -s "$(1)/wanted.json" "$@"; then \
	echo "installing localgrad$(2)$(if $(3), with $(3)) into $(1) (once, a minute or two)"; \
	"$(1)/bin/python" -m pip install -q --disable-pip-version-check -e ".$(2)" $(3) > "$(1)/install.log" 2>&1 \
	|| { cat "$(1)/install.log" >&2; echo "the installation failed, as said above; a network is needed for it once" >&2; exit 1; }; \
fi; \
mv "$(1)/wanted.json" "$@"
endef

$(VENV)/.installed-user: pyproject.toml
	@$(call install,$(VENV),[all])

# What developers need includes what users need, so the user's stamp is set too.
$(VENV)/.installed-dev: pyproject.toml
	@$(call install,$(VENV),[all$(comma)dev$(comma)docs])
	@cp $@ $(VENV)/.installed-user

.bench/.installed: pyproject.toml
	@$(call install,.bench,[fast$(comma)onnx],torch==2.13.0 scikit-learn jax)

# PyTorch's table imports its own test helpers, which need expecttest.
.torch/.installed: pyproject.toml
	@$(call install,.torch,,torch==2.13.0 expecttest hypothesis pytest)

comma := ,
