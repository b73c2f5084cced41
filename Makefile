# `make help` lists the targets. A fresh machine needs Go, git and make; the rest is built or installed here.

# One set of Go settings throughout, so that each step finds in the build cache what earlier steps compiled.
export GOFLAGS := $(shell go env GOFLAGS) -trimpath
export CGO_ENABLED := 0

MODULE  := github.com/seed-aa7fe5b5/xk6-mconnect
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCES := go.mod go.sum xk6.go $(shell find connect server -type f -not -name '*_test.go' -not -path '*/testdata/*')

.DELETE_ON_ERROR:
.PHONY: help build image demo test types sim mutations fuzz lint bench lab test-deps clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 12

build: k6 mconnect-server ## Build ./k6 and ./mconnect-server

# xk6 takes the version of k6 from go.mod, and does not truncate an old ./k6.
k6: bin/xk6 $(SOURCES)
	rm -f $@
	bin/xk6 build --with $(MODULE)=.

mconnect-server: $(SOURCES)
	go build -ldflags "-X main.version=$(VERSION)" -o $@ ./server/mconnect-server

# IMAGE=registry.example/mconnect-server:1 gives it another name.
IMAGE := mconnect-server:latest
image: ## Build the container image of mconnect-server (docker or podman)
	@builder=$$(command -v docker || command -v podman) || { \
		echo "make image: neither docker nor podman is here: install one, or put ./mconnect-server, a static binary, into an image yourself" >&2; \
		exit 1; \
	}; \
	"$$builder" build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

demo: k6 ## Build ./k6 and run examples/flood.js
	./k6 run examples/flood.js

# Tests that this machine can't run, with the reasons; go test does not show them.
LEFT_OUT := bin/left-out.txt
test: test-deps build types ## Run all tests, unit to end-to-end
	go vet ./...
	GOOS=darwin go build ./...
	GOOS=windows go build ./...
	$(MAKE) fuzz
	$(MAKE) sim SEEDS=20000
	@rm -f $(LEFT_OUT); mkdir -p $(dir $(LEFT_OUT))
	CGO_ENABLED=1 E2E_LEFT_OUT=$(CURDIR)/$(LEFT_OUT) go test -race -count=1 -timeout 30m ./... ; \
		status=$$?; cat $(LEFT_OUT) 2>/dev/null; exit $$status

types: node_modules/.package-lock.json ## Check the examples against index.d.ts
	npx tsc

# SEED is the first one. docs/simulation.md says what is simulated.
SEEDS := 1000000
SEED := 1
sim: ## Simulate calls in SEEDS networks
	GOGC=400 go test ./connect -run '^TestSimulation$$' -v -count=1 -timeout 2h -seed $(SEED) -seeds $(SEEDS)

mutations: ## Make mistakes on purpose, and show which seed finds each
	go run ./connect/internal/simulated/mutations

# A number of runs, not a time: with a time, the fuzzer of Go before 1.27 now and then fails by its own deadline (golang/go#75804).
# FUZZ=1000000x looks longer.
FUZZ := 5000x
fuzz: ## Run each fuzz target for some seconds
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' . | sed -E 's|/[^/]*:func | |' | sort | \
	while read -r package target; do \
		echo "fuzz $$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) -fuzzminimizetime 10x "$$package" || exit 1; \
	done

# xk6's own smoke check calls k6 with a flag that k6 v2 no longer has (grafana/xk6#594), hence the last line.
lint: k6 bin/golangci-lint bin/gosec ## Check the format, run golangci-lint, xk6 lint and the smoke script
	bin/golangci-lint fmt --diff
	bin/golangci-lint run
	PATH="$(CURDIR)/bin:$$PATH" xk6 lint --enable-only \
		security,module,replace,readme,license,git,build,examples,types,codeowners
	./k6 run --quiet --summary-mode=disabled examples/smoke.js

bench: build ## Run the benchmarks
	go run ./bench

# LAB='-balancer ecmp -ip 4' takes flags; `bin/lab -h` lists them.
lab: build test-deps ## Compare real load balancers with the ideal, in network namespaces (Linux, root)
	go build -o bin/lab ./examples/lab
	bin/lab $(LAB)

test-deps: ## Install what the tests use (Debian and the like, as root)
	@missing=; PATH="$$PATH:/usr/sbin:/sbin"; \
	need() { command -v $$1 >/dev/null || missing="$$missing $$2"; }; \
	need haproxy haproxy; need influxd influxdb; need nft nftables; need ip iproute2; \
	need conntrack conntrack; need redis-server redis-server; need aiosmtpd python3-aiosmtpd; need dnsmasq dnsmasq-base; \
	need gcc "gcc libc6-dev"; need node nodejs; need npm npm; need chromium chromium; \
	test -z "$$missing" && exit; \
	if command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
	else \
		false; \
	fi || echo "WARNING: the tests need these packages, please install them:$$missing"

clean: ## Remove everything that make builds
	rm -rf k6 mconnect-server bin node_modules

bin/xk6: tools/go.mod
	go build -C tools -o ../$@ go.k6.io/xk6

bin/golangci-lint: tools/go.mod
	go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/gosec: tools/go.mod
	go build -C tools -o ../$@ github.com/securego/gosec/v2/cmd/gosec

node_modules/.package-lock.json: package-lock.json | test-deps
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@
