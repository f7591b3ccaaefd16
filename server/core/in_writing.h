#ifndef SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_
#define SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "server/memory/held_bytes.h"
#include "server/model/reply.h"

namespace singleflight::core {

// The large replies that one loop is writing to callers, and whose they are meanwhile.
//
// A client takes of what its upstream may hold by leaving replies unread, even those that another
// client asked for first. So a reply is charged to each client that it is being written to, once,
// however many of its callers get it. What is kept may be evicted meanwhile, and counts as held for
// as long; what comes from a flight, or was decoded, counts already.
//
// Threads: its loop's, also for letting go of what it returns.
class InWriting {
 public:
  // A kept reply with an owner that counts it, once, and charges `client`. None: that would be past
  // max_held_bytes, or the client's share of it.
  absl::optional<model::Reply> Hold(memory::UpstreamBudget& upstream, const model::Reply& reply,
                                    const std::shared_ptr<memory::Client>& client);

  // The same for a reply that counts already.
  absl::optional<model::Reply> HoldFor(memory::UpstreamBudget& upstream, const model::Reply& reply,
                                       const std::shared_ptr<memory::Client>& client);

  // The same, whatever the client holds: for what it has asked upstream for itself.
  model::Reply Charge(const memory::UpstreamBudget& upstream, const model::Reply& reply,
                      const std::shared_ptr<memory::Client>& client);

 private:
  struct Holding;
  struct Part;
  using OwnerAndClient = std::pair<const void*, const memory::Client*>;

  // By the reply's owner, which the values keep alive. Those that are over are forgotten when there
  // may be more of them than of others.
  template <typename Key, typename Value>
  class Known {
   public:
    std::shared_ptr<const Value> Find(const Key& key) const;
    void Remember(const Key& key, const std::shared_ptr<const Value>& value);

   private:
    absl::flat_hash_map<Key, std::weak_ptr<const Value>> known_;
    size_t forget_at_ = 16;
  };

  std::shared_ptr<const Holding> HoldingOf(memory::UpstreamBudget& upstream,
                                           const model::Reply& reply);

  Known<const void*, Holding> holdings_;
  Known<OwnerAndClient, Part> parts_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_
