#include "server/config/metrics_options.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace singleflight::config {

void ReadMetrics(Mapping& in, MetricsOptions& out) {
  constexpr double kLeast = 1e-6;
  constexpr double kMost = 3600;
  std::vector<double> buckets;
  const auto read = [&](const std::string& text, const Place& place) {
    double seconds = 0;
    if (!absl::SimpleAtod(text, &seconds) || !(seconds >= kLeast && seconds <= kMost) ||
        (!buckets.empty() && seconds <= buckets.back())) {
      return in.Refuse(place, absl::StrCat(Quoted(text),
                                           " is no next bound; write seconds, 0.000001 "
                                           "to 3600, each more than the one before it"));
    }
    buckets.push_back(seconds);
  };
  const size_t mistakes = in.mistakes();
  if (!in.Texts("latency_buckets", read) || in.mistakes() > mistakes) return;
  if (buckets.empty() || buckets.size() > metrics::kMostLatencyBounds) {
    in.Refuse(
        in.PlaceOf("latency_buckets"),
        absl::StrCat("has ", buckets.size(), " bounds; write 1 to ", metrics::kMostLatencyBounds));
  }
  out.latency_buckets = buckets;
}

}  // namespace singleflight::config
