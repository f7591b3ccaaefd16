// How many calls of one upstream are in the air over all workers, and which of those that wait is
// next: the one that most callers wait for, and of those the oldest. So a backend that cannot
// answer everybody answers as many callers as it can.
//
// A call waits for max_wait at most, which its pool sees to. No more wait than will be served in
// that time at the recent rate. When one more comes, one of the least wanted is refused
// immediately: of those that have waited longest, because so far nobody has joined them, one of the
// client that has the most calls waiting. So no client's calls drive out those of others.
//
// No client has more than its share of the slots (memory/client.h). What waits past it waits for
// its client's own calls to end, and keeps nobody of another client waiting. Whenever a slot is
// free, nobody waits that might have it.
//
// Threads: any. Nothing is called while the lock is held; who waits is told on its own loop.
// Ownership: by shared_ptr, belongs to the upstream's name and so outlives configurations; slots
// keep it alive.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/loop.h"
#include "server/memory/client.h"
#include "server/upstream/concurrency_limit.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/options.h"
#include "server/upstream/quiet_alarm.h"
#include "singleflight/mutex.h"

namespace singleflight::upstream {

class Concurrency : public std::enable_shared_from_this<Concurrency> {
 public:
  static constexpr absl::Duration kStuckAfter = absl::Seconds(1);

  // The right of one call to be in the air. Destroying it gives it back.
  class Slot {
   public:
    Slot() = default;
    Slot(std::shared_ptr<Concurrency> of, const memory::Client* client)
        : of_(std::move(of)), client_(client) {}
    Slot(Slot&&) = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (of_ != nullptr) of_->Release(client_, absl::nullopt);
    }

    // The same, and how long it was kept says how soon others will be free.
    void GiveBack(absl::Duration kept) {
      if (const auto of = std::exchange(of_, nullptr)) of->Release(client_, kept);
    }

   private:
    std::shared_ptr<Concurrency> of_;  // null: it has been given back
    const memory::Client* client_ =
        nullptr;  // of whose share it is; only a name, as it may go first
  };

  // Hears, on its loop, that there is a slot; nothing: it is refused.
  using Tell = absl::AnyInvocable<void(absl::optional<Slot>)>;

  struct Asking {
    size_t wanted;                 // callers that wait for it
    const memory::Client* client;  // null: nobody's
    base::Loop& loop;
  };

  // Either a slot, or the number under which the call waits.
  struct Entered {
    absl::optional<Slot> slot;
    uint64_t number = 0;
  };

  explicit Concurrency(const ConcurrencyOptions& options);

  // From now on. Calls in the air stay there.
  void SetOptions(const ConcurrencyOptions& options);

  // A slot, if there is one for that client now.
  absl::optional<Slot> TryEnter(const memory::Client* client);

  Entered Enter(const Asking& asking, Tell tell);

  // Returns false if the call has its answer already, which is on its way.
  bool Leave(uint64_t number);

  // So many callers wait for it now.
  struct Rank {
    uint64_t number;
    size_t wanted;
  };
  void SetRanks(const std::vector<Rank>& ranks);

  // It counts for no client any more.
  void Disown(uint64_t number);

  // For the adaptive limit: what a call took until it was answered, or cut off. One that was cut
  // off at an endpoint that has answered nobody since it was sent, while others did, says that the
  // endpoint hangs, and nothing of how many calls the upstream takes.
  struct Measured {
    base::Instant now;
    absl::Duration took;
    bool answered;
  };
  void Measure(const Measured& call, EndpointShared& at);

  // Raises the adaptive limit if calls wait and none has got a slot for kStuckAfter: calls that are
  // silent may have all slots, and then there is none to measure. To be called while calls wait.
  void RaiseIfStuck(base::Instant now);

  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  int64_t queued() const { return queued_.load(std::memory_order_relaxed); }

  // Whether calls were refused lately.
  QuietAlarm& alarm() { return alarm_; }
  const QuietAlarm& alarm() const { return alarm_; }

 private:
  struct Waiting {
    size_t wanted;
    const memory::Client* client;
    base::Loop* loop;
    Tell tell;
  };
  using Place = std::pair<size_t, uint64_t>;  // how little it is wanted; its number

  // What a client has.
  struct Part {
    int64_t slots = 0;
    std::set<Place> waits;
  };
  struct Told {
    Waiting who;
    bool served;
  };

  static Place PlaceOf(uint64_t number, size_t wanted) { return {SIZE_MAX - wanted, number}; }
  void Release(const memory::Client* client, absl::optional<absl::Duration> kept);
  void Send(Told told);
  void SendAll(std::vector<Told> told);

  size_t MostWaiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t LeastWanted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  size_t WaitingOf(const memory::Client* client) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Waiting TakeOut(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Insert(uint64_t number, const Waiting& who) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Erase(uint64_t number, const Waiting& who) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropIfEmpty(const memory::Client* client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool May(const memory::Client* client) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Count(const memory::Client* client, int64_t more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<uint64_t> Next() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TakeSlot(const memory::Client* client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Serve(std::vector<Told>& told) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool SaysSomething(const Measured& call, EndpointShared& at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetLimit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  ConcurrencyOptions options_ ABSL_GUARDED_BY(mu_);
  GradientLimit adaptive_ ABSL_GUARDED_BY(mu_);
  uint64_t given_ ABSL_GUARDED_BY(mu_) = 0;  // slots, since the beginning
  uint64_t seen_ ABSL_GUARDED_BY(mu_) = 0;   // of these, by RaiseIfStuck
  base::Instant seen_at_ ABSL_GUARDED_BY(mu_);
  base::Instant answered_ ABSL_GUARDED_BY(mu_);  // a call was measured last, anywhere
  double kept_ ABSL_GUARDED_BY(mu_) = 0;  // seconds that slots are kept, on average; 0: not known
  uint64_t numbers_ ABSL_GUARDED_BY(mu_) = 0;  // that there have been
  std::map<uint64_t, Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  std::set<Place> order_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<const memory::Client*, Part> parts_ ABSL_GUARDED_BY(mu_);
  std::set<std::pair<Place, const memory::Client*>> firsts_ ABSL_GUARDED_BY(mu_);  // of each part

  // Written under the lock, and read by whoever shows them.
  std::atomic<int64_t> limit_{0};
  std::atomic<int64_t> in_flight_{0};
  std::atomic<int64_t> queued_{0};

  QuietAlarm alarm_;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_H_
