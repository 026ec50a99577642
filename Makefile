# make install | run | test | bench | chaos | city | score
# Needs Python >= 3.11 and the package registries, nothing else. The second time nothing is fetched.

export GUIDUI_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/guidui
export PIP_DISABLE_PIP_VERSION_CHECK = 1
PYTHON ?=
bin = .venv/bin

.PHONY: install run test bench chaos city score equipment
install: .venv/.installed .venv/.assets

.venv/.python: deploy/find-python
	@python=$$(PYTHON='$(PYTHON)' deploy/find-python) && echo "guidui: environment of $$python in .venv" && "$$python" -m venv .venv
	@touch $@

.venv/.packages: .venv/.python requirements.lock
	@echo "guidui: installing the pinned packages (about a minute)"
	@$(bin)/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.packages pyproject.toml
	@$(bin)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/.assets: .venv/.installed deploy/assets/package-lock.json deploy/assets/package.json deploy/assets.py deploy/fonts.py
	@$(bin)/python deploy/assets.py
	@touch $@

# Kafka, a browser and fonts for the tests, all into $(GUIDUI_CACHE)
equipment: install
	@$(bin)/python -m tests.equipment.prepare

run: install
	@$(bin)/guidui run --demo $(ARGS)

test: equipment
	@$(bin)/python -m pytest $(ARGS)

bench: equipment
	@for name in address identity pipeline embedded latency bulk calendar roster lookup letters portal audit; do $(bin)/guidui bench $$name $(ARGS) || exit 1; done

chaos: equipment
	@$(bin)/python -m tests.chaos $(ARGS)

# a made-up city of 10,000 members over three years, every invariant checked after every step
city: install
	@$(bin)/guidui simulate --city 10000 --years 3 $(ARGS)

score: install
	@$(bin)/python -m tests.score $(ARGS)
