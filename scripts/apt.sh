#!/usr/bin/env bash
# apt.sh PACKAGE...: installs the Debian packages that are missing. It needs
# the network and root (or sudo) only when one is. No service is started.
set -euo pipefail

missing=()
for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "These packages are missing, and there is neither root nor sudo to install them:" >&2
        echo "    apt-get install ${missing[*]}" >&2
        exit 1
    }
    root=(sudo)
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
fi
echo 'postfix postfix/main_mailer_type select No configuration' | "${root[@]}" debconf-set-selections
# A list that cannot be fetched matters only if a package then cannot be found.
"${root[@]}" apt-get update -q || true
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
