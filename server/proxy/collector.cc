#include "server/proxy/collector.h"

namespace singleflight::proxy {

Collector::Next Collector::Append(absl::string_view more, const Bounds& bounds) {
  scanner_.Feed(more);
  gathered_.Append(more, scanner_.to_come());
  const auto footprint = static_cast<int64_t>(gathered_.footprint());
  of_client_.Set(footprint);
  counted_.Set(footprint);
  if (scanner_.largest() > bounds.max_message_bytes) return Next::kOversized;
  if (scanner_.MoreThanOne()) return Next::kSecond;
  if (scanner_.state() == wire::MessageScanner::State::kMalformed) return Next::kMalformed;
  if (gathered_.size() > bounds.max_request_bytes) return Next::kLong;
  return scanner_.ExactlyOne() ? Next::kWhole : Next::kMore;
}

}  // namespace singleflight::proxy
