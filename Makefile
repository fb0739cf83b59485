PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart reproduce test lint types format check

# The marker is written last, so an interrupted install is begun anew.
$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

quickstart: $(VENV)/installed
	$(BIN)/python -m tfhrnn quickstart $(ARGS)

# The paper's tables and ours beside them on one page, in under an hour; what is done is not done
# again. `experiment all` without `--hour` makes every figure of the README, with all its seeds.
reproduce: $(VENV)/installed
	$(BIN)/python -m tfhrnn experiment all --hour --jobs 2 $(ARGS)

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint types test
