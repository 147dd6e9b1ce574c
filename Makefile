# make demo    everything in one process, with a sample video
# make quick   formatting, vet, staticcheck and the short tests; for every change
# make test    every check that this machine has the tools for; says what it skipped
# make lint    formatting, vet and staticcheck alone
# make web     hls.js from npm, for the pages of the gate to play everything, and
#              what the package of web/sdk is made and judged with
# make players the player libraries and the packager that the gate is tested with
# make image-check   what the Dockerfile builds, without Docker; part of make test
# make chaos   10,000 simulated lives, every guard broken in turn, real processes
#              stopped and killed for minutes; takes half an hour or more
# make kubernetes  renders deploy/helm into deploy/kubernetes
# make charts  what deploy has for Helm, Kubernetes and Compose, held against their own
#              libraries; part of make test where something changed, always with CHARTS=1
# make release VERSION=1.2.3   what is published of the commit, in artifacts/release; needs
#              only Go and Git, and hls.js of make web, or WITHOUT_HLSJS=1
# make compatibility  the tests of the store against each version of Vault that builds, or
#              PLAYTOKEN_TEST_VAULT=/path/of/bao alone, and those of limits against Redis
# make man     a manual page for each verb, in artifacts/man
# make bench   what playtoken promises in numbers, measured; takes minutes

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.PHONY: demo man web players quick test image-check lint types vulnerabilities charts kubernetes bench chaos compatibility release papers deps vault

# What the tests use beside Go: command=Debian packages. The race detector
# needs a C compiler and its headers.
TOOLS := caddy=caddy chromium=chromium curl=curl ffmpeg=ffmpeg firefox-esr=firefox-esr haproxy=haproxy jq=jq minisign=minisign nginx=nginx-light gcc=gcc,libc6-dev redis-server=redis-server node=nodejs npm=npm openssl=openssl php=php-cli promtool=prometheus python3=python3 rpm=rpm skopeo=skopeo strace=strace systemd-analyze=systemd fish=fish mandoc=mandoc traffic_manager=trafficserver,trafficserver-experimental-plugins zsh=zsh
# Headers of the library that -tags openssl signs with, from libssl-dev.
OPENSSL := /usr/include/openssl/evp.h
LOG := artifacts/test.log
# What make test could not check, one reason a line.
SKIPPED := artifacts/skipped.txt
# Projects of JavaScript, as tsc reads them.
JS := jsconfig.json bench/node/jsconfig.json
# The programs of tools/go.mod, at the versions that it pins.
TOOL := go tool -modfile=tools/go.mod
# web comes first: it plays a clip of two minutes while the others are tested.
PKGS ?= ./web ./...
# What make test tests beside PKGS, where PKGS is not set.
MODULES := tools/release tools/goreleaser
export PATH := $(PATH):/usr/sbin

demo:
	go run ./cmd/playtoken demo

man:
	go run ./cmd/playtoken man artifacts/man

# The program embeds what this fetches. Without it everything builds and works,
# but the pages of the gate play only what our own loader and the browser can.
web: deps
	echo "== hls.js"
	mkdir -p artifacts && touch $(SKIPPED) && sed -i /hls.js:/d $(SKIPPED)
	why=
	command -v npm >/dev/null || why="npm is not installed"
	if [ -z "$$why" ] && ! { npm ci --prefix web --ignore-scripts --no-audit --no-fund && npm run --prefix web fetch; } >artifacts/npm-web.log 2>&1; then
	  why="npm cannot fetch it, see artifacts/npm-web.log"
	fi
	if [ -n "$$why" ]; then
	  echo "== SKIPPED: the pages of the gate are built and tested without hls.js: $$why"
	  echo "hls.js: $$why" >> $(SKIPPED)
	fi
	sed -i /sdk:/d $(SKIPPED)
	cd web/sdk
	[ ! node_modules/.package-lock.json -nt package-lock.json ] || exit 0
	echo "== what the npm package is made with"
	why=
	command -v npm >/dev/null || why="npm is not installed"
	if [ -z "$$why" ] && ! npm ci --ignore-scripts --no-audit --no-fund >$(CURDIR)/artifacts/npm-sdk.log 2>&1; then
	  why="npm cannot fetch it, see artifacts/npm-sdk.log"
	fi
	if [ -n "$$why" ]; then
	  echo "== SKIPPED: the npm package of web/sdk is not packed and judged: $$why"
	  echo "sdk: $$why" >> $(CURDIR)/$(SKIPPED)
	fi

# npm removes and unpacks everything again, which is for changes only.
players: deps
	mkdir -p artifacts && touch $(SKIPPED) && sed -i /players:/d $(SKIPPED)
	cd gate/testplayers
	[ ! node_modules/.package-lock.json -nt package-lock.json ] || exit 0
	echo "== players"
	why=
	command -v npm >/dev/null || why="npm is not installed"
	if [ -z "$$why" ] && ! npm ci --ignore-scripts --no-audit --no-fund >$(CURDIR)/artifacts/npm-players.log 2>&1; then
	  why="npm cannot fetch them, see artifacts/npm-players.log"
	fi
	if [ -n "$$why" ]; then
	  echo "== SKIPPED: the gate's media are not played in browsers: $$why"
	  echo "players: $$why" >> $(CURDIR)/$(SKIPPED)
	fi

# Without the race detector and with the go tool's cache: a package that did not
# change is not tested again.
quick: lint
	echo "== go test -short $(PKGS)"
	go test -short $(PKGS) | { grep -vE '^(ok|\?) |no test files' || true; }

# Shuffled tests are never cached by the go tool, so each run is a run.
test: deps web players lint types vulnerabilities charts vault
	echo "== go test -race -shuffle=on $(PKGS)"
	mkdir -p artifacts
	race=-race
	command -v gcc >/dev/null || race=
	began=$$SECONDS
	result=0
	CGO_ENABLED=$${race:+1} go test $$race -shuffle=on -timeout 40m -v $(PKGS) > $(LOG) 2>&1 || result=$$?
	if [ -n "$$race" ]; then
	  echo "== go test ./keyrotation, without the race detector: every mishap at every call"
	  go test -run TestEveryCallMayFailInEveryWay -v ./keyrotation >> $(LOG) 2>&1 || result=$$?
	fi
	if [ -e $(OPENSSL) ] && [ -n "$$race" ]; then
	  echo "== go test -tags openssl ./signer/..."
	  CGO_ENABLED=1 go test -tags openssl -shuffle=on -v ./signer/... >> $(LOG) 2>&1 || result=$$?
	fi
	echo "== go test ./signer/rsakey/..., without the race detector, as if the processor had no vectors, and without assembly"
	go test -shuffle=on -v ./signer/rsakey/eight >> $(LOG) 2>&1 || result=$$?
	GODEBUG=cpu.all=off go test -short -shuffle=on -v ./signer/rsakey/... >> $(LOG) 2>&1 || result=$$?
	go test -tags purego -short -shuffle=on -v ./signer/rsakey/... >> $(LOG) 2>&1 || result=$$?
	# Modules of their own, whose libraries are no business of the service.
	for module in $(MODULES); do
	  [ "$(origin PKGS)" = file ] || break
	  echo "== $$module"
	  mkdir -p artifacts && touch $(SKIPPED) && sed -i "\\,^$$module:,d" $(SKIPPED)
	  if go -C $$module list -deps -test ./... >artifacts/module.log 2>&1; then
	    go -C $$module vet ./... >> $(LOG) 2>&1 || result=$$?
	    go -C $$module test -count=1 -shuffle=on -v ./... >> $(LOG) 2>&1 || result=$$?
	  else
	    echo "$$module: not checked, because its libraries cannot be fetched: $$(tail -1 artifacts/module.log)" >> $(SKIPPED)
	  fi
	done
	# What passed needs no more than a line; of a failure, everything is shown.
	if [ $$result = 0 ]; then grep -E '^(ok|\?) ' $(LOG); else grep -vE '^=== |^ *--- PASS|^PASS$$' $(LOG); fi || true
	echo
	echo "== $$((SECONDS - began)) s, $$(grep -cE '^ *--- PASS' $(LOG) || true) passed," \
	  "$$(grep -cE '^ *--- FAIL' $(LOG) || true) failed, $$(grep -cE '^ *--- SKIP' $(LOG) || true) skipped"
	if grep -qE '^ *--- SKIP' $(LOG); then
	  echo "== SKIPPED, and therefore not checked here:"
	  grep -hB1 -E '^ *--- SKIP' $(LOG) | grep -vE '^(=== |--$$)'
	fi
	[ ! -s $(SKIPPED) ] || sed 's/^/== SKIPPED: /' $(SKIPPED)
	for tool in $(TOOLS); do
	  command -v "$${tool%%=*}" >/dev/null || echo "== MISSING: $${tool%%=*} (apt-get install $${tool##*=})"
	done
	[ -e $(OPENSSL) ] || echo "== MISSING: OpenSSL's headers (apt-get install libssl-dev)"
	[ -n "$$race" ] || echo "== NOT CHECKED: data races (no C compiler)"
	if [ $$result = 0 ]; then
	  echo "== all tests passed"
	else
	  echo "== FAILED, see above or $(LOG):"
	  grep -E '^ *--- FAIL|^FAIL.*\[|^panic:|DATA RACE' $(LOG) || true
	fi
	exit $$result

lint:
	echo "== gofmt, go vet, staticcheck"
	unformatted=$$(gofmt -l .)
	[ -z "$$unformatted" ] || { echo "gofmt would change:" $$unformatted; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...

# The types of our JavaScript. The compiler comes from npm, as tools/package-lock.json pins it.
types: deps web
	echo "== tsc"
	mkdir -p artifacts && touch $(SKIPPED) && sed -i /tsc:/d $(SKIPPED)
	why=
	command -v npm >/dev/null || why="npm is not installed"
	if [ -z "$$why" ] && ! npm ci --prefix tools --ignore-scripts --no-audit --no-fund --silent >artifacts/npm.log 2>&1; then
	  why="npm cannot install the compiler, see artifacts/npm.log"
	fi
	if [ -n "$$why" ]; then
	  echo "== SKIPPED: types of JavaScript are not checked: $$why"
	  echo "tsc: $$why" >> $(SKIPPED)
	  exit 0
	fi
	for project in $(JS); do node tools/node_modules/typescript/bin/tsc -p $$project; done

# Known vulnerabilities of what we import and call. Only the database's absence
# is forgiven: not every machine reaches it.
vulnerabilities:
	echo "== govulncheck"
	mkdir -p artifacts && touch $(SKIPPED) && sed -i /govulncheck:/d $(SKIPPED)
	if found=$$($(TOOL) govulncheck ./... 2>&1); then exit 0; fi
	if grep -q '^govulncheck: fetching vulnerabilities: Get .*dial tcp' <<< "$$found"; then
	  echo "== SKIPPED: known vulnerabilities are not checked: the database cannot be reached"
	  echo "govulncheck: the vulnerability database cannot be reached" >> $(SKIPPED)
	  exit 0
	fi
	echo "$$found"
	exit 1

# The libraries take minutes to compile, so what was proven is written down, and only
# what differs from that is proven again.
charts:
	mkdir -p artifacts && touch $(SKIPPED) && sed -i /charts:/d $(SKIPPED)
	if [ -z "$${CHARTS:-}" ] && go test ./deploy >/dev/null 2>&1; then exit 0; fi
	echo "== charts, manifests and compose files"
	if ! go -C tools/charts mod download >artifacts/charts.log 2>&1; then
	  echo "== SKIPPED: charts are not checked: their libraries cannot be fetched, see artifacts/charts.log"
	  echo "charts: the libraries cannot be fetched" >> $(SKIPPED)
	  exit 0
	fi
	go -C tools/charts vet ./...
	go -C tools/charts test -count=1 ./...
	go test ./deploy -count=1 -update

kubernetes:
	go -C tools/charts run .

# KEY names a file with a secret key of minisign, PASSWORD one with its password, TARGETS
# the systems. The compiler is the one that go.mod names, so that all make the same bytes.
release:
	export GOTOOLCHAIN=go$$(sed -n 's/^go //p' go.mod)
	go -C tools/release build -o $(CURDIR)/artifacts/tools/release .
	artifacts/tools/release -repository . -out artifacts/release -version "$${VERSION:-}" -targets "$${TARGETS:-all}" \
	  $${KEY:+-key "$$KEY"} $${PASSWORD:+-password "$$PASSWORD"} $${WITHOUT_HLSJS:+-without-hlsjs}

# What goreleaser.yaml takes from make release.
papers:
	export GOTOOLCHAIN=go$$(sed -n 's/^go //p' go.mod)
	go -C tools/release build -o $(CURDIR)/artifacts/tools/release .
	artifacts/tools/release -repository . -papers artifacts/papers -version "$${VERSION:-}" $${WITHOUT_HLSJS:+-without-hlsjs}

# A number that is not as promised is said, and fails nothing. QUICK=1 takes
# about two minutes, once everything is built.
bench: vault
	go run ./bench $${QUICK:+-quick}

chaos: deps vault
	echo "== simulated lives"
	PLAYTOKEN_TEST_SEEDS=$${SEEDS:-10000} go test -count=1 -timeout 12h -v -run 'NoViewerIsRefused' ./keyrotation | grep -vE '^ *(=== |--- PASS)'
	echo "== guards, broken in turn"
	go run ./chaos
	echo "== a million signatures, eight at a time"
	PLAYTOKEN_TEST_SIGNATURES=1000000 go test -count=1 -timeout 12h -v -run 'SignaturesAreThose' ./signer/rsakey/eight | grep -vE '^ *(=== |--- PASS)'
	echo "== real replicas, stopped and killed"
	PLAYTOKEN_TEST_CHAOS=1 go test -count=1 -timeout 2h -v -run 'ThreeReplicas|ColdStarts|KilledAtAnyMoment|RotationsBesideServe|ThroughVaultsTroubles|ManyProjects' ./cmd/playtoken

# Builds each Vault once per machine, which takes minutes.
compatibility: deps
	mkdir -p artifacts
	log=artifacts/compatibility.log
	result=0
	check() {
	  began=$$SECONDS
	  go test -count=1 -v "$$@" > $$log 2>&1 || { result=1; grep -vE '^=== |^ *--- PASS|^PASS$$' $$log || true; }
	  echo "== $$(sed -n 's/^ *version_test.go.*: \(Vault .*\)/\1, /p' $$log)$$*: $$((SECONDS - began)) s," \
	    "$$(grep -cE '^ *--- PASS' $$log || true) passed, $$(grep -cE '^ *--- FAIL' $$log || true) failed, $$(grep -cE '^ *--- SKIP' $$log || true) skipped"
	  grep -hB1 -E '^ *--- SKIP' $$log | grep -vE '^(=== |--$$)' || true
	}
	if [[ "$${PLAYTOKEN_TEST_VAULT:-}" = /* ]]; then
	  check ./vaultkeys/...
	else
	  export PLAYTOKEN_TEST_VAULT=require
	  versions=vaultkeys/vaulttest/server/versions
	  for version in "" $$(cd $$versions && ls *.mod | sed 's/\.mod$$//'); do
	    export PLAYTOKEN_TEST_VAULT_VERSION=$$version
	    go run ./vaultkeys/vaulttest/build >/dev/null
	    check ./vaultkeys/...
	  done
	fi
	redis-server --version | cut -d' ' -f1-3
	check ./limits/...
	exit $$result

image-check:
	go test -count=1 -v -run Image ./cmd/playtoken

# Installs what is missing where that is possible; the tests that need the
# rest skip themselves.
deps:
	command -v go >/dev/null || { echo "Go is missing: install the version that go.mod names, https://go.dev/dl/"; exit 1; }
	missing=
	for tool in $(TOOLS); do
	  command -v "$${tool%%=*}" >/dev/null || missing="$$missing $${tool##*=}"
	done
	[ -e $(OPENSSL) ] || missing="$$missing libssl-dev"
	missing=$${missing//,/ }
	[ -n "$$missing" ] || exit 0
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo "== installing$$missing"
	  export DEBIAN_FRONTEND=noninteractive
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing || echo "== could not install$$missing"
	else
	  echo "== not installed, and not root to do so:$$missing"
	fi

# The tests want a real Vault. Building it here shows that something happens.
vault:
	if [ -n "$${PLAYTOKEN_TEST_VAULT_ADDR:-}" ] || [ "$${PLAYTOKEN_TEST_VAULT:-}" = skip ]; then exit 0; fi
	if command -v vault >/dev/null || command -v bao >/dev/null; then exit 0; fi
	echo "== a Vault for the tests (cached after the first time)"
	go run ./vaultkeys/vaulttest/build || echo "== no Vault: its tests will be skipped"
