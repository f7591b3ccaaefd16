#include "server/core/in_writing.h"

#include <algorithm>
#include <utility>

namespace singleflight::core {

struct InWriting::Holding {
  Holding(SharedUpstream& upstream, const std::shared_ptr<Client>& client,
          std::shared_ptr<const void> owner)
      : bytes(upstream, client), owner(std::move(owner)) {}
  HeldBytes bytes;
  const std::shared_ptr<const void> owner;
};

absl::optional<model::Reply> InWriting::Hold(SharedUpstream& upstream, const model::Reply& reply,
                                             const std::shared_ptr<Client>& client) {
  if (reply.body.size() <= kSmallReplyBytes) return reply;
  std::shared_ptr<const Holding> holding = HoldingOf(upstream, reply, client);
  if (holding == nullptr) return absl::nullopt;
  model::Reply held = reply;
  held.owner = std::move(holding);
  return held;
}

std::shared_ptr<const InWriting::Holding> InWriting::HoldingOf(
    SharedUpstream& upstream, const model::Reply& reply, const std::shared_ptr<Client>& client) {
  const auto known = holdings_.find(reply.owner.get());
  if (known != holdings_.end()) {
    if (std::shared_ptr<const Holding> holding = known->second.lock()) return holding;
  }
  const auto holding = std::make_shared<Holding>(upstream, client, reply.owner);
  if (!holding->bytes.Add(static_cast<int64_t>(reply.body.size()))) return nullptr;
  if (holding->bytes.PastShare()) return nullptr;
  if (holdings_.size() >= forget_at_) ForgetWritten();
  holdings_[reply.owner.get()] = holding;
  return holding;
}

void InWriting::ForgetWritten() {
  absl::erase_if(holdings_, [](const auto& item) { return item.second.expired(); });
  forget_at_ = std::max<size_t>(16, 2 * holdings_.size());
}

}  // namespace singleflight::core
