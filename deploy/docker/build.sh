#!/bin/sh
# build.sh DIR: builds the proxy from the sources around this script and leaves in DIR a root that holds it, the
# shared libraries that it needs and nothing else to run: a step of the Dockerfile.
set -eu
root=${1:?where to put the root}
sources=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake -S "$sources" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSINGLEFLIGHT_TESTS=OFF
cmake --build "$work" --parallel "$(nproc)" --target singleflight-proxy
install -D -m 755 -s "$work/server/singleflight-proxy" "$root/usr/bin/singleflight-proxy"

# Copies keep the paths at which the loader looks; -L follows the links of the distribution's file names.
copy() {
  mkdir -p "$root$(dirname "$1")"
  cp -L "$1" "$root$1"
}
ldd "$root/usr/bin/singleflight-proxy" | grep -o '/[^ ]*' | while read -r library; do copy "$library"; done
copy /etc/ssl/certs/ca-certificates.crt # what "tls: true" trusts
copy /etc/nsswitch.conf

echo 'nonroot:x:65532:65532:singleflight:/nonexistent:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
mkdir -p "$root/etc/singleflight"
install -d -m 1777 "$root/tmp"
