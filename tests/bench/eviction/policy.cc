#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {

const std::vector<PolicyKind>& AllPolicies() {
  static const auto& kinds = *new std::vector<PolicyKind>{
      {"lru", MakeLru},           {"sieve", MakeSieve},     {"s3-fifo", MakeS3Fifo},
      {"w-tinylfu", MakeTinyLfu}, {"product", MakeProduct},
  };
  return kinds;
}

}  // namespace singleflight::bench
