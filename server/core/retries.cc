// The rules of `retry`, in the order in which they are asked: is it a failure that the route names,
// does upstream forbid it, is there an attempt left, is the request here, is there time, and is
// there budget. The budget comes last, since asking takes from it.

#include "server/core/retries.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/strings/numbers.h"

namespace singleflight::core {
namespace {

constexpr absl::string_view kPushback = "grpc-retry-pushback-ms";

// A number of milliseconds; nothing: it is negative or no number, which forbids to retry (gRPC A6).
absl::optional<absl::Duration> ParsePushback(absl::string_view text) {
  uint32_t ms = 0;
  if (!absl::SimpleAtoi(text, &ms) || text.front() < '0' || text.front() > '9') {
    return absl::nullopt;
  }
  return absl::Milliseconds(ms);
}

}  // namespace

bool Retries::RetryAfter(model::HeadersView trailers_only, Request request) {
  const absl::optional<absl::string_view> status = trailers_only.Find("grpc-status");
  const absl::optional<wire::StatusCode> code = wire::ParseStatus(status.value_or(""));
  if (!code.has_value()) return false;
  Cause cause{*code};
  if (const absl::optional<absl::string_view> pushback = trailers_only.Find(kPushback)) {
    cause.pushback = ParsePushback(*pushback);
    cause.forbidden = !cause.pushback.has_value() || trailers_only.Count(kPushback) > 1;
  }
  return Retry(cause, request);
}

// What a bound of this program refused is not sent again: it is there to keep calls away.
bool Retries::RetryAfter(const UpstreamFailure& failure, Request request) {
  switch (failure.kind) {
    case UpstreamFailure::Kind::kLost:
    case UpstreamFailure::Kind::kUnreachable:
    case UpstreamFailure::Kind::kNotStarted:
    case UpstreamFailure::Kind::kReset:
      return Retry({failure.status}, request);
    case UpstreamFailure::Kind::kNoRoom:
    case UpstreamFailure::Kind::kRefused:
    case UpstreamFailure::Kind::kCallersOwn:
      return false;
  }
  return false;
}

bool Retries::MayResend(const UpstreamFailure& failure, bool begun) {
  const bool lost = failure.kind == UpstreamFailure::Kind::kLost &&
                    (begun || !route_.options.retry->codes.has(failure.status));
  if (failure.kind != UpstreamFailure::Kind::kNotStarted && !lost) return false;
  if (left_ == 0 || around_.loop.Now() >= deadline_.value_or(base::Instant::max())) return false;
  --left_;
  return true;
}

bool Retries::Retry(const Cause& cause, Request request) {
  if (!route_.options.retry->codes.has(cause.code)) return false;
  const absl::Duration wait = cause.pushback.has_value() ? *cause.pushback : NextBackoff();
  absl::optional<RetryRefusal> refusal = WhyNot(cause, request, wait);
  const base::Instant now = around_.loop.Now();
  if (!refusal.has_value() && !route_.shared.retries.Take(route_.options.retry->budget, now)) {
    refusal = RetryRefusal::kBudget;
  }
  if (refusal.has_value()) {
    metrics().retry_refusals.Add(*refusal);
    return false;
  }
  metrics().retries.Add();
  --left_;
  ++previous_attempts_;
  doublings_ = cause.pushback.has_value() ? 0 : doublings_ + 1;
  timer_.Set(base::After(now, wait));
  return true;
}

absl::optional<RetryRefusal> Retries::WhyNot(const Cause& cause, Request request,
                                             absl::Duration wait) const {
  if (cause.forbidden) return RetryRefusal::kPushback;
  if (left_ == 0) return RetryRefusal::kAttempts;
  if (request == Request::kTooLarge) return RetryRefusal::kTooLarge;
  if (deadline_.has_value() && base::After(around_.loop.Now(), wait) >= *deadline_) {
    return RetryRefusal::kDeadline;
  }
  return absl::nullopt;
}

// Calls that failed together must not come back together.
absl::Duration Retries::NextBackoff() const {
  const RetryOptions& options = *route_.options.retry;
  absl::Duration most = options.backoff;
  for (int i = 0; i < doublings_ && most < options.max_backoff; ++i) most *= 2;
  most = std::min(most, options.max_backoff);
  if (around_.random == nullptr) return most;
  return most * std::uniform_real_distribution<double>(0, 1)(*around_.random);
}

}  // namespace singleflight::core
