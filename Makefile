# Two to know: `make demo` and `make test`. Both make .venv first; `make` alone lists the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test test-long mutants check fmt bench constraints clean

# The newest Python from 3.11 on that can make a virtual environment; `make PYTHON=... demo` chooses another.
PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& command -v $$name && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LAUNCH := accelerate launch --quiet --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no

# Show a command as it would be typed, then run it.
run = printf '\n$$ %s\n' '$(1)' && $(1)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/ready: pyproject.toml constraints.txt
	@python='$(PYTHON)'; if [ -z "$$python" ]; then \
		echo 'no Python 3.11 or newer that can make a virtual environment was found:' >&2; \
		echo 'install one (on Debian: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python' >&2; \
		exit 1; fi; \
	[ -x $(BIN)/python ] || { echo "making .venv with $$python"; "$$python" -m venv --clear .venv; }
	@echo 'installing what pyproject.toml asks for into .venv, at the versions of constraints.txt (minutes, the first time)'
	@$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: export PHON_WORKSPACE := demo
demo: export PATH := $(CURDIR)/$(BIN):$(PATH)
demo: .venv/ready  ## train a tiny model on samples/corpus and print ten samples, in minutes
	@echo 'From a small corpus to a model of phonetic English in four commands. All they write goes to demo/.'
	@$(call run,phon prepare samples/corpus)
	@$(call run,phon tokenizer)
	@$(call run,$(LAUNCH) train/run.py --config tiny)
	@$(call run,phon generate --n 10)
	@printf '%s\n' '' \
		'demo/data/text         the corpus in phonetic English' \
		'demo/data/tokenizer    its tokenizer' \
		'demo/data/shards       its tokens' \
		'demo/runs              the model, its log and its curve' \
		'' \
		'More samples:          .venv/bin/phon generate --workspace demo --temperature 1.0' \
		'Of one type:           .venv/bin/phon generate --workspace demo --type verse' \
		'Your own text:         .venv/bin/phon prepare FOLDER, then the other three commands in the same way'

test: check  ## lint, types, import rules, and every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --durations 15

test-long: .venv/ready  ## the long forms of the tests of reliability: many seeds, kills and damages, a quarter of an hour
	@$(BIN)/python -m pytest -m long --numprocesses 2 --dist load --durations 15

mutants: .venv/ready  ## seed bugs one at a time and see that the tests catch each
	@$(BIN)/python scripts/mutants.py

check: .venv/ready  ## lint, format, types and import rules alone
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

fmt: .venv/ready  ## format the code and mend what lint can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/ready  ## run each script of benchmarks/ in turn
	@failed=0; for script in benchmarks/*.py; do $(call run,$(BIN)/python $$script) || failed=1; done; exit $$failed

constraints:  ## make constraints.txt anew, from the newest versions that pyproject.toml allows
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && $(PYTHON) -m venv "$$new" \
	&& grep '^torch==' constraints.txt > "$$new/keep" \
	&& "$$new/bin/python" -m pip install --quiet --quiet --constraint "$$new/keep" '.[dev]' \
	&& { head -n 1 constraints.txt; "$$new/bin/python" -m pip freeze --all --exclude pip --exclude phon | sed 's/+[a-z0-9.]*$$//' \
	   | grep -Evi '^(nvidia|cuda|triton)'; } > "$$new/constraints.txt" \
	&& cp "$$new/constraints.txt" constraints.txt

clean:  ## remove the environment, the demo and every cache; data/ and runs/ stay
	rm -rf .venv demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
