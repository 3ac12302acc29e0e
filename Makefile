# `make help` lists what there is. Everything is pinned, built from Go modules and cached below bin/; nothing has to be
# installed but Go, a C compiler (for the race detector), git and make.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
DOCKER ?= docker
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE ?= ghcr.io/hookstrap/hookstrap:$(VERSION)
FUZZTIME ?= 10000x
BENCH ?= .
# More flags for `go test`, as in: make test TESTFLAGS='-run TestInstall -v'
TESTFLAGS ?=
# Older versions of Kubernetes for test-versions; the pinned one comes on top.
VERSIONS ?= v1.28.15 v1.30.14 v1.32.13 v1.34.9
# Flags for the load comparison; see go run ./test/bench -h
BENCHFLAGS ?=

# The modules besides the root's, each with a go.mod of its own. CI does not look at test/cainjector, test/gatekeeper and
# test/kyverno, which bring much along.
MODULES := test/e2e test/gitops test/peers examples/kubebuilder examples/own-check tools tools/actionlint tools/promtool tools/release tools/cfssl

PLATFORM := $(shell $(GO) env GOOS)-$(shell $(GO) env GOARCH)
BIN := $(CURDIR)/bin
CACHE := $(BIN)/$(PLATFORM)

# The version that a go.mod pins: $(call pinned,DIRECTORY,MODULE)
pinned = $(shell awk '$$1 == "$(2)" && $$2 ~ /^v/ {print $$2; exit}' $(1)/go.mod)
COMPONENTS := test/e2e/cluster/components
KUBERNETES_VERSION := $(call pinned,$(COMPONENTS),k8s.io/kubernetes)
ETCD_VERSION := $(call pinned,$(COMPONENTS),go.etcd.io/etcd/server/v3)
HOOKSTRAP_COMPONENTS_DIR ?= $(CACHE)/kubernetes-$(KUBERNETES_VERSION)-etcd-$(ETCD_VERSION)
KUBECTL := $(HOOKSTRAP_COMPONENTS_DIR)/kubectl
GOLANGCI_LINT := $(CACHE)/golangci-lint-$(call pinned,tools,github.com/golangci/golangci-lint/v2)
ACTIONLINT := $(CACHE)/actionlint-$(call pinned,tools/actionlint,github.com/rhysd/actionlint)
LOGCHECK := $(CACHE)/logcheck-$(call pinned,tools,sigs.k8s.io/logtools)
HELM := $(CACHE)/helm-$(call pinned,test/gitops,helm.sh/helm/v4)
HELM3 := $(CACHE)/helm-$(call pinned,test/gitops,helm.sh/helm/v3)
FLUXAPPLY := $(CACHE)/fluxapply-$(call pinned,test/gitops,github.com/fluxcd/pkg/ssa)
CAINJECTOR := $(CACHE)/cainjector-$(call pinned,test/cainjector,github.com/cert-manager/cert-manager)
CERTMANAGER_SIGNER := $(CACHE)/cert-manager-signer-$(call pinned,test/cainjector,github.com/cert-manager/cert-manager)
CERTMANAGER_WEBHOOK := $(CACHE)/cert-manager-webhook-$(call pinned,test/cainjector,github.com/cert-manager/cert-manager)
GATEKEEPER := $(CACHE)/gatekeeper-$(call pinned,test/gatekeeper,github.com/open-policy-agent/gatekeeper/v3)
KYVERNO := $(CACHE)/kyverno-$(call pinned,test/kyverno,github.com/kyverno/kyverno)
PROMTOOL := $(CACHE)/promtool-$(call pinned,tools/promtool,github.com/prometheus/prometheus)

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: check-go ## Compile the server to bin/webhook
	CGO_ENABLED=0 $(GO) build -modfile=release.mod -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/webhook ./cmd/webhook

# With KEEP=1 the demo is a job of its own: Ctrl-C reaches it, and it ends well, but not make, which would end with 130.
.PHONY: demo
demo: check-go ## Watch a webhook bootstrap itself on a real control plane, on this machine, without root (KEEP=1: until Ctrl-C)
	@echo "Looking for the control plane's binaries ..."
	@$(GO) -C test/e2e run ./cluster/build --demo $(CACHE)/demo
	@[ -z "$${KEEP:-}" ] || set -m; $(CACHE)/demo/demo $(CACHE)/demo/webhook $(CURDIR); exit $$?

.PHONY: image
image: ## Build the container image (IMAGE=..., VERSION=...)
	DOCKER_BUILDKIT=1 $(DOCKER) build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

# What deploy installs: manifests, an overlay of ours, or one of yours below this directory.
MANIFESTS ?= manifests

.PHONY: deploy
deploy: ## Build the image IMG, bring it to the cluster of kubectl's context (kind load, or a push), install it and wait (IMG=..., MANIFESTS=...)
	@[ -n '$(IMG)' ] || { echo 'make deploy: name the image, in a registry that the cluster can pull from: make deploy IMG=NAME:TAG' >&2; exit 2; }
	@DOCKER='$(DOCKER)' VERSION='$(VERSION)' hack/deploy '$(IMG)' '$(MANIFESTS)'

.PHONY: release
release: check-go ## Write dist/: archives, image, manifests, SBOM and checksums of VERSION=..., the same bytes every time
	$(GO) -C tools/release run . -root '$(CURDIR)' -version '$(VERSION)'

##@ Develop

.PHONY: components
components: check-go ## Build etcd, kube-apiserver, kube-controller-manager and kubectl once, as far as KUBEBUILDER_ASSETS lacks them (15 minutes)
	$(GO) -C test/e2e run ./cluster/build

.PHONY: node-components
node-components: check-go ## Build kubelet, kube-scheduler and kube-proxy as well, for a node (about 5 minutes more; Linux)
	$(GO) -C test/e2e run ./cluster/build --node

# On a fresh machine the tests that compile the server wait for that, longer than the default timeout of ten minutes.
.PHONY: test
test: components helm test-floor ## Run all tests, against the real control plane, with the race detector (TESTFLAGS=...)
	$(GO) test -modfile=release.mod -race -shuffle=on -timeout=30m $(TESTFLAGS) ./...
	$(GO) -C test/e2e test -race -shuffle=on -timeout=30m $(TESTFLAGS) ./...

.PHONY: test-floor
test-floor: check-go ## Run the unit tests with the lowest versions of the dependencies, those of go.mod (TESTFLAGS=...)
	$(GO) test $(TESTFLAGS) ./...

# One package after the other: those of the node start one of their own each.
.PHONY: e2e
e2e: ## Install into a real cluster of one node on this machine, and break it (root, Linux; TESTFLAGS=...)
	hack/install-node-packages
	$(MAKE) node-components helm
	$(GO) -C test/e2e test -tags node -p 1 -count=1 -timeout 45m -v $(TESTFLAGS) \
	  ./cluster/dockerfile ./cluster/node ./node
	$(GO) -C test/e2e test -tags node -count=1 -v -run '^TestExampleNginx$$' .

.PHONY: e2e-coldstart
e2e-coldstart: ## Cut and restart a cluster of one node in which a webhook locks itself out, and compare with doctor's verdict (root, Linux)
	hack/install-node-packages
	$(MAKE) node-components
	$(GO) -C test/e2e test -tags node,coldstart -count=1 -timeout 20m -v -run '^TestColdStart$$' ./node

.PHONY: e2e-authority
e2e-authority: ## Run webhook authority and a webhook in Python on a cluster of one node, with certificates from the kubelet (root, Linux; ten minutes)
	hack/install-node-packages
	$(MAKE) node-components
	$(GO) -C test/e2e test -tags node,authority -count=1 -timeout 50m -v -run '^TestAuthority$$' ./node

.PHONY: e2e-kubebuilder
e2e-kubebuilder: ## Roll out examples/kubebuilder on a cluster of one node, while it mutates, validates and converts (root, Linux; five minutes)
	hack/install-node-packages
	$(MAKE) node-components
	$(GO) -C test/e2e test -tags node,kubebuilder -count=1 -timeout 30m -v -run '^TestKubebuilderRollout$$' ./node

.PHONY: test-doctor-peers
test-doctor-peers: components $(CAINJECTOR) $(CERTMANAGER_WEBHOOK) $(GATEKEEPER) ## Have doctor judge nginx, which is fetched (Debian or Ubuntu), cert-manager and Gatekeeper (builds them: half an hour)
	CAINJECTOR='$(CAINJECTOR)' CERTMANAGER_WEBHOOK='$(CERTMANAGER_WEBHOOK)' GATEKEEPER='$(GATEKEEPER)' \
	  CERTMANAGER_SOURCE="$$($(GO) -C test/cainjector list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)" \
	  GATEKEEPER_SOURCE="$$($(GO) -C test/gatekeeper list -m -f '{{.Dir}}' github.com/open-policy-agent/gatekeeper/v3)" \
	  $(GO) -C test/e2e test -tags peers -count=1 -v -run '^(TestNginx|TestCertManager|TestGatekeeper)$$' ./doctor

.PHONY: test-release
test-release: check-go ## Make a release twice, and look at what is in it (about ten minutes: it compiles for other platforms)
	$(GO) -C tools/release test -count=1 -timeout=30m -v $(TESTFLAGS) ./...

.PHONY: test-versions
test-versions: components ## Run the integration tests against older API servers too (VERSIONS='v1.30.14', built once; TESTFLAGS=...)
	TESTFLAGS='$(TESTFLAGS)' hack/test-versions $(VERSIONS) $(KUBERNETES_VERSION)

.PHONY: newcomer
newcomer: components $(HELM) ## Do all that README.md says, in a new clone and a new cluster (NEWCOMER=all: make test and make e2e as well)
	HELM='$(HELM)' $(GO) -C test/e2e test -tags newcomer -count=1 -timeout=120m -v -run '^TestNewcomer$$' .

.PHONY: flood
flood: components ## Flood two servers for a minute with all that tenants can think of (FLOOD_SECONDS); it wants the machine for itself
	$(GO) -C test/e2e test -tags flood -count=1 -timeout=10m -v -run '^TestTenantFlood$$' .

.PHONY: helm
helm: check-go $(HELM3) $(HELM) ## Build Helm 3 and Helm 4 once, for the tests of the chart (a few minutes)

.PHONY: test-gitops
test-gitops: components $(HELM) $(FLUXAPPLY) ## Install with kubectl, Helm and Flux, and write the table of docs/gitops.md (builds Helm: minutes)
	HELM='$(HELM)' FLUXAPPLY='$(FLUXAPPLY)' $(GO) -C test/e2e test -tags gitops -count=1 -timeout=20m -v -run '^TestGitOps$$' .

.PHONY: test-cainjector
test-cainjector: components $(CAINJECTOR) ## Migrate a webhook from cert-manager's own cainjector (builds it: ten minutes)
	CAINJECTOR='$(CAINJECTOR)' $(GO) -C test/e2e test -tags cainjector -count=1 -v -run '^TestMigrateFromCainjector$$' .

# Where git finds the repositories of charts, as in ADDONS_GIT=/srv/mirror for /srv/mirror/OWNER/NAME.git
ADDONS_GIT ?= https://github.com

.PHONY: addons
addons: build $(HELM) ## Render and judge the charts of popular add-ons, and write the table of docs/addons.md (builds Helm: minutes; ADDONS_GIT=...)
	$(GO) run ./test/addons -helm '$(HELM)' -webhook '$(BIN)/webhook' -cache '$(BIN)/addons' -git '$(ADDONS_GIT)'

.PHONY: soak
soak: components ## Rotate 5 CAs and renew 200 certificates under a stream of admissions (SOAK_ROTATIONS, SOAK_RENEWALS)
	SOAK_ROTATIONS=$${SOAK_ROTATIONS:-5} SOAK_RENEWALS=$${SOAK_RENEWALS:-200} \
	  $(GO) -C test/e2e test -count=1 -timeout=60m -v -run '^TestSoak$$' . | grep -E '^(=== RUN|---|ok|FAIL|PASS| +rotation_test| +renewal_test)'

.PHONY: fuzz
fuzz: check-go ## Run every fuzz target for a short while each (FUZZTIME=10000x or 10m)
	GO='$(GO)' FUZZTIME='$(FUZZTIME)' hack/fuzz

.PHONY: bench
bench: components ## Run the benchmarks, some of them against the real control plane (BENCH=regexp)
	$(GO) test -modfile=release.mod -run '^$$' -bench '$(BENCH)' -benchmem $(TESTFLAGS) ./pkg/... ./internal/...
	$(GO) -C test/e2e test -run '^$$' -bench '$(BENCH)' -skip 'Audit|ManyTargets|Servers' -benchtime 50x $(TESTFLAGS) .
	$(GO) -C test/e2e test -run '^$$' -bench '$(BENCH)' -skip Healing -benchtime 1x -timeout 30m $(TESTFLAGS) .
	$(if $(filter .,$(BENCH)),$(MAKE) bench-load)

# Each has a control plane of its own, so that none measures what another has left behind.
AUTHORITY_MEASURES := Burst Flood BesideCertManager BesideCainjector Rotation

.PHONY: bench-authority
bench-authority: components $(CAINJECTOR) $(CERTMANAGER_SIGNER) ## Measure webhook authority: a burst of 2,000 Pods (BURST_PODS), a flood, and beside cert-manager, with 1,000 webhook configurations (TARGETS)
	for measure in $(AUTHORITY_MEASURES); do \
	  CAINJECTOR='$(CAINJECTOR)' CERTMANAGER_SIGNER='$(CERTMANAGER_SIGNER)' \
	  CERTMANAGER_SOURCE="$$($(GO) -C test/cainjector list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)" \
	  $(GO) -C test/e2e test -tags authority -count=1 -timeout 30m -v -run "^TestMeasureAuthority$${measure}\$$" $(TESTFLAGS) . || exit 1; \
	done

.PHONY: bench-servers
bench-servers: components ## Start 10, 50, 150 and 500 servers at once (SERVERS='10 50'): requests, watch events, memory; some minutes
	SERVERS='$(or $(SERVERS),10 50 150 500)' $(GO) -C test/e2e test -run '^$$' -bench Servers -benchtime 1x -timeout 60m $(TESTFLAGS) .

.PHONY: bench-admission
bench-admission: components $(GATEKEEPER) $(KYVERNO) ## Create Pods at 500 a second (RATE): without a webhook, with ours, Gatekeeper, Kyverno, and a ValidatingAdmissionPolicy of the same rule
	GATEKEEPER='$(GATEKEEPER)' GATEKEEPER_SOURCE="$$($(GO) -C test/gatekeeper list -m -f '{{.Dir}}' github.com/open-policy-agent/gatekeeper/v3)" \
	  KYVERNO='$(KYVERNO)' KYVERNO_SOURCE="$$($(GO) -C test/kyverno list -m -f '{{.Dir}}' github.com/kyverno/kyverno)" \
	  $(GO) -C test/e2e test -tags admission -count=1 -timeout 30m -v -run '^TestMeasureAdmission$$' $(TESTFLAGS) .

.PHONY: bench-process
bench-process: components ## Measure the program by itself: its size, its start with a stored pair (STARTS), its memory idle and under load
	$(GO) -C test/e2e test -tags admission -count=1 -timeout 30m -v -run '^TestMeasureProcess$$' $(TESTFLAGS) .

.PHONY: bench-load
bench-load: check-go ## Compare our server's path with a bare one and controller-runtime's under load (BENCHFLAGS='-duration 1s')
	$(GO) build -modfile=release.mod -o $(BIN)/bench ./test/bench
	$(BIN)/bench -output dist/bench.json $(BENCHFLAGS)

.PHONY: lint
lint: check-go $(GOLANGCI_LINT) $(LOGCHECK) ## Run the linters: golangci-lint (.golangci.yml) and Kubernetes' logcheck
	$(GOLANGCI_LINT) run ./...
	cd test/e2e && $(GOLANGCI_LINT) run ./...
	cd tools/release && $(GOLANGCI_LINT) run ./...
	$(LOGCHECK) -check-contextual -check-value ./cmd/... ./pkg/... ./internal/...

.PHONY: fmt
fmt: check-go $(GOLANGCI_LINT) ## Format the code
	$(GOLANGCI_LINT) fmt ./... ./test/e2e/... ./tools/release/...

.PHONY: tidy
tidy: check-go ## Tidy the module files of the project, of its tests, of its tools and of examples
	$(GO) mod tidy
	$(GO) mod tidy -modfile=release.mod
	@for dir in $(MODULES); do echo "$(GO) -C $$dir mod tidy"; $(GO) -C $$dir mod tidy; done

.PHONY: clean
clean: ## Remove what was built, except for the cached control plane and tools
	rm -rf $(BIN)/webhook $(BIN)/demo $(BIN)/bench dist

##@ Check

.PHONY: verify
verify: verify-format verify-modules verify-manifests verify-alerts verify-workflows vet lint ## Check everything that needs no running cluster; CI runs this

.PHONY: vet
vet: check-go ## Compile everything, examples and tests as well, and run go vet
	$(GO) vet ./...
	$(GO) vet -modfile=release.mod ./...
	$(GO) -C test/e2e vet -tags node,coldstart,authority,admission,kubebuilder,flood,gitops,newcomer,cainjector,peers ./...
	$(GO) -C test/peers vet ./...
	$(GO) -C tools/release vet ./...

.PHONY: verify-format
verify-format: check-go $(GOLANGCI_LINT)
	@echo '$(GOLANGCI_LINT) fmt --diff ./... ./test/e2e/... ./tools/release/...'
	@$(GOLANGCI_LINT) fmt --diff ./... ./test/e2e/... ./tools/release/... || { echo 'verify-format: the files above are not formatted: run `make fmt`' >&2; exit 1; }

.PHONY: verify-modules
verify-modules: check-go
	@echo "$(GO) mod tidy -diff -modfile=release.mod"
	@$(GO) mod tidy -diff -modfile=release.mod || { echo 'verify-modules: release.mod or release.sum is stale: run `make tidy`' >&2; exit 1; }
	@for dir in . $(MODULES); do \
	  echo "$(GO) -C $$dir mod tidy -diff"; \
	  $(GO) -C $$dir mod tidy -diff || { echo "verify-modules: $$dir/go.mod or go.sum is stale: run \`make tidy\`" >&2; exit 1; }; \
	done
	$(GO) -C test/e2e test ./modules

.PHONY: verify-manifests
verify-manifests: components
	@for file in $$(find manifests -name kustomization.yaml | xargs grep -L '^kind: Component' | sort); do \
	  echo "kubectl kustomize $${file%/*}"; \
	  $(KUBECTL) kustomize "$${file%/*}" >/dev/null; \
	done
	@for peer in test/peers/*/config; do \
	  echo "kubectl kustomize $$peer/default, over examples/kubebuilder"; \
	  project=$$(mktemp -d); cp -r examples/kubebuilder/config "$$project"; cp -r "$$peer" "$$project"; \
	  $(KUBECTL) kustomize "$$project/config/default" >/dev/null; rm -r "$$project"; \
	done

.PHONY: verify-alerts
verify-alerts: check-go $(PROMTOOL) ## Check the Prometheus alerts: that they are PromQL, and fire when they should; and the queries of the dashboard
	$(PROMTOOL) check rules --lint=all --lint-fatal manifests/monitoring/alerts.yaml
	$(PROMTOOL) test rules manifests/monitoring/alerts_test.yaml
	$(PROMTOOL) check rules docs/testdata/dashboard_rules.yaml

# Without shellcheck, which may or may not be installed: what is found must not depend on the machine.
.PHONY: verify-workflows
verify-workflows: check-go $(ACTIONLINT) ## Check the workflows of .github
	$(ACTIONLINT) -shellcheck= -pyflakes=

.PHONY: check-go
check-go:
	@awk -v have="$$($(GO) env GOVERSION)" '$$1 == "go" { \
	  want = $$2; split(want, w, "."); sub(/^go/, "", have); split(have, h, /[.a-z-]/); \
	  if (have !~ /^devel/ && (h[1]+0 < w[1] || (h[1]+0 == w[1] && h[2]+0 < w[2]))) { \
	    print "Go " have " is too old: release.mod asks for " want ". Install it from https://go.dev/dl/ or unset GOTOOLCHAIN=local."; \
	    exit 1 } exit }' release.mod >&2

# Tools are cached under their version, so they have no prerequisites; an interrupted build leaves no half binary.

define build-tool
	@echo 'building $(@F) (once; golangci-lint takes a few minutes)'
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) -C tools build -trimpath -ldflags '-s -w' -o $@.tmp $(1)
	@mv $@.tmp $@
endef

define build-applier
	@echo 'building $(@F) (once; a few minutes)'
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) -C test/gitops build -trimpath -ldflags '-s -w $(2)' -o $@.tmp $(1)
	@mv $@.tmp $@
endef

$(HELM):
	$(call build-applier,helm.sh/helm/v4/cmd/helm)

# Helm 3 takes the version of Kubernetes that it renders for from the linker, as in its own Makefile.
$(HELM3):
	$(call build-applier,helm.sh/helm/v3/cmd/helm,-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
	  -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$(word 2,$(subst ., ,$(call pinned,test/gitops,k8s.io/client-go))))

$(FLUXAPPLY): test/gitops/fluxapply/main.go
	$(call build-applier,./fluxapply)

# They bring much along: each may take a quarter of an hour to build.
$(CAINJECTOR): test/cainjector/main.go
	$(call build-peer,test/cainjector,.)

$(CERTMANAGER_SIGNER): test/cainjector/signer/main.go
	$(call build-peer,test/cainjector,./signer)

$(CERTMANAGER_WEBHOOK): test/cainjector/webhook/main.go
	$(call build-peer,test/cainjector,./webhook)

$(GATEKEEPER):
	$(call build-peer,test/gatekeeper,github.com/open-policy-agent/gatekeeper/v3)

$(KYVERNO):
	$(call build-peer,test/kyverno,github.com/kyverno/kyverno/cmd/kyverno)

# $(call build-peer,MODULE,PACKAGE)
define build-peer
	@echo 'building $(@F) (once; minutes)'
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) -C $(1) build -ldflags '-s -w' -o $@.tmp $(2)
	@mv $@.tmp $@
endef

$(GOLANGCI_LINT):
	$(call build-tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(LOGCHECK):
	$(call build-tool,sigs.k8s.io/logtools/logcheck)

$(ACTIONLINT):
	@echo 'building $(@F) (once)'
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) -C tools/actionlint build -trimpath -ldflags '-s -w' -o $@.tmp github.com/rhysd/actionlint/cmd/actionlint
	@mv $@.tmp $@

# Service discovery, and with it the clients of every cloud, is of no use for rules: the tag leaves it out.
$(PROMTOOL):
	@echo 'building $(@F) (once; about a minute)'
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) -C tools/promtool build -trimpath -tags remove_all_sd -ldflags '-s -w' -o $@.tmp \
	  github.com/prometheus/prometheus/cmd/promtool
	@mv $@.tmp $@
