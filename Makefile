# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything works from a bare checkout: the first call makes .venv and builds the package, later ones only what changed.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What is called below runs in the package's environment, and on this machine alone: its nodes see no others.
ISOLATED := source tools/ros_env.sh; \
    export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_DOMAIN_ID=$$((1 + RANDOM % 100)) ROS_LOG_DIR="$$PWD/log/ros";

.PHONY: help
help: ## Show this list
	@echo "dope_ros: make TARGET [PYTHON=python3.12] [ARGS='...']"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

.PHONY: setup
setup: ## Make .venv: ROS 2 (where none is sourced) and the Python packages
	@tools/setup.sh

.PHONY: build
build: setup ## Build the messages and link the package into install/
	@tools/build.sh

.PHONY: demo
demo: build ## Start the node on an example and show what it publishes
	@$(ISOLATED) python demo/run.py $(ARGS)

.PHONY: test
test: build test-packages lint ## Check the code and run all tests (ARGS go to pytest)
	@$(ISOLATED) OMP_NUM_THREADS=1 pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-packages
test-packages: setup
	@tools/test_packages.sh

.PHONY: lint
lint: setup ## Check style, format and types
	@source .venv/bin/activate; ruff check; ruff format --check; mypy

.PHONY: format
format: setup ## Format the code
	@source .venv/bin/activate; ruff check --fix; ruff format

.PHONY: bench
bench: build ## Measure how long a picture takes on this machine
	@$(ISOLATED) dope bench $(ARGS)

.PHONY: clean
clean: ## Delete what was built, but not .venv
	@rm -rf build install log .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

.PHONY: distclean
distclean: clean ## Delete .venv too
	@rm -rf .venv .setup.lock
