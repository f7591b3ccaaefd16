#include "server/upstream/client_shares.h"

#include <iterator>
#include <utility>

#include "server/upstream/pooled_call.h"

namespace singleflight::upstream {

size_t StreamShares::of(const memory::Client* client) const {
  const auto known = by_client_.find(client);
  return known == by_client_.end() ? 0 : known->second;
}

WaitingCalls::Line::iterator WaitingCalls::Push(std::shared_ptr<PooledCall> call) {
  const memory::Client* const client = call->client();
  auto known = by_client_.find(client);
  if (known == by_client_.end()) {
    turns_.push_back({client, {}});
    known = by_client_.emplace(client, std::prev(turns_.end())).first;
  }
  Line& line = known->second->calls;
  line.push_back(std::move(call));
  ++size_;
  return std::prev(line.end());
}

void WaitingCalls::Erase(Line::iterator place) {
  const auto known = by_client_.find((*place)->client());
  const auto turn = known->second;
  turn->calls.erase(place);
  --size_;
  if (!turn->calls.empty()) return;
  by_client_.erase(known);
  turns_.erase(turn);
}

size_t WaitingCalls::of(const memory::Client* client) const {
  const auto known = by_client_.find(client);
  return known == by_client_.end() ? 0 : known->second->calls.size();
}

}  // namespace singleflight::upstream
