#include "server/proxy/passing_write.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace singleflight::proxy {

using core::WideInvalidation;

PassingWrite::PassingWrite(const core::LoopContext& around, const core::Route& route,
                           std::shared_ptr<const model::Request> request,
                           const std::shared_ptr<memory::Client>& client)
    : groups_(around, route, std::move(request)),
      route_(route),
      budget_(around.buffered.budget()),
      client_(client),
      collector_(std::make_unique<Collector>(around.buffered, client)) {}

void PassingWrite::Pass(absl::string_view bytes) {
  if (bytes.empty()) return;
  collector_ == nullptr ? groups_.Widen(WideInvalidation::kSecondMessage) : Take(bytes);
  if (groups_.known()) collector_.reset();
}

void PassingWrite::Take(absl::string_view bytes) {
  const Collector::Bounds bounds = {std::numeric_limits<uint64_t>::max(),
                                    route_.flights.max_request_bytes};
  switch (collector_->Append(bytes, bounds)) {
    case Collector::Next::kMore:
      if (budget_.spent() || budget_.PastShare(client_.get())) {
        groups_.Widen(WideInvalidation::kNoRoom);
      }
      return;
    case Collector::Next::kWhole:
      return groups_.Read(collector_->bytes());
    case Collector::Next::kSecond:
      return groups_.Widen(WideInvalidation::kSecondMessage);
    case Collector::Next::kMalformed:
      return groups_.Widen(WideInvalidation::kNoMessage);
    case Collector::Next::kLong:
    case Collector::Next::kOversized:
      return groups_.Widen(WideInvalidation::kRequestTooLarge);
  }
}

// What has not come by now is not waited for.
void PassingWrite::Drop() {
  if (!groups_.known()) {
    groups_.Widen(WideInvalidation::kNoMessage);
    collector_.reset();
  }
  groups_.Drop();
}

// With `retry` an earlier attempt may have done what the last one did not begin. A call that was
// never sent has no stream.
void PassingWrite::DropAfter(const core::UpstreamFailure& failure, const core::UpstreamTrip& trip) {
  const bool refused = failure.kind == core::UpstreamFailure::Kind::kNotStarted;
  if (refused && !route_.options.retry.has_value()) return;
  DropAfter(trip);
}

void PassingWrite::DropAfter(const core::UpstreamTrip& trip) {
  const bool sent = trip.sent != core::UpstreamTrip::kNever;
  if (sent || route_.options.retry.has_value()) Drop();
}

}  // namespace singleflight::proxy
