// Which calls are recorded.

#ifndef SINGLEFLIGHT_SERVER_TRACE_SAMPLING_H_
#define SINGLEFLIGHT_SERVER_TRACE_SAMPLING_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/trace_context.h"

namespace singleflight::trace {

// A caller that is part of a trace has decided. Of the traces that begin here, a share is recorded,
// which the trace id decides: its last 56 bits are a random number (W3C Trace Context 2, §3.2.2.3),
// and the largest are taken, as other samplers of OpenTelemetry do.
struct Sampling {
  static constexpr uint64_t kAll = uint64_t{1} << 56;

  uint64_t share = 0;  // of kAll; 0: no trace begins here

  // Whether the trace of that id, which begins here, is recorded.
  bool Takes(const model::SpanRef& begun) const;

  friend bool operator==(const Sampling&, const Sampling&) = default;
};

// "parent", or a share of the traces that begin here: "1%", "0.5%", with up to four decimals.
absl::optional<Sampling> ParseSampling(absl::string_view text);

}  // namespace singleflight::trace

#endif  // SINGLEFLIGHT_SERVER_TRACE_SAMPLING_H_
