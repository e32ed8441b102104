# make demo   try it: set up, then the paper's sweep on phantoms, with its report
# make test   everything that CI runs
# make bench  all benchmarks, about 32 minutes on an idle machine; compares with nnU-Net
# make setup  the set-up alone: .venv/bin/myosweep
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint pytest test-long docs wheel bench nnunet clean

setup: .venv/.runtime
demo: .venv/.runtime
	$(BIN)/myosweep demo

test: .venv/.development  # side by side: tests wait for processes that they start
	$(MAKE) -j pytest lint docs wheel

lint: .venv/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: .venv/.development
	$(BIN)/pytest -n 3 --dist worksteal -m "not long"

test-long: .venv/.development
	$(BIN)/pytest -m long

docs: .venv/.development
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

wheel: .venv/.development
	rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation -o dist . > /dev/null
	$(BIN)/python -m zipfile -l dist/*.whl > dist/contents.txt
	for file in demo.toml template.html.j2 conclusion.html.j2 page.css explorer.js study.html.j2 study.js py.typed; do \
	  grep -q $$file dist/contents.txt || exit 1; done

bench: .venv/.development .venv-nnunet/.ready
	$(BIN)/python benchmarks/everything.py --data ../shared/data/emidec

nnunet: .venv-nnunet/.ready

.venv-nnunet/.ready: constraints.txt
	$(PYTHON) -m venv .venv-nnunet
	.venv-nnunet/bin/python -m pip install -q -c constraints.txt nnunetv2==2.8.1
	touch $@

.venv/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

.venv/.development: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev,docs]"
	touch .venv/.runtime $@

clean:
	rm -rf .venv .venv-nnunet dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
