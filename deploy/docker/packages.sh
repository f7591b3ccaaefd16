#!/bin/sh
# Installs what the build needs into a bare Debian: a step of the Dockerfile.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends \
  g++ cmake ninja-build pkg-config \
  libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
  libspdlog-dev libyaml-cpp-dev libxxhash-dev libnghttp2-dev libboost-dev prometheus-cpp-dev zlib1g-dev libssl-dev libjemalloc-dev \
  ca-certificates
rm -rf /var/lib/apt/lists/*
