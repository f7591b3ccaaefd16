// One entry of `upstreams:`, read and checked.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/tls/options.h"
#include "server/upstream/ejection.h"
#include "server/upstream/health_watch.h"

namespace singleflight::upstream {

// What carries calls to the backend.
enum class Transport {
  kNative,  // upstream::Pool
  kGrpc,    // stub::Stub: the target is for gRPC to resolve
};

// What `:authority` a call carries upstream.
enum class AuthorityRule {
  kTarget,    // what a gRPC client that dials the target itself would send
  kPreserve,  // what the caller sent
  kFixed,     // UpstreamOptions::authority
};

// How a call chooses among endpoints.
enum class LoadBalancing {
  kRoundRobin,    // each call takes the next endpoint that is ready
  kLeastRequest,  // of two drawn at random, the one with fewer calls of all workers
  kPickFirst,     // the first in the list that can be connected to, until its connection is lost
};

// Bounds that all workers share (breaker.h).
struct BreakerOptions {
  absl::optional<uint64_t> calls;        // under way, those that wait included
  absl::optional<uint64_t> pending;      // that wait for a connection or a stream
  absl::optional<uint64_t> connections;  // that are there or are being made

  bool on() const { return calls.has_value() || pending.has_value() || connections.has_value(); }
  bool operator==(const BreakerOptions&) const = default;
};

// How many calls all workers together have in the air (concurrency.h).
struct ConcurrencyOptions {
  uint32_t limit = 0;     // 0: none, or adaptive
  bool adaptive = false;  // found by what calls take (concurrency_limit.h), from `min` to `max`
  uint32_t min = 10;
  uint32_t max = 1000;
  absl::Duration max_wait = absl::Milliseconds(100);  // of a call for a slot

  bool on() const { return adaptive || limit > 0; }
  bool operator==(const ConcurrencyOptions&) const = default;
};

// One member an option, so they are many.
struct UpstreamOptions {
  std::string name;
  Transport transport = Transport::kNative;

  // Exactly one of the two is set. `target` is dns:///host:port, host:port (the same),
  // ipv4:a:p[,a:p…], ipv6:[a]:p[,…] or unix:/path; `endpoints` is a list of host:port, [v6]:port or
  // unix:/path. With kGrpc it is `target`, which may also be dns://server/host:port,
  // unix-abstract:name, xds:///name or google-c2p:///name.
  std::string target;
  std::vector<std::string> endpoints;

  absl::optional<tls::ClientOptions> tls;  // none: plaintext

  AuthorityRule authority_rule = AuthorityRule::kTarget;
  std::string authority;  // only with kFixed

  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;

  absl::optional<EjectionOptions> ejection = EjectionOptions();  // none: never

  absl::optional<HealthCheckOptions> health_check;  // none: endpoints are not asked

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
  BreakerOptions breaker;             // none: no such bounds
  ConcurrencyOptions concurrency;     // likewise

  bool operator==(const UpstreamOptions&) const = default;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_OPTIONS_H_
