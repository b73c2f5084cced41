# `make help` lists the targets. A fresh machine needs Go, git and make; the rest is built or installed here.

# One set of Go settings throughout, so that each step finds in the build cache what earlier steps compiled.
export GOFLAGS := $(shell go env GOFLAGS) -trimpath
export CGO_ENABLED := 0

MODULE  := github.com/seed-aa7fe5b5/xk6-mconnect
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCES := go.mod go.sum xk6.go $(shell find connect server -type f -not -name '*_test.go' -not -path '*/testdata/*')

.DELETE_ON_ERROR:
.PHONY: help build image image-k6 dist demo dashboards pictures test test-outputs test-grafana test-kubernetes types sim mutations fuzz lint bench lab test-deps vm-deps clean

help: ## List the targets
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 16

build: k6 mconnect-server ## Build ./k6 and ./mconnect-server

# xk6 takes the version of k6 from go.mod, and does not truncate an old ./k6.
k6: bin/xk6 $(SOURCES)
	rm -f $@
	bin/xk6 build --with $(MODULE)=.

mconnect-server: $(SOURCES)
	go build -ldflags "-X main.version=$(VERSION)" -o $@ ./server/mconnect-server

# IMAGE=registry.example/mconnect-server:1 gives it another name.
IMAGE := ghcr.io/seed-aa7fe5b5/mconnect-server:latest
image: DOCKERFILE := Dockerfile
image: ## Build the container image of mconnect-server (docker or podman)
	$(build-image)

image-k6: DOCKERFILE := Dockerfile.k6
image-k6: IMAGE := ghcr.io/seed-aa7fe5b5/xk6-mconnect:latest
image-k6: ## Build the container image of k6 with the extension
	$(build-image)

define build-image
	@builder=$$(command -v docker || command -v podman) || { \
		echo "make image: neither docker nor podman is here: install one, or put ./mconnect-server, a static binary, into an image yourself" >&2; \
		exit 1; \
	}; \
	"$$builder" build --build-arg VERSION=$(VERSION) -t $(IMAGE) -f $(DOCKERFILE) .
endef

# What a release has, in dist: for each system an archive with k6 and mconnect-server, an SBOM of each, and all checksums.
SYSTEMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
dist: bin/xk6 bin/cyclonedx-gomod ## Build a release; SYSTEMS=linux/amd64 builds less
	rm -rf dist && mkdir dist
	@set -e; for system in $(SYSTEMS); do \
		export GOOS=$${system%/*} GOARCH=$${system#*/}; \
		name=xk6-mconnect-$$GOOS-$$GOARCH; suffix=; test $$GOOS != windows || suffix=.exe; \
		mkdir dist/$$name; echo "$$name"; \
		bin/xk6 build --with $(MODULE)=. --output dist/$$name/k6$$suffix; \
		go build -ldflags "-s -w -X main.version=$(VERSION)" -o dist/$$name/mconnect-server$$suffix ./server/mconnect-server; \
		for binary in k6 mconnect-server; do \
			bin/cyclonedx-gomod bin -json -output dist/$$binary-$$GOOS-$$GOARCH.cdx.json dist/$$name/$$binary$$suffix 2>/dev/null; \
		done; \
		cp LICENSE index.d.ts dist/$$name; mkdir dist/$$name/examples; cp examples/*.js examples/*.sh dist/$$name/examples; tar -C dist/$$name -czf dist/$$name.tar.gz .; rm -r dist/$$name; \
	done
	name=$$(npm pack --silent --pack-destination dist) && mv dist/$$name dist/xk6-mconnect-types.tgz
	cd dist && sha256sum * > SHA256SUMS

demo: k6 ## Build ./k6 and run examples/flood.js
	./k6 run examples/flood.js

dashboards: ## Make the Grafana dashboards anew
	cd dashboards && go run .

pictures: build ## Make the pictures of the documents anew (with Chromium)
	go run ./docs/pictures

# Tests that this machine can't run, with the reasons; go test does not show them.
LEFT_OUT := bin/left-out.txt
# Up to three tests that fail, as those with real servers may on a busy machine, are run again, and are told at the end even if they then pass.
RUN_AGAIN := bin/run-again.txt
test: test-deps vm-deps build types bin/gotestsum ## Run all tests, unit to end-to-end
	go vet ./...
	GOOS=darwin go build ./...
	GOOS=windows go build ./...
	go test -C dashboards ./...
	go test -C test/kubernetes ./...
	$(MAKE) fuzz
	$(MAKE) sim SEEDS=20000
	@rm -f $(LEFT_OUT) $(RUN_AGAIN)
	CGO_ENABLED=1 TESTS_LEFT_OUT=$(CURDIR)/$(LEFT_OUT) bin/gotestsum --hide-summary=skipped \
		--rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-abort-on-data-race --rerun-fails-report=$(RUN_AGAIN) \
		--packages=./... -- -race -count=1 -timeout 60m ; \
		status=$$?; $(tell-left-out); $(tell-run-again); exit $$status

# A line for each reason, with all tests that it stopped.
tell-left-out = test ! -f $(LEFT_OUT) || \
	awk -F '\t' '{tests[$$1] = tests[$$1] (tests[$$1] ? ", " : "") $$2} END {for (reason in tests) print "left out: " tests[reason] ": " reason}' $(LEFT_OUT) | sort

tell-run-again = test ! -s $(RUN_AGAIN) || sed 's/^/run again: /' $(RUN_AGAIN)

test-outputs: test-deps k6 ## Hold k6's outputs against its summary, and compare the flood's speed with each
	go test -tags outputs -count=1 -timeout 40m -v ./test -run '^TestOutputs' -bench '^BenchmarkOutputs$$' -benchtime 5x

# Grafana's library is large, and needs Node.js 20.19 or later, so this is no part of `make test`.
test-grafana: test/testdata/grafana/node_modules/.package-lock.json k6 mconnect-server ## Show a run in the dashboards' panels with Grafana's own library
	go test -tags grafana -count=1 ./test -run '^TestGrafana'

# Kubernetes' API server takes some ten minutes to build, so this is no part of `make test`. OPERATOR=dir is a directory with the sources of
# github.com/grafana/k6-operator, for the TestRuns.
test-kubernetes: bin/kube-apiserver ## Apply the manifests to a real Kubernetes API server
	@command -v etcd >/dev/null || { \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends etcd-server; \
	} || echo "WARNING: the test needs etcd, please install it"
	go test -C test/kubernetes -tags apiserver -count=1 -v -run APIServer . $(if $(OPERATOR),-operator $(abspath $(OPERATOR)))

bin/kube-apiserver: $(wildcard test/kubernetes/apiserver/*)
	go build -C test/kubernetes/apiserver -o $(CURDIR)/$@ .

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
lint: k6 bin/golangci-lint bin/gosec bin/actionlint ## Check the format, run golangci-lint, actionlint, xk6 lint and the smoke script
	bin/golangci-lint fmt --diff
	bin/actionlint
	bin/golangci-lint run
	cd dashboards && ../bin/golangci-lint run
	PATH="$(CURDIR)/bin:$$PATH" xk6 lint --enable-only \
		security,module,replace,readme,license,git,build,examples,types,codeowners
	./k6 run --quiet --summary-mode=disabled examples/smoke.js

bench: build ## Run the benchmarks
	go run ./bench

# LAB='-balancer ecmp -ip 4' takes flags; `bin/lab -h` lists them.
# NFQLB=dir is a directory with the sources of github.com/Nordix/nfqueue-loadbalancer, for the balancer nfqlb.
# With -vm among them, a virtual machine runs it, with a kernel that has IPVS and netem.
lab: build test-deps $(if $(NFQLB),bin/nfqlb) $(if $(filter -vm,$(LAB)),vm-deps) ## Compare real load balancers with the ideal, in network namespaces (Linux, root)
	go build -o bin/lab ./examples/lab
	PATH="$(CURDIR)/bin:$$PATH" bin/lab $(LAB)

bin/nfqlb: $(if $(NFQLB),$(shell find $(NFQLB)/src -name '*.[ch]' -o -name 'Makefile')) | test-deps
	@printf '#include <libmnl/libmnl.h>\n#include <libnetfilter_queue/libnetfilter_queue.h>\n' | gcc -E - >/dev/null 2>&1 || { \
		command -v apt-get >/dev/null && test "$$(id -u)" = 0 && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libnetfilter-queue-dev libmnl-dev; \
	} || true
	mkdir -p bin
	$(MAKE) -C $(NFQLB)/src O=$(CURDIR)/bin/nfqlb-objects X=$(CURDIR)/$@ VERSION=lab $(CURDIR)/$@ || { \
		echo "make lab: nfqlb needs gcc, libnetfilter-queue-dev and libmnl-dev" >&2; exit 1; }
	rm -rf bin/nfqlb-objects

test-deps: ## Install what the tests use (Debian and the like, as root)
	@missing=; PATH="$$PATH:/usr/sbin:/sbin"; \
	need() { command -v $$1 >/dev/null || missing="$$missing $$2"; }; \
	need haproxy haproxy; need influxd influxdb; need prometheus prometheus; need nft nftables; need ip iproute2; \
	need conntrack conntrack; need iptables iptables; need redis-server redis-server; need aiosmtpd python3-aiosmtpd; need dnsmasq dnsmasq-base; \
	need qemu-system-x86_64 qemu-system-x86; need modprobe kmod; need ipvsadm ipvsadm; \
	need gcc "gcc libc6-dev"; need node nodejs; need npm npm; need chromium chromium; \
	test -z "$$missing" && exit; \
	if command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
	else \
		false; \
	fi || echo "WARNING: the tests need these packages, please install them:$$missing"

# It is unpacked, not installed. Ubuntu has a kernel's modules in a package of their own.
vm-deps: test-deps ## Get a kernel for the lab's virtual machine (Debian and the like)
	@test ! -d bin/vm || exit 0; \
	kernel=$$(apt-cache depends linux-image-cloud-amd64 linux-image-virtual 2>/dev/null | sed -n 's/.* Depends: linux-image-\([0-9]\)/\1/p' | head -n 1); \
	if test -z "$$kernel"; then \
		echo "WARNING: apt knows no kernel for the lab's virtual machine, which is left out"; exit 0; \
	fi; \
	set -e; rm -rf bin/vm.new; mkdir -p bin/vm.new; cd bin/vm.new; \
	for package in "linux-image-$$kernel" "linux-modules-$$kernel"; do \
		if apt-cache show "$$package" >/dev/null 2>&1; then apt-get -q download "$$package"; fi; \
	done; \
	for file in *.deb; do dpkg-deb -x "$$file" .; rm "$$file"; done; \
	PATH="$$PATH:/usr/sbin:/sbin" depmod -b . "$$kernel"; cd ..; mv vm.new vm

clean: ## Remove everything that make builds
	rm -rf k6 mconnect-server bin dist node_modules test/testdata/grafana/node_modules

bin/xk6: tools/go.mod
	go build -C tools -o ../$@ go.k6.io/xk6

bin/golangci-lint: tools/go.mod
	go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/gosec: tools/go.mod
	go build -C tools -o ../$@ github.com/securego/gosec/v2/cmd/gosec

bin/actionlint: tools/actionlint/go.mod
	go build -C tools/actionlint -o ../../$@ github.com/rhysd/actionlint/cmd/actionlint

bin/gotestsum: tools/go.mod
	go build -C tools -o ../$@ gotest.tools/gotestsum

bin/cyclonedx-gomod: tools/go.mod
	go build -C tools -o ../$@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

node_modules/.package-lock.json test/testdata/grafana/node_modules/.package-lock.json: %node_modules/.package-lock.json: %package-lock.json | test-deps
	npm ci --prefix ./$* --ignore-scripts --no-audit --no-fund
	touch $@
