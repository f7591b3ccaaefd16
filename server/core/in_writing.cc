#include "server/core/in_writing.h"

#include <algorithm>

namespace singleflight::core {

// A kept reply that is being written.
struct InWriting::Holding {
  Holding(memory::UpstreamBudget& upstream, std::shared_ptr<const void> owner)
      : bytes(upstream), owner(std::move(owner)) {}
  memory::HeldBytes bytes;
  const std::shared_ptr<const void> owner;
};

// One client's part in a reply.
struct InWriting::Part {
  Part(const memory::UpstreamBudget& upstream, std::shared_ptr<memory::Client> whose,
       std::shared_ptr<const void> owner)
      : client(std::move(whose)), bytes(upstream, client), owner(std::move(owner)) {}
  const std::shared_ptr<memory::Client> client;  // it lives as long as its address is a key
  memory::ClientHeld bytes;
  const std::shared_ptr<const void> owner;
};

template <typename Key, typename Value>
std::shared_ptr<const Value> InWriting::Known<Key, Value>::Find(const Key& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : found->second.lock();
}

template <typename Key, typename Value>
void InWriting::Known<Key, Value>::Remember(const Key& key,
                                            const std::shared_ptr<const Value>& value) {
  if (known_.size() >= forget_at_) {
    absl::erase_if(known_, [](const auto& item) { return item.second.expired(); });
    forget_at_ = std::max<size_t>(16, 2 * known_.size());
  }
  known_[key] = value;
}

absl::optional<model::Reply> InWriting::Hold(memory::UpstreamBudget& upstream,
                                             const model::Reply& reply,
                                             const std::shared_ptr<memory::Client>& client) {
  if (reply.body.size() <= memory::kSmallReplyBytes) return reply;
  std::shared_ptr<const Holding> holding = HoldingOf(upstream, reply);
  if (holding == nullptr) return absl::nullopt;
  model::Reply held = reply;
  held.owner = std::move(holding);
  return HoldFor(upstream, held, client);
}

std::shared_ptr<const InWriting::Holding> InWriting::HoldingOf(memory::UpstreamBudget& upstream,
                                                               const model::Reply& reply) {
  if (std::shared_ptr<const Holding> known = holdings_.Find(reply.owner.get())) return known;
  const auto holding = std::make_shared<Holding>(upstream, reply.owner);
  if (!holding->bytes.Add(static_cast<int64_t>(reply.body.size()))) return nullptr;
  holdings_.Remember(reply.owner.get(), holding);
  return holding;
}

// A client that has a part in it already takes no more by one caller more.
absl::optional<model::Reply> InWriting::HoldFor(memory::UpstreamBudget& upstream,
                                                const model::Reply& reply,
                                                const std::shared_ptr<memory::Client>& client) {
  const bool large = reply.body.size() > memory::kSmallReplyBytes;
  if (large && memory::PastShare(upstream, client.get(), 0) &&
      parts_.Find({reply.owner.get(), client.get()}) == nullptr) {
    return absl::nullopt;
  }
  return Charge(upstream, reply, client);
}

model::Reply InWriting::Charge(const memory::UpstreamBudget& upstream, const model::Reply& reply,
                               const std::shared_ptr<memory::Client>& client) {
  if (client == nullptr || reply.body.size() <= memory::kSmallReplyBytes) return reply;
  const OwnerAndClient key(reply.owner.get(), client.get());
  std::shared_ptr<const Part> part = parts_.Find(key);
  if (part == nullptr) {
    const auto made = std::make_shared<Part>(upstream, client, reply.owner);
    made->bytes.Add(static_cast<int64_t>(reply.body.size()));
    parts_.Remember(key, made);
    part = made;
  }
  model::Reply charged = reply;
  charged.owner = std::move(part);
  return charged;
}

}  // namespace singleflight::core
