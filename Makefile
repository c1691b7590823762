# Thin: every line is one a person could type. `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test lint unit fuzz tidy conformance e2e prepare engines sdk peers bench images cluster cluster-stop crds

# Without it the API server calls itself v0.0.0; see tests/cluster/go.mod.
KUBERNETES_VERSION := -X k8s.io/component-base/version.gitVersion=v1.35.4 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

demo: prepare images ## the main job end to end: build, cluster, one resource, logs, rows
	cargo run --quiet --locked -p tests --bin demo

demo-stop: cluster-stop ## stop the demo, its ClickHouse and its cluster
	cargo run --quiet --locked -p tests --bin demo -- stop

test: lint unit fuzz tidy conformance e2e ## everything that must pass, cheapest first

lint: ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

unit: ## the tests inside the packages
	cargo test --locked --workspace --lib --bins
	go test -C tests/cluster ./lifecycle

fuzz: ## the decoders on damaged input, in short
	cargo test --locked -p collector --test fuzz

tidy: ## the repository's laws
	cargo test --locked -p tests --test tidy

conformance: engines sdk target/peers/otelcol/otelcol ## rows in a real ClickHouse compared with what was sent, and with a peer's
	cargo test --locked -p tests --test conformance

e2e: prepare images ## the whole product on a real cluster, which stays until `make cluster-stop`
	cargo test --locked -p tests --test e2e -- --test-threads=1

prepare: target/cluster engines sdk ## install what this machine lacks
	$(if $(KUBECONFIG),,target/cluster install)

engines: ## get the ClickHouse server once
	cargo run --quiet --locked -p tests --bin clickhouse -- fetch

sdk: target/senders/python/installed target/senders/node/installed target/senders/java/installed target/senders/telemetrygen target/senders/otelcol/otelcol target/senders/browser ## get the real senders once: SDKs, telemetrygen, an OpenTelemetry Collector, a browser

peers: target/peers/otelcol/otelcol target/peers/rotel/installed ## build and get the collectors ours is compared with, once

bench: engines peers ## what a row costs here, in our collector and in its peers; about half an hour
	cargo run --quiet --release --locked -p tests --bin bench -- --plot tests/bench/ingest.svg

images: ## build both images into target/images
	cargo run --quiet --locked -p tests --bin images

cluster: target/cluster ## start a two-node Kubernetes on this machine
	target/cluster start

cluster-stop: target/cluster ## stop it and leave nothing behind
	target/cluster stop

crds: ## write the generated resource definition
	cargo run --quiet --locked -p crds --features kubernetes --bin crdgen > crds/yaml/clickstackcollectors.yaml
	cp crds/yaml/clickstackcollectors.yaml helm/crds/clickstackcollectors.yaml

target/cluster: tests/cluster/go.mod tests/cluster/go.sum $(wildcard tests/cluster/*.go tests/cluster/*/*.go)
	CGO_ENABLED=0 go build -C tests/cluster -o ../../target/cluster -trimpath -ldflags "-s -w $(KUBERNETES_VERSION)" .

target/senders/python/installed: tests/senders/python/requirements.txt
	python3 -m venv target/senders/python
	target/senders/python/bin/pip install --quiet --requirement tests/senders/python/requirements.txt
	touch $@

target/peers/otelcol/otelcol: tests/peers/otelcol.build.yaml
	mkdir -p target/peers
	go run go.opentelemetry.io/collector/cmd/builder@v0.149.0 --config $<
	touch $@

target/peers/rotel/installed: tests/peers/requirements.txt
	python3 -m pip install --quiet --upgrade --target target/peers/rotel --requirement $<
	touch $@

target/senders/node/installed: tests/senders/node/package.json tests/senders/node/package-lock.json
	mkdir -p target/senders/node
	cp tests/senders/node/package.json tests/senders/node/package-lock.json target/senders/node
	npm ci --silent --no-audit --no-fund --ignore-scripts --prefix target/senders/node
	touch $@

target/senders/java/installed: tests/senders/java/pom.xml tests/senders/java/Send.java
	rm -rf target/senders/java
	mvn --quiet --batch-mode --file tests/senders/java/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/target/senders/java/jars
	javac -cp 'target/senders/java/jars/*' -d target/senders/java/classes tests/senders/java/Send.java
	touch $@

target/senders/telemetrygen: tests/senders/telemetrygen.version
	CGO_ENABLED=0 GOBIN=$(CURDIR)/target/senders go install github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@$(shell cat $<)
	touch $@

target/senders/otelcol/otelcol: tests/senders/otelcol.build.yaml
	go run go.opentelemetry.io/collector/cmd/builder@v0.149.0 --config $<
	touch $@

target/senders/browser:
	command -v chromium > /dev/null || { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium; }
	mkdir -p target/senders && touch $@
