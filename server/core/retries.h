// When one call is sent again, and after how long: `retry` of its route (docs/semantics.md §9).
//
// A flight has one and sends its call again itself; a relayed call has one in RetriedCall. Once a
// reply has begun there is no retry. A flight, of whose reply nobody has had anything yet, may then
// still ask MayResend.
//
// Threads: its loop's.

#ifndef SINGLEFLIGHT_SERVER_CORE_RETRIES_H_
#define SINGLEFLIGHT_SERVER_CORE_RETRIES_H_

#include "server/core/read_path.h"
#include "server/core/retry_refusal.h"

namespace singleflight::core {

class Retries {
 public:
  // Whether the request is here to be sent again.
  enum class Request { kKept, kTooLarge };

  // `route` has `retry`. `send` sends the call again; it is a lambda as a Timer takes it.
  template <typename Send>
  Retries(const LoopContext& around, const Route& route, absl::optional<base::Instant> deadline,
          Send send)
      : around_(around),
        route_(route),
        deadline_(deadline),
        left_(static_cast<int>(route.options.retry->attempts) - 1),
        timer_(around.loop.timers(), send) {
    route.shared.retries.Note(around.loop.Now());
  }

  // Upstream replied with no more than this block, or not at all. True: the call is sent again in a
  // while. False: what came is for its caller.
  bool RetryAfter(model::HeadersView trailers_only, Request request = Request::kKept);
  bool RetryAfter(const UpstreamFailure& failure, Request request = Request::kKept);

  // For a flight; `begun`: its reply had. Upstream certainly had not begun, or the call was lost
  // and `retry` does not say what follows. True: the call is to be sent again immediately.
  bool MayResend(const UpstreamFailure& failure, bool begun);

  // Whether there is one more time to send it, for whatever reason; the second takes it.
  bool has_attempt() const { return left_ > 0; }
  void TakeAttempt() {
    --left_;
    ++previous_attempts_;
  }

  // `send` does not come any more.
  void Cancel() { timer_.Cancel(); }

  // Whether `send` is still to come.
  bool waits() const { return timer_.pending(); }

  // How often upstream may have seen the call, before the one that is sent now.
  int previous_attempts() const { return previous_attempts_; }

 private:
  struct Cause {
    wire::StatusCode code;
    absl::optional<absl::Duration> pushback = absl::nullopt;
    bool forbidden = false;
  };

  bool Retry(const Cause& cause, Request request);
  absl::optional<RetryRefusal> WhyNot(const Cause& cause, Request request,
                                      absl::Duration wait) const;
  absl::Duration NextBackoff() const;
  RouteMetrics& metrics() { return *around_.metrics[route_.index]; }

  const LoopContext& around_;
  const Route& route_;
  const absl::optional<base::Instant> deadline_;
  int left_;  // of times that it may be sent again, for whatever reason
  int previous_attempts_ = 0;
  int doublings_ = 0;  // of the backoff
  base::Timer timer_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RETRIES_H_
