# make run and make test are all a fresh Debian machine needs; make help lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help

POSTGRES := /usr/lib/postgresql/*/bin/postgres=postgresql
CHROMIUM := chromium=chromium
POOLER   := /usr/sbin/pgbouncer=pgbouncer
REDIS    := redis-server=redis-server
GO       := go=golang-go gcc=gcc

BIN   ?= .bin
DATA  ?= .data
EVENT ?= deploy/demo/arena.yaml

FUZZTIME ?= 100000x
IN       ?= .
SOCKETS  ?= 10000

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help run audit clean test check smoke lint mutants fuzz bench millions endurance defences halfopen build nats web

#### run and try

help: ## list the targets
	@awk -F ':.*## ' '/^#### / { print "\n" substr($$0, 6) } /^[a-z]+:.*## / { printf "  make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## frontrow with a demo event on sale (ARGS: its flags)
	@deploy/install '$(POSTGRES)'
	.bin/frontrow dev --data $(DATA) --event $(EVENT) $(ARGS)

audit: build ## check the demo event's invariants while make run is running
	set -a; . $(DATA)/env; .bin/frontrow audit demo

clean: ## remove what was built, and the data of make run
	rm -rf $(BIN) $(DATA)

#### test

# Most tests wait for servers and clocks, not for the processor: three packages at once.
test: nats ## all tests, on real servers, in a real browser and at the nats command
	@deploy/install $(GO) '$(POSTGRES)' $(CHROMIUM) $(POOLER) $(REDIS)
	go test -race -p 3 -timeout 20m ./...

check: lint test ## what CI runs: formatting, vet, staticcheck, and all tests with the race detector

smoke: ## every command of README, CONTRIBUTING, docs and this list, as small as it goes
	@deploy/install $(GO) '$(POSTGRES)' $(REDIS)
	go test -count=1 -v ./internal/commands

lint: ## formatting, vet and staticcheck
	@deploy/install $(GO)
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags failpoints ./internal/failpoint
	cd bench && go vet ./...
	$(STATICCHECK) ./...
	cd bench && $(STATICCHECK) ./...

mutants: ## seeded bugs, each of which the tests must find
	@deploy/install $(GO) '$(POSTGRES)' $(POOLER)
	go run ./internal/mutants

fuzz: ## every fuzz target IN a directory for FUZZTIME (a count or a time), from the seeds in the tests and in testdata
	@deploy/install $(GO)
	@set -e; for p in $$(grep -rl --include=*_test.go '^func Fuzz' $(IN) | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | cut -c6-); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; done; done

#### measure

bench: ## each figure beside its baseline, measured in the same run (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)' $(REDIS)
	cd bench && go run . -o results.json $(ARGS)

millions: ## 14 million places, boards, the head to the end, the last passes: ten minutes (ARGS: its flags)
	@deploy/install $(GO) $(REDIS)
	cd bench && go run . -row '14 million' -o millions.json $(ARGS)

endurance: build ## sell out 20,000 seats to 50,000 fans while everything is killed, one after the other (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)'
	go run ./internal/endurance $(ARGS)

defences: build ## sell 10,000 seats to 100,000 visitors, 30 % bots, with each defence off and on (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)'
	go run ./internal/defences $(ARGS)

halfopen: ## 10,000 connections (SOCKETS) that never finish their request, from five processes
	@deploy/install $(GO)
	FRONTROW_HALF_OPEN=$(SOCKETS) go test -run 'TestHalfOpenSockets' -count=1 -v ./gateway

#### build

build: ## frontrow, in .bin
	@deploy/install $(GO)
	go build -o .bin/frontrow ./cmd/frontrow

nats: ## the nats CLI, in .bin
	@deploy/install $(GO)
	GOBIN=$(CURDIR)/.bin go install github.com/nats-io/natscli/nats@v0.5.1

web: ## rebuild the pages' scripts (npm is for type checking only)
	@deploy/install $(GO) npm=npm
	cd web && npm ci --no-audit --no-fund && npx tsc --noEmit
	go run ./web/build
