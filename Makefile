# Martlet's targets. `make` alone lists them. CONTRIBUTING.md says what belongs where.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

SWIFT ?= swift
# Compiler processes at a time.
JOBS ?= $(shell nproc)
# Scenarios at a time: they mostly wait.
SCENARIO_JOBS ?= $(shell echo $$(( 2 * $$(nproc) )))
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS_PER_FUZZER ?= 60
SECONDS_PER_CASE ?= 5
BUDGET ?= 10
SEEDS ?= 1000
DIFFERENTIAL_SEEDS ?= 1 327

RELEASE_FLAGS := -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked
RELEASE := .build/release/martlet
DEBUG := .build/debug/martlet

# Pollers that run on Linux; the core scenarios run once with each.
POLLERS := io_uring epoll poll select
# The unit tests that start threads, share descriptors or reuse memory.
SANITIZED_TESTS ?= ^(Engine|Proxy|Buffers)Tests|PatternThreadsTests

swift_build = $(SWIFT) build -j $(JOBS)
# A hanging test must not take the rest of the time with it. The limit leaves room for a cold build.
swift_test = dev/tally --limit 1500 $(SWIFT) test -j $(JOBS) --disable-xctest
stress_test = dev/tally --limit $$(( 1500 + 60 * $(SECONDS_PER_CASE) )) $(SWIFT) test -j $(JOBS) --disable-xctest

.PHONY: help
help: ## list the targets (this list)
	@echo "Martlet: make TARGET [VARIABLE=VALUE...]"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name text; do printf '  %-18s %s\n' "$$name" "$$text"; done
	@echo "Variables: PROGRAM= of scenarios; CASES= ROUNDS= SECONDS= CONNECTIONS= POLLERS= of bench;"
	@echo "           SEEDS= of sim and sim-coverage; DIFFERENTIAL_SEEDS= of differential;"
	@echo "           PREFIX= DESTDIR= of install; JOBS= of every build"

# ---- Build and run

.PHONY: run
run: ## build for release and start `martlet demo` on 127.0.0.1:8080 (Ctrl-C ends it)
	@dev/deps run
	@$(MAKE) --no-print-directory release
	@exec $(RELEASE) demo

.PHONY: build
build: ## debug build
	@dev/deps run
	$(swift_build)

.PHONY: release
release: ## release build: one file, Swift's runtime linked in
	@dev/deps run
	$(swift_build) $(RELEASE_FLAGS) --product martlet

# Installs the release build that is there, so that `sudo make install` needs no compiler.
.PHONY: install
install: $(if $(wildcard $(RELEASE)),,release) ## install program, man page, unit: PREFIX=/usr/local DESTDIR=
	install -D -m 755 $(RELEASE) "$(DESTDIR)$(PREFIX)/sbin/martlet"
	install -D -m 644 dist/martlet.1 "$(DESTDIR)$(PREFIX)/share/man/man1/martlet.1"
	install -d -m 755 "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	sed 's|@sbindir@|$(PREFIX)/sbin|g' dist/martlet.service.in \
	    > "$(DESTDIR)$(PREFIX)/lib/systemd/system/martlet.service"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/martlet.service"

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f "$(DESTDIR)$(PREFIX)/sbin/martlet" "$(DESTDIR)$(PREFIX)/share/man/man1/martlet.1" \
	    "$(DESTDIR)$(PREFIX)/lib/systemd/system/martlet.service"

# ---- Tests

.PHONY: test
test: ## what a change must pass: lint, unit tests, ThreadSanitizer, scenarios (debug)
	@dev/deps test
	@$(MAKE) --no-print-directory lint
	@dev/step "unit tests, debug"
	$(swift_test)
	@$(MAKE) --no-print-directory thread-sanitizer
	@dev/step "examples"
	dev/check-examples $(DEBUG)
	@dev/step "fuzz targets over their corpus"
	Fuzz/run --corpus-only
	@dev/step "scenarios, debug build"
	dev/tally dev/scenarios --program $(DEBUG) --jobs $(SCENARIO_JOBS)

.PHONY: check-all
check-all: ## the rest: release, every sanitizer, every poller, scenarios against Debian's haproxy, fuzzers
	@dev/deps bench
	@$(MAKE) --no-print-directory release
	@dev/step "the release build as a file, and its hot path"
	dev/check-binary $(RELEASE)
	dev/check-hotpath $(RELEASE)
	@dev/step "scenarios, release build"
	dev/tally dev/scenarios --program $(RELEASE) --jobs $(SCENARIO_JOBS)
	@$(MAKE) --no-print-directory scenarios-pollers
	@dev/step "scenarios against Debian's haproxy"
	dev/tally dev/scenarios --program /usr/sbin/haproxy --jobs $(SCENARIO_JOBS)
	@$(MAKE) --no-print-directory differential
	@$(MAKE) --no-print-directory address-sanitizer
	@$(MAKE) --no-print-directory fuzz SECONDS_PER_FUZZER=20
	@dev/step "counts per request against the committed ones"
	dev/bench-check $(RELEASE)
	@dev/step "benchmark harness, one short round"
	Benchmarks/run --smoke --martlet $(RELEASE)

.PHONY: lint
lint: ## formatting, import directions, safety comments, file sizes, links
	dev/lint

.PHONY: format
format: ## format all Swift code in place
	$(SWIFT) format -i -p -r Package.swift Sources Tests

.PHONY: scenarios
scenarios: ## end-to-end scenarios: PROGRAM=/usr/sbin/haproxy runs them against that binary
	@dev/deps test
ifdef PROGRAM
	dev/tally dev/scenarios --program "$(PROGRAM)" --jobs $(SCENARIO_JOBS)
else
	$(swift_build) --product martlet
	dev/tally dev/scenarios --program $(DEBUG) --jobs $(SCENARIO_JOBS)
endif

.PHONY: scenarios-pollers
scenarios-pollers: ## the core scenarios once per poller, on the release build
	@$(MAKE) --no-print-directory release
	@for poller in $(POLLERS); do \
	    dev/step "core scenarios, $$poller, release build"; \
	    dev/tally dev/scenarios --program $(RELEASE) --jobs $(SCENARIO_JOBS) --poller $$poller --core; \
	done

.PHONY: thread-sanitizer
thread-sanitizer: ## unit tests of the threaded rooms under ThreadSanitizer
	@dev/step "unit tests, ThreadSanitizer"
	$(swift_test) --sanitize=thread --scratch-path .build-tsan --filter '$(SANITIZED_TESTS)'

# Leaks are not its to find: what is configured (names, frontends, listeners, servers) refers to each other and lives as
# long as the process, which in a test is longer than the proxy. Blocks and places are counted by the tests instead.
.PHONY: address-sanitizer
address-sanitizer: ## all unit tests under AddressSanitizer
	@dev/step "unit tests, AddressSanitizer"
	ASAN_OPTIONS=detect_leaks=0 $(swift_test) --sanitize=address --scratch-path .build-asan

# Each case runs with each poller; a fifth of a second each is part of `make test`.
# The same seeds each time: a change passes or fails for what it does. Others are for looking further.
.PHONY: differential
differential: ## generated expressions, compared with Debian's haproxy: DIFFERENTIAL_SEEDS="1 327"
	@dev/deps test
	@$(MAKE) --no-print-directory release
	@dev/step "generated expressions, compared with Debian's haproxy"
	@for seed in $(DIFFERENTIAL_SEEDS); do \
	    dev/differential/expressions --program $(RELEASE) --seed $$seed --count 3000; \
	    dev/differential/requests --program $(RELEASE) --seed $$seed --count 1500; \
	done

.PHONY: stress
stress: ## real threads on real sockets, every poller: ThreadSanitizer, then AddressSanitizer; SECONDS_PER_CASE=5
	@dev/step "stress, ThreadSanitizer, $(SECONDS_PER_CASE) s a case"
	STRESS_SECONDS=$(SECONDS_PER_CASE) $(stress_test) --sanitize=thread --scratch-path .build-tsan --filter 'StressTests'
	@dev/step "stress, AddressSanitizer, $(SECONDS_PER_CASE) s a case"
	ASAN_OPTIONS=detect_leaks=0 STRESS_SECONDS=$(SECONDS_PER_CASE) $(stress_test) --sanitize=address \
	    --scratch-path .build-asan --filter 'StressTests'

.PHONY: model
model: ## search the engine's interleavings for longer: BUDGET=10 times the schedules of `make test`, optimised
	@dev/step "interleavings, BUDGET=$(BUDGET)"
	MODEL_VERBOSE=1 MODEL_BUDGET=$(BUDGET) $(SWIFT) test -j $(JOBS) --disable-xctest -c release \
	    -Xswiftc -enable-testing -Xswiftc -enforce-exclusivity=unchecked --scratch-path .build-model --no-parallel \
	    --filter '^(EngineModel|Interleave)Tests'

.PHONY: sim
sim: ## sweep SEEDS=1000 simulated worlds, proxies and engines, and check every byte (docs/simulation.md)
	@dev/step "simulated worlds, SEEDS=$(SEEDS)"
	$(swift_build) -c release -Xswiftc -enforce-exclusivity=unchecked --product martlet-sim
	.build/release/martlet-sim --seeds $(SEEDS) --jobs $(JOBS) $(SIM_OPTIONS)

.PHONY: sim-coverage
sim-coverage: ## lines and regions of the engine and the proxy that a sweep of SEEDS=1000 reaches
	@dev/step "coverage by simulated worlds"
	JOBS=$(JOBS) dev/sim-coverage $(SEEDS)

.PHONY: sim-sabotage
sim-sabotage: ## break Martlet in known ways; a sweep of 200 seeds must notice each
	@dev/step "sabotage"
	dev/sim-sabotage --jobs $(JOBS)

.PHONY: mutants
mutants: ## break the engine in dozens of ways; each must be caught by the test that the patch names
	dev/mutants/run --jobs $(JOBS)

.PHONY: fuzz
fuzz: ## run each fuzz target for SECONDS_PER_FUZZER=60
	@dev/deps run
	@dev/step "fuzz targets, $(SECONDS_PER_FUZZER) s each"
	Fuzz/run --seconds $(SECONDS_PER_FUZZER)

# ---- Benchmarks

.PHONY: bench
bench: ## CPU per request and more, beside Debian's haproxy and nginx (docs/performance.md)
	@dev/deps bench
	@$(MAKE) --no-print-directory release
	Benchmarks/run --martlet $(RELEASE) $(if $(CASES),--cases "$(CASES)") $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(filter command,$(origin SECONDS)),--seconds $(SECONDS)) \
	    $(if $(CONNECTIONS),--connections $(CONNECTIONS)) $(if $(PROGRAMS),--programs "$(PROGRAMS)") \
	    $(if $(filter command,$(origin POLLERS)),--pollers "$(POLLERS)")

.PHONY: bench-check
bench-check: ## instructions, allocations, system calls per request against the committed ones; UPDATE=1 rewrites them
	@dev/deps bench
	@$(MAKE) --no-print-directory release
	dev/bench-check $(RELEASE) $(if $(UPDATE),--update)

.PHONY: bench-updates
bench-updates: ## cost of changing a shared descriptor, against one mutex around the list
	Benchmarks/updates/run --jobs $(JOBS)

.PHONY: bench-events
bench-events: ## events for nothing per accepted connection, 1 to 8 threads, beside Debian's haproxy
	@dev/deps bench
	@$(MAKE) --no-print-directory release
	Benchmarks/events --martlet $(RELEASE)

.PHONY: bench-scale
bench-scale: ## many idle connections, servers, frontends: memory, start-up, CPU, beside Debian's haproxy
	@dev/deps bench
	@$(MAKE) --no-print-directory release
	Benchmarks/scale --martlet $(RELEASE)

.PHONY: clean
clean: ## remove what builds and benchmarks left
	rm -rf .build .build-tsan .build-asan .build-fuzz .build-model .build-examples bench-results Benchmarks/updates/.build
