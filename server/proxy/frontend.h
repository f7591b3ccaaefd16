#ifndef SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
#define SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/http2/connection.h"
#include "server/net/listener.h"
#include "server/net/tls_context.h"
#include "server/proxy/admission.h"
#include "server/proxy/call.h"
#include "server/proxy/limits.h"

namespace singleflight::proxy {

// What a connection has from the listener that accepted it, for good. The next connection may find
// another one: certificates are renewed.
struct Entrance {
  net::SharedTlsContext tls;  // null: plaintext

  // Callers whose connections were trusted differently never share a reply (SEMANTICS.md §3): a
  // number of model::Fingerprints.
  uint32_t trust;
};

// The client connections of one worker.
// Threads: its worker's, but for `load`.
class Frontend {
 public:
  // `seed` is for the ages that connections reach.
  Frontend(net::Worker& worker, CallContext context, metrics::DownstreamMetrics& metrics,
           uint64_t seed);
  ~Frontend();

  // Serves a connection; each of its streams becomes a Call.
  void Serve(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
             Admission::Pass pass);

  // For connections and calls that come from now on.
  void SetLimits(std::shared_ptr<const LimitOptions> limits) {
    context_.limits = std::move(limits);
  }

  // Every connection, and every later one, ends with its last call; those that are still shaking
  // hands end now.
  void Drain();

  // Every connection ends now.
  void CloseAll();

  // Connections given to this worker and not yet closed. Whoever accepts adds one before it posts
  // Serve here, so that the next choice sees it. From any thread.
  std::atomic<int64_t>& load() { return load_; }

 private:
  class Client;

  std::vector<Client*> Clients() const;
  void Gone(Client& client);

  net::Worker& worker_;
  CallContext context_;
  metrics::DownstreamMetrics& metrics_;
  std::minstd_rand random_;
  std::atomic<int64_t> load_{0};
  absl::flat_hash_map<Client*, std::unique_ptr<Client>> clients_;
  bool draining_ = false;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
