// Finds DATA frames of a server that may come before their stream's HEADERS. That makes one reply
// malformed (RFC 9113 §8.1.1); nghttp2 ends the connection for it.
//
// Those that follow HEADERS of their stream, or DATA of it, are certainly not such; of others the
// session knows, once it has read what came before. So bytes are cut where one of them begins.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_EARLY_DATA_H_
#define SINGLEFLIGHT_SERVER_HTTP2_EARLY_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

class EarlyData {
 public:
  // The next bytes that are to be read, in order; they go from the front of `bytes`. Call until
  // that is empty. What is returned may be empty too, and is valid until the next call.
  absl::string_view Next(absl::string_view& bytes);

  // The stream of the DATA frame that begins what was returned last, if that is to be looked at;
  // else 0.
  int32_t stream() const { return stream_; }

 private:
  bool IsInQuestion(absl::string_view bytes) const;
  void Begin(absl::string_view bytes);

  size_t pass_ = 0;    // bytes that are left of the frame
  std::string held_;   // a frame's head that has not come whole
  std::string head_;   // one that had not, and was returned
  uint32_t last_ = 0;  // the stream of the last HEADERS or DATA
  int32_t stream_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_EARLY_DATA_H_
