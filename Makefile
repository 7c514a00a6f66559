# What a person types. `make run` and `make test` install what is missing; nothing asks questions.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export KINORA_SHARED ?= $(abspath ../shared)
KINORA := target/release/kinora
LOAD := target/release/load

.PHONY: help run test check unit e2e soak web setup clean

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## Install, build and start Kinora with a sample film (FILM=path for another)
	@tools/setup run
	@$(MAKE) --no-print-directory $(KINORA)
	@exec $(KINORA) up --sample "$$(tools/sample-film $(FILM))"

test: ## Install what is missing and run everything but the soak tests
	@tools/setup test
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e

check: web ## Format, lints, tidy, licences
	tools/check

unit: web ## Rust tests on SQLite and PostgreSQL
	e2e/with-postgres cargo test --workspace --locked

e2e: $(KINORA) $(LOAD) ## The real binary, real clients, a real browser
	e2e/with-postgres e2e/run

soak: $(KINORA) $(LOAD) ## What is too long for CI
	@tools/setup test
	e2e/with-postgres e2e/run --soak

web: web/dist/manifest.json ## Bundle scripts and styles

web/dist/manifest.json: $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print)
	@tools/setup web
	npm --prefix web run --silent build
	@touch $@

setup: ## Install everything for development
	@tools/setup test

.PHONY: $(KINORA)
$(KINORA): web/dist/manifest.json
	cargo build --release --locked --package kinora

# Named together: one set of features, so that what both use is built once.
.PHONY: $(LOAD)
$(LOAD): $(KINORA)
	cargo build --release --locked --package kinora --package load

clean: ## Remove what was built (data/ stays)
	rm -rf target web/dist web/node_modules e2e/.venv e2e/browser/node_modules
