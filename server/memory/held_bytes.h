// Counting what a call holds for its upstream and its client, as a duty that undoes itself.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_HELD_BYTES_H_
#define SINGLEFLIGHT_SERVER_MEMORY_HELD_BYTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/types/optional.h"
#include "server/base/slice.h"
#include "server/memory/client.h"
#include "server/memory/upstream_budget.h"

namespace singleflight::memory {

// Smaller replies need not be counted while they are written: those that a connection's streams may
// have in writing are bounded by their number.
inline constexpr size_t kSmallReplyBytes = 4 << 10;

// Whether calls of `client` hold its share of what the upstream's may, so that it may not hold
// `more`. Asked where something begins, for what is under way goes on. Null: nobody's, and no share
// is asked for.
inline bool PastShare(const UpstreamBudget& upstream, Client* client, int64_t more) {
  const int64_t all = upstream.held_bytes.load(std::memory_order_relaxed) + more;
  const int64_t most = upstream.max_held_bytes.load(std::memory_order_relaxed);
  if (client == nullptr || !PastShare(all, all, most)) return false;  // without a look at whose
  return PastShare(client->HeldOf(upstream.name)->load(std::memory_order_relaxed), all, most);
}

// What a client has of what an upstream's calls hold, and of the process's bytes; they count
// against the bounds elsewhere. Threads: any, one at a time.
class ClientHeld {
 public:
  ClientHeld(const UpstreamBudget& upstream, const std::shared_ptr<Client>& client)
      : of_upstream_(client->HeldOf(upstream.name)),
        buffered_(upstream.budget == nullptr ? nullptr : client) {}
  ClientHeld(const ClientHeld&) = delete;
  ClientHeld& operator=(const ClientHeld&) = delete;
  ~ClientHeld() { of_upstream_->fetch_sub(bytes_, std::memory_order_relaxed); }

  void Add(int64_t bytes) {
    bytes_ += bytes;
    of_upstream_->fetch_add(bytes, std::memory_order_relaxed);
    buffered_.Add(bytes);
  }

 private:
  const std::shared_ptr<Client::Bytes> of_upstream_;
  ClientBytes buffered_;
  int64_t bytes_ = 0;
};

// Counts bytes against an upstream's bound, and the process's, and for the client whose call needs
// them, for as long as it lives, which may be longer than the configuration that it began with.
// Threads: any, one at a time.
class HeldBytes {
 public:
  // `client`: null: nobody's.
  explicit HeldBytes(UpstreamBudget& upstream, const std::shared_ptr<Client>& client = nullptr)
      : upstream_(upstream), keep_(upstream.weak_from_this().lock()) {
    if (client != nullptr) client_.emplace(upstream, client);
  }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  ~HeldBytes() { Add(-bytes_); }

  // False: that is past the upstream's bound; the bytes are counted all the same.
  bool Add(int64_t bytes) {
    bytes_ += bytes;
    if (upstream_.budget != nullptr) upstream_.budget->Add(bytes);
    if (client_.has_value()) client_->Add(bytes);
    const int64_t before = upstream_.held_bytes.fetch_add(bytes, kRelaxed);
    return before + bytes <= upstream_.max_held_bytes.load(kRelaxed);
  }

  // From now on they are nobody's, or of the clients that InWriting charges with them one by one.
  void Disown() { client_.reset(); }

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  UpstreamBudget& upstream_;
  const std::shared_ptr<UpstreamBudget> keep_;
  absl::optional<ClientHeld> client_;
  int64_t bytes_ = 0;
};

// `bytes`, counted until nobody has them any more, even past the bound: for what was held already.
inline base::Slice Held(UpstreamBudget& upstream, base::Slice bytes) {
  struct Holding {
    Holding(UpstreamBudget& upstream, base::Slice bytes)
        : held(upstream), bytes(std::move(bytes)) {}
    HeldBytes held;
    const base::Slice bytes;
  };
  const auto holding = std::make_shared<Holding>(upstream, std::move(bytes));
  holding->held.Add(static_cast<int64_t>(holding->bytes.size()));
  return base::Slice(holding, holding->bytes.view());
}

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_HELD_BYTES_H_
