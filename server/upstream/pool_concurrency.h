// One pool's calls as `concurrency` sees them: those that wait for a slot, and those that have one.
// It ends waits at max_wait, tells Concurrency how many callers wait for each, and lets streams go.
//
// A call keeps its slot until it ends, but a stream only until it shows that it is one, and a call
// that hangs only until its endpoint is doubted:
//
//   its reply began kStreamAfter ago and has not ended, or
//   it has had its slot for so long, and its request is still open.
//   it has had its slot for so long, and its connection leaves a PING unanswered.
//
// From then on it counts no more, or streams that never end would keep all slots, and an endpoint
// that hangs those that the others could use. An endpoint is passed over before that, once its
// calls have half of the slots (balancing.cc).
//
// Threads: its loop's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_POOL_CONCURRENCY_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_POOL_CONCURRENCY_H_

#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/loop.h"
#include "server/upstream/breaker.h"
#include "server/upstream/concurrency.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/overload_refusal.h"
#include "server/upstream/upstream_metrics.h"

namespace singleflight::upstream {

class PooledCall;

// Of one call: its wait, and then its slot.
struct Admission {
  uint64_t number = 0;  // under which it waits; 0: it does not
  size_t wanted = 1;    // as Concurrency knows it
  base::Instant since;  // that it waits, or has its slot
  absl::optional<Concurrency::Slot> slot;
  std::shared_ptr<EndpointShared> at;      // where its slot counts; null: it has not been sent
  std::list<PooledCall*>::iterator place;  // while it waits, or has its slot
};

class PoolConcurrency {
 public:
  static constexpr absl::Duration kRankEvery = absl::Milliseconds(5);
  static constexpr absl::Duration kStreamAfter = absl::Seconds(1);

  // `shared` null: there is no limit, and nothing but on() and how many wait may be asked.
  PoolConcurrency(std::shared_ptr<Concurrency> shared, const UpstreamOptions& options,
                  base::Loop& loop, UpstreamMetrics& metrics, PoolBreaker& breaker);
  ~PoolConcurrency();

  bool on() const { return shared_ != nullptr; }
  int64_t limit() const { return shared_->limit(); }
  size_t waiting() const { return waiting_.size(); }
  size_t waiting_of(const memory::Client* client) const;

  // Both return whether the call has a slot. After Enter it waits else, in the place that it has in
  // breaker.pending, and PooledCall::OnSlot or OnWaitedTooLong tells it what comes.
  bool TryEnter(PooledCall& call);
  bool Enter(const std::shared_ptr<PooledCall>& call, size_t wanted);

  // The call has heard what comes of its wait.
  void Admit(PooledCall& call, Concurrency::Slot slot);
  std::string Refuse(PooledCall& call, OverloadRefusal why);  // for messages: "concurrency …"

  // Takes out the first that waits, and returns it; null: none does.
  PooledCall* TakeFirst();

  // The call is sent there, perhaps after it was sent elsewhere.
  static void SentTo(const std::shared_ptr<EndpointShared>& endpoint, Admission& admission);

  // One that waits counts for no client any more.
  void Disown(PooledCall& call);

  // An answer came, or `overdue`: it did not come in time.
  void Measure(PooledCall& call, bool overdue);

  // The call has ended: it leaves, or gives its slot back.
  void End(PooledCall& call);

 private:
  void Tick();
  void EndWaits();
  void TellRanks();
  void LetGo();
  void SetTimer();
  void StopWaiting(PooledCall& call);
  void Forget(const memory::Client* client);
  void CloseAlarm();

  const std::shared_ptr<Concurrency> shared_;
  const std::string upstream_;
  const absl::Duration max_wait_;
  base::Loop& loop_;
  UpstreamMetrics& metrics_;
  PoolBreaker& breaker_;
  std::list<PooledCall*> waiting_;  // each the longest first
  std::list<PooledCall*> held_;
  absl::flat_hash_map<const memory::Client*, size_t> by_client_;  // of those that wait
  bool watches_ = false;                                          // closes the alarm
  base::Timer timer_;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_POOL_CONCURRENCY_H_
