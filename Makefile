# make demo    everything in one process, with a sample video
# make test    every check, on whatever this machine has; says what it skipped
# make lint    formatting and vet alone
# make image-check   what the Dockerfile builds, without Docker; part of make test
# make chaos   10,000 simulated lives, every guard broken in turn, real processes
#              stopped and killed for minutes; takes half an hour or more
# make bench   what playtoken promises in numbers, measured; takes minutes

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.PHONY: demo test image-check lint bench chaos deps vault

# What the tests use beside Go: command=Debian packages. The race detector
# needs a C compiler and its headers.
TOOLS := caddy=caddy chromium=chromium curl=curl ffmpeg=ffmpeg nginx=nginx-light gcc=gcc,libc6-dev redis-server=redis-server node=nodejs npm=npm openssl=openssl
# Headers of the library that -tags openssl signs with, from libssl-dev.
OPENSSL := /usr/include/openssl/evp.h
LOG := artifacts/test.log
PKGS ?= ./...
export PATH := $(PATH):/usr/sbin

demo:
	go run ./cmd/playtoken demo

# Shuffled tests are never cached by the go tool, so each run is a run.
test: deps lint vault
	echo "== go test -race -shuffle=on $(PKGS)"
	mkdir -p artifacts
	race=-race
	command -v gcc >/dev/null || race=
	began=$$SECONDS
	result=0
	CGO_ENABLED=$${race:+1} go test $$race -shuffle=on -timeout 40m -v $(PKGS) > $(LOG) 2>&1 || result=$$?
	if [ -e $(OPENSSL) ] && [ -n "$$race" ]; then
	  echo "== go test -tags openssl ./signer/..."
	  CGO_ENABLED=1 go test -tags openssl -shuffle=on -v ./signer/... >> $(LOG) 2>&1 || result=$$?
	fi
	# What passed needs no more than a line; of a failure, everything is shown.
	if [ $$result = 0 ]; then grep -E '^(ok|\?) ' $(LOG); else grep -vE '^=== |^ *--- PASS|^PASS$$' $(LOG); fi || true
	echo
	echo "== $$((SECONDS - began)) s, $$(grep -cE '^ *--- PASS' $(LOG) || true) passed," \
	  "$$(grep -cE '^ *--- FAIL' $(LOG) || true) failed, $$(grep -cE '^ *--- SKIP' $(LOG) || true) skipped"
	if grep -qE '^ *--- SKIP' $(LOG); then
	  echo "== SKIPPED, and therefore not checked here:"
	  grep -hB1 -E '^ *--- SKIP' $(LOG) | grep -vE '^(=== |--$$)'
	fi
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
	echo "== gofmt, go vet"
	unformatted=$$(gofmt -l .)
	[ -z "$$unformatted" ] || { echo "gofmt would change:" $$unformatted; exit 1; }
	go vet ./...

# A number that is not as promised is said, and fails nothing. QUICK=1 takes
# about two minutes, once everything is built.
bench: vault
	go run ./bench $${QUICK:+-quick}

chaos: deps vault
	echo "== simulated lives"
	PLAYTOKEN_TEST_SEEDS=$${SEEDS:-10000} go test -count=1 -timeout 12h -v -run 'NoViewerIsRefused' ./keyrotation | grep -vE '^ *(=== |--- PASS)'
	echo "== guards, broken in turn"
	go run ./chaos
	echo "== real replicas, stopped and killed"
	PLAYTOKEN_TEST_CHAOS=1 go test -count=1 -timeout 2h -v -run 'ThreeReplicas|ColdStarts|KilledAtAnyMoment|RotationsBesideServe|ThroughVaultsTroubles|ManyProjects' ./cmd/playtoken

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
