.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
.DELETE_ON_ERROR:
# The tests start many processes. With this variable, each would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

# What serves is a part of what the tests need.
TO_SERVE := $(firstword $(wildcard .venv/installed) .venv/installed-run)

help: ## List the commands.
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(TO_SERVE) .env ## Serve the API on port 8000, or FLASK_RUN_PORT, with its own database.
	@$(BIN)/flask db upgrade
	@exec $(BIN)/flask run

demo: $(TO_SERVE) .env ## Serve the API and the front end of examples/nextjs (http://localhost:3000).
	@$(BIN)/python examples/nextjs/run.py demo

test: .venv/installed ## Run the tests on their own PostgreSQL, or on TEST_DATABASE_URL. One file: pytest FILE.
	@$(BIN)/pytest

pooled: .venv/installed ## Run what uses the connection pool through PgBouncer, if it is installed.
	@PATH="$$PATH:/usr/sbin"; if command -v pgbouncer >/dev/null; then \
	    TEST_POOLED=1 $(BIN)/pytest --uses=config tests/integration tests/isolation; \
	else echo 'skipped: pgbouncer is not installed'; fi

e2e: .venv/installed ## Check the front end of examples/nextjs and test it in Chromium, if Node is installed.
	@$(BIN)/python examples/nextjs/run.py e2e

screenshots: .venv/installed ## Take the pictures of the front end again.
	@$(BIN)/python examples/nextjs/run.py screenshots

fuzz: .venv/installed ## Send requests generated from openapi.json, the same in each run. Others: make fuzz SEED=random.
	@$(BIN)/pytest -n0 --hypothesis-seed=$(SEED) tests/fuzz

SEED ?= 0

image: .venv/installed ## Build the image with docker or podman, and test it: make image ENGINE=podman.
	@test -n '$(ENGINE)' || { echo 'Install docker or podman, or name another engine: make image ENGINE=...'; exit 1; }
	@$(ENGINE) build $(IMAGE_BUILD_OPTIONS) --tag todo-api .
	@IMAGE_ENGINE='$(ENGINE)' $(BIN)/pytest -n0 tests/image

ENGINE ?= $(firstword $(foreach each,docker podman,$(shell command -v $(each))))

faults: .venv/installed ## Break the database, the processes and migrations, and run the model for long.
	@MODEL_ROUNDS=300 $(BIN)/pytest -n6 tests/faults tests/model

bench-scaling: .venv/installed benchmarks/service/.venv/installed ## Measure what grows: processes, tasks, the table. Needs wrk.
	@$(BIN)/python -m benchmarks.scaling

bench-indexes: .venv/installed ## Measure what each index costs writes and saves sorted pages.
	@$(BIN)/python -m benchmarks.indexes

bench: .venv/installed benchmarks/.venv/installed benchmarks/service/.venv/installed ## Compare with FastAPI, Django Ninja and Fastify. Needs wrk.
	@$(BIN)/python -m benchmarks.run

check: .venv/installed ## Check lint, formatting, types and tests with coverage, as CI does.
	@failed=; \
	for step in 'ruff check .' 'ruff format --check .' mypy \
	    'pytest --cov --cov-report=term-missing:skip-covered'; do \
	    $(BIN)/$$step || failed="$$failed, $$step"; \
	done; \
	[ -z "$$failed" ] || { echo "make check failed in$${failed#,}"; exit 1; }

audit: .venv/installed ## Check the pinned packages for known vulnerabilities.
	@$(BIN)/pip-audit --strict --vulnerability-service osv --disable-pip \
	    --require-hashes -r requirements-dev.txt -r benchmarks/requirements.txt \
	    -r tests/openapi/requirements.txt -r tests/observability/requirements.txt

format: .venv/installed ## Fix lint and formatting, and list what is left to fix by hand.
	@$(BIN)/ruff format --quiet .; \
	$(BIN)/ruff check --fix .; left=$$?; \
	$(BIN)/ruff format . && exit $$left

migration: .venv/installed .env ## Generate a migration from the models: make migration m="add color".
	@$(BIN)/flask db upgrade
	@$(BIN)/flask db migrate -m "$(m)"

openapi: .venv/installed .env ## Regenerate openapi.json.
	@$(BIN)/flask openapi write openapi.json
	@echo 'Next: cd examples/nextjs && npm ci && npm run types && npm run check'

lint-openapi: .venv/installed ## Lint openapi.json, and generate clients from it. Most of it needs Node.
	-@$(MAKE) --no-print-directory tests/openapi/.venv/installed
	@$(BIN)/pytest -n0 tests/openapi

observability: .venv/installed ## Run the service under OpenTelemetry and Sentry, and look at what they send.
	-@$(MAKE) --no-print-directory tests/observability/.venv/installed
	@$(BIN)/pytest -n0 tests/observability

lock: .venv/installed ## Update the pinned packages from pyproject.toml.
	@$(LOCK) requirements.txt pyproject.toml
	@$(LOCK) requirements-run.txt pyproject.toml --extra run
	@$(LOCK) requirements-dev.txt pyproject.toml --extra run --extra dev
	@$(LOCK) benchmarks/requirements.txt benchmarks/requirements.in
	@$(LOCK) tests/openapi/requirements.txt tests/openapi/requirements.in
	@$(LOCK) tests/observability/requirements.txt tests/observability/requirements.in

# Without the extras, pip may choose a newer release of a pinned package, which has no hash.
LOCK := UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras \
	--upgrade --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --output-file

.venv/installed-run: requirements-run.txt
.venv/installed: requirements-dev.txt
# The service runs with the packages of production alone, the peers with theirs.
benchmarks/service/.venv/installed: requirements.txt
benchmarks/.venv/installed: benchmarks/requirements.txt
tests/openapi/.venv/installed: tests/openapi/requirements.txt
tests/observability/.venv/installed: tests/observability/requirements.txt
.venv/installed-run .venv/installed benchmarks/service/.venv/installed benchmarks/.venv/installed tests/openapi/.venv/installed tests/observability/.venv/installed:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is required. Choose one: make PYTHON=python3.13")'
	@$(PYTHON) tools/install.py $(@D) $<
	@touch $@

.env:
	@grep -qsE '^ *(export +)?BETTER_AUTH_SECRET(_FILE)? *= *[^ #]' $@ || { umask 077; \
	    if [ -s $@ ]; then echo >> $@; fi; \
	    $(PYTHON) -c 'import secrets; print("BETTER_AUTH_SECRET=" + secrets.token_urlsafe(32))' >> $@ \
	    && echo 'wrote a random BETTER_AUTH_SECRET into .env'; }

.PHONY: .env help run demo test pooled e2e screenshots fuzz image faults check audit bench bench-scaling bench-indexes format migration openapi lint-openapi observability lock
