#ifndef SINGLEFLIGHT_SERVER_PROXY_RATION_H_
#define SINGLEFLIGHT_SERVER_PROXY_RATION_H_

#include <cstdint>
#include <utility>

#include "server/base/timer_queue.h"

namespace singleflight::proxy {

// One line of the log a second, for what strangers can bring about as often as they like.
class Ration {
 public:
  // Call when it has happened. How often it has since it was told last, this time included; 0: tell
  // nothing now.
  uint64_t Take(base::Instant now) {
    ++untold_;
    if (now < next_) return 0;
    next_ = base::After(now, absl::Seconds(1));
    return std::exchange(untold_, 0);
  }

 private:
  base::Instant next_{};
  uint64_t untold_ = 0;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_RATION_H_
