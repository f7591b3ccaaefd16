// A collector of spans, to see what a proxy says of its calls.

#ifndef SINGLEFLIGHT_TESTS_TESTING_SPAN_COLLECTOR_H_
#define SINGLEFLIGHT_TESTS_TESTING_SPAN_COLLECTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "opentelemetry/proto/trace/v1/trace.pb.h"
#include "tests/testing/client.h"

namespace singleflight::testing {

using CollectedSpan = opentelemetry::proto::trace::v1::Span;

// A collector of spans in this process: a server of OTLP over gRPC on 127.0.0.1 that writes down
// what comes.
class SpanCollector {
 public:
  // What it says to a batch.
  enum class Mood {
    kTakes,
    kRefuses,     // with a status
    kTakesFirst,  // the first span alone: it says that the others are rejected
    kFrozen,      // nothing, until the caller gives up
  };

  explicit SpanCollector(const absl::optional<PeerTls>& tls = {});
  ~SpanCollector();

  const std::string& address() const { return address_; }

  void Set(Mood mood);  // for batches that come from now on

  // All spans that have come, whatever was said to them; returns when there are as many.
  std::vector<CollectedSpan> WaitForSpans(size_t n);
  size_t spans() const;
  size_t batches() const;

  // The name of the service that the latest batch came from.
  std::string service() const;

 private:
  class Service;

  const std::unique_ptr<Service> service_;
  std::string address_;
};

// The text of an attribute, numbers too; empty: there is none of that name.
std::string AttributeOf(const CollectedSpan& span, const std::string& name);

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_SPAN_COLLECTOR_H_
