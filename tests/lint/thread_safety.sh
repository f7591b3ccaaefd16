#!/usr/bin/env bash
# Shows that the clang build would find an access without its lock: the build proves nothing otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# compiles STATEMENT: is STATEMENT allowed in a method of a class whose `calls_` is guarded by `mu_`?
compiles() {
  clang++ -std=c++20 -I lib -Wall -Wextra -Werror -Wthread-safety -fsyntax-only -x c++ - 2>/dev/null <<CPP
#include "absl/base/thread_annotations.h"
#include "singleflight/mutex.h"
class Counter {
 public:
  void Add() { $1 }

 private:
  singleflight::Mutex mu_;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};
int main() { Counter().Add(); }
CPP
}

if ! compiles 'singleflight::MutexLock lock(mu_); ++calls_;'; then
  echo "thread safety: clang refuses an access under its lock" >&2
  exit 1
fi
if compiles '++calls_;'; then
  echo "thread safety: clang lets an access without its lock pass" >&2
  exit 1
fi
echo "clang finds an access without its lock"
