// Everything that /metrics shows. Sources are added before the first Render and outlive the
// registry.
//
// Threads: Add from one thread; Render from any, one at a time.

#ifndef SINGLEFLIGHT_SERVER_METRICS_REGISTRY_H_
#define SINGLEFLIGHT_SERVER_METRICS_REGISTRY_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/metrics/visitor.h"

namespace singleflight::metrics {

class Registry {
 public:
  using Source = absl::AnyInvocable<void(Visitor&) const>;

  void Add(Source source) { sources_.push_back(std::move(source)); }

  // The Prometheus text format, version 0.0.4.
  std::string Render() const;

 private:
  std::vector<Source> sources_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_REGISTRY_H_
