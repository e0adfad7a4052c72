# `make` alone lists the targets. Each target makes what it needs, .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
KILLS  ?= 30

# Every file of a pinned release has its hash, for every platform and Python 3.11 or newer.
COMPILE = $(VENV)/.uv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo inbox pages unit test check proofs crash format bench docs pictures lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## Send a made-up office's digest and press release over real SMTP, caught on this machine
	@$(BIN)/mailer demo --folder var/demo

inbox: $(VENV)/.demo  ## Show the demo's mails on http://127.0.0.1:8025/
	@$(BIN)/mailer inbox --folder var/demo/mail

pages: $(VENV)/.demo  ## Serve the demo's public pages on http://127.0.0.1:8000/
	@cd var/demo && $(CURDIR)/$(BIN)/mailer serve

unit: $(VENV)/.dev  ## Run the tests that need no database and no process (a minute)
	HYPOTHESIS_PROFILE=unit $(BIN)/python -m pytest tests/unit

test: $(VENV)/.dev  ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev  ## Check format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proofs: $(VENV)/.dev  ## Run the slow proofs: frozen processes, clocks, full disks, hostile requests, every page width, long property tests
	$(BIN)/python -m pytest -m proof
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m 'hypothesis and not proof'
	EVERY_WIDTH=1 $(BIN)/python -m pytest tests/acceptance/web
	WHOLE_YEAR=1 $(BIN)/python -m pytest tests/integration/worker/test_year.py
	EVERY_RELAY=1 $(BIN)/python -m pytest tests/integration/delivery -k chunking
	EVERY_BACKEND=1 $(BIN)/python -m pytest tests/integration/web/public

crash: $(VENV)/.dev  ## Kill real sending processes KILLS times and workers 50 times, on both databases, and count losses
	$(BIN)/python -m tests.crash --database sqlite --kills $(KILLS)
	$(BIN)/python -m tests.crash --database postgresql --kills $(KILLS)
	$(BIN)/python -m tests.crash --database sqlite --kills $(KILLS) --chunking
	$(BIN)/python -m tests.crash --database postgresql --kills $(KILLS) --chunking
	$(BIN)/python -m tests.crash.calendar --database sqlite --kills 50
	$(BIN)/python -m tests.crash.calendar --database postgresql --kills 50

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## Measure everything beside other programs, in 15 minutes; PARTS='tls idle', FULL=1, JSON=FILE
	$(BIN)/python -m tests.bench $(PARTS) $(if $(FULL),--full) $(if $(JSON),--json $(JSON))

docs: $(VENV)/.dev  ## Write the reference pages that follow from the code (docs/reference/)
	$(BIN)/python docs/generate.py

pictures: $(VENV)/.dev demo  ## Draw the README's pictures of the demo's mails (needs Chromium)
	$(BIN)/python docs/pictures.py

lock: $(VENV)/.uv  ## Pin versions and hashes in requirements.lock and requirements-run.lock; UPGRADE=1 takes newer ones
	$(COMPILE) --extra dev --extra build --output-file requirements.lock
	$(COMPILE) --extra demo --extra postgresql --extra build --constraint requirements.lock \
		--output-file requirements-run.lock

clean:  ## Remove everything that these targets made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'mailer needs Python 3.11 or newer: make PYTHON=/path/to/python3' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# Before 23.3, pip warned of extras spelled with "_", such as jusText's lxml[html_clean].
	$(PIP) install 'pip>=23.3'
	@touch $@

# pip can't check the hash of a folder, so the package itself is installed on its own, and built with what is locked.
$(VENV)/.demo: $(VENV)/.made pyproject.toml requirements-run.lock
	$(PIP) install --require-hashes --no-deps --requirement requirements-run.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml requirements.lock
	$(PIP) install --require-hashes --no-deps --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo

$(VENV)/.uv: $(VENV)/.made
	$(PYTHON) -m venv $@
	$@/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9' || { rm -rf $@; exit 1; }
