// Whose work a thread is doing, so that no flight waits for itself.

#ifndef SINGLEFLIGHT_INTERNAL_LED_FLIGHTS_H_
#define SINGLEFLIGHT_INTERNAL_LED_FLIGHTS_H_

namespace singleflight::internal {

// LedFlight is a flight whose work a thread is doing, as far as recursion is concerned: from one
// such flight the work may call Do of others, and so on, and none of them may wait for one that
// its own thread is in.
class LedFlight {
 public:
  LedFlight() = default;
  LedFlight(const LedFlight&) = delete;
  LedFlight& operator=(const LedFlight&) = delete;

  // Whether this thread is doing this flight's work.
  bool LedByThisThread() const {
    const LedFlight* flight = innermost_;
    while (flight != nullptr && flight != this) flight = flight->outer_;
    return flight != nullptr;
  }

  // While it lives, this thread does the work of `flight`.
  class Working {
   public:
    explicit Working(LedFlight& flight) {
      flight.outer_ = innermost_;
      innermost_ = &flight;
    }
    ~Working() { innermost_ = innermost_->outer_; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;
  };

 private:
  static inline constinit thread_local const LedFlight* innermost_ = nullptr;

  const LedFlight* outer_ = nullptr;
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_LED_FLIGHTS_H_
