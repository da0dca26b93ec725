# `make run` starts the demonstration, `make test` runs every check. Both
# install what is missing first; a second run needs no network.

BIN := .venv/bin
# What the tests talk to or drive, from Debian.
TEST_PACKAGES := redis-server postfix swaks libnet-ssleay-perl bind9 bind9-dnsutils bind9-utils nsd knot unbound chromium \
    fonts-liberation openssl opendkim opendmarc postfix-policyd-spf-python systemd strace msmtp mutt curl iproute2 \
    libgnutls-dane0 libidn12 libevent-2.1-7 libdb5.3 libnsl2
BENCH_PACKAGES := dnsperf

.PHONY: run test check fuzz bench faults clean lock deb deb-test venv-run venv-dev

run: venv-run
	$(BIN)/mailctl demo

test: check
	scripts/apt.sh $(TEST_PACKAGES)
	$(BIN)/python -m pytest

check: venv-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every fuzz target for an hour, all at once; what they find is in build/fuzz.
fuzz: venv-dev
	nice -n 19 $(BIN)/python -m tests.fuzz.run --seconds 3600 --at-once 11

bench: venv-dev
	scripts/apt.sh $(TEST_PACKAGES) $(BENCH_PACKAGES)
	for program in bench/[a-z]*.py; do $(BIN)/python "$$program" || exit 1; done

venv-run venv-dev: venv-%:
	@scripts/venv.sh $*

# Pins what the two .in files ask for. Needs the network.
lock:
	test -x build/lock/bin/uv || { /usr/bin/python3 -m venv build/lock && build/lock/bin/pip install uv; }
	build/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    requirements.in -o requirements.txt
	build/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --allow-unsafe requirements-dev.in -o requirements-dev.txt

# Kills, freezes and empties the parts of the delivery scheduler under load: the long form of tests/faults.
faults: venv-dev
	scripts/apt.sh $(TEST_PACKAGES)
	$(BIN)/python -m tests.faults

deb:
	scripts/deb.sh

deb-test:
	tests/packaging/deb_install.sh dist

# What was made, but for .venv and var/ (mail of the demonstration).
clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	rm -rf twisted/plugins/dropin.cache tests.*/
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
