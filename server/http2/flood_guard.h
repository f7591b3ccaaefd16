// Counts what costs a peer little and this side much, and says when that is a flood.
//
// RFC 9113 sets no limit to any of it (§10.5). Here the connection ends when there is enough:
//
//   what comes                  too many are                                known as
//   calls that are given up     more than `wasted_calls`, and ten for each  CVE-2023-44487
//                               call that ended in order
//   DATA frames without a byte  more than `empty_frames` in a row           CVE-2019-9518
//   a header block without end  more than `block_bytes`, decompressed       CVE-2016-6581
//   its frames without end      twice as many as such a block needs         CVE-2024-27316
//   PING, SETTINGS              more than max_queued_acks to be read        CVE-2019-9512, -9515
//
// A call counts as given up if it had cost an upstream call: a gRPC client may cancel others as it
// likes, since its cancellations and deadlines are resets too. Calls that end in order allow for
// more, so that a long connection with short deadlines does not end some day. Any other DATA frame
// begins the row of empty ones again.
//
// nghttp2 keeps the last two accounts, by numbers that a session gives it at the start. A backend
// may do more than a client, because the operator chose it.
//
// Pure: no clock, no nghttp2. Threads: its session's.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_FLOOD_GUARD_H_
#define SINGLEFLIGHT_SERVER_HTTP2_FLOOD_GUARD_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/types/optional.h"
#include "server/http2/bound.h"

namespace singleflight::http2 {

class FloodGuard {
 public:
  static constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

  struct Limits {
    uint64_t wasted_calls, empty_frames;
    size_t block_bytes;
  };
  static constexpr Limits OfClient(uint64_t wasted_calls) {
    return {wasted_calls, 1000, 256 << 10};
  }
  static constexpr Limits OfBackend() { return {kNoLimit, kNoLimit, 16 << 20}; }

  // The bound that has been met, for which the connection ends.
  using Verdict = absl::optional<Bound>;

  explicit FloodGuard(const Limits& limits) : limits_(limits) {}

  // A frame has come, of whatever kind; how many have.
  void OnFrame() { ++frames_; }
  uint64_t frames() const { return frames_; }

  // It is a DATA frame. `ends`: it ends its stream, and has a purpose without a byte.
  Verdict OnData(size_t length, bool ends) {
    empty_frames_ = length == 0 && !ends ? empty_frames_ + 1 : 0;
    return VerdictOf(empty_frames_ > limits_.empty_frames, Bound::kEmptyFrames);
  }

  // A header block has that many bytes so far, decompressed, or says that it will.
  Verdict OnBlockBytes(size_t bytes) const {
    return VerdictOf(bytes > limits_.block_bytes, Bound::kEndlessHeaders);
  }
  const Limits& limits() const { return limits_; }

  // Frames of one block beyond the first: half full ones are taken.
  size_t most_continuations() const { return 2 * limits_.block_bytes / (16 << 10); }

  // A call was given up that had cost an upstream call.
  Verdict OnWasted() {
    constexpr uint64_t kPerCompleted = 10;
    const uint64_t earned = kPerCompleted * completed_;
    ++wasted_;
    return VerdictOf(wasted_ > earned && wasted_ - earned > limits_.wasted_calls,
                     Bound::kResetAllowance);
  }

  // A call ended in order; how many have.
  void OnCompleted() { ++completed_; }
  uint64_t completed() const { return completed_; }

 private:
  static Verdict VerdictOf(bool enough, Bound bound) {
    return enough ? Verdict(bound) : absl::nullopt;
  }

  const Limits limits_;
  uint64_t frames_ = 0;
  uint64_t empty_frames_ = 0;  // in a row
  uint64_t wasted_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_FLOOD_GUARD_H_
