#include "server/upstream/ejection.h"

#include <algorithm>

namespace singleflight::upstream {
namespace {

constexpr uint64_t kWhole = 1'000'000;
constexpr double kFirstShare = 0.1;

}  // namespace

Verdict VerdictOn(absl::optional<wire::StatusCode> code) {
  if (code == wire::StatusCode::kUnavailable) return Verdict::kBad;
  const bool says_nothing = !code.has_value() || code == wire::StatusCode::kDeadlineExceeded ||
                            code == wire::StatusCode::kCancelled;
  return says_nothing ? Verdict::kNothing : Verdict::kGood;
}

// While it serves, each time as long as its latest ejection takes one doubling back.
absl::Duration Ejections::Begin(const EjectionOptions& options, base::Instant now) {
  for (absl::Duration served = absl::FromChrono(now - ended_); in_a_row_ > 0 && served >= latest_;
       --in_a_row_) {
    served -= latest_;
    latest_ = std::max(latest_ / 2, options.time);
  }
  const absl::Duration longest = std::max(options.time, kLongestEjection);
  latest_ = options.time;
  for (int i = 0; i < in_a_row_ && latest_ < longest; ++i) latest_ *= 2;
  latest_ = std::min(latest_, longest);
  if (latest_ < longest) ++in_a_row_;
  ++count_;
  until_ = base::After(now, latest_);
  return latest_;
}

void Ejections::End(base::Instant now) {
  until_.reset();
  ended_ = now;
}

bool MayEjectOneMore(const EjectionOptions& options, size_t all, size_t ejected) {
  return ejected == 0 || (ejected + 1) * kWhole <= all * uint64_t{options.max_share};
}

double ShareAfterReturn(base::Instant back, absl::Duration slow_start, base::Instant now) {
  const absl::Duration since = absl::FromChrono(now - back);
  if (since >= slow_start) return 1;
  return std::max(kFirstShare, absl::FDivDuration(since, slow_start));
}

}  // namespace singleflight::upstream
