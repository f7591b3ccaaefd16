#ifndef SINGLEFLIGHT_SERVER_OTLP_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_OTLP_OPTIONS_H_

#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/tls/options.h"
#include "server/trace/sampling.h"

namespace singleflight::otlp {

// `tracing:` of the configuration.
struct Options {
  std::string otlp;                        // the collector: host:port or unix:/path; empty: none
  absl::optional<tls::ClientOptions> tls;  // how to speak to it; none: in plaintext
  trace::Sampling sampling;
  std::string service_name = "singleflight";  // what traces call this proxy
  absl::Duration timeout = absl::Seconds(5);  // for the collector to take a batch

  bool on() const { return !otlp.empty(); }
};

}  // namespace singleflight::otlp

#endif  // SINGLEFLIGHT_SERVER_OTLP_OPTIONS_H_
