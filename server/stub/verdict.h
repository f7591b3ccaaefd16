// What gRPC's status of a call means: the backend's word, or that there was none, and why.
//
// gRPC makes statuses of its own that look like a backend's, and who made one shows in its words
// alone. So these are compared with what the library is known to say; tests/stub has it say each.
// Words that are not known are the backend's.

#ifndef SINGLEFLIGHT_SERVER_STUB_VERDICT_H_
#define SINGLEFLIGHT_SERVER_STUB_VERDICT_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/core/unanswered.h"
#include "server/core/upstream.h"
#include "server/upstream/reply_refusal.h"

namespace singleflight::stub {

// How a call ended, as gRPC says it.
struct Outcome {
  const grpc::Status& status;
  const std::string& debug;  // ClientContext::debug_error_string
  bool past_deadline;        // the call's
};

// Of a call that the backend did not answer.
struct Verdict {
  core::UpstreamFailure::Kind kind;
  core::Unanswered why;
  uint32_t reset_code = 0;                                         // with kReset
  absl::optional<upstream::ReplyRefusal> refused = absl::nullopt;  // with kRefused
};

// Nothing: the status is the backend's.
absl::optional<Verdict> Judge(const Outcome& outcome);

// The same for people; `message` is gRPC's.
std::string WordsOf(const Verdict& verdict, absl::string_view message);

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_VERDICT_H_
