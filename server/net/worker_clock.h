// The clock that workers go by, for threads that have no loop: to say how long ago something was.

#ifndef SINGLEFLIGHT_SERVER_NET_WORKER_CLOCK_H_
#define SINGLEFLIGHT_SERVER_NET_WORKER_CLOCK_H_

#include <chrono>

#include "server/base/timer_queue.h"

namespace singleflight::net {

inline base::Instant ReadWorkerClock() { return std::chrono::steady_clock::now(); }

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_WORKER_CLOCK_H_
