# From nothing but Python >= 3.11, cargo and make. `make` alone explains itself.

PYTHON ?= python3
PORT ?= 8080
DATA ?= .demo
WORKERS ?= 1
PYTEST_ARGS ?=
BENCH_ARGS ?=
FULL ?=
QUICK ?=
REPORT ?=
SECONDS ?= 600
SEED ?= 1
SEEDS ?= 50
UPGRADE ?=

# Builds use the interpreter itself, whose path stays; that of an environment would have cargo build anew.
export MATURIN_PEP517_USE_BASE_PYTHON := 1

BIN := .venv/bin
# A uv that is already installed is used; else a private one is put into .tools.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
# An absolute path is somebody else's file, and no reason to build anything.
UV_NEEDED := $(filter .tools/bin/uv,$(UV))
RUST := $(shell find crates -name '*.rs' -o -name 'Cargo.toml' 2>/dev/null)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready
BROWSER_READY := .venv/.browser-ready
PROXIES_READY := .venv/.proxies-ready
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
FIGURES := $(CURDIR)/.benchmarks/figures.jsonl

.DEFAULT_GOAL := help
.PHONY: help demo test soak bench pictures reference constant-time lint build sbom lock clean setup
.DELETE_ON_ERROR:

help: ## Explain the targets
	@echo "Keystile. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo "Variables: PORT=$(PORT) DATA=$(DATA) WORKERS=$(WORKERS) SEED=$(SEED) SEEDS=$(SEEDS) SECONDS=$(SECONDS) PYTEST_ARGS= BENCH_ARGS="

demo: $(READY) ## Run everything with sample data: PORT, DATA and WORKERS may be given
	$(BIN)/keystile serve --demo --port $(PORT) --data $(DATA) --workers $(WORKERS)

test: $(READY) $(BROWSER_READY) $(PROXIES_READY) ## Run all tests, Rust and Python: PYTEST_ARGS go to pytest
	cargo test --package keystile-core
	RUSTFLAGS="$(RUSTFLAGS) --cfg loom" cargo test --package keystile-core --profile models --lib models::
	$(BIN)/pytest -n 3 --dist worksteal $(PYTEST_ARGS)

soak: $(READY) ## Run fault tests and Schemathesis in their long form: SEEDS from SEED on, and SECONDS of fault after fault
	$(BIN)/pytest tests/faults tests/contract/test_schemathesis.py --long --timeout=0 --seed=$(SEED) --seeds=$(SEEDS) --seconds=$(SECONDS) $(PYTEST_ARGS)

bench: $(BENCH_READY) ## Run the benchmarks: FULL=1 or QUICK=1 for other forms, REPORT=1 to write docs/benchmarks
	@rm -rf $(FIGURES) $(or $(CARGO_TARGET_DIR),target)/criterion
	@mkdir -p $(dir $(FIGURES))
	cargo bench --quiet --package keystile-core --bench check --bench bucket -- --quiet $(if $(QUICK),--sample-size 10 --warm-up-time 0.1 --measurement-time 0.3)
	$(BIN)/python -m benchmarks.constant_time $(if $(FULL),,--samples $(if $(QUICK),30000,100000))
	$(BIN)/pytest benchmarks --benchmark-only --benchmark-quiet $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.report $(if $(REPORT),--write)

pictures: $(READY) $(BROWSER_READY) ## Draw docs/images: the console with sample data
	$(BIN)/python -m tests.browser.pictures

reference: $(READY) ## Write docs/reference: the Python API, the HTTP API and the commands, from the code
	$(BIN)/python -m tools.reference

constant-time: $(BENCH_READY) ## Test whether the time of a refusal tells how nearly a key was right
	$(BIN)/python -m benchmarks.constant_time

# Where a run keeps its figures; the Rust part runs elsewhere, so the path is absolute.
bench: export KEYSTILE_FIGURES := $(FIGURES)
bench: export FULL := $(FULL)
bench: export QUICK := $(QUICK)
ifneq ($(QUICK),)
# Rough figures are not worth the minutes that a full link takes.
bench: export CARGO_PROFILE_BENCH_LTO := off
bench: export CARGO_PROFILE_BENCH_CODEGEN_UNITS := 16
endif

lint: $(READY) ## Check style and types, change nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings

build: $(READY) ## Build wheel and sdist into dist/; with SOURCE_DATE_EPOCH, the same bytes each time
	$(UV) build --no-build-isolation --python $(BIN)/python --wheel
	$(UV) build --no-build-isolation --python $(BIN)/python --sdist

sbom: build ## Write the bills of materials into dist/: Python packages and crates, as CycloneDX
	$(UV) venv --quiet --clear --python $(BIN)/python dist/.environment
	$(UV) pip install --quiet --python dist/.environment/bin/python --require-hashes --requirement requirements/runtime.txt
	$(UV) pip install --quiet --python dist/.environment/bin/python --no-deps dist/keystile-$(VERSION)-*.whl
	$(BIN)/python -m tools.sbom dist/.environment/bin/python dist

lock: $(UV_NEEDED) ## Write requirements/*.txt anew from pyproject.toml; UPGRADE=1 takes the newest versions
	$(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt
	$(LOCK) --group bench --constraint requirements/dev.txt --output-file requirements/bench.txt
	$(LOCK) --group build --constraint requirements/dev.txt --output-file requirements/build.txt

setup: $(READY) ## Make .venv ready, which the other targets do by themselves

clean: ## Remove everything that was built or set up; demo data stays
	rm -rf .venv .tools target dist .pytest_cache .mypy_cache .ruff_cache .benchmarks .hypothesis

.PHONY: rebuild
rebuild:

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv

# A source that is newer than the stamp rebuilds, and so does a compiled module that is gone (git clean);
# otherwise a second call does nothing. Exactly what is locked is installed, and nothing without its hash.
$(READY): $(UV_NEEDED) pyproject.toml requirements/dev.txt Cargo.toml $(RUST) $(if $(wildcard python/keystile/_core*.so),,rebuild)
	test -x $(BIN)/python || $(UV) venv --python $(PYTHON) --no-python-downloads .venv
	$(UV) pip sync --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --reinstall --editable .
	@touch $@

# A browser for the tests of the console: one that is installed, else one is fetched.
$(BROWSER_READY): $(READY) tests/browser/chromium.py
	$(BIN)/python -m tests.browser.chromium
	@touch $@

# The proxies of the tests: those that are installed, else they are fetched.
$(PROXIES_READY): $(READY) tests/proxies/programs.py
	$(BIN)/python -m tests.proxies.programs
	@touch $@

# What only the benchmarks need: other programs to measure against.
$(BENCH_READY): $(READY) requirements/bench.txt
	$(UV) pip install --python $(BIN)/python --require-hashes --requirement requirements/bench.txt
	@touch $@
