#!/bin/sh
# build.sh IMAGE DEMO: builds from the sources around this script and leaves in IMAGE a root that holds the proxy and
# singleflightctl, and in DEMO one that holds the demo's backend: each with the shared libraries that it needs and nothing
# else to run. A step of the Dockerfile.
set -eu
image=${1:?where to put the root of the image}
demo=${2:?where to put the root of the demo}
sources=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Paths and dates of this build are in no file.
cmake -S "$sources" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSINGLEFLIGHT_TESTS=OFF \
  "-DCMAKE_CXX_FLAGS=-ffile-prefix-map=$work=. -ffile-prefix-map=$sources=."
cmake --build "$work" --parallel "$(nproc)" --target singleflight-proxy singleflightctl demo-backend

# copy ROOT FILE: at the path at which the loader looks; -L follows the links of the distribution's file names.
copy() {
  mkdir -p "$1$(dirname "$2")"
  cp -L "$2" "$1$2"
}

# fill ROOT PROGRAM…: the programs, their libraries, whose these are, and who runs them.
fill() {
  root=$1
  shift
  for program; do
    install -D -m 755 -s "$program" "$root/usr/bin/$(basename "$program")"
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do copy "$root" "$library"; done
  done
  copy "$root" /etc/nsswitch.conf
  echo 'nonroot:x:65532:65532:singleflight:/nonexistent:/sbin/nologin' >"$root/etc/passwd"
  echo 'nonroot:x:65532:' >"$root/etc/group"
  install -d -m 1777 "$root/tmp"
  find "$root" -name '*.so*' | sed "s|^$root||" | owners_of >"$work/packages"
  install -D -m 644 "$work/packages" "$root/usr/share/doc/singleflight-proxy/packages.txt"
  install -D -m 644 "$sources/LICENSE" "$root/usr/share/doc/singleflight-proxy/LICENSE"
  cut -d= -f1 "$work/packages" | while read -r package; do
    copy "$root" "/usr/share/doc/${package%%:*}/copyright"
  done
  find "$root" -exec touch --no-dereference --date=@0 {} +
}

# owners_of: which packages the files that are read come from, as NAME=VERSION.
owners_of() {
  while read -r file; do
    # Some libraries are known by where they were before /lib became a link.
    dpkg-query -S "$(readlink -f "$file")" 2>/dev/null || dpkg-query -S "$(readlink -f "$file" | sed 's|^/usr||')"
  done | cut -d: -f1 | sort -u | xargs dpkg-query -W -f '${Package}=${Version}\n'
}

mkdir -p "$image/etc/singleflight"
copy "$image" /etc/ssl/certs/ca-certificates.crt # what "tls: true" trusts
fill "$image" "$work/server/singleflight-proxy" "$work/server/singleflightctl"
fill "$demo" "$work/demo/demo-backend"
