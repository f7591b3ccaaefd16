#include "server/upstream/concurrency_limit.h"

#include <cmath>
#include <utility>

namespace singleflight::upstream {
namespace {

constexpr int64_t kWarmUp = 10;              // windows whose mean `long` begins as
constexpr int64_t kProbeAfter = 600;         // windows in which calls queue
constexpr double kWeight = 2.0 / (600 + 1);  // of a window in `long`

}  // namespace

void GradientLimit::SetRange(int64_t min, int64_t max) {
  min_ = static_cast<double>(min);
  max_ = static_cast<double>(max);
  limit_ = probes_ ? min_ : std::clamp(limit_, min_, max_);
}

void GradientLimit::Raise(int64_t least) {
  limit_ = std::min(std::max(limit_, static_cast<double>(least)), max_);
}

void GradientLimit::Add(base::Instant now, absl::Duration took, int64_t in_flight, bool answered) {
  const double seconds = absl::ToDoubleSeconds(took);
  if (!answered && (windows_ < kWarmUp || seconds < kTolerance * long_)) return;
  if (probes_ && base::After(probed_, took) > now) return;
  if (calls_ == 0) since_ = now;
  ++calls_;
  seconds_ += seconds;
  in_flight_ = std::max(in_flight_, in_flight);
  if (calls_ >= kLeastCalls && now >= base::After(since_, kWindow)) EndWindow(now);
}

void GradientLimit::EndWindow(base::Instant now) {
  const double latest = std::max(seconds_ / static_cast<double>(calls_), 1e-6);
  const auto in_flight = static_cast<double>(std::exchange(in_flight_, 0));
  calls_ = 0;
  seconds_ = 0;
  Learn(now, latest);
  if (probes_ || in_flight < limit_ / 2) return;
  const double gradient = std::clamp(kTolerance * long_ / latest, 0.5, 1.0);
  const double wanted = limit_ * gradient + std::sqrt(limit_);
  limit_ = std::clamp(limit_ + kSmoothing * (wanted - limit_), min_, max_);
}

void GradientLimit::Learn(base::Instant now, double latest) {
  if (windows_ < kWarmUp) {
    long_ += (latest - long_) / static_cast<double>(++windows_);
    probes_ = probes_ && windows_ < kWarmUp;
    return;
  }
  if (latest <= kTolerance * long_) {
    queued_ = 0;
    long_ += (latest - long_) * kWeight;
    if (long_ > 2 * latest) long_ *= 0.95;  // it was a time of trouble
  } else if (++queued_ >= kProbeAfter) {
    probes_ = true;
    probed_ = now;
    limit_ = min_;
    long_ = 0;
    windows_ = queued_ = 0;
  }
}

}  // namespace singleflight::upstream
