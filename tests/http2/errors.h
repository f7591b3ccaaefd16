#ifndef SINGLEFLIGHT_TESTS_HTTP2_ERRORS_H_
#define SINGLEFLIGHT_TESTS_HTTP2_ERRORS_H_

#include <cstdint>

namespace singleflight::http2::testing {

// RFC 9113 §7, as ByHand::GoAwayError and ResetOf tell them.
enum Error : int64_t {
  kNoError = -1,  // no such frame came
  kProtocolError = 1,
  kFlowControlError = 3,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
};

}  // namespace singleflight::http2::testing

#endif  // SINGLEFLIGHT_TESTS_HTTP2_ERRORS_H_
