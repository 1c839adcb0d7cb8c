# Needs python3 (3.11 or later, with venv) and nothing else; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
IMAGE ?= csv-pipeline
.DEFAULT_GOAL := help
.PHONY: help run test test-end-to-end faults test-browser pictures test-compose check lint audit image sbom bench bench-peers format data lock clean

# The commands in .venv name its folder: in a checkout that was moved or copied they would run the code of another one.
# So would those of a plain `pip install .`, which copies the code.
ifneq ($(shell test -e $(BIN)/pipeline && ! { grep -qF '$(CURDIR)/.venv/' $(BIN)/pipeline && \
    ls .venv/lib/python*/site-packages/__editable__.csv_queue_pipeline-*.pth > /dev/null 2>&1; } && echo elsewhere),)
.PHONY: $(BIN)/pipeline
VENV_OPTIONS := --clear
endif

help: ## show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(BIN)/pipeline ## load data/*.csv and write the reports, with servers started for the run
	@$(BIN)/pipeline run

# Five processes for two cores, since some tests wait; a test goes to the next process that is free.
test: $(BIN)/pytest ## run the tests of the code and of each command
	@$(BIN)/pytest -n 5 --dist loadgroup tests/unit tests/integration tests/acceptance tests/monitoring tests/deploy

test-end-to-end: $(BIN)/pytest ## run the tests of whole runs: their servers, processes, terminals and disks, and the installed wheel
	@$(BIN)/pytest -n 4 tests/end_to_end

faults: $(BIN)/pytest ## run the fault tests: killed workers, lost servers, forged jobs (FAULTS_SEED=... repeats the random ones)
	@$(BIN)/pytest -n 4 tests/faults

test-browser: $(BIN)/pytest ## look at the pages in a headless Chromium (screenshots go to build/screenshots)
	@$(BIN)/pytest -n 2 tests/browser

pictures: $(BIN)/pytest ## take the pictures of the README again (needs a browser)
	@$(BIN)/pytest tests/browser/pictures.py

test-compose: $(BIN)/pytest ## run the tests of the containers (needs a Docker Engine; COMPOSE='docker compose' names another compose)
	@$(BIN)/pytest -n 2 --dist loadfile tests/compose

check: lint ## run lint and the unit tests, for every save
	@$(BIN)/pytest -q -n auto tests/unit

lint: $(BIN)/pytest ## check style, types and the workflow file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml

# Not part of `make lint`: it asks the package index, whose answer can change from one day to the next. --strict, since
# without it a version that the index does not know counts as one without a vulnerability.
audit: $(BIN)/pytest ## search for weaknesses in the code, and for known vulnerabilities of the pinned versions
	@$(BIN)/ruff check --select S pipeline producer worker exporter
	@$(BIN)/uv --system-certs tool run --from pip-audit==2.10.1 pip-audit --strict --no-deps --disable-pip --progress-spinner off \
		-r requirements.txt -r requirements-dev.txt \
		|| { echo 'audit: not passed: a vulnerability is named above, or what could not be looked up' >&2; exit 1; }

image: ## build the image of all stages, labelled with the commit (IMAGE=registry/name:tag EXTRAS=s3,sftp)
	@docker build --build-arg REVISION=$$(git rev-parse HEAD) --build-arg EXTRAS=$(EXTRAS) -t $(IMAGE) .

sbom: $(BIN)/pytest ## write what the image installs from the package index to build/sbom.json, as CycloneDX
	@mkdir -p build
	@PYTHONWARNINGS=ignore $(BIN)/uv --system-certs tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.txt \
		--pyproject pyproject.toml --output-reproducible --output-file build/sbom.json

bench: $(BIN)/pytest ## measure the pipeline next to COPY and other tools (OPTIONS='--people 100000 --rounds 1')
	@$(BIN)/python -m bench $(OPTIONS)

bench-peers: $(BIN)/pytest ## install pgloader, csvkit and dlt for the benchmark
	@$(BIN)/python -m bench.peers

format: $(BIN)/pytest ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

data: ## generate the shipped data again: always the same bytes
	@$(PYTHON) data/generate.py

lock: $(BIN)/pytest ## update the pinned versions of all dependencies
	@$(BIN)/uv --system-certs pip compile --quiet --universal --upgrade --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	@$(BIN)/uv --system-certs pip compile --quiet --universal --upgrade --no-emit-index-url --no-header --extra dashboard --extra dev --extra embedded --extra s3 --extra sftp -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## remove what was installed; the embedded state stays (see `pipeline reset`)
	rm -rf .venv bench/.peers build *.egg-info

# What `make run` needs. The command is made last: if it is there, everything is.
$(BIN)/pipeline: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV_OPTIONS) .venv
	@echo 'installing into .venv: half a minute'
	@$(BIN)/pip install --quiet --disable-pip-version-check -c requirements-dev.txt setuptools
	@$(BIN)/pip install --quiet --disable-pip-version-check -c requirements-dev.txt --no-build-isolation -e '.[embedded]'
	@touch $@

# And what development needs besides.
$(BIN)/pytest: $(BIN)/pipeline
	@echo 'installing the tools of development into .venv: a minute'
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
