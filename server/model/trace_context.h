// W3C Trace Context (https://www.w3.org/TR/trace-context/): how a call names its trace, and the
// span that it is part of.

#ifndef SINGLEFLIGHT_SERVER_MODEL_TRACE_CONTEXT_H_
#define SINGLEFLIGHT_SERVER_MODEL_TRACE_CONTEXT_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"

namespace singleflight::model {

inline constexpr absl::string_view kTraceparent = "traceparent";
inline constexpr absl::string_view kTracestate = "tracestate";

// A span of a trace. One of zeros stands for none.
struct SpanRef {
  std::array<uint8_t, 16> trace = {};
  std::array<uint8_t, 8> span = {};

  explicit operator bool() const { return span != std::array<uint8_t, 8>{}; }
  friend bool operator==(const SpanRef&, const SpanRef&) = default;
};

// What a caller says of its own span.
struct TraceParent {
  SpanRef span;
  bool sampled = false;  // it is recorded, and so should be what it causes
};

// Reads a `traceparent` value. Nothing: it is malformed.
absl::optional<TraceParent> ParseTraceparent(absl::string_view value);

// The `traceparent` of a block. Nothing: there is none, it is malformed, or there are several.
absl::optional<TraceParent> TraceParentOf(HeadersView fields);

// The `traceparent` that names a span which is recorded.
std::string FormatTraceparent(const SpanRef& span);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_TRACE_CONTEXT_H_
