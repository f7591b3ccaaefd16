// Decides which calls are recorded, and begins and ends their spans.
//
//   Recorder   one a worker, for good: draws ids, and has the outbox
//   Tracer     one a worker and configuration: what is recorded; none where tracing is off
//   OpenSpan   a span that has begun; its call has it, and ends it
//
// Threads: the worker's.

#ifndef SINGLEFLIGHT_SERVER_TRACE_TRACER_H_
#define SINGLEFLIGHT_SERVER_TRACE_TRACER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/timer_queue.h"
#include "server/model/request.h"
#include "server/trace/outbox.h"
#include "server/trace/sampling.h"
#include "server/trace/span.h"

namespace singleflight::trace {

// Outlives what it records.
class Recorder {
 public:
  // `seed` differs from process to process, and `index` from worker to worker.
  Recorder(uint64_t seed, size_t index, std::function<absl::Time()> wall_clock);

  // Another span of the same trace; or the first of a new one.
  model::SpanRef NextIn(const model::SpanRef& trace);
  model::SpanRef Begin();

  // The time for people, read once a turn of the loop like `now`: spans that begin in one turn
  // begin together.
  absl::Time WallAt(base::Instant now);
  Outbox& outbox() { return outbox_; }
  const Outbox& outbox() const { return outbox_; }

 private:
  std::mt19937_64 random_;
  const std::function<absl::Time()> wall_clock_;
  base::Instant read_at_;
  absl::Time wall_;  // at read_at_
  Outbox outbox_;
};

// Has to be ended, or nobody hears of it.
struct OpenSpan {
  Recorder& recorder;
  base::Instant began;
  std::unique_ptr<Span> span;
};

// Hands the span over, as it is now.
void End(std::unique_ptr<OpenSpan> open, base::Instant now);

class Tracer {
 public:
  Tracer(const Sampling& sampling, Recorder& recorder) : sampling_(sampling), recorder_(recorder) {}

  // The span of the caller of `request`. Null: the call is not recorded.
  std::unique_ptr<OpenSpan> BeginCall(const model::Request& request, base::Instant now);

  // The span of a call to an upstream, made for the caller whose span is `caller`.
  struct UpstreamCall {
    const model::Request& request;
    absl::string_view upstream;   // its name
    absl::string_view authority;  // as sent
  };
  std::unique_ptr<OpenSpan> BeginUpstreamCall(const model::SpanRef& caller,
                                              const UpstreamCall& call, base::Instant now);

 private:
  std::unique_ptr<OpenSpan> Open(Span span, const model::Request& request, base::Instant now);

  const Sampling sampling_;
  Recorder& recorder_;
};

}  // namespace singleflight::trace

#endif  // SINGLEFLIGHT_SERVER_TRACE_TRACER_H_
