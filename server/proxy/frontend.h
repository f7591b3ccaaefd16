#ifndef SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
#define SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "server/http2/connection.h"
#include "server/net/listener.h"
#include "server/proxy/call.h"

namespace singleflight::proxy {

// What a connection has from the listener that accepted it, for good.
struct Entrance {
  // Callers whose connections were trusted differently never share a reply (SEMANTICS.md §3): a
  // number of model::Fingerprints.
  uint32_t trust;
};

// The client connections of one worker.
// Threads: its worker's, but for `load`.
class Frontend {
 public:
  Frontend(net::Worker& worker, const http2::SessionOptions& options, CallContext context,
           metrics::DownstreamMetrics& metrics);
  ~Frontend();

  // Serves a connection; each of its streams becomes a Call.
  void Serve(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance);

  // Every connection, and every later one, ends with its last call.
  void Drain();

  // Every connection ends now.
  void CloseAll();

  // Connections given to this worker and not yet closed. Whoever accepts adds one before it posts
  // Serve here, so that the next choice sees it. From any thread.
  std::atomic<int64_t>& load() { return load_; }

 private:
  class Client;

  void Gone(Client& client);

  net::Worker& worker_;
  const http2::SessionOptions options_;
  const CallContext context_;
  metrics::DownstreamMetrics& metrics_;
  std::atomic<int64_t> load_{0};
  absl::flat_hash_map<Client*, std::unique_ptr<Client>> clients_;
  bool draining_ = false;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
