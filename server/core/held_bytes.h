#ifndef SINGLEFLIGHT_SERVER_CORE_HELD_BYTES_H_
#define SINGLEFLIGHT_SERVER_CORE_HELD_BYTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "server/base/slice.h"
#include "server/core/route.h"

namespace singleflight::core {

// Smaller replies need not be counted while they are written: those that a connection's streams may
// have in writing are bounded by their number.
inline constexpr size_t kSmallReplyBytes = 4 << 10;

// Counts bytes against an upstream's bound, and the process's, for as long as it lives, which may
// be longer than the configuration that it began with. Threads: any, one at a time.
class HeldBytes {
 public:
  explicit HeldBytes(SharedUpstream& upstream)
      : upstream_(upstream), keep_(upstream.weak_from_this().lock()) {}
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  ~HeldBytes() { Add(-bytes_); }

  // False: that is past the upstream's bound; the bytes are counted all the same.
  bool Add(int64_t bytes) {
    bytes_ += bytes;
    if (upstream_.budget != nullptr) upstream_.budget->Add(bytes);
    const int64_t before = upstream_.held_bytes.fetch_add(bytes, std::memory_order_relaxed);
    return before + bytes <= upstream_.max_held_bytes.load(std::memory_order_relaxed);
  }

 private:
  SharedUpstream& upstream_;
  const std::shared_ptr<SharedUpstream> keep_;
  int64_t bytes_ = 0;
};

// `bytes`, counted until nobody has them any more, even past the bound: for what was held already.
inline base::Slice Held(SharedUpstream& upstream, base::Slice bytes) {
  struct Holding {
    Holding(SharedUpstream& upstream, base::Slice bytes)
        : held(upstream), bytes(std::move(bytes)) {}
    HeldBytes held;
    const base::Slice bytes;
  };
  const auto holding = std::make_shared<Holding>(upstream, std::move(bytes));
  holding->held.Add(static_cast<int64_t>(holding->bytes.size()));
  return base::Slice(holding, holding->bytes.view());
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_HELD_BYTES_H_
