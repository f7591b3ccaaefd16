// The breaker of one upstream: bounds that all workers share. A call that would pass one fails
// immediately and says which, so that an upstream that cannot keep up costs its callers no time.
//
//   calls         that have begun and not ended; those that wait count too
//   pending       of those, the ones that wait for a connection or a stream
//   connections   that are there or are being made
//
// A client has no more than its share of `calls` and of `pending` (memory/client.h).
//
// Past `connections` no call fails: it waits for a stream of a connection that there is. A worker
// without any may make one beyond the bound, else its calls would wait for other workers' to end.
// So may a health check, one for each endpoint.
//
// Threads: any. Ownership: belongs to the upstream's name, and so outlives configurations; the
// latest one's bounds hold. Pools that have no breaker pay nothing for it.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_BREAKER_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_BREAKER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/loop.h"
#include "server/memory/client.h"
#include "server/metrics/by_reason.h"
#include "server/upstream/options.h"
#include "server/upstream/quiet_alarm.h"
#include "singleflight/mutex.h"

namespace singleflight::upstream {

enum class BreakerBound : uint8_t { kCalls, kPending, kConnections };

constexpr absl::string_view NameOf(BreakerBound bound) {
  switch (bound) {
    case BreakerBound::kCalls:
      return "calls";
    case BreakerBound::kPending:
      return "pending";
    case BreakerBound::kConnections:
      return "connections";
  }
  return "";
}

// What becomes of who wants room within a bound.
enum class Taken : uint8_t {
  kYes,
  kMet,       // there is none
  kPastShare  // what is left is for other clients
};

class Breaker {
 public:
  static constexpr int64_t kNoBound = std::numeric_limits<int64_t>::max();

  explicit Breaker(const BreakerOptions& options) { SetBounds(options); }

  // From now on. Nothing is taken from what runs already.
  void SetBounds(const BreakerOptions& options);

  // For a client; null: for nobody's share. It is given back for the same one.
  Taken Take(BreakerBound bound, const memory::Client* client);
  void TakeAnyway(BreakerBound bound) { Of(bound).used.fetch_add(1, std::memory_order_relaxed); }
  void GiveBack(BreakerBound bound, const memory::Client* client);

  int64_t used(BreakerBound bound) const { return Of(bound).used.load(std::memory_order_relaxed); }

  // kNoBound: there is none.
  int64_t max(BreakerBound bound) const { return Of(bound).max.load(std::memory_order_relaxed); }

  // Whether it was met lately.
  QuietAlarm& alarm(BreakerBound bound) { return Of(bound).alarm; }
  const QuietAlarm& alarm(BreakerBound bound) const { return Of(bound).alarm; }

 private:
  struct alignas(64) Cell {  // a cache line each, as all workers write them
    std::atomic<int64_t> used{0};
    std::atomic<int64_t> max{kNoBound};
    QuietAlarm alarm;
    Mutex mu;
    absl::flat_hash_map<const memory::Client*, int64_t> by_client ABSL_GUARDED_BY(mu);
  };

  Cell& Of(BreakerBound bound) { return cells_[static_cast<size_t>(bound)]; }
  const Cell& Of(BreakerBound bound) const { return cells_[static_cast<size_t>(bound)]; }

  std::array<Cell, metrics::kReasons<BreakerBound>> cells_;
};

// One pool's view of its upstream's breaker: it counts what is refused, says why, and writes a line
// when a bound opens and when it closes. Threads: its loop's.
class PoolBreaker {
 public:
  using Refusals = metrics::CountersBy<BreakerBound>;

  // `breaker` null: there are no bounds, and nothing below does anything.
  PoolBreaker(std::shared_ptr<Breaker> breaker, std::string upstream, base::Loop& loop,
              Refusals& refusals);
  ~PoolBreaker();

  bool on() const { return breaker_ != nullptr; }

  // Breaker::kNoBound: there is none.
  int64_t max(BreakerBound bound) const { return on() ? breaker_->max(bound) : Breaker::kNoBound; }

  Taken Take(BreakerBound bound, const memory::Client* client) {
    return on() ? breaker_->Take(bound, client) : Taken::kYes;
  }
  void TakeAnyway(BreakerBound bound) {
    if (on()) breaker_->TakeAnyway(bound);
  }
  void GiveBack(BreakerBound bound, const memory::Client* client) {
    if (on()) breaker_->GiveBack(bound, client);
  }

  // Counts a call that found no room. Returns why: "breaker.calls (100) calls are under way".
  std::string Refuse(BreakerBound bound);

  // Of a call that is past its client's share: "more than half of breaker.calls (100) are …".
  std::string WhyPastShare(BreakerBound bound) const;

 private:
  static constexpr size_t kBounds = metrics::kReasons<BreakerBound>;

  void Look();
  void Close(BreakerBound bound);
  void SetTimer();
  std::string Why(BreakerBound bound) const;
  std::string Named(BreakerBound bound) const;

  const std::shared_ptr<Breaker> breaker_;
  const std::string upstream_;
  base::Loop& loop_;
  Refusals& refusals_;
  std::array<base::Instant, kBounds> look_at_;  // of those that opened here; else max()
  base::Timer timer_;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_BREAKER_H_
