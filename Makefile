# floorstream: `make` alone lists what can be done. Works with GNU make 3.81 and any POSIX sh.

VENV := .venv
LOCK := requirements/test.txt
BENCH_VENV := .venv.bench
EXTRA_VENV := .venv.extra
ARGS :=

.PHONY: help install demo test test-slow faults faults-red bench bench-quick bench-extra soak lint generate lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done
	@echo "  ARGS=... is handed on, as in: make demo ARGS='--port 9000', make test ARGS='-k broker'"

install: ## make .venv from the lock (nothing to do when it is up to date)
	@sh requirements/install.sh $(VENV) $(LOCK)

demo: install ## everything on this machine with a simulated plant
	@exec $(VENV)/bin/floorstream demo $(ARGS)

test: install ## all tests that need Python and make only
	@exec $(VENV)/bin/python -m pytest -n 4 --dist=loadscope -m "not (slow or long)" $(ARGS)

test-slow: install ## slow tests, and the guarantees again on a real Apache Kafka (skips what is absent)
	@$(VENV)/bin/python -m pytest -n 2 --dist=loadscope --broker=apache -m "(slow or real_broker) and not long" $(ARGS)

faults: install ## every row of the fault matrix on both brokers, up to 40 min; ends with its table
	@exec $(VENV)/bin/python -m tests.faults green $(ARGS)

faults-red: install ## the same with one defence taken away at a time: each must be missed
	@exec $(VENV)/bin/python -m tests.faults red $(ARGS)

bench: ## what this machine reaches, beside bare loops and idiomatic Faust, with a report; an hour at most
	@sh requirements/install.sh $(BENCH_VENV) requirements/bench.txt
	@exec $(BENCH_VENV)/bin/python -m loadtest.run --size full $(ARGS)

bench-quick: ## the same with smaller loads, 8 min at most; ARGS='--only store' for a part
	@sh requirements/install.sh $(BENCH_VENV) requirements/bench.txt
	@exec $(BENCH_VENV)/bin/python -m loadtest.run --size quick $(ARGS)

bench-extra: ## track's engine beside Kafka Streams, Bytewax, Quix Streams and Pathway on one small job
	@sh requirements/install.sh $(BENCH_VENV) requirements/bench.txt
	@sh loadtest/extra/install.sh $(EXTRA_VENV) $(BENCH_VENV)/bin/python
	@exec $(BENCH_VENV)/bin/python -m loadtest.extra.run $(ARGS)

soak: install ## 2 million simulated events on Apache Kafka, 100 kills; what is stored must be what happened
	@exec $(VENV)/bin/python -m loadtest.soak $(ARGS)

lint: install ## ruff, mypy, import-linter
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

generate: install ## schemas/json anew: JSON Schemas, AsyncAPI and OpenAPI, from the models and the routes
	@$(VENV)/bin/python -m schemas.generate && $(VENV)/bin/python -m services.embedded.describe

lock: install ## resolve the dependencies of pyproject.toml anew (needs the network)
	@sh requirements/lock.sh $(VENV)

clean: ## remove .venv and what tools left; data directories stay
	rm -rf $(VENV) $(BENCH_VENV) $(EXTRA_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
