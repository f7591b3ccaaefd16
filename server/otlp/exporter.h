// Sends spans to a collector, by OTLP over gRPC, from a thread of its own. Every second, and when a
// batch has come together, it takes what waits in the outboxes. It waits for the collector
// alone, and nobody waits for it: meanwhile the outboxes fill, and drop what does not fit.
//
// What the collector does not take is dropped and counted. While there is no connection to it, a
// batch waits for one up to tracing.timeout, and so the batches come one after the other.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_OTLP_EXPORTER_H_
#define SINGLEFLIGHT_SERVER_OTLP_EXPORTER_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/metrics/visitor.h"
#include "server/otlp/options.h"
#include "server/trace/outbox.h"

namespace singleflight::otlp {

// Where spans go, with all that its options name read.
struct Collector {
  Options options;
  std::string ca;  // PEM; these are empty without TLS
  std::string certificate;
  std::string private_key;
};

// Reads the files of `options`.
absl::StatusOr<std::shared_ptr<const Collector>> MakeCollector(const Options& options);

class Exporter {
 public:
  struct Setting {
    std::vector<trace::Outbox*> outboxes;  // outlive this
    std::string version;
    std::string instance;  // differs from process to process
  };

  explicit Exporter(Setting setting);
  ~Exporter();

  // Where spans go from now on. With the first one the thread begins. Null: tracing is off; what
  // still comes, of calls that had begun, goes where it went.
  void SetCollector(std::shared_ptr<const Collector> collector);

  // Sends what waits, if the collector takes it within `patience`, and ends. Returns how many spans
  // were left.
  uint64_t Stop(std::chrono::milliseconds patience);

  void Show(metrics::Visitor& visitor) const;

 private:
  class Thread;

  const std::unique_ptr<Thread> thread_;
};

}  // namespace singleflight::otlp

#endif  // SINGLEFLIGHT_SERVER_OTLP_EXPORTER_H_
