// Tells a peer that is slow from one that has stopped: less than 4 KiB in four ticks is nothing.
//
// Code that waits for a peer asks Stalled once a tick, and says whether it is the peer's turn. The
// first tick of a wait only begins the count. The count begins again at each tick by which the peer
// has moved 4 KiB, and at each at which it is not its turn. A count of more than four ticks is a
// stall, and the wait ends.
//
// Bytes count, rather than signs of life: a peer that takes one byte now and then would hold what
// waits for it as long as it likes (PITFALLS 27). Ticks are coarse, so that one timer serves a
// connection and all of its streams; it runs only while something waits. There are four in one
// stall_timeout, so a wait has at least that time, and at most a quarter more.
//
//   what waits               whose turn it is                   what moves   a stall
//   bytes for a socket       the peer's                         what leaves  closes the connection
//   bytes for a stream       the peer's if it has no window     what leaves  resets the stream
//   a header block's end     the peer's                         nothing      ends the connection
//   a relayed message's end  the caller's if upstream took all  what comes   ends the call
//
// The bytes of a header block do not count, since all of it is due together. A relay has a timer of
// its own for each call, which should seldom run: its only tick is all of stall_timeout.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_PROGRESS_H_
#define SINGLEFLIGHT_SERVER_HTTP2_PROGRESS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace singleflight::http2 {

class Progress {
 public:
  static constexpr uint16_t kBytes = 4 << 10;
  static constexpr int kTicks = 4;  // in one stall_timeout

  explicit Progress(uint8_t ticks = kTicks) : most_ticks_(ticks) {}

  // So many bytes more have moved.
  void Moved(size_t bytes) {
    moved_ = static_cast<uint16_t>(std::min<size_t>(moved_ + bytes, kBytes));
  }

  // Once a tick, while something waits.
  bool Stalled(bool peers_turn) {
    if (!peers_turn || moved_ == kBytes) ticks_ = 0;
    if (ticks_ == 0) moved_ = 0;
    return ++ticks_ > most_ticks_;
  }

  // Nothing waits any more; the next tick is the first of another wait.
  void Rest() { ticks_ = 0; }

 private:
  uint16_t moved_ = 0;  // since the count began, and no further than kBytes
  uint8_t ticks_ = 0;   // of the count
  uint8_t most_ticks_;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_PROGRESS_H_
