#!/usr/bin/env bash
# deb_install.sh DIRECTORY: installs the packages of a directory in a clean
# Debian 12 root and tries them there. Needs root (or sudo) and the network.
set -euo pipefail
cd "$(dirname "$0")/../.."

debs=$(realpath "$1")
[ -n "$(find "$debs" -name 'mailsuite-core_*.deb')" ] || { echo "no packages in $debs: make deb" >&2; exit 1; }
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH "$0" "$debs"
scripts/apt.sh debootstrap

daemons="mailsuite-mx mailsuite-msa mailsuite-out mailsuite-mda mailsuite-dns mailsuite-web mailsuite-tend mailsuite"
root=$(mktemp -d /var/tmp/mailsuite-root.XXXXXX)
chmod 755 "$root"
leave() {
    if mountpoint -q "$root/proc" && ! umount "$root/proc"; then
        echo "cannot unmount $root/proc; $root stays" >&2
    else
        rm -rf "$root"
    fi
}
trap leave EXIT
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
say() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# From where this machine gets its packages.
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u)
mirror=$(awk '$2 == "bookworm" && $3 == "main" { print $1; exit }' <<<"$sources")
[ -n "$mirror" ] || fail "apt on this machine has no source for bookworm main"

say "A clean Debian 12"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || { tail "$root.log"; fail debootstrap; }
rm "$root.log"
awk '$2 ~ /^bookworm/ && $3 == "main" { print "deb", $1, $2, $3 }' <<<"$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-)' >"$root/etc/apt/apt.conf.d/00as-outside" || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
mkdir "$root/debs"
cp "$debs"/*.deb "$root/debs/"
inside apt-get update -q >/dev/null

say "Install"
inside sh -c 'apt-get install -q -y --no-install-recommends /debs/*.deb systemd' | tail -n 12
inside dpkg --audit
[ "$(inside stat -c '%U:%G %a' /etc/mailsuite/mailsuite.toml)" = "root:mailsuite 640" ] || fail "owner of mailsuite.toml"
inside test -f /usr/share/mailsuite/webroot/templates/base.html || fail "no webroot"

say "twistd lists every daemon, as the daemons' user, without a word about its cache"
help=$(inside runuser -u mailsuite -- /usr/lib/mailsuite/bin/twistd --help 2>&1)
for daemon in $daemons; do
    grep -E "^ +$daemon +[A-Z]" <<<"$help" || fail "twistd does not list $daemon"
    inside runuser -u mailsuite -- /usr/lib/mailsuite/bin/twistd "$daemon" --help >/dev/null || fail "$daemon --help"
done
! grep -i -E 'traceback|cache|warning' <<<"$help" || fail "twistd complains"

say "mailctl"
inside mailctl --help
inside runuser -u mailsuite -- mailctl check-config

say "Units"
inside sh -c 'systemd-analyze verify /lib/systemd/system/mailsuite*' || fail "systemd-analyze verify"
inside sh -c 'cd /lib/systemd/system && systemctl is-enabled mailsuite.target mailsuite-mx.socket mailsuite-msa.socket \
    mailsuite-msa-tls.socket mailsuite-dns.socket mailsuite-web.socket mailsuite-*[a-z].service' | sort | uniq -c
[ "$(inside systemctl is-enabled mailsuite.service || true)" = disabled ] || fail "mailsuite.service is enabled"

say "The demonstration comes up"
inside runuser -u mailsuite -- env MAILSUITE_DEMO_DIR=/tmp/demo MAILSUITE_PORT_OFFSET=31000 \
    timeout -k 30 -s TERM 60 mailctl demo >"$root/tmp/demo.log" 2>&1 &
for _ in $(seq 300); do
    ! grep -q -x ready "$root/tmp/demo.log" || break
    sleep 0.1
done
grep -q -x ready "$root/tmp/demo.log" || { cat "$root/tmp/demo.log"; fail "mailctl demo is not ready after 30 s"; }
kill %1
wait %1 || true

say "Purge"
inside apt-get purge -q -y 'mailsuite*' | tail -n 3
[ -z "$(inside find /usr/lib/mailsuite /etc/mailsuite /usr/bin/mailctl 2>/dev/null)" ] || fail "files are left behind"

say "All of it works"
