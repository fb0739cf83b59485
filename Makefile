PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart reproduce test lint types format check wheel newest docs

# The marker is written last, so an interrupted install is begun anew.
$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

quickstart: $(VENV)/installed
	$(BIN)/python -m tfhrnn quickstart $(ARGS)

# The paper's tables and ours beside them on one page, in under an hour; what is done is not done
# again. `experiment all` without `--hour` makes every figure of the README, with all its seeds.
reproduce: $(VENV)/installed
	$(BIN)/python -m tfhrnn experiment all --hour --jobs 2 $(ARGS)

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint types test

# sdist and wheel in dist/, and a short quickstart with the wheel alone in an empty environment.
wheel:
	PYTHON=$(PYTHON) .ci/wheel $(ARGS)

# The tests with the newest versions that pyproject.toml allows, in .venv-newest, made anew each time.
newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	.venv-newest/bin/python -m pip install --quiet '.[test]'
	.venv-newest/bin/python -m pip uninstall --quiet --yes tfhrnn
	.venv-newest/bin/python -m pip list --format=freeze > .venv-newest/versions.txt
	.venv-newest/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# The site of README, BUILD and docstrings in site/; a broken link is an error.
.venv-docs/installed: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

docs: .venv-docs/installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict --config-file docs/mkdocs.yml --site-dir ../site
