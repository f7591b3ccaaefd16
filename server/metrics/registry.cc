// From what sources show, name by name, to a page in Prometheus' text format.

#include "server/metrics/registry.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <utility>

namespace singleflight::metrics {
namespace {

// Sums what it is shown and turns it into families in the order of their names.
class Summing final : public Visitor {
 public:
  void Count(absl::string_view name, absl::string_view help, Labels labels,
             uint64_t value) override {
    Metric(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value +=
        static_cast<double>(value);
  }

  void Level(absl::string_view name, absl::string_view help, Labels labels,
             int64_t value) override {
    Metric(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value +=
        static_cast<double>(value);
  }

  void Distribution(absl::string_view name, absl::string_view help, Labels labels,
                    const PowerHistogram& histogram) override {
    auto& out = Metric(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
    constexpr size_t kBuckets = PowerHistogram::kBounds.size();
    out.bucket.resize(kBuckets);
    uint64_t cumulative = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      cumulative += histogram.bucket(i);
      out.bucket[i].upper_bound = static_cast<double>(PowerHistogram::kBounds[i]);
      out.bucket[i].cumulative_count += cumulative;
    }
    out.sample_count += cumulative + histogram.bucket(kBuckets);
    out.sample_sum += static_cast<double>(histogram.sum());
  }

  void Latency(absl::string_view name, absl::string_view help, Labels labels,
               const LatencyHistogram& histogram) override {
    auto& out = Metric(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
    const LatencyBounds& bounds = histogram.bounds();
    out.bucket.resize(bounds.count);
    uint64_t cumulative = 0;
    for (size_t i = 0; i < bounds.count; ++i) {
      cumulative += histogram.bucket(i);
      out.bucket[i].upper_bound = static_cast<double>(bounds.upto[i]) / 1e9;
      out.bucket[i].cumulative_count += cumulative;
    }
    out.sample_count += cumulative + histogram.bucket(bounds.count);
    out.sample_sum += static_cast<double>(histogram.sum()) / 1e9;
  }

  void Spent(absl::string_view name, absl::string_view help, Labels labels,
             double seconds) override {
    Metric(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value += seconds;
  }

  std::vector<prometheus::MetricFamily> Families() {
    std::vector<prometheus::MetricFamily> families;
    for (auto& [name, family] : families_) {
      for (auto& [labels, metric] : family.metrics) family.head.metric.push_back(metric);
      families.push_back(std::move(family.head));
    }
    return families;
  }

 private:
  struct Family {
    prometheus::MetricFamily head;
    std::map<Labels, prometheus::ClientMetric> metrics;
  };

  prometheus::ClientMetric& Metric(absl::string_view name, absl::string_view help,
                                   prometheus::MetricType type, Labels labels) {
    Family& family = families_[std::string(name)];
    family.head.name = std::string(name);
    family.head.help = std::string(help);
    family.head.type = type;
    prometheus::ClientMetric& metric = family.metrics[labels];
    if (metric.label.empty()) {
      for (auto& [label, value] : labels) metric.label.push_back({label, value});
    }
    return metric;
  }

  std::map<std::string, Family> families_;
};

}  // namespace

std::string Registry::Render() const {
  Summing summing;
  for (const Source& source : sources_) source(summing);
  return prometheus::TextSerializer().Serialize(summing.Families());
}

}  // namespace singleflight::metrics
