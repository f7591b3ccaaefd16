#ifndef SINGLEFLIGHT_SERVER_PROXY_CLIENT_TIMERS_H_
#define SINGLEFLIGHT_SERVER_PROXY_CLIENT_TIMERS_H_

#include <memory>

#include "server/base/loop.h"
#include "server/http2/bound.h"
#include "server/proxy/limits.h"

namespace singleflight::proxy {

// What to do with a connection whose time is up. It, and its timers, may be gone when either
// returns.
class ClientTimersEvents {
 public:
  // It takes no more calls, and ends with its last one.
  virtual void OnTimeToDrain(http2::Bound bound) = 0;
  virtual void OnTimeToClose(http2::Bound bound) = 0;

 protected:
  ~ClientTimersEvents() = default;
};

// How long one client's connection may serve no call, and how old it may get: from the accept to
// the end of the handshake, to its first request, without a stream, and altogether.
//
// Streams come and go without touching a timer: one that rings too early is set again.
// Threads: its loop's.
class ClientTimers {
 public:
  // `age_factor`: of max_connection_age, near 1.
  ClientTimers(base::Loop& loop, std::shared_ptr<const LimitOptions> limits, double age_factor,
               ClientTimersEvents& events);

  // The client's first settings came. Later calls change nothing.
  void OnHandshake();

  void OnStream();
  void OnStreamGone();

 private:
  enum class Phase {
    kHandshake,     // the timer ends the connection
    kFirstRequest,  // the timer drains it
    kServing,       // the timer drains it if there is no stream, and was none
    kDraining,      // there is no timer but those of the age
  };

  void OnTimer();
  void OnIdleTimer();
  void OnAge();
  void Drain(http2::Bound bound);

  base::Loop& loop_;
  const std::shared_ptr<const LimitOptions> limits_;
  ClientTimersEvents& events_;
  const base::Instant accepted_at_;
  Phase phase_ = Phase::kHandshake;
  size_t streams_ = 0;
  base::Instant idle_since_;  // while there is no stream
  base::Timer timer_;
  bool aged_ = false;
  base::Timer age_timer_;  // of the age, then of the grace
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_CLIENT_TIMERS_H_
