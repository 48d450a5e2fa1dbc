# One verb per thing a person or CI does here. `make` alone lists them.
# DATASET chooses the portfolio: simulated, or taiwan when CREDIT_DATA_DIR is set. Overrides go in ARGS="key=value …".
# What training generates goes to var, or where CREDIT_HOME says.

DATASET ?= $(if $(CREDIT_DATA_DIR),taiwan,simulated)
# The first that fits makes .venv, or made it; some of what is locked has no wheels for a newer one.
PYTHON ?= $(BIN)/python python3.11 python3.12 python3.13 python3
UV := 0.13.8
BIN := .venv/bin
VAR := $(or $(CREDIT_HOME),var)
NAMED = $(if $(filter %.yaml %.yml,$(DATASET)),$(error DATASET=$(DATASET): put the file into ml/training/conf/dataset and give its name, or give BUNDLE too),$(DATASET))
BUNDLE ?= $(VAR)/bundles/$(NAMED)/candidate
TAG = $(basename $(notdir $(DATASET)))-candidate
PORT ?= 8000
PACKAGES := ml/contract ml/simulator ml/training ml/delivery services/scoring-api services/drift-monitor
INFRA := .venv-infra/bin
TEST_INFRA = $(INFRA)/pytest -q -c infra/pulumi/pyproject.toml tests/infra
# Airflow pins what everything else has otherwise; these two say which packages its environment is made of.
AIRFLOW := apache-airflow==3.3.2 --exclude-newer 2026-11-21
# Promotions and rollbacks go to the git of the cluster that `make up` made, while there is one.
KIND = $(if $(shell docker ps --quiet --filter name=^credit-control-plane$$ 2>/dev/null),--kind)
export DO_NOT_TRACK := 1
export ORT_DISABLE_TELEMETRY := 1
.DEFAULT_GOAL := help
.PHONY: help setup setup-infra lock demo test test-charts test-images test-infra test-airflow check check-workflows format data explore train cards mlflow serve bench pictures video tools adopt images run-image up push load drift status down release promote confirm rollback freeze cut-off e2e e2e-full rehearse replay sbom licences scan manifests release-files attestations publish-models sign provision docs-infra preview clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/ready ## make .venv from requirements.lock
.venv/ready: requirements.lock $(PACKAGES:=/pyproject.toml)
	@for python in $(PYTHON); do version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
		case $$version in 3.11|3.12|3.13) exec $$python -m venv .venv;; ?*) found="$$found, $$python is $$version";; esac; done; \
		echo "Python 3.11 to 3.13 is needed$${found:-, none of $(PYTHON) is there}: install one, or name it: make PYTHON=path/to/python3.11" >&2; exit 1
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --build-constraints services/build.lock requirements.lock && touch $@

setup-infra: .venv-infra/ready ## make .venv-infra from infra/pulumi's lock
.venv-infra/ready: infra/pulumi/requirements.lock .venv/ready
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-infra
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(INFRA)/python infra/pulumi/requirements.lock && touch $@

lock: setup ## resolve all requirements anew into their lock files
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m credit_delivery.supply_chain lock

demo: setup ## train, prove, register, serve, score; then a downturn, the monitor's verdict, a new candidate
	$(BIN)/credit-train demo dataset=$(DATASET) $(ARGS)
	$(BIN)/python -m credit_delivery.downturn $(BUNDLE) $(VAR)/downturn

# For two cores: many tests wait for a server or a clock, which is time for a third worker and for the Pulumi program's tests.
# Tests start hundreds of Pythons, each of which would compile all that was not kept.
test test-charts test-infra: export PYTHONDONTWRITEBYTECODE =
test: setup setup-infra ## every test that needs no Docker
	@{ told=$$($(TEST_INFRA) 2>&1); ended=$$?; printf '\n%s\n' "$$told"; exit $$ended; } & infra=$$!; \
	$(BIN)/pytest -n 3 -o console_output_style=classic --ignore=tests/images $(ARGS); ended=$$?; \
	wait $$infra || { echo "tests of infra/pulumi failed, see above" >&2; exit 1; }; exit $$ended

test-charts: setup ## of these, what renders charts and judges what came out
	$(BIN)/pytest -n 2 tests/charts $(ARGS)

test-images: setup ## the services' images and compose.yaml, by Docker
	$(BIN)/pytest -q tests/images

test-infra: setup-infra ## the Pulumi program of every stack under mocks
	$(TEST_INFRA)

test-airflow: .venv-airflow/ready ## the Airflow DAG, read by Airflow itself in an environment of its own
	AIRFLOW_PYTHON=$(CURDIR)/.venv-airflow/bin/python $(BIN)/pytest -q tests/github/test_retraining.py
.venv-airflow/ready: Makefile .venv/ready
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-airflow
	$(BIN)/uv pip install --quiet --python .venv-airflow/bin/python $(AIRFLOW) && touch $@

check: setup setup-infra check-workflows ## format, lint, generated chart files, types, import contracts, workflows
	$(BIN)/ruff format --check . && $(BIN)/ruff check --output-format concise . && $(BIN)/credit-release charts --check
	$(BIN)/mypy $(PACKAGES:=/src) bench/*.py && $(BIN)/lint-imports
	cd infra/pulumi && ../../$(BIN)/mypy --python-executable ../../$(INFRA)/python --config-file ../../pyproject.toml credit_infra __main__.py

check-workflows: setup ## .github by zizmor and actionlint
	$(BIN)/zizmor --offline --quiet .github
	@export PATH="$$PATH:$(CURDIR)/var/tools"; if command -v actionlint >/dev/null; then actionlint -no-color; else \
		echo "workflows are half checked: actionlint is missing, see make tools" >&2; test -z "$$CI"; fi

format: setup ## rewrite what check would refuse
	$(BIN)/credit-release charts && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

data: setup ## fetch, check and prepare the dataset's versions
	$(BIN)/credit-train data dataset=$(DATASET) $(ARGS)

explore: setup ## write the exploratory analysis of the dataset
	$(BIN)/credit-train explore dataset=$(DATASET) $(ARGS)

train: setup ## three algorithms, two dataset versions, gates, candidate
	$(BIN)/credit-train run dataset=$(DATASET) $(ARGS)

cards: setup ## refresh the figures in MODEL_CARD.md and DATASET_CARD.md
	$(BIN)/credit-train cards $(ARGS)

mlflow: setup ## open the tracking server's page on http://127.0.0.1:5000
	$(BIN)/credit-train mlflow $(ARGS)

serve: setup ## answer applicants on http://127.0.0.1:8000 with the newest candidate
	$(BIN)/scoring-api serve --bundle $(BUNDLE) --tag $(TAG) auth=none $(ARGS)

bench: setup ## CPU per request against other servers: make bench ARGS="--only fastapi --rounds 1"
	$(BIN)/python -m bench $(BUNDLE) $(ARGS)

pictures: setup ## take README's screenshots anew with the Chromium of this machine
	$(BIN)/python docs/pictures/take.py

video: setup ## film start, /docs and decisions: var/video/scoring-api.webm
	DATASET=$(DATASET) $(BIN)/python docs/pictures/video.py

tools: setup ## find or install helm, kind, kubeconform, promtool, actionlint, policy-tester, chromium, postgresql; find docker, git, kubectl
	$(BIN)/credit-release tools $(ARGS)

adopt: setup ## put site.yaml's values in the place of placeholders; list what is unset
	$(BIN)/python -m credit_delivery.adoption $(ARGS)

images: setup ## build the images of the services
	$(BIN)/credit-release images

run-image: ## build and run the scoring image with a bundle: make run-image BUNDLE=…
	@docker compose build --quiet scoring-api && echo "http://127.0.0.1:$(PORT) answers with $(BUNDLE) until Ctrl-C"
	@docker run --rm --read-only --cap-drop=ALL --tmpfs=/tmp --publish=127.0.0.1:$(PORT):8000 --mount=type=bind,readonly,target=/bundle,source=$(abspath $(BUNDLE)) \
		scoring-api:compose serve --bundle=/bundle --tag=$(TAG) host=0.0.0.0 auth=none journal.file=/tmp/journal.sqlite $(ARGS)

up: setup ## the whole platform on kind: Argo CD, staging, production, monitoring
	$(BIN)/credit-release up $(ARGS)

push: setup ## send the working tree's changes to the cluster's git
	$(BIN)/credit-release push

load: setup ## applicants for both environments on kind, until Ctrl-C: make load ARGS="--rate 50"
	$(BIN)/credit-release load --kind $(ARGS)

drift: setup ## a downturn in staging on kind, until Ctrl-C; its monitor then looks at once
	$(BIN)/credit-release drift $(ARGS)

status: setup ## what git wants against what runs, on kind or elsewhere: make status CONTEXT=production
	$(BIN)/credit-release status $(if $(CONTEXT),--context $(CONTEXT))

down: setup ## delete the cluster and all that was in it
	$(BIN)/credit-release down

release: setup ## build the model image and release record: make release MODEL=taiwan-1 ARGS=--retrained
	$(BIN)/credit-release build $(MODEL) --dataset $(DATASET) $(KIND) $(ARGS)

promote: setup ## evidence and a pull request, or a merge on kind: make promote MODEL=taiwan-1 ENV=staging
	$(BIN)/credit-release promote $(or $(MODEL),$(shell sed -n 's/^  tag: *//p' environments/staging/model.yaml)) --to $(ENV) $(KIND)

confirm: setup ## commit that staging's model is healthy, so that production may have it
	$(BIN)/credit-release confirm $(KIND) $(ARGS)

rollback: setup ## restore what ran before: make rollback ENV=production REASON="why"
	$(BIN)/credit-release rollback --env $(ENV) --reason "$(or $(REASON),by hand)" $(KIND) $(ARGS)

freeze: setup ## refuse promotions to an environment: make freeze ENV=production
	$(BIN)/credit-release freeze --env $(ENV) $(KIND) $(ARGS)

cut-off: ## the moment that a retraining learns up to, for its further steps: make cut-off ORDERED=2026-10-01
	@said=$$(date --utc --date="$${ORDERED:-now}" +RETRAIN_CUT_OFF=%Y-%m-%dT%H:%M:%S+00:00) && \
	echo "$$said" | tee -a "$${GITHUB_ENV:-/dev/null}"

e2e: setup ## bring the platform up on kind, promote, break and mend it under load, take it down
	$(BIN)/pytest -p no:cacheprovider -q -s -m "e2e and not full" tests/e2e $(ARGS)

e2e-full: setup ## the same with the retraining loop and autoscaling
	$(BIN)/pytest -p no:cacheprovider -q -s -m e2e tests/e2e $(ARGS)

rehearse: setup ## the candidate on a simulated quarter, judged by the drift monitor
	$(BIN)/python -m credit_delivery.rehearsal $(BUNDLE) $(VAR)/rehearsal
	$(BIN)/drift-monitor run --from 2023-01-01 --to 2023-04-01 windows.every=month retraining.by=nothing \
		"bundles=[$(BUNDLE)]" files.decisions=$(VAR)/rehearsal/decisions.csv files.outcomes=$(VAR)/rehearsal/outcomes.csv reports.folder=$(VAR)/rehearsal/reports

replay: setup ## history past the drift monitor, page by page: make replay DATASET=sba
	$(BIN)/python services/drift-monitor/replay $(DATASET) --out docs/replay $(ARGS)

sbom: setup ## an SPDX bill of materials per lock file, offline
	$(BIN)/python -m credit_delivery.supply_chain sbom

licences: setup ## licences of what is locked, listed and checked
	$(BIN)/python -m credit_delivery.supply_chain licences

scan: setup ## known vulnerabilities of what is locked, by ADVISORY_SOURCE
	$(BIN)/python -m credit_delivery.supply_chain scan

manifests: setup ## how rendered manifests differ from a commit: make manifests BASE=origin/main
	$(BIN)/python -m credit_delivery.supply_chain manifests $(BASE)

release-files: setup ## notes and chart packages: make release-files VERSION=v1.2.3
	$(BIN)/python -m credit_delivery.supply_chain release-files $(VERSION)

attestations: setup ## bill and provenance of a model image: make attestations MODEL=taiwan-1
	$(BIN)/python -m credit_delivery.supply_chain attestations $(MODEL)

publish-models: setup ## copy released model images, scan, attest and sign them: make publish-models REGISTRY=…
	$(BIN)/python -m credit_delivery.supply_chain publish-models $(REGISTRY)

sign: ## sign an image by its digest, keyless: make sign IMAGE=name@sha256:…
	cosign sign --yes --new-bundle-format=false --use-signing-config=false $(IMAGE)

provision: setup-infra ## make what preview showed: make provision STACK=staging
	@$(BIN)/credit-release tools pulumi
	cd infra/pulumi && PATH="$$PATH:$(CURDIR)/var/tools" pulumi up --yes --stack $(STACK) --policy-pack policy

docs-infra: setup-infra ## draw docs/infrastructure.md from the Pulumi program
	cd infra/pulumi && ../../$(INFRA)/python -m credit_infra.document $(ARGS)

preview: setup-infra ## what pulumi would change: make preview STACK=staging
	@$(BIN)/credit-release tools pulumi
	cd infra/pulumi && PATH="$$PATH:$(CURDIR)/var/tools" pulumi preview --stack $(STACK) --policy-pack policy

clean: ## remove everything generated, the environment too
	rm -rf var .venv .venv-infra .venv-airflow
