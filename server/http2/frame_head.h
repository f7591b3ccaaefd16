// The first bytes of a frame (RFC 9113 §4.1), for what looks at frames before nghttp2 does. At
// least kBytes of them have to be there.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_FRAME_HEAD_H_
#define SINGLEFLIGHT_SERVER_HTTP2_FRAME_HEAD_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

class FrameHead {
 public:
  static constexpr size_t kBytes = 9;
  static constexpr size_t kPrefaceBytes = 24;  // what a client sends before its first frame

  static constexpr uint8_t kData = 0, kHeaders = 1, kReset = 3, kContinuation = 9;  // types
  static constexpr uint8_t kEndHeaders = 4, kPadded = 8, kPriority = 0x20;          // flags

  explicit FrameHead(absl::string_view bytes) : bytes_(bytes) {}

  size_t length() const { return Byte(0) << 16 | Byte(1) << 8 | Byte(2); }
  uint8_t type() const { return static_cast<uint8_t>(bytes_[3]); }
  uint32_t stream() const {
    return (Byte(5) << 24 | Byte(6) << 16 | Byte(7) << 8 | Byte(8)) & 0x7fffffff;
  }
  bool Has(uint8_t flag) const { return (static_cast<uint8_t>(bytes_[4]) & flag) != 0; }

  bool OpensBlock() const { return type() == kHeaders && !Has(kEndHeaders); }

 private:
  uint32_t Byte(size_t at) const { return static_cast<uint8_t>(bytes_[at]); }

  absl::string_view bytes_;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_FRAME_HEAD_H_
