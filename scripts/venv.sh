#!/usr/bin/env bash
# venv.sh run|dev: makes .venv what requirements.txt or requirements-dev.txt
# says, with this tree installed in it. Does nothing, and needs no network,
# when it is that already.
set -euo pipefail
cd "$(dirname "$0")/.."

fits() { [ -x "$1" ] && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }

python=/usr/bin/python3
[ -x $python ] || command -v python3 >/dev/null || scripts/apt.sh python3-venv
fits $python || python=$(command -v python3)
fits "$python" || { echo "Python 3.11 or newer is needed (python3)" >&2; exit 1; }

state() { # what decides what is in the environment
    { "$python" -VV; pwd; cat setup.cfg pyproject.toml "$@"; } | sha256sum
}
run=$(state requirements.txt)
dev=$(state requirements-dev.txt)
# The tools of requirements-dev.txt stand beside all that requirements.txt asks for.
[ "$(cat .venv/dev 2>/dev/null)" != "$dev" ] || exit 0
[ "$1" != run ] || [ "$(cat .venv/run 2>/dev/null)" != "$run" ] || exit 0

# Its scripts name the place where it was made.
if ! fits .venv/bin/python || ! grep -q -F "$PWD/.venv" .venv/bin/pip 2>/dev/null; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || scripts/apt.sh python3-venv
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f .venv/run .venv/dev
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { .venv/bin/python -m pip --quiet "$@"; }
echo "Installing into .venv ..."
if [ "$1" = dev ]; then
    pip install --require-hashes -r requirements-dev.txt
else
    awk '/^(setuptools|wheel)==/ { on = 1 } on { print } !/\\$/ { on = 0 }' requirements-dev.txt >.venv/build.txt
    pip install --require-hashes -r requirements.txt -r .venv/build.txt
fi
pip install --no-deps --no-build-isolation --editable .
echo "${!1}" >".venv/$1"
