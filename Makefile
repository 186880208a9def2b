.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
.DELETE_ON_ERROR:

help: ## Say what can be made.
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/installed .env ## Serve on http://localhost:8000 with a database of its own.
	@$(BIN)/flask db upgrade
	@echo
	@echo '  API    http://localhost:'$${FLASK_RUN_PORT:-8000}'/api/tasks'
	@echo '  docs   http://localhost:'$${FLASK_RUN_PORT:-8000}'/docs'
	@echo '  token  $(BIN)/flask token demo'
	@echo
	@exec $(BIN)/flask run

demo: .venv/installed .env ## Serve the front end of examples/nextjs too, on http://localhost:3000.
	@$(BIN)/python examples/nextjs/run.py demo

test: .venv/installed ## Run the tests on a PostgreSQL of their own, or on TEST_DATABASE_URL. One file: .venv/bin/pytest FILE.
	@$(BIN)/pytest

pooled: .venv/installed ## Run the tests of the service by way of a PgBouncer, where there is one.
	@PATH="$$PATH:/usr/sbin"; if command -v pgbouncer >/dev/null; then \
	    TEST_POOLED=1 $(BIN)/pytest tests/integration tests/isolation; \
	else echo 'skipped: there is no pgbouncer here'; fi

e2e: .venv/installed ## Drive the front end of examples/nextjs in Chromium, where there is Node.
	@$(BIN)/python examples/nextjs/run.py e2e

fuzz: .venv/installed ## Send requests made from openapi.json, sound and unsound.
	@$(BIN)/pytest -n0 tests/fuzz

faults: .venv/installed ## Break the database and the processes under load, for two minutes.
	@$(BIN)/pytest -n0 tests/faults

bench: .venv/installed benchmarks/.venv/installed ## Measure beside FastAPI with asyncpg; needs wrk.
	@$(BIN)/python -m benchmarks.run

check: .venv/installed ## Check lint, formatting, types and tests with coverage, as CI does.
	@failed=; \
	for step in 'ruff check .' 'ruff format --check .' mypy \
	    'pytest --cov --cov-report=term-missing:skip-covered'; do \
	    $(BIN)/$$step || failed="$$failed, $$step"; \
	done; \
	[ -z "$$failed" ] || { echo "make check failed in$${failed#,}"; exit 1; }

audit: .venv/installed ## Look the pinned packages up among the known vulnerabilities.
	@$(BIN)/pip-audit --strict --vulnerability-service osv --disable-pip \
	    --require-hashes -r requirements-dev.txt -r benchmarks/requirements.txt

format: .venv/installed ## Fix lint and formatting, and list what is left to fix by hand.
	@$(BIN)/ruff format --quiet .; \
	$(BIN)/ruff check --fix .; left=$$?; \
	$(BIN)/ruff format . && exit $$left

migration: .venv/installed .env ## Write a migration from the models: make migration m="add color".
	@$(BIN)/flask db upgrade
	@$(BIN)/flask db migrate -m "$(m)"

openapi: .venv/installed .env ## Regenerate openapi.json, from which the example's types follow.
	@$(BIN)/flask openapi write openapi.json
	@echo 'Next: cd examples/nextjs && npm run types'

lock: .venv/installed ## Pin the packages of pyproject.toml anew.
	@$(LOCK) requirements.txt pyproject.toml
	@$(LOCK) requirements-dev.txt pyproject.toml --extra dev
	@$(LOCK) benchmarks/requirements.txt benchmarks/requirements.in

LOCK := UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --output-file

.venv/installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.13")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

benchmarks/.venv/installed: benchmarks/requirements.txt
	@$(PYTHON) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.env:
	@umask 077 && $(PYTHON) -c 'import secrets; print("BETTER_AUTH_SECRET=" + secrets.token_urlsafe(32))' > $@
	@echo 'made .env with a random BETTER_AUTH_SECRET'

.PHONY: help run demo test pooled e2e fuzz faults check audit bench format migration openapi lock
