// The reply to a call, as tests write and compare it.

#ifndef SINGLEFLIGHT_TESTS_TESTING_ANSWER_H_
#define SINGLEFLIGHT_TESTS_TESTING_ANSWER_H_

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace singleflight::testing {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// The reply to a call: what a backend is told to send, and what a client got.
struct Answer {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string error;    // grpc-message
  std::string details;  // grpc-status-details-bin
  std::vector<std::string> messages;
  Metadata initial = {};
  Metadata trailing = {};

  bool operator==(const Answer&) const = default;
};

inline Answer Ok(std::string message) {
  return {absl::StatusCode::kOk, "", "", {std::move(message)}};
}

inline Answer Failed(absl::StatusCode code, std::string error) {
  return {code, std::move(error), "", {}};
}

inline std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << answer.code;
  if (!answer.error.empty()) out << " '" << answer.error << "'";
  for (const std::string& message : answer.messages) {
    out << " [" << message.size() << " bytes: " << message.substr(0, 40) << "]";
  }
  for (const auto& [name, value] : answer.initial) out << " " << name << ": " << value;
  for (const auto& [name, value] : answer.trailing) out << " (trailing) " << name << ": " << value;
  return out;
}

MATCHER_P(IsOkWith, message, "is OK with '" + std::string(message).substr(0, 40) + "'") {
  return arg.code == absl::StatusCode::kOk && arg.messages == std::vector<std::string>{message};
}

MATCHER_P(HasCode, code, "has code " + absl::StatusCodeToString(code)) { return arg.code == code; }

MATCHER_P2(FailedWith, code, error,
           "failed with " + absl::StatusCodeToString(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(error)) {
  return arg.code == code && ::testing::ExplainMatchResult(error, arg.error, result_listener);
}

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_ANSWER_H_
