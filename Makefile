# Everything here sets itself up in .venv; nothing needs root. `make help` lists the targets.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup data train style-quality export serve triton load monitor dashboards test lint bench proto clean

# The first of these that runs and is new enough; a shim that only exists does not count.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# The binary of Triton from pip knows Python up to 3.13.
TRITON_PYTHON ?= $(shell for python in $(PYTHON) python3.11 python3.12 python3.13; do \
    $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
SERVER_FLAGS ?=
MONITOR_FLAGS ?=
# Small pictures in ten classes: narrow networks, larger batches, a faster start.
FASHION_FLAGS := --data-set fashion --resolution 32 --conditional True --generator-width 24 \
    --discriminator-width 24 --batch 64 --pictures 420000 --learning-rate 4e-4 \
    --discriminator-rate 1 --gamma 0.1 --metric-samples 5000
TRITON_VENV := .venv-triton
TRITON_RUN := $(TRITON_VENV)/bin/python
TRITON_FLAGS ?=
PEERS_VENV := .venv-peers
BENCH_FLAGS ?=
LOAD_FLAGS ?= --rate 20 --seconds 15 --style great_wave
# Triton's binary exists for Linux on x86-64 and some Pythons only; elsewhere its tests are skipped.
TRITON_STAMP := $(if $(and $(TRITON_PYTHON),$(filter Linux-x86_64,$(shell uname -sm | tr ' ' -))),$(TRITON_VENV)/.installed)

# One reader of Content Credentials is of another language; without its package manager its test is skipped.
READERS := $(if $(shell command -v npm),tests/readers/node_modules/.installed)

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# One stamp per set of extras: a target installs what it needs and no more, once per pyproject.toml.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu install python3-venv"; exit 1; }

$(VENV)/.installed-%: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --editable '.[$*]'
	@touch $@

setup: $(VENV)/.installed-server,train,test,dev ## Install everything for development.

data: $(VENV)/.installed-train ## Fetch pictures and pretrained weights, each checked by SHA-256.
	$(RUN) -m training.data

train: data ## Train everything that is served; Ctrl-C saves, the next start goes on.
	$(RUN) -m training.gan --run runs/landscapes
	$(RUN) -m training.gan --run runs/nebulae --data-set nebulae --start-from runs/landscapes --pictures 125000
	$(RUN) -m training.metrics.classifier
	$(RUN) -m training.gan --run runs/fashion $(FASHION_FLAGS)
	$(RUN) -m training.style

style-quality: data ## Measure the committed styles against Gatys' optimisation.
	$(RUN) -m benchmarks.style_quality

export: $(VENV)/.installed-train ## Write the trained models to model_repository/, checked against PyTorch.
	$(RUN) -m export --gan runs/landscapes --gan runs/nebulae --gan runs/fashion --style runs/style

serve: $(VENV)/.installed-server ## Serve the committed models (SERVER_FLAGS="--port 0 ...").
	$(RUN) -m server $(SERVER_FLAGS)

# Its own environment: the Python backend of this Triton needs an older numpy than the rest.
$(TRITON_VENV)/.installed: deploy/triton/requirements.txt
	@test -n "$(TRITON_PYTHON)" || { echo "Triton from pip needs a Python of 3.11 to 3.13 and none was found; name one: make TRITON_PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(TRITON_VENV)
	$(TRITON_PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_RUN) -m pip install --quiet --requirement deploy/triton/requirements.txt
	@touch $@

triton: $(TRITON_VENV)/.installed ## Run a real Triton over the committed models (TRITON_FLAGS="--grpc-port=...").
	@exec $(TRITON_RUN) deploy/triton/launch.py $(TRITON_FLAGS)

monitor: $(VENV)/bin/python ## Watch the running server in Prometheus, and Grafana where there is one (MONITOR_TARGET=host:port).
	@exec $(RUN) deploy/monitoring/launch.py $(MONITOR_FLAGS)

dashboards: $(VENV)/.installed-monitor ## Generate Grafana's dashboards and Prometheus' rules.
	$(RUN) -m deploy.monitoring

load: $(VENV)/.installed-load ## Put a load on a running server (LOAD_FLAGS="--rate 50 ..."); writes build/load.html.
	@mkdir -p build
	$(VENV)/bin/impasto load --json build/load.json --html build/load.html $(LOAD_FLAGS)

tests/readers/node_modules/.installed: tests/readers/package.json
	@timeout 60 npm install --prefix tests/readers --no-package-lock --no-audit --no-fund \
	    --ignore-scripts --fetch-retries=0 --silent && touch $@ || echo "npm cannot install it; the test of the other reader is skipped"

test: $(VENV)/.installed-server,train,test $(TRITON_STAMP) $(READERS) ## Run the tests.
	$(RUN) -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.installed-server,train,test,dev ## Check style and types.
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# The other systems' requirements contradict the gateway's, so they have an environment of their own.
$(PEERS_VENV)/.installed: benchmarks/peers/requirements.txt
	@test -n "$(TRITON_PYTHON)" || { echo "The other systems need a Python of 3.11 to 3.13 and none was found; name one: make TRITON_PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(PEERS_VENV)
	$(TRITON_PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --requirement benchmarks/peers/requirements.txt
	@touch $@

bench: $(VENV)/.installed-server,fast,bench $(TRITON_STAMP) $(PEERS_VENV)/.installed ## Measure beside other serving systems, 30 minutes (BENCH_FLAGS="--rounds 1 ..."; stop everything else first).
	$(RUN) -m benchmarks.peers $(BENCH_FLAGS)

proto: $(VENV)/.installed-server,train,test,dev ## Generate the gRPC code from the .proto file.
	$(RUN) -m grpc_tools.protoc -I clients --python_out=clients --pyi_out=clients \
	    --grpc_python_out=clients impasto/v1/image_service.proto

clean: ## Remove the environment and caches; data/ and runs/ stay.
	rm -rf $(VENV) $(TRITON_VENV) $(PEERS_VENV) .pytest_cache .mypy_cache .ruff_cache
