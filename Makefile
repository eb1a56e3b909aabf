# `make` lists what there is. Each target installs what it needs on Debian and Ubuntu; elsewhere it says what to install.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Found at once after rustup has installed it, without a new shell.
export PATH := $(PATH):$(HOME)/.cargo/bin
# Incremental builds pay off from the second build on, which a CI machine never sees.
ifdef CI
export CARGO_INCREMENTAL := 0
endif

TOOLS_RUN := cargo cc redis-server
TOOLS_LINT := cargo rustfmt clippy cc shellcheck
TOOLS_TEST := $(TOOLS_RUN) $(TOOLS_LINT) openssl node chromium chromedriver

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start Tercet on this machine; ARGS="--help" lists the options
	@scripts/setup $(TOOLS_RUN)
	cargo run --release -- $(ARGS)

watch: ## start two watchers on two sample folders, for `make run`; AGGREGATOR_ADDRESS="http://…" for another service
	@scripts/setup cargo cc
	cargo build --release --package watcher-node
	@scripts/watch $(AGGREGATOR_ADDRESS)

test: setup lint doc test-page ## check and test everything; ARGS="name" runs only the Rust tests of that name
	cargo build --package chaos-monkeys --features broken-merge --bin chaos-monkeys-broken
	cargo build --workspace --all-targets
	cargo test --workspace -- $(ARGS)

test-page: ## test the page's JavaScript
	@scripts/setup node
	@if node -e 'process.exit(Number(parseInt(process.versions.node) < 18))'; \
	then node --test static/tests/*.test.js; \
	else echo "skipped the page's tests: Node.js 18 or newer is needed, and here is $$(node --version)"; fi

test-containers: ## build the images, start docker-compose.yml with three workers, and test against it
	@scripts/setup cargo cc
	scripts/test-containers

bench: ## measure, next to the limits of this machine: some 5 minutes
	@scripts/setup $(TOOLS_RUN)
	cargo build --release --workspace --bins
	cargo run --release --package bench -- $(ARGS)

fmt: ## format the Rust sources
	@scripts/setup cargo rustfmt
	cargo fmt --all

lint: ## check format, lints and scripts
	@scripts/setup $(TOOLS_LINT)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	shellcheck scripts/* .ci/run

doc: ## build the documentation of the code: target/doc
	@scripts/setup cargo cc
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

setup: ## install everything that building and testing need
	@scripts/setup $(TOOLS_TEST)

.PHONY: help run watch test test-page test-containers bench fmt lint doc setup
