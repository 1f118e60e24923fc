# Two commands do all the set-up: `make demo` and `make test`. Both can be run again at once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
PYTEST_FLAGS ?=
# Most tests on the wire wait most of the time, so there are more processes than cores. -n 0 in PYTEST_FLAGS has one.
TOGETHER := -n $(shell cores=$$(nproc); echo $$((cores < 8 ? 2 * cores : 16)))
# Where this is set, each of some hundred processes that the tests start would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

DEMO_PACKAGES := python3-venv iproute2 nftables curl openssl nmap iputils-ping
TEST_PACKAGES := $(DEMO_PACKAGES) tshark tcpdump masscan ndisc6 arping sslscan testssl.sh gnutls-bin iptables ethtool chromium p0f hping3 tcpreplay thc-ipv6 \
  wget nodejs golang-go default-jdk-headless
BENCH_PACKAGES := $(DEMO_PACKAGES) gcc libc6-dev libssl-dev util-linux
WHEEL_PACKAGES := gcc libc6-dev python3-dev
COMPILED := build/compiled

.DEFAULT_GOAL := help
.PHONY: help demo test test-compiled soak lint format wheel bench bench-check profile docs musts clean
.PHONY: demo-packages test-packages bench-packages wheel-packages

help:
	@echo "make demo    watch honeystack being attacked, on this machine, in network namespaces of its own"
	@echo "make test    run every test; those on the wire need root or sudo"
	@echo "make test-compiled  the same over the compiled stack"
	@echo "make clients every kind of TLS client and scanner in every way that TLS can look, with a table; part of make test"
	@echo "make soak    run the long tests of bounds and bad wires again and alone: some minutes, nothing on the wire"
	@echo "make lint    formatter, linter, types"
	@echo "make wheel   build a wheel whose pure floors are compiled, into dist/"
	@echo "make bench   measure, beside a kernel-socket server in the same run"
	@echo "make bench-check  the same, compared with the ratios that are stored"
	@echo "make profile   where the time of a connection goes, by stage and by function"
	@echo "make docs    write the generated pages of docs/ anew"
	@echo "make musts   list every MUST of RFC 9293 with its code and its tests"

demo: $(VENV)/run.stamp demo-packages
	$(BIN)/honeystack demo

test: $(VENV)/dev.stamp $(VENV)/sslyze.stamp test-packages
	$(SUDO) $(BIN)/python -m pytest $(TOGETHER) $(PYTEST_FLAGS)

# A copy of the tree with the extension modules in it, which come before the sources that lie beside them.
test-compiled: wheel $(VENV)/sslyze.stamp test-packages
	rm -rf $(COMPILED)
	mkdir -p $(COMPILED)
	cp -a $(filter-out build dist,$(wildcard * .ci)) $(COMPILED)
	$(BIN)/python -m zipfile -e dist/honeystack-*.whl $(COMPILED)
	cd $(COMPILED) && $(SUDO) env HONEYSTACK_EXPECT=compiled PYTHONPATH=$(CURDIR)/$(COMPILED) \
	  $(abspath $(BIN))/python -m pytest $(TOGETHER) $(PYTEST_FLAGS)

clients: $(VENV)/dev.stamp $(VENV)/sslyze.stamp test-packages
	$(SUDO) $(BIN)/python -m pytest -s tests/live/test_tls_matrix.py tests/live/test_tls_jarm.py $(PYTEST_FLAGS)

soak: $(VENV)/dev.stamp
	$(BIN)/python -m pytest --soak -m "(slow or soak) and not live" tests/net tests/testing $(PYTEST_FLAGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(VENV)/dev.stamp wheel-packages
	rm -rf dist
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
	  --no-deps --wheel-dir dist .

bench: $(VENV)/dev.stamp bench-packages
	$(SUDO) $(BIN)/python -m bench

bench-check: $(VENV)/dev.stamp bench-packages
	$(SUDO) $(BIN)/python -m bench --check

profile: $(VENV)/dev.stamp bench-packages
	$(SUDO) $(BIN)/python -m bench.profile

docs: $(VENV)/dev.stamp
	$(BIN)/python -m docs

musts: $(VENV)/dev.stamp
	$(BIN)/python -m docs.musts

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build

$(VENV)/run.stamp: pyproject.toml | demo-packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | test-packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/run.stamp

# A tool that the tests run; it holds cryptography back, so it has a place of its own.
$(VENV)/sslyze.stamp: | $(VENV)/dev.stamp
	$(PYTHON) -m venv $(VENV)/sslyze
	$(VENV)/sslyze/bin/python -m pip install --quiet --disable-pip-version-check 'sslyze>=6.1,<7'
	touch $@

demo-packages:
	@$(call install,$(DEMO_PACKAGES))

test-packages:
	@$(call install,$(TEST_PACKAGES))

bench-packages:
	@$(call install,$(BENCH_PACKAGES))

wheel-packages:
	@$(call install,$(WHEEL_PACKAGES))

# Installs only what is missing, so that a second run needs neither the network nor root.
define install
missing=; for package in $(1); do \
  dpkg-query --show --showformat='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
done; \
if [ -n "$$missing" ]; then \
  echo "installing:$$missing"; \
  $(SUDO) apt-get update -q -q && \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -q -y --no-install-recommends $$missing; \
fi
endef
