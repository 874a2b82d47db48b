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
DOC      ?= docs/capacity.md
CHARTS   ?= docs/pricing

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
SLOGLINT    := go run go-simpler.org/sloglint/cmd/sloglint@v0.12.0

# Log keys are one set: look for a word here before you add one.
LOG_KEYS := act acts at attempts blockers bucket change code command component delay err event fans file flush from hold \
	key kind lane lease level line lines method next open order orders pause places problem put_back reference \
	region regions route seat seats server service sign stack state status step stream subject surplus \
	term took total until value version why

.PHONY: help run audit clean test check smoke lint mutants fuzz charts bench pair figures millions sim endurance defences halfopen lines build nats stripe-mock web

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
test: nats stripe-mock ## all tests, on real servers, in a real browser and at the nats command
	@deploy/install $(GO) '$(POSTGRES)' $(CHROMIUM) $(POOLER) $(REDIS)
	go test -race -p 3 -timeout 40m ./...
	cd proof/bench && go test -timeout 15m ./...

check: lint test ## what CI runs: formatting, vet, staticcheck, and all tests with the race detector

smoke: ## every command of README, CONTRIBUTING, docs and this list, as small as it goes
	@deploy/install $(GO) '$(POSTGRES)' $(REDIS)
	go test -count=1 -v ./internal/commands

lint: ## formatting, vet, staticcheck and log keys
	@deploy/install $(GO)
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags failpoints ./internal/failpoint
	cd proof/bench && go vet ./...
	$(STATICCHECK) ./...
	cd proof/bench && $(STATICCHECK) ./...
	$(SLOGLINT) -allowed-keys "$$(echo $(LOG_KEYS) | tr ' ' ,)" ./...

mutants: ## seeded bugs, each of which the tests must find
	@deploy/install $(GO) '$(POSTGRES)' $(POOLER)
	go run ./proof/mutants

fuzz: ## every fuzz target IN a directory for FUZZTIME (a count or a time), from the seeds in the tests and in testdata
	@deploy/install $(GO)
	@set -e; for p in $$(grep -rl --include=*_test.go '^func Fuzz' $(IN) | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | cut -c6-); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; done; done

#### measure

bench: ## each figure beside its baseline, measured in the same run, and the marks (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)' $(REDIS)
	cd proof/bench && go run . -o results.json $(ARGS)

pair: ## the bench of the commit REV and this one by turns, and what is better or worse (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)' $(REDIS)
	@set -e; before=$$(mktemp -d); trap 'rm -rf $$before' EXIT; git archive $(or $(REV),HEAD) | tar -x -C $$before; \
		(cd $$before/proof/bench && go build -o $$before/before .); cd proof/bench && go build -o $$before/after .; \
		$$before/after -pair $$before/before $(ARGS)

figures: ## put the results of the last make bench into docs/capacity.md (DOC: or another document)
	@deploy/install $(GO)
	cd proof/bench && go run . -doc $(abspath $(DOC)) -o results.json $(ARGS)

millions: ## 14 million places, boards, the head to the end, the last passes: ten minutes (ARGS: its flags)
	@deploy/install $(GO) $(REDIS)
	cd proof/bench && go run . -row '14 million' -o millions.json $(ARGS)

sim: ## sales and queues played from seeds, with faults, on all cores (ARGS: -seeds, -from, -steps; -seed with -v for one)
	@deploy/install $(GO)
	nice go test ./proof/sim -run 'TestPurchases|TestQueues$$' -timeout 0 -v $(ARGS)

endurance: build ## sell out 20,000 seats to 50,000 fans while everything is killed, one after the other (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)'
	go run ./proof/endurance $(ARGS)

defences: build ## sell 10,000 seats to 100,000 visitors, 30 % bots, with each defence off and on (ARGS: its flags)
	@deploy/install $(GO) '$(POSTGRES)'
	go run ./proof/defences $(ARGS)

halfopen: ## 10,000 connections (SOCKETS) that never finish their request, from five processes
	@deploy/install $(GO)
	FRONTROW_HALF_OPEN=$(SOCKETS) go test -run 'TestHalfOpenSockets' -count=1 -v ./gateway

lines: ## lines of code by wing: product, proof, stand-ins for others' servers, tests (REV: at a commit)
	@git grep -Ic '' $(REV) -- '*.go' '*.ts' '*.sql' '*.css' '*.html' ':!web/dist' | sed 's/^$(REV)://' | awk -F: ' \
		{ wing = "product" } \
		$$1 ~ "^(proof|sim|bench)/|^internal/(mutants|defences|endurance|commands)/|/kvtest/" { wing = "proof" } \
		$$1 ~ "/payment/sandbox/|^internal/(natsd|pgd|natstest|pgtest|loopback)/|/(seating|inventory|payment)test/" { wing = "stand-ins" } \
		$$1 ~ "_test.go$$|/testdata/" { wing = "tests" } \
		{ lines[wing] += $$2; all += $$2 } END { for (w in lines) print w, lines[w]; print "all", all }' | sort

#### build

build: ## frontrow, in .bin
	@deploy/install $(GO)
	go build -o .bin/frontrow ./cmd/frontrow

nats: ## the nats CLI, in .bin
	@deploy/install $(GO)
	GOBIN=$(CURDIR)/.bin go install github.com/nats-io/natscli/nats@v0.5.1

stripe-mock: ## what checks the shape of requests to Stripe, in .bin
	@deploy/install $(GO)
	GOBIN=$(CURDIR)/.bin go install github.com/stripe/stripe-mock@v0.203.0

charts: build ## draw the simulated sales of docs/pricing.md again
	@deploy/install $(GO)
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf $$tmp' EXIT; for crowd in hot cold; do \
		.bin/frontrow pricing simulate $(addprefix -f docs/pricing/,fixed.yaml tiers.yaml demand.yaml) --synthetic $$crowd -o $$tmp/$$crowd --svg $(CHARTS)/$$crowd; done

web: ## rebuild the pages' scripts (npm is for type checking only)
	@deploy/install $(GO) npm=npm
	cd web && npm ci --no-audit --no-fund && npx tsc --noEmit
	go run ./web/build
