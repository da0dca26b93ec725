#!/usr/bin/env bash
# deb.sh: builds the Debian packages of this tree into dist/.
set -euo pipefail
cd "$(dirname "$0")/.."

# Only Debian's own tools and Python: what else is in PATH must not be found.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
scripts/apt.sh build-essential debhelper dh-virtualenv python3-dev python3-setuptools python3-venv
# debhelper changes HOME, and with it pip's configuration.
if [ -z "${PIP_CONFIG_FILE:-}" ] && [ -f "$HOME/.config/pip/pip.conf" ]; then
    export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
fi

work=build/deb/mailsuite
rm -rf build/deb dist
mkdir -p $work dist
tar --exclude-vcs --exclude=__pycache__ --exclude='*.egg-info' --anchored \
    --exclude=./.venv --exclude='./tests.*' --exclude=./var --exclude=./build --exclude=./dist --exclude='./.*_cache' \
    -cf - . | tar -xf - -C $work
(cd $work && dpkg-buildpackage --build=binary --no-sign)
mv build/deb/*.deb dist/
ls -l dist
