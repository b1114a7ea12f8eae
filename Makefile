# The two commands are `make run` and `make test`; both set up what is missing.
.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-proxy seed-million bench-console screenshots handshake lock messages ci clean
export PYTHON

python := .venv/bin/python
with := @.ci/venv.sh
uv_compile = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## set up what is missing and serve the gateway on http://127.0.0.1:8000
	$(with) requirements.txt && exec $(python) manage.py run

test: ## set up what is missing and run the tests (ARGS="tests/reviews -k queue"; honours DATABASE_URL, REDIS_URL)
	$(with) requirements-dev.txt && exec .ci/test.sh $(ARGS)

lint: ## style, direction of imports, forgotten migrations
	$(with) requirements-dev.txt && $(python) -m ruff check . && .venv/bin/lint-imports
	@$(python) manage.py makemigrations --check --dry-run

bench: ## latencies, throughput and memory, as figures
	$(with) requirements-dev.txt && $(python) -m tests.bench

bench-proxy: ## a tool call through the gateway, beside the direct call and beside other gateways (ARGS=--quick)
	$(with) requirements-dev.txt && $(python) -m tests.bench.proxy $(ARGS)

seed-million: ## fill a database for measuring with a million requests (COUNT=10000, FRESH=1; DATABASE_URL with bench in its name)
	$(with) requirements-dev.txt && $(python) -m tests.bench.console.seed $(if $(COUNT),--count $(COUNT)) $(if $(FRESH),--fresh)

bench-console: ## the console's pages and their queries on those requests, beside their bars (ARGS=--quick)
	$(with) requirements-dev.txt && $(python) -m tests.bench.console $(ARGS)

screenshots: ## the pictures in docs/screenshots, of a lively day at the welfare office (ARGS="queue card" for some of them)
	$(with) requirements-dev.txt && $(python) -m tests.browser.shots $(ARGS)

handshake: ## call, PENDING REVIEW, approve by webhook, outcome: against the local gateway, with throwaway credentials
	$(with) requirements.txt && $(python) manage.py handshake

lock: ## compile both requirements files from their .in files, with hashes
	$(with) requirements-dev.txt
	@for name in requirements requirements-dev; do $(uv_compile) $$name.in -o $$name.txt; done

messages: ## collect the console's texts for translation and compile the translations
	$(with) requirements-dev.txt && $(python) .ci/messages.py

ci: ## what CI runs, from an empty machine on
	@.ci/run

clean: ## remove what can be made again; data/ and .env stay
	@rm -rf .venv staticfiles test-artifacts .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.git/*' -type d -exec rm -rf {} +
