# Each target stops at the first failure. What is up to date is not done again.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
export LC_ALL := C.UTF-8

PYTEST := $(BIN)/python -m pytest
ARGS ?=

.PHONY: help setup system lab test unit lint sanity e2e bench format lock down clean

help:
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/.installed .collections/ansible_collections/sovereign/fleet ## the Python environment in .venv

.venv/.installed: requirements.txt requirements-dev.txt scripts/python_environment.sh
	@scripts/python_environment.sh

.collections/ansible_collections/sovereign/fleet:
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@

system: setup
	@$(BIN)/python -m lab prepare

lab: setup system ## the lab and the whole platform in it, then the addresses to look at
	@$(BIN)/python -m lab up
	@$(BIN)/ansible-playbook playbooks/site.yml $(ARGS)

test: setup system ## every gate and every test, the lab included
	@$(PYTEST) -x tests/unit tests/contract tests/faults tests/gates tests/lab tests/molecule $(ARGS)

unit: setup ## unit, contract and fault tests: minutes, no root, no lab
	@$(PYTEST) tests/unit tests/contract tests/faults $(ARGS)

lint: setup ## style, types, documentation, build: every gate but sanity
	@$(PYTEST) tests/gates -m "not sanity" $(ARGS)

sanity: setup ## ansible-test sanity over a copy of the collection
	@$(PYTEST) tests/gates -m sanity $(ARGS)

e2e: setup system ## the lab and molecule: real Kubernetes, emulated clouds
	@$(PYTEST) -x tests/lab tests/molecule $(ARGS)

bench: setup ## the benchmarks behind the figures in README.md
	@$(BIN)/python -m benchmarks $(ARGS)

format: setup ## rewrite the Python code in the house style
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

lock: setup ## pin anew what requirements.in and requirements-dev.in ask for
	@scripts/lock_requirements.sh $(ARGS)

down: setup ## end the lab and remove what it made
	@$(BIN)/python -m lab down

clean: ## forget caches and environments of this checkout; the lab's own cache stays
	@rm -rf .ansible .cache .collections .venv
