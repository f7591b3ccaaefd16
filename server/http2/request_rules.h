// RFC 9113 §8.2 and §8.3 as a server judges a client's header blocks, field by field. nghttp2 has
// rules of its own, which are off on this side: they reset streams whose :authority is a path or
// nothing, as gRPC clients on Unix sockets send it, and tell nobody. What a gRPC call is besides,
// model::ParseRequest judges.
//
// Every verdict is a phrase for the log, of no client's making; empty: nothing is wrong.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_REQUEST_RULES_H_
#define SINGLEFLIGHT_SERVER_HTTP2_REQUEST_RULES_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

class RequestRules {
 public:
  // A block begins: a request's first, or what comes behind its body.
  void Begin(bool trailers) { *this = RequestRules(trailers); }

  absl::string_view Judge(absl::string_view name, absl::string_view value);

  // Of the block as a whole. `end`: the client's side ends with it.
  absl::string_view JudgeEnd(bool end) const;

  // How long the body has to be, by `content-length`; -1: that is not said.
  int64_t content_length() const { return content_length_; }

  RequestRules() = default;

 private:
  explicit RequestRules(bool trailers) : trailers_(trailers) {}

  absl::string_view JudgePseudo(absl::string_view name, absl::string_view value);
  absl::string_view JudgeRegular(absl::string_view name, absl::string_view value);
  absl::string_view JudgeContentLength(absl::string_view value);

  bool trailers_ = false;
  bool regular_seen_ = false;
  bool connect_ = false;
  uint8_t pseudo_seen_ = 0;
  int64_t content_length_ = -1;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_REQUEST_RULES_H_
