#ifndef SINGLEFLIGHT_SERVER_CORE_INVALIDATION_H_
#define SINGLEFLIGHT_SERVER_CORE_INVALIDATION_H_

#include <utility>
#include <vector>

#include "server/cache/store.h"

namespace singleflight::core {

// The duty to drop groups once more when the call whose reply named them is over: its first block
// may have come before the backend did the work, and what was read meanwhile is out of date.
class Invalidation {
 public:
  Invalidation() = default;
  Invalidation(cache::Store& store, std::vector<cache::Scope> scopes)
      : store_(&store), scopes_(std::move(scopes)) {}
  Invalidation(Invalidation&&) = default;
  Invalidation& operator=(Invalidation&& other) noexcept {
    Discharge();
    store_ = other.store_;
    scopes_ = std::exchange(other.scopes_, {});
    return *this;
  }
  ~Invalidation() { Discharge(); }

  void Discharge() {
    const std::vector<cache::Scope> scopes = std::exchange(scopes_, {});
    if (!scopes.empty()) store_->Purge(scopes);
  }

  // Nothing has to be dropped again.
  void Forget() { scopes_.clear(); }

 private:
  cache::Store* store_ = nullptr;
  std::vector<cache::Scope> scopes_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_INVALIDATION_H_
