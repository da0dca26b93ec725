#!/bin/bash
# One network namespace with a small world: 198.51.100.1 a registry, .3 a recursive resolver, .25 our host, .53 another provider.
# usage: doctor_lab.sh up|down NAME
set -eu
N=$2
case $1 in
up)
  ip netns add $N
  for host in 1 3 25 53; do ip -n $N addr add 198.51.100.$host/24 dev lo; done
  ip -n $N link set lo up
  mkdir -p /etc/netns/$N
  echo "nameserver 198.51.100.3" > /etc/netns/$N/resolv.conf
  echo "127.0.0.1 localhost" > /etc/netns/$N/hosts
  ;;
down)
  for p in $(ip netns pids $N 2>/dev/null); do kill $p 2>/dev/null || true; done
  ip netns del $N 2>/dev/null || true
  rm -rf /etc/netns/$N
  ;;
*) exit 2 ;;
esac
