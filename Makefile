# Two commands do all the set-up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TRAINED := $(VENV)/.installed-train
# Longer OEIS files for tests and benchmarks; tests that need them skip, saying so, where they are not.
CODESEQ_TEST_DATA ?= $(wildcard ../shared/oeis)
export CODESEQ_TEST_DATA
# Ray compiles every import anew in each worker under this.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run install install-train test test-slow check format bench s3 clean

run: install  ## the main job on the bundled sample with the built-in agents, in a local Ray
	$(BIN)/python jobs/synthesize.py $(ARGS)

install: $(INSTALLED)  ## the environment in .venv, with pinned versions

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codeseq-ray needs Python 3.11 or newer; say which: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(INSTALLED)

install-train: $(TRAINED)  ## besides, what jobs/train_sft.py and jobs/train_grpo.py need (torch: gigabytes on Linux)

$(TRAINED): $(INSTALLED) constraints-train.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -c constraints-train.txt -e '.[dev,train]'
	touch $(TRAINED)

test: install  ## the fast tests (below a quarter of an hour on 2 cores)
	$(BIN)/python -m pytest $(ARGS)

test-slow: install  ## the long ones
	$(BIN)/python -m pytest -m slow $(ARGS)

check: install  ## format, lint, types, floors, manifests and images
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cluster.checks

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install  ## the short benchmarks; results are printed, committed ones are in benchmarks/results
	$(BIN)/python -m benchmarks.spine $(ARGS)

s3: install  ## a real S3 server on this machine, in the foreground
	$(BIN)/python -m codeseq_ray.store.local_s3 --dir .s3 --port 18333

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
