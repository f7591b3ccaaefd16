#!/usr/bin/env bash
# packages.sh LIST…: installs what is missing of these lists of packages.txt, as root or with sudo. Servers that come with
# them do not run as services of this machine: tests and benchmarks start the programs themselves.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

die() {
  printf 'packages: %s\n' "$*" >&2
  exit 1
}

names() { sed -n "s/^$1  *//p" deploy/packages.txt | tr -s ' ' '\n'; }

# A program that did not come as a package counts as well.
installed() {
  case $1 in
    nodejs) command -v node >/dev/null && return ;;
    npm | clang | clang-format) command -v "$1" >/dev/null && return ;;
  esac
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# service_of PACKAGE: the service that PACKAGE would start here, unless there is one already.
service_of() {
  local service
  case $1 in
    nginx | haproxy) service=$1 ;;
    nghttp2-proxy) service=nghttpx ;;
    etcd-server) service=etcd ;;
    prometheus) service=prometheus ;;
    *) return ;;
  esac
  command -v "$service" >/dev/null || [ -x "/usr/sbin/$service" ] || printf '%s' "$service"
}

install_missing() {
  mkdir -p build
  if ! "${root[@]}" apt-get -q update >build/packages.log 2>&1 ||
    ! "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
      install --no-install-recommends "${missing[@]}" >>build/packages.log 2>&1; then
    tail -20 build/packages.log >&2
    die "could not be installed (build/packages.log)"
  fi
}

# While /usr/sbin/policy-rc.d says no, no package starts anything; a service that starts all the same is stopped.
install_without_services() {
  local policy=/usr/sbin/policy-rc.d service
  if [ ! -e $policy ]; then
    trap '"${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" install -m 755 /dev/stdin $policy
  fi
  install_missing
  for service; do
    if [ -d /run/systemd/system ]; then
      "${root[@]}" systemctl disable --now "$service" >/dev/null 2>&1 || true
    else
      "${root[@]}" service "$service" stop >/dev/null 2>&1 || true
    fi
  done
}

# Without <(…), which takes /dev/fd, and so /proc: a bare root may have none.
wanted=()
for list; do
  packages=$(names "$list")
  [ -n "$packages" ] || die "no list $list in deploy/packages.txt"
  mapfile -t -O ${#wanted[@]} wanted <<<"$packages"
done
if ! command -v apt-get >/dev/null; then
  printf '%s\n' "Not a Debian system: these packages, or what they are called here, are needed: ${wanted[*]}"
  exit
fi

missing=()
services=()
for package in "${wanted[@]}"; do
  installed "$package" && continue
  missing+=("$package")
  service=$(service_of "$package")
  [ -z "$service" ] || services+=("$service")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "missing, and neither root nor sudo to install them: ${missing[*]}"
  root=(sudo)
fi
printf 'Installing %s\n' "${missing[*]}"
if [ ${#services[@]} -gt 0 ]; then install_without_services "${services[@]}"; else install_missing; fi
