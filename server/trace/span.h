// A span: what one call did, for people who follow a request through several programs.

#ifndef SINGLEFLIGHT_SERVER_TRACE_SPAN_H_
#define SINGLEFLIGHT_SERVER_TRACE_SPAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/model/trace_context.h"
#include "server/wire/status.h"

namespace singleflight::trace {

// What there is to say of one call, under the names of OpenTelemetry's conventions for gRPC
// (server/otlp/to_otlp.cc). Words that live for ever are views.
struct Span {
  enum class Kind : uint8_t {
    kServer,  // of a caller
    kClient,  // of a call to an upstream
  };
  Kind kind = Kind::kServer;
  model::SpanRef self;
  std::array<uint8_t, 8> parent = {};  // of zeros: the trace begins here
  std::string state;                   // `tracestate`, as it came
  absl::Time began;
  absl::Duration took;
  std::string path;       // ":path"
  std::string authority;  // as it came; of a call to an upstream: as sent
  std::string upstream;   // its name in the configuration
  std::string peer;       // the address at the other end
  std::string route;      // of a caller's, as metrics call it
  absl::string_view role;

  absl::optional<wire::StatusCode> status;
  absl::string_view error;  // why there is no status; empty: there is one

  // The span of the upstream call whose reply a follower or a hit got.
  model::SpanRef made_by;

  // Bytes of memory, rounded up.
  size_t Bytes() const {
    return sizeof(Span) + state.size() + path.size() + authority.size() + upstream.size() +
           peer.size() + route.size();
  }
};

}  // namespace singleflight::trace

#endif  // SINGLEFLIGHT_SERVER_TRACE_SPAN_H_
