# What a developer runs. Each target is one program, in packaging/dev/ or tests/bench/, which explains itself with --help.

.PHONY: help run test chaos prove tripwire fuzz bench screenshot fmt clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: ## the whole of Vọng on this machine: collector, engine, agent, dashboard, mail sink
	@packaging/dev/run

test: ## everything that CI runs; one stage alone: packaging/dev/test STAGE
	@packaging/dev/test

chaos: ## everything fails at random, and nothing may be lost: make chaos ROUNDS=300 SEED=1
	@packaging/dev/chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

prove: ## one file with a random name, one stopped service, and what became of them, as JSON
	@packaging/dev/prove

# What a shell shall read is not make's to expand.
tripwire: export TRIPWIRE_CORPUS := $(value CORPUS)
tripwire: export TRIPWIRE_COMMAND := $(value CMD)
tripwire: ## files lost before the alarm, whatever the command: make tripwire CORPUS=folder CMD='… {}' [CANARIES=no]
	@packaging/dev/tripwire $(if $(filter no,$(CANARIES)),--without-canaries)

fuzz: ## hostile bytes against every decoder, so long each, on nightly Rust: make fuzz SECONDS=60
	@packaging/dev/fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(TARGET)

bench: ## the figures, into target/bench/report.json; one alone: make bench NAME=first_alert
	@tests/bench/run $(NAME)

screenshot: ## the pictures in docs/, from the real program
	@packaging/dev/screenshot

fmt: ## formats the Rust code
	@cargo fmt --all

clean: ## removes what was built and what `make run` kept; the cache in ~/.cache/vong stays
	@cargo clean && rm -rf .vong dashboard/dist
