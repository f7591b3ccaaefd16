// One entry of `upstreams:`, read and checked.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/tls/options.h"

namespace singleflight::upstream {

// What `:authority` a call carries upstream.
enum class AuthorityRule {
  kTarget,    // what a gRPC client that dials the target itself would send
  kPreserve,  // what the caller sent
  kFixed,     // UpstreamOptions::authority
};

// How a call chooses among endpoints.
enum class LoadBalancing {
  kRoundRobin,  // each call takes the next endpoint that is ready
};

// One member an option, so they are many.
struct UpstreamOptions {
  std::string name;

  // Exactly one of the two is set. `target` is dns:///host:port, host:port (the same),
  // ipv4:a:p[,a:p…], ipv6:[a]:p[,…] or unix:/path; `endpoints` is a list of host:port, [v6]:port or
  // unix:/path.
  std::string target;
  std::vector<std::string> endpoints;

  absl::optional<tls::ClientOptions> tls;  // none: plaintext

  AuthorityRule authority_rule = AuthorityRule::kTarget;
  std::string authority;  // only with kFixed

  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;

  absl::Duration connect_timeout = absl::Seconds(5);  // TCP, TLS and HTTP/2 settings together

  // The first pause after a failure is 100 ms; then it doubles, up to this.
  absl::Duration max_reconnect_backoff = absl::Seconds(5);

  absl::Duration dns_refresh = absl::Seconds(30);  // a name is looked up again this often
  absl::Duration ping_after = absl::Seconds(5);    // a call waits, nothing comes: see Pulse
  absl::Duration ping_timeout = absl::Seconds(5);  // without an answer the connection ends

  uint32_t max_connections_per_endpoint = 8;  // per worker; more than one only when streams run out
  uint32_t max_pending_calls = 65536;    // per worker; calls that wait for a connection or a stream
  uint32_t max_flights = 65536;          // flights in the air
  uint64_t max_held_bytes = 256u << 20;  // that flights hold, and kept replies in writing
  uint64_t max_reply_header_bytes = 256 << 10;  // of a reply's header list or trailers, each
  uint32_t release_concurrency = 64;  // calls released from unshareable flights, at a time

  bool operator==(const UpstreamOptions&) const = default;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_
