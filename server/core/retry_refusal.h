#ifndef SINGLEFLIGHT_SERVER_CORE_RETRY_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_CORE_RETRY_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// Why a call that failed in a way that `retry` names was not sent again.
enum class RetryRefusal : uint8_t {
  kAttempts,  // it had been sent retry.attempts times
  kBudget,    // retries were retry.budget of the upstream's calls already
  kPushback,  // grpc-retry-pushback-ms forbade it
  kTooLarge,  // more of its request had been sent than is kept
  kDeadline,  // its deadline would have passed before
};

constexpr absl::string_view NameOf(RetryRefusal why) {
  switch (why) {
    case RetryRefusal::kAttempts:
      return "attempts";
    case RetryRefusal::kBudget:
      return "budget";
    case RetryRefusal::kPushback:
      return "pushback";
    case RetryRefusal::kTooLarge:
      return "too_large";
    case RetryRefusal::kDeadline:
      return "deadline";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RETRY_REFUSAL_H_
