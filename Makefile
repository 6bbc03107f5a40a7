# Everything a newcomer needs: `make test`. `make help` lists the rest.
SHELL := /bin/bash
SEEDS ?= 200
SEED ?=
FUZZ_SECONDS ?= 60

.PHONY: help test node_modules python demo simulate mutants bench fuzz check docs dist
help:
	@echo "make test                 all tests (installs Azurite and Microsoft's SDKs by npm ci and, if there is python3, pip)"
	@echo "make simulate SEEDS=n     the real stages against simulated faults, n seeds"
	@echo "make simulate SEED=x      the same for one seed"
	@echo "make mutants              deliberate breakages: the simulation must catch each"
	@echo "make bench                how fast bodies are split, beside serde_json, and how time grows with broken ones"
	@echo "make fuzz FUZZ_SECONDS=n  splitting, repair and record reading under libFuzzer, n seconds"
	@echo "make check                formatting, lints, documentation"
	@echo "make dist                 target/dist: the release program, completions for five shells, manual pages"
	@echo "make docs                 writes what is generated: docs/configuration.md, docs/metrics.md, examples/full.toml"

test: node_modules python
	cargo test --workspace --locked

node_modules:
	@command -v npm >/dev/null || { \
	  echo "make test needs Node.js 20 or later with npm: the tests run against Azurite and Microsoft's JavaScript SDK."; \
	  echo "Install it (https://nodejs.org, or your system's package 'nodejs npm') and run make test again."; \
	  exit 1; }
	@[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund

# Without Python the tests against what it has are skipped, unless REQUIRE_PYTHON is set.
python:
	@scripts/python-packages || [ -z "$$REQUIRE_PYTHON" ]

simulate:
	SIMULATION_SEEDS=$(SEEDS) SIMULATION_SEED=$(SEED) \
	  cargo test --locked --test simulation -- --exact seeds --nocapture

mutants:
	scripts/mutants

bench:
	cargo bench --locked --bench split

fuzz:
	fuzz/run $(FUZZ_SECONDS)

check:
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --all-targets --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@cargo metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 >/dev/null || { \
	  echo "fuzz/Cargo.lock is behind Cargo.toml: cargo metadata --manifest-path fuzz/Cargo.toml updates it."; exit 1; }

docs:
	cargo run --locked -- config reference > docs/configuration.md
	cargo run --locked -- config example > examples/full.toml
	UPDATE_DOCUMENTS=1 cargo test --locked --lib metrics::tests::page

demo:
	cargo run --release --locked -- demo

dist:
	cargo build --release --locked --target-dir target
	rm -rf target/dist
	scripts/dist target/release/entra-forwarder target/dist
