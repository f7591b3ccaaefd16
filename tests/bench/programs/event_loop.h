#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_EVENT_LOOP_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_EVENT_LOOP_H_

#include <cstdint>

namespace singleflight::bench {

// Nanoseconds of the monotonic clock.
using Nanos = int64_t;

inline constexpr Nanos kNever = INT64_MAX;

Nanos Now();

// One thread's epoll, level-triggered. SIGINT and SIGTERM are blocked and make stopped() true
// instead, and a lost peer is an error of the write, not a signal.
//
// Threads: one; at most one loop a process. A handler is told of events in Turn() only, at most
// once a turn, and outlives its watch.
class EventLoop {
 public:
  class Handler {
   public:
    virtual void OnEvents(uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // False if epoll cannot watch `fd` (a regular file). Closing `fd` ends the watch.
  bool Watch(int fd, uint32_t events, Handler* handler);
  void Change(int fd, uint32_t events, Handler* handler);

  // Waits for events, until `deadline` at the longest, and hands them out.
  void Turn(Nanos deadline);

  // When this turn's events were fetched.
  Nanos turn_began() const { return turn_began_; }

  bool stopped() const { return stopped_; }

 private:
  const int epoll_;
  int signals_;
  Nanos turn_began_;
  bool stopped_ = false;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_EVENT_LOOP_H_
