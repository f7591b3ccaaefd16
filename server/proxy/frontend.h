#ifndef SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
#define SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/http2/connection.h"
#include "server/net/listener.h"
#include "server/proxy/admission.h"
#include "server/proxy/call.h"
#include "server/proxy/downstream_metrics.h"
#include "server/proxy/limits.h"
#include "server/proxy/ration.h"
#include "server/tls/context.h"

namespace singleflight::proxy {

// What a connection has from the listener that accepted it, for good. The next connection may find
// another one: certificates are renewed.
struct Entrance {
  tls::SharedContext tls;  // null: plaintext

  // Callers whose connections were trusted differently never share a reply (docs/semantics.md §3):
  // a number of model::Fingerprints.
  uint32_t trust;

  uint64_t door;  // connections that came in by the same one are drained together
};

// The client connections of one worker.
// Threads: its worker's, but for Serve and `connections`.
class Frontend {
 public:
  // `seed` is for the ages that connections reach.
  Frontend(net::Worker& worker, DownstreamMetrics& metrics, uint64_t seed);
  ~Frontend();

  // What connections and calls begin with from now on; once before the first. Null: none comes any
  // more.
  void SetContext(std::shared_ptr<const CallContext> context);

  // Serves a connection; each of its streams becomes a Call. From any thread: it is one of the
  // connections from now on, so that the next choice of a worker counts it.
  void Serve(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
             Admission::Pass pass);

  // Every connection, and every later one, ends with its last call; those that are still shaking
  // hands end now.
  void Drain();

  // Those that came in by that door end with their last call.
  void DrainDoor(uint64_t door);

  // Every connection ends now.
  void CloseAll();

  // Those that Serve was given and that are not closed yet. From any thread.
  int64_t connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  class Client;

  void Begin(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
             Admission::Pass pass);
  std::vector<Client*> Clients() const;
  void Gone(Client& client);
  void TellOfFlood(http2::Bound bound, const std::string& peer);

  net::Worker& worker_;
  std::shared_ptr<const CallContext> context_;
  DownstreamMetrics& metrics_;
  std::minstd_rand random_;
  std::atomic<int64_t> connections_{0};
  absl::flat_hash_map<Client*, std::unique_ptr<Client>> clients_;
  bool draining_ = false;
  Ration flood_lines_;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_FRONTEND_H_
