# `make` alone lists the commands. They need only python3 and make.

PYTHON ?= python3
MAKEFLAGS += --no-print-directory
BIN := .venv/bin

# Values from the command line stay text: otherwise make would run a $(shell …) in them.
$(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),\
  $(eval override export $(name) := $$(value $(name)))))

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' Makefile)

help: ## this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1  \2/p' Makefile | awk '{n=$$1; $$1=""; printf "  %-15s%s\n", n, $$0}'

run: ## Overtime on this machine, until Ctrl-C (PORT=8000 AWS_PORT=4566 WS_PORT=8001 WORKERS=2 AUTH=tokens)
	@$(PYTHON) local/install.py run aws
	@$(BIN)/python -m local

demo: app aws ## the three sample tasks on small inputs, through the command line
	@$(BIN)/python -m local.demo

mcp-demo: app aws ## a scripted agent drives a job by /mcp, and prints what goes over the wire
	@$(BIN)/python -m local.mcp_demo

test: app aws ## unit, contract, API and simulation tests, or TESTS=tests/tasks alone
	@$(BIN)/python -m pytest $(if $(TESTS),"$$TESTS",-n auto --ignore=tests/smoke --ignore=tests/deploy --ignore=tests/e2e --ignore=tests/clients --ignore=tests/console)

e2e: app aws ## what `make deploy` sends, deployed to the local AWS with IAM enforced, and driven
	@$(BIN)/python -m pytest tests/e2e

smoke: app aws ## one job through all of `make run`, over HTTP; the console in Chromium
	@$(BIN)/python -m pytest tests/smoke tests/console

screenshot: app aws ## take docs/console.png anew
	@$(BIN)/python -m tests.console.screenshot docs/console.png

clients: app aws ## the Python client and others against a running service, some made of openapi.json
	@$(BIN)/python -m pytest tests/clients

export SEEDS ?= 30000
simulate: app ## inject random failures in SEEDS=30000 scenarios (REPLAY='seed=…' repeats one)
	@$(BIN)/python -m tests.simulation $(if $(REPLAY),replay $$REPLAY,"$$SEEDS")

mutants: app ## plant defects and weaken clauses, one after another, and see each noticed
	@$(BIN)/python -m tests.simulation.mutants
	@$(BIN)/python -m tests.simulation.clauses

export JOBS ?= 2000
faults: app aws ## kill workers, and the whole service, while 16 clients submit JOBS=2000
	@$(BIN)/python -m tests.faults "$$JOBS" 16

export ROUNDS ?= 9
bench: app aws ## CPU, time and AWS calls beside raw boto3, a naive handler and Celery (ROUNDS=9)
	@$(PYTHON) local/install.py bench
	@$(BIN)/python -m bench "$$ROUNDS"

STAGE ?= dev
OVERLAP ?= 24h
export STAGE OVERLAP # recipes take these, and what is set on the command line, from the environment
deploy: app ## create or update STAGE=dev on AWS, as one CloudFormation stack
	@$(BIN)/python -m ops.deploy "$$STAGE"

destroy: app ## remove STAGE=dev; its jobs stay, unless DATA=1
	@$(BIN)/python -m ops.destroy "$$STAGE" $(if $(filter 1,$(DATA)),--data)

resources: app ## create the table, queues and bucket of STAGE=dev, to deploy with `chalice deploy`
	@$(BIN)/python -m ops.resources "$$STAGE"

doctor: app ## show what is wrong with STAGE=dev and how to fix it (STAGE=local: `make run`)
	@$(BIN)/python -m ops.doctor "$$STAGE"

redrive: app ## show why messages of STAGE=dev are dead letters; send back or delete them
	@$(BIN)/python -m ops.redrive "$$STAGE"

rehearse: app aws ## test deployments against the local AWS: the bundle, make deploy, chalice deploy
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/deploy

check: app aws ## style, types, import and layout rules, licenses, the CloudFormation template
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m ops.template.declared dev | $(BIN)/cfn-lint # make deploy lints the whole template
	@$(BIN)/python -m pytest tests/unit/test_layout.py tests/unit/test_licenses.py

fix: app ## fix the style that can be fixed automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## pin the requirements of the *.in files with hashes (the next command does it too)
	@$(PYTHON) local/install.py lock

clean: ## delete the local AWS's data and all caches (the environments stay)
	@rm -rf .local .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

export LIMIT ?= 100
jobs: app ## the live jobs of all owners, or all of OWNER=ada (STAGE=dev STATUS=failed LIMIT=100 JSON=1)
	@$(BIN)/python -m ops.jobs list "$$STAGE" --owner="$$OWNER" --status="$$STATUS" --limit="$$LIMIT" $(if $(filter 1,$(JSON)),--json)

job: app ## one job with its events (STAGE=dev ID=… JSON=1)
	@$(BIN)/python -m ops.jobs show "$$STAGE" "$$ID" $(if $(filter 1,$(JSON)),--json)

cancel: app ## cancel a job of any owner (STAGE=dev ID=…)
	@$(BIN)/python -m ops.jobs cancel "$$STAGE" "$$ID" $(if $(filter 1,$(YES)),--yes)

retry: app ## run a failed or canceled job of any owner again (STAGE=dev ID=…)
	@$(BIN)/python -m ops.jobs retry "$$STAGE" "$$ID" $(if $(filter 1,$(YES)),--yes)

webhook-secret: app ## sign OWNER=ada's webhooks with a new secret, shown once (STAGE=dev OVERLAP=24h)
	@$(BIN)/python -m ops.webhook_secret "$$STAGE" "$$OWNER" --overlap="$$OVERLAP" $(if $(filter 1,$(YES)),--yes) $(if $(filter 1,$(ANSWERS)),--answers)

secret: app ## set NAME=stripe for job.secret("stripe"), asked for or from a pipe (STAGE=dev DELETE=1)
	@$(BIN)/python -m ops.secret "$$STAGE" "$$NAME" $(if $(filter 1,$(DELETE)),--delete)

rotate-secret: app ## seal cursors and tickets with a new secret (STAGE=dev OVERLAP=24h), or answer URLs (ANSWERS=1)
	@$(BIN)/python -m ops.rotate_secret "$$STAGE" --overlap="$$OVERLAP" $(if $(filter 1,$(YES)),--yes) $(if $(filter 1,$(ANSWERS)),--answers)

token: app ## a token for jobs of OWNER=ada, shown once (STAGE=dev EXPIRES=90d LABEL=…)
	@$(BIN)/python -m ops.tokens issue "$$STAGE" "$$OWNER" --expires="$$EXPIRES" --label="$$LABEL"

tokens: app ## list the tokens (STAGE=dev)
	@$(BIN)/python -m ops.tokens list "$$STAGE"

revoke: app ## refuse TOKEN=<id> from now on (STAGE=dev)
	@$(BIN)/python -m ops.tokens revoke "$$STAGE" "$$TOKEN"

app: # what runs and tests the project
	@$(PYTHON) local/install.py app

aws: # the local AWS
	@$(PYTHON) local/install.py aws
