#ifndef SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_
#define SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_

#include <cstddef>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "server/core/held_bytes.h"
#include "server/model/reply.h"

namespace singleflight::core {

// The large kept replies that one loop is writing to callers. While one is being written its bytes
// count as held by the upstream, for it may be evicted meanwhile: once, however many callers get
// it.
//
// Threads: its loop's, also for letting go of what it returns.
class InWriting {
 public:
  // `reply` with an owner that counts, for `client` if it is the first that gets it. None: that
  // would be past max_held_bytes, or the client's share of it.
  absl::optional<model::Reply> Hold(SharedUpstream& upstream, const model::Reply& reply,
                                    const std::shared_ptr<Client>& client);

 private:
  struct Holding;

  std::shared_ptr<const Holding> HoldingOf(SharedUpstream& upstream, const model::Reply& reply,
                                           const std::shared_ptr<Client>& client);
  void ForgetWritten();

  // By the reply's owner, which a holding keeps alive. Those that are over are forgotten when there
  // may be more of them than of others.
  absl::flat_hash_map<const void*, std::weak_ptr<const Holding>> holdings_;
  size_t forget_at_ = 16;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_IN_WRITING_H_
