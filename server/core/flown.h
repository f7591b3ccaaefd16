// How an upstream call went, for metrics and for those who observe calls.

#ifndef SINGLEFLIGHT_SERVER_CORE_FLOWN_H_
#define SINGLEFLIGHT_SERVER_CORE_FLOWN_H_

#include <memory>
#include <string>

#include "server/base/timer_queue.h"
#include "server/model/request.h"

namespace singleflight::core {

// When what happened to one upstream call, on its loop's clock. What has not happened is kNever.
struct UpstreamTrip {
  static constexpr base::Instant kNever{};

  base::Instant begun = kNever;  // it was asked for
  base::Instant sent = kNever;   // it was given a stream, the last time if more than once
  base::Instant first = kNever;  // the first block of its reply came
  base::Instant ended = kNever;  // its reply was whole, or it was known to have none

  int resends = 0;  // so often its upstream has sent it again: UpstreamHead::resends

  // Where it was sent to, as metrics call it; null: nowhere yet.
  std::shared_ptr<const std::string> endpoint = nullptr;
};

// The upstream call of a flight, for everyone whom it answered.
struct Flown {
  std::shared_ptr<const model::Request> asked;  // its leader's
  UpstreamTrip trip;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_FLOWN_H_
