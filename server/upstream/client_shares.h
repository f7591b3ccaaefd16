// Which clients have the streams of a connection, and which wait for one: so that no client waits
// behind all that another one has asked for.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_CLIENT_SHARES_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_CLIENT_SHARES_H_

#include <cstddef>
#include <list>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "server/memory/client.h"

namespace singleflight::upstream {

class PooledCall;

// How many streams of one connection each client has.
class StreamShares {
 public:
  void Opened(const memory::Client* client) {
    ++all_;
    if (client != nullptr) ++by_client_[client];
  }
  void Ended(const memory::Client* client) {
    --all_;
    const auto found = by_client_.find(client);
    if (found != by_client_.end() && --found->second == 0) by_client_.erase(found);
  }

  size_t all() const { return all_; }
  size_t of(const memory::Client* client) const;

 private:
  absl::flat_hash_map<const memory::Client*, size_t> by_client_;
  size_t all_ = 0;
};

// Calls that wait for a stream: each client's in the order in which they came, the clients in turn.
class WaitingCalls {
 public:
  using Line = std::list<std::shared_ptr<PooledCall>>;

  // Returns where the call stands, for Erase.
  Line::iterator Push(std::shared_ptr<PooledCall> call);
  void Erase(Line::iterator place);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t of(const memory::Client* client) const;

  // The next call of a client that may take a stream; null: none may. The call stays where it is,
  // and its client has its next turn after all others.
  template <typename May>
  std::shared_ptr<PooledCall> Next(const May& may) {
    for (auto at = turns_.begin(); at != turns_.end(); ++at) {
      if (!may(at->client)) continue;
      turns_.splice(turns_.end(), turns_, at);
      return turns_.back().calls.front();
    }
    return nullptr;
  }

 private:
  struct Turn {
    const memory::Client* client;
    Line calls;  // never empty
  };
  std::list<Turn> turns_;
  absl::flat_hash_map<const memory::Client*, std::list<Turn>::iterator> by_client_;
  size_t size_ = 0;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_CLIENT_SHARES_H_
