# Every target builds .venv first if need be. Paths are relative and each recipe is one `exec`,
# so that a checkout may have spaces in its path and Ctrl-C reaches the program itself.

PYTHON ?= python3
RUN := exec $(PYTHON) oms/dev/bootstrap.py run
DEV := exec $(PYTHON) oms/dev/bootstrap.py dev
LOCK := $(DEV) -m uv pip compile --quiet --universal --python-version 3.11 --custom-compile-command 'make lock'

.PHONY: help demo test test-long check format messages bench bench-stock bench-routing lock clean

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1#/p' Makefile | column -t -s '#'

demo:  ## run the whole system with a demo retailer (PORT, OMS_HOME, DEMO=0 for an empty one)
	@$(RUN) -m oms.dev.supervise

test:  ## run the tests
	@$(DEV) -m pytest -n 2 -m "not long"

test-long:  ## run the tests that take minutes, too
	@$(DEV) -m pytest -n 2

check:  ## run what a reviewer would: style, types, layers, migrations, templates, translations
	@$(DEV) -m oms.dev.checks

format:  ## put the code into the house's form
	@$(DEV) -m oms.dev.checks --fix

messages:  ## bring the translation files up to date with the strings in the code
	@$(DEV) -m oms.dev.messages update

bench:  ## measure speed beside what Postgres alone can do
	@$(DEV) -m benchmarks

bench-stock:  ## the same for reading and promising stock
	@$(DEV) -m benchmarks.stock

bench-routing:  ## what the choice of places must show: exactness, time, streams, dates, simulation
	@$(DEV) -m benchmarks.routing

lock:  ## resolve pyproject.toml anew into requirements*.txt
	@$(LOCK) --extra embedded -o requirements.txt pyproject.toml
	@$(LOCK) --extra embedded --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

clean:  ## remove the virtual environment, the embedded databases and all else that was made
	@exec $(PYTHON) -m oms.dev.clean
