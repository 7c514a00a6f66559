# What a person types. `make run` and `make test` install what is missing; nothing asks questions.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export KINORA_SHARED ?= $(abspath ../shared)
KINORA := target/release/kinora
LOAD := target/release/load
# Compiles our own crates, lints them and checks their documentation in one pass. `-Dwarnings` in the form in which
# `cargo clippy -- -D warnings` passes it on; cargo has to know it, too, or it takes everything for changed each time.
LINTED := CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tools/lint-rustc

.PHONY: help run test check build unit e2e soak web setup clean

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## Install, build and start Kinora with a sample film (FILM=path for another)
	@tools/setup run
	@$(MAKE) --no-print-directory $(KINORA)
	@exec $(KINORA) up --sample "$$(tools/sample-film $(FILM))"

test: ## Install what is missing and run everything but the soak tests
	@tools/timed --begin
	@tools/timed install tools/setup test
	@tools/timed build $(MAKE) --no-print-directory build
	@tools/timed check $(MAKE) --no-print-directory check
	@tools/timed unit $(MAKE) --no-print-directory unit
	@tools/timed e2e $(MAKE) --no-print-directory e2e

# The binary comes with the tests: all of them know one build, with overflow checks and debug assertions.
build: web
	$(LINTED) cargo test --workspace --locked --no-run

check: build ## Format, lints, documentation, tidy, types, licences
	$(LINTED) tools/check

unit: build ## Rust tests on SQLite and PostgreSQL
	$(LINTED) e2e/with-postgres cargo test --workspace --locked

e2e: build ## The real binary, real clients, a real browser
	e2e/with-postgres e2e/run

soak: $(LOAD) ## What is too long for CI, with the release build
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

# The tests' load generator, and the binary. Named together: one set of features, so that what both use is built once.
.PHONY: $(LOAD)
$(LOAD): web/dist/manifest.json
	cargo build --release --locked --package kinora --package load

clean: ## Remove what was built (data/ stays)
	rm -rf target web/dist web/node_modules e2e/.venv e2e/browser/node_modules
