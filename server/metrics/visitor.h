// A Visitor is shown metrics, one by one. Values that are shown under one name and the same labels
// are summed.

#ifndef SINGLEFLIGHT_SERVER_METRICS_VISITOR_H_
#define SINGLEFLIGHT_SERVER_METRICS_VISITOR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/metrics/cell.h"
#include "server/metrics/latency.h"

namespace singleflight::metrics {

// Label names and values; values come from configuration or from closed lists, never from what
// clients send.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void Count(absl::string_view name, absl::string_view help, Labels labels,
                     uint64_t value) = 0;
  virtual void Level(absl::string_view name, absl::string_view help, Labels labels,
                     int64_t value) = 0;
  virtual void Distribution(absl::string_view name, absl::string_view help, Labels labels,
                            const PowerHistogram& histogram) = 0;

  // In seconds: how long each took, and how long together. Not every visitor looks at these.
  virtual void Latency(absl::string_view, absl::string_view, Labels, const LatencyHistogram&) {}
  virtual void Spent(absl::string_view, absl::string_view, Labels, double) {}
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_VISITOR_H_
