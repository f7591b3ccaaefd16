// Whether calls of a route with `verify` may share, as checks have found.
//
// A part of the followers and hits is sent upstream all the same, beside the reply that they got
// (Check). If a reply differs in a way that the two requests explain, that is a trial's evidence
// against the key: it leaves out what upstream looks at.
//
//   evidence   A part of the reply that differed in one trial. A trial in which that part changed
//              from call to call of one request takes it back.
//   proof      A part against which the evidence of two trials is left.
//   apart      The two clients of the first proof, whose leader's and whose follower's request it
//              was. Their calls go alone from then on.
//   stopped    A second proof, which can only come from two others: every call goes alone.
//
// So no client switches sharing off for all: whatever a single one sends, it is one of the two in
// every proof that it makes, and is apart after the first. When nobody is apart any more is for
// people to say: ShareAgain, or a new configuration.
//
// What was kept before a step is not served after it, as its leader may be one who is apart now.
// After its start, and after each step, a route checks its next kAllAtFirst followers and
// hits, so that a key that is wrong is found soon.
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_CORE_VERIFICATION_H_
#define SINGLEFLIGHT_SERVER_CORE_VERIFICATION_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "server/base/slice.h"
#include "server/base/timer_queue.h"
#include "server/memory/client.h"
#include "server/model/request.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

// How far a route shares.
enum class Sharing : uint8_t {
  kAll,
  kSomeApart,  // the calls of one client, or of two, go alone
  kStopped,    // all do
};

// One call's request, and whose it was.
struct Asked {
  static constexpr uint64_t kNobody = ~uint64_t{0};

  // For calls without a client.
  static uint64_t IdentityOf(const memory::Client* client) {
    return client == nullptr ? 0 : client->identity;
  }

  std::shared_ptr<const model::Request> request;
  base::Slice message;  // framed as on the wire
  uint64_t client = kNobody;
};

class Verification {
 public:
  static constexpr int64_t kAllAtFirst = 64;
  static constexpr int kProof = 2;          // trials
  static constexpr size_t kMostParts = 64;  // of replies, of which evidence is kept
  static constexpr size_t kLeaderBytes = 1 << 20;
  static constexpr size_t kLargestLeader = 64 << 10;

  // `route`: what logs call it. `share`: so many of a million followers and hits are checked.
  Verification(std::string route, uint32_t share) : route_(std::move(route)), share_(share) {}

  // Hears of each step, in one sentence, besides the log. Before traffic.
  void set_on_step(std::function<void(const std::string&)> on_step) {
    on_step_ = std::move(on_step);
  }

  // Whether a call of `client` goes alone.
  bool KeepsApart(const memory::Client* client) const {
    const Sharing sharing = sharing_.load(std::memory_order_acquire);
    if (sharing == Sharing::kAll) return false;
    return sharing == Sharing::kStopped || IsApart(Asked::IdentityOf(client));
  }

  // Whether a follower or hit is to be checked: while so few were, or by lot.
  bool IsAmongFirst() { return first_left_ > 0 && first_left_.fetch_sub(1) > 0; }
  bool Draws(std::minstd_rand* random) const;

  // What the leaders of the latest flights asked whose replies are kept: of as many as fit into
  // kLeaderBytes, none of which is larger than kLargestLeader. By the hash of the key.
  void NoteLeader(uint64_t key, Asked asked);
  absl::optional<Asked> LeaderOf(uint64_t key) const;

  // What a trial has found.
  struct Trial {
    std::vector<std::string> differs;   // parts that the requests explain
    std::vector<std::string> unsteady;  // parts that change from call to call
    uint64_t leader;                    // Asked::client
    uint64_t follower;
    std::string text;  // DifferenceText
  };
  void Note(const Trial& trial, base::Instant now);

  // Nobody is apart, and there is no evidence. False: that is how it was.
  bool ShareAgain(base::Instant now);

  // Whether a reply that was kept then is from before the latest step, and may be one that its
  // leader had no right to share. It is not served.
  bool Distrusts(base::Instant born) const {
    return born.time_since_epoch().count() < trusted_since_.load(std::memory_order_relaxed);
  }

  Sharing sharing() const { return sharing_.load(std::memory_order_relaxed); }

  // In what the latest trial differed that did; empty: none has.
  std::string latest() const;

 private:
  struct Leader {
    Asked asked;
    uint64_t number;  // which of its key's it is
  };

  bool IsApart(uint64_t client) const {
    return client != Asked::kNobody && (client == apart_[0].load(std::memory_order_relaxed) ||
                                        client == apart_[1].load(std::memory_order_relaxed));
  }
  bool Weigh(const Trial& trial) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int Add(int weight, const std::string& part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<Sharing> Step(const Trial& trial, base::Instant now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropOldestLeader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Begin(base::Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string route_;
  const uint32_t share_;
  std::function<void(const std::string&)> on_step_;

  std::atomic<Sharing> sharing_{Sharing::kAll};
  std::atomic<int64_t> first_left_{kAllAtFirst};
  std::atomic<base::Instant::rep> trusted_since_{0};
  std::array<std::atomic<uint64_t>, 2> apart_{Asked::kNobody, Asked::kNobody};

  mutable Mutex mu_;
  std::map<std::string, int> evidence_ ABSL_GUARDED_BY(mu_);  // by part
  std::string latest_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, Leader> leaders_ ABSL_GUARDED_BY(mu_);
  std::deque<std::pair<uint64_t, uint64_t>> oldest_first_ ABSL_GUARDED_BY(mu_);  // key, number
  uint64_t next_leader_ ABSL_GUARDED_BY(mu_) = 0;
  size_t leader_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_VERIFICATION_H_
