# Every target sets up what it needs: an environment of its own in .venv with the versions of
# requirements.lock. Only Python 3.11+ and PyPI are asked of the machine. Paths stay relative, so
# that a folder of any name does.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
.DEFAULT_GOAL := help
.PHONY: help check real test lint types laws format bench combinations mutants soak lock clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*##/\1\t/' | expand -t 14

check: $(READY)  ## the main job: the reference proxy through every error path
	@$(BIN)/errorpath check $(ARGS)

# The paths that are about a number of the guide's; the others pass in real time as well: errorpath check --speed real
REAL = retry-recovers,retry-exhausted,retry-count-setting,retry-within-deadline,$\
  health-cached,health-expires,health-slow,health-down,health-recovers,health-fails-fast,backend-starting,$\
  timeout-silent,timeout-trickle,timeout-write,timeout-slow-but-fine,timeout-setting,timeout-covers-retries,$\
  timeout-body-stall,timeout-connect,timeout-cancels-upstream,timeout-late-answer,$\
  error-refused,error-timeout
real: $(READY)  ## the documented numbers literally, in real time: 1, 2, 3, 5 and 30 seconds
	@$(BIN)/errorpath check --speed real --only $(REAL) $(ARGS)

# Two workers: many tests time something, and more workers than cores make every one of them late.  Those of the load
# generator keep both cores busy by themselves, so nothing else is timed beside them.
test: lint types $(READY)  ## lint, format, strict types, laws and every test
	@$(BIN)/python -m pytest tests --ignore=tests/load -n $${WORKERS:-2} $(ARGS)
	@$(BIN)/python -m pytest tests/load -n $${WORKERS:-2} $(ARGS)

lint: $(READY)  ## ruff: lint and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	@$(BIN)/mypy

format: $(READY)  ## put the sources into the house format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## the README's figures; needs nginx and wrk
	@$(BIN)/python -m benchmarks $(ARGS)

combinations: $(READY)  ## the same verdicts on every environment and Toxiproxy; needs Docker and toxiproxy-server
	@$(BIN)/python -m tests.combinations $(ARGS)

mutants: $(READY)  ## every defective proxy must be caught; ARGS="--sample 6" for some, ARGS="-k WORD" for one's like
	@$(BIN)/python -m tests.mutants.campaign $(ARGS)

soak: $(READY)  ## the whole suite again and again, in random order, on a busy machine: ARGS="-n 20"
	@$(BIN)/python -m tests.soak $(ARGS)

lock: $(READY)  ## resolve the versions anew
	@$(BIN)/python .ci/lock.py

clean:  ## remove the environment and what runs wrote
	rm -rf .venv reports .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "errorpath needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setting up .venv (once) …"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
