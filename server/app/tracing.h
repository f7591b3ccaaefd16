// Traces of the whole process: a recorder on each worker, and the exporter that sends what they
// record. Where the configuration has no `tracing`, nothing of it runs.
//
// Threads: the control thread's. Recorders belong to their workers.

#ifndef SINGLEFLIGHT_SERVER_APP_TRACING_H_
#define SINGLEFLIGHT_SERVER_APP_TRACING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/metrics/visitor.h"
#include "server/otlp/exporter.h"
#include "server/trace/tracer.h"

namespace singleflight::app {

class Tracing {
 public:
  // `seed` is for ids, which everybody sees. `instance` names this process.
  Tracing(size_t workers, uint64_t seed, const std::function<absl::Time()>& wall_clock,
          std::string instance);

  // Ready for Adopt. Null: tracing is off.
  using Prepared = std::shared_ptr<const otlp::Collector>;
  static absl::StatusOr<Prepared> Prepare(const otlp::Options& options);

  // In force from now on, for calls that begin with a snapshot made after this.
  void Adopt(Prepared collector);

  // Nothing: tracing is off.
  absl::optional<trace::Tracer> TracerFor(size_t worker);

  // Sends what is left, for so long at most. The workers have stopped.
  void Stop(std::chrono::milliseconds patience);

  void Show(metrics::Visitor& visitor) const { exporter_.Show(visitor); }

 private:
  otlp::Exporter::Setting SettingFor(std::string instance);

  std::deque<trace::Recorder> recorders_;  // by worker
  otlp::Exporter exporter_;
  Prepared in_force_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_TRACING_H_
