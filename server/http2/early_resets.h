// Takes out of what a client sends the resets of streams that it never began.
//
// gRPC's core library (C++, Python, Ruby, PHP, C#) sends them for calls that are cancelled before
// their HEADERS are written (grpc/grpc#19655). RFC 9113 §6.4 wants the connection to end for that,
// with every other call on it; gRPC's own servers take no notice, and neither does this one.
// One that comes within a header block ends the connection all the same (§6.10).

#ifndef SINGLEFLIGHT_SERVER_HTTP2_EARLY_RESETS_H_
#define SINGLEFLIGHT_SERVER_HTTP2_EARLY_RESETS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

class EarlyResets {
 public:
  // The next bytes that are to be read, in order; they go from the front of `bytes`. Call until
  // that is empty. What is returned may be empty too, and is valid until the next call.
  absl::string_view Next(absl::string_view& bytes);

  // How many were taken out.
  uint64_t count() const { return count_; }

 private:
  bool Complete(absl::string_view& bytes);
  bool IsEarly(absl::string_view bytes) const;
  void Begin(absl::string_view bytes);

  size_t pass_ = 24;  // bytes that are left of the frame, or of the connection preface
  std::string held_;  // a frame's head that has not come whole
  std::string head_;  // one that had not, and was returned
  uint32_t last_begun_ = 0;
  bool in_block_ = false;  // a header block has begun and not ended
  uint64_t count_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_EARLY_RESETS_H_
