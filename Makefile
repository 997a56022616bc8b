# The README's two commands are `make demo` and `make test`; each builds .venv when it is missing.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow fuzz lint bench bench-memory docs gallery clean

demo: .venv/.installed
	@$(BIN)/geometry snap "sea + horse + emoji" --exclude-inputs --null
	@$(BIN)/geometry map "sea + horse + emoji" "seahorse + emoji" --around 150 -o seahorse.png >/dev/null

test: .venv/.tools
	$(BIN)/pytest -n 2 -rs

test-slow: .venv/.tools
	$(BIN)/pytest -n 2 -m slow

lint: .venv/.tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/.tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(BIN)/python benchmarks/table.py --write docs/performance.md

bench-memory: .venv/.tools
	$(BIN)/python benchmarks/memory.py

fuzz: .venv/.tools
	$(BIN)/python scripts/fuzz_checkpoints.py --inputs 200000 --seed 0 --workers 2

docs: .venv/.tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/python scripts/make_docs.py
	$(BIN)/mkdocs build --strict

gallery: .venv/.tools
	$(BIN)/python scripts/make_gallery.py

.venv/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.tools: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,lint]"
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
