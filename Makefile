# Everything a developer and CI do. `make` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# What `holdfast version` prints.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LINKER_FLAGS := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)
LINTER := $(GO) tool -modfile=tools/go.mod golangci-lint
# bench/peers is a module of its own, so that the product does not depend on it.
PEERS := bench/peers
PEERS_LINTER := $(GO) tool -modfile=../../tools/go.mod golangci-lint

# How long each fuzz target runs.
FUZZTIME ?= 20s
# How long each benchmark runs.
BENCHTIME ?= 1s
# How often test-crash kills the server.
CRASH_CYCLES ?= 50
# With which database: sqlite, or postgres, which is killed as well.
CRASH_DATABASE ?= sqlite
# How often test-outages kills Postgres.
STOP_CYCLES ?= 100
# How often test-memory lets the server die for want of memory, and how many orders wait
# for the database in it.
MEMORY_CYCLES ?= 20
MEMORY_ORDERS ?= 1000000
# Further flags of go test, such as -count=1 or -run TestName.
TESTFLAGS ?=

.PHONY: help run build peers test race lint fuzz bench bench-project bench-search check screenshots test-crash test-outages test-memory test-holds sabotage clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build and serve on http://127.0.0.1:8080 a catalogue and a flash sale that made-up customers buy for ten minutes, data in ./data.
	bin/holdfast serve --demo --demo-buyers 10m

build: ## Build the commands into bin/. The first build takes a few minutes.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LINKER_FLAGS)' -o bin/ ./cmd/...

peers: ## Build bench/peers/bin/peer, the server on centrifuge that holdfast-bench watch --peer compares with.
	cd $(PEERS) && CGO_ENABLED=0 $(GO) build -trimpath -o bin/peer .

# bench/peers is a module of its own. Its tests come first: nothing may follow the last line
# of the others.
test: ## Run all tests.
	cd $(PEERS) && $(GO) test $(TESTFLAGS) ./...
	$(GO) test -timeout 20m $(TESTFLAGS) ./...

# bench and bench/blackbox are other programs, which load and kill servers that are not built
# for the detector: there is nothing for it to find in these, and under it the load is none. So
# do the pages in a browser, but slowly: what they ask the server for is asked under the
# detector by the tests of api.
BROWSER_TESTS := InABrowser|TestPages|TestTheConsole|TestTheDemoIsAShow
race: ## Run all tests with the race detector. Needs a C compiler.
	cd $(PEERS) && CGO_ENABLED=1 $(GO) test -race $(TESTFLAGS) ./...
	CGO_ENABLED=1 $(GO) test -race -timeout 45m -skip '$(BROWSER_TESTS)' $(TESTFLAGS) $$($(GO) list ./... | grep -vE '/bench(/blackbox)?$$')

lint: ## Check the format, go vet, and the linters of .golangci.yml. The first run builds the linter.
	@unformatted="$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go'))"; \
	if [[ -n "$$unformatted" ]]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(LINTER) run ./...
	cd $(PEERS) && $(GO) vet ./... && $(PEERS_LINTER) run --config ../../.golangci.yml ./...

fuzz: ## Run each fuzz target for FUZZTIME (20s).
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' . | sed -E 's/:func /:/' | while IFS=: read -r file target; do \
		echo "== $$target in $$(dirname "$$file")"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' "$$(dirname "$$file")" </dev/null; \
	done

bench: build ## Run the benchmarks; then orders and refusals over HTTP beside constant answers (needs wrk; nothing else may run).
	$(GO) test -run '^$$' -bench . -benchmem -benchtime '$(BENCHTIME)' ./...
	@command -v wrk >/dev/null || { [[ "$$(id -u)" == 0 ]] && apt-get update && apt-get install --yes wrk; } \
		|| { echo "make bench needs the load generator wrk: install the package wrk"; exit 1; }
	bin/holdfast-bench share
	bin/holdfast-bench share --sold-out

bench-project: ## Compare the projection into SQL with single transactions of pgbench, 9 rounds (nothing else may run).
	$(GO) test -run '^$$' -bench '^BenchmarkProjectBesidePgbench$$' -benchtime 9x ./persistence/postgres
	$(GO) test -run '^$$' -bench '^BenchmarkProject$$' -benchtime 10s ./persistence/postgres ./persistence/sqlite

bench-search: ## List and search a million products in both databases (nothing else may run).
	$(GO) test -run '^$$' -bench '^BenchmarkSearch$$' -timeout 30m ./persistence/sqlite ./persistence/postgres

check: lint build race test ## Run what CI runs.

screenshots: ## Make the pictures of the pages in documentation/screenshots anew.
	TEST_SCREENSHOTS='$(CURDIR)/documentation/screenshots' $(GO) test -count=1 -run '^TestTheDemoIsAShow$$' ./cmd/holdfast

test-crash: ## Kill the server CRASH_CYCLES (50) times under load: nothing acknowledged may be lost.
	HOLDFAST_CRASH_CYCLES='$(CRASH_CYCLES)' HOLDFAST_CRASH_DATABASE='$(CRASH_DATABASE)' \
		$(GO) test -count=1 -v -timeout 60m -run '^TestKill' ./bench/blackbox

test-outages: ## Kill Postgres STOP_CYCLES (100) times under load: orders go on, and it has all of them in the end.
	HOLDFAST_STOP_CYCLES='$(STOP_CYCLES)' $(GO) test -count=1 -v -timeout 60m -run '^TestOutagesLoseNothing$$' ./cmd/holdfast

test-memory: ## Let the server die for want of memory MEMORY_CYCLES (20) times: nothing may be lost; and live with MEMORY_ORDERS (1000000) waiting.
	HOLDFAST_MEMORY_CYCLES='$(MEMORY_CYCLES)' $(GO) test -count=1 -v -timeout 60m -run '^TestKillForWantOfMemory' ./bench/blackbox
	HOLDFAST_MEMORY_ORDERS='$(MEMORY_ORDERS)' $(GO) test -count=1 -v -timeout 60m -run '^TestABacklogFitsItsMemory$$' ./bench

test-holds: ## End a million holds within a tenth of a second of their deadlines; takes minutes, nothing else may run.
	HOLDFAST_HOLDS=1000000 $(GO) test -count=1 -v -timeout 20m -run '^TestHoldsEndOnTime$$' ./actors

sabotage: ## Break the code on purpose, one fault at a time, and expect the tests to notice.
	$(GO) run ./internal/sabotage

clean: ## Remove what was built and cached test results. The data stays.
	rm -rf bin $(PEERS)/bin
	$(GO) clean -testcache
