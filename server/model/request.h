// The head of a gRPC call: judged and taken apart when it comes, and put together for upstream.
// Replies' blocks are put together for callers here too.

#ifndef SINGLEFLIGHT_SERVER_MODEL_REQUEST_H_
#define SINGLEFLIGHT_SERVER_MODEL_REQUEST_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/variant.h"
#include "server/model/headers.h"
#include "server/model/refused.h"
#include "server/wire/status.h"

namespace singleflight::model {

// Names this program's own hops in a call's metadata, one member a hop, in the manner of CDN-Loop
// (RFC 8586). By it, a call that an application propagates back to a proxy it came through differs
// from its ancestor.
inline constexpr absl::string_view kChainMarker = "singleflight-chain";

// The head of a gRPC call as it came, already found acceptable.
class Request {
 public:
  absl::string_view path() const { return fields_.At(path_).value; }
  // As gRPC servers take it: a host, the path of a socket, "@abstract"; empty: the caller named
  // none.
  absl::string_view authority() const {
    return authority_ == kNone ? absl::string_view() : fields_.At(authority_).value;
  }

  // What follows "application/grpc" in the content type: "", "+proto", ";charset=…".
  absl::string_view content_suffix() const;

  // From `grpc-timeout`, counted from arrival.
  absl::optional<absl::Duration> timeout() const { return timeout_; }

  // Whether the caller says anything to caches.
  bool has_cache_control() const { return has_cache_control_; }

  // Every field of the block, pseudo-header fields included.
  const Headers& fields() const { return fields_; }

 private:
  friend class RequestParser;

  static constexpr uint32_t kNone = static_cast<uint32_t>(-1);

  Headers fields_;
  // Where in it each stands (HeadersView::At).
  uint32_t path_ = 0;
  uint32_t authority_ = kNone;
  uint32_t content_type_ = 0;
  bool has_cache_control_ = false;
  absl::optional<absl::Duration> timeout_;
};

// Why a block is no gRPC call that can be served (docs/semantics.md §6), and how to say so.
struct Refusal {
  enum class Answer {
    kReset,   // RST_STREAM PROTOCOL_ERROR: the block is malformed in the sense of RFC 9113 §8.1.1
    kHttp,    // an HTTP status without a body
    kStatus,  // a gRPC status
  };
  Answer answer;
  int http_status = 200;
  wire::StatusCode status = wire::StatusCode::kUnknown;
  std::string message;
  Refused reason;
};

// Judges the header block of a request and takes it apart. Values of binary metadata that are
// joined get fields of their own (SeparateBinary).
absl::variant<Request, Refusal> ParseRequest(Headers fields);

// Judges the trailer block of a request, and makes it ready to be sent on.
absl::optional<Refusal> JudgeTrailers(Headers& trailing);

// What a call to an upstream says that its caller did not.
struct Onward {
  absl::string_view authority;
  absl::optional<absl::Duration> timeout;
  absl::string_view chain_hop;  // appended to the chain marker; empty: the marker stays as it came
  absl::string_view scheme = "http";
  absl::string_view traceparent = "";  // in the place of the caller's; empty: that one stays

  // Retries of this program before this call, which grpc-previous-rpc-attempts adds to those of the
  // caller; 0: the field stays as it came.
  int previous_attempts = 0;
};

// The block to send upstream: the caller's fields in their order, except for the closed list in
// docs/semantics.md §6.
Headers UpstreamFields(const Request& request, const Onward& onward);

// A reply's block to send to a caller: the upstream's fields in their order, without
// content-length and those called as in `but_for`.
Headers DownstreamFields(HeadersView fields, std::initializer_list<absl::string_view> but_for = {});

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_REQUEST_H_
