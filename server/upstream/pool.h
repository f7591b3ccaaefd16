// One worker's connections to one upstream, and the calls that wait for them.
//
// A call goes to the next endpoint, in turn, that has a connection with room. An endpoint is
// connected to when calls come; it gets a further connection when all it has are full. Where a
// connection is being made, calls wait for it; where every endpoint has just failed, they fail at
// once with the reason, until the pause after a failure (it doubles, with jitter) is over. A
// connection that becomes ready and ends before it was of any use is a failure too, from the second
// in a row on. A connection whose peer is asked whether it lives gets calls only if no other has
// room; one that does not answer ends, and its endpoint is connected to anew.
//
// Clients whose calls wait have their turns one after the other, and none may take more than its
// share of the streams that there are, nor of the calls that may wait (core/client.h). Streams on a
// connection that takes no more calls are gone from there, and nobody has them: else who has many
// long ones would wait for their end beside empty connections. So the queue is served whenever a
// stream may have become free, and whenever a share may have.
//
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_POOL_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_POOL_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/core/upstream.h"
#include "server/metrics/worker_metrics.h"
#include "server/upstream/link.h"
#include "server/upstream/options.h"
#include "server/upstream/pooled_call.h"
#include "server/upstream/target.h"

namespace singleflight::upstream {

class Pool final : public core::Upstream, public LinkEvents {
 public:
  struct Hooks {
    // For example to resolve again. It must not call into the pool.
    absl::AnyInvocable<void()> on_connect_failed;
  };

  // `tls`: how to speak to the endpoints; null: in plaintext.
  Pool(net::Worker& worker, const UpstreamOptions& options, std::string target_authority,
       net::SharedTlsContext tls, const http2::SessionOptions& session_options,
       std::shared_ptr<metrics::UpstreamMetrics> metrics, uint64_t seed, Hooks hooks);
  ~Pool() override;

  std::unique_ptr<core::UpstreamCall> Start(core::UpstreamHead head,
                                            core::UpstreamEvents& events) override;
  absl::string_view AuthorityFor(const model::Request& request) const override;

  // The endpoints in force from now on. Calls on others run to their end.
  void SetEndpoints(SharedEndpointList list);

  // Connections without a call are closed from now on, those that there are and those that lose
  // their last one. Calls go on, and one that still comes gets a connection.
  void Retire();

  // Closes every connection; calls fail, and new ones do so at once.
  void Shutdown();

 private:
  friend class PooledCall;

  // One address and the connections to it. Lives on without an address in force until its last
  // connection has gone.
  struct Backend {
    net::Endpoint endpoint;
    std::string name;
    std::shared_ptr<net::TlsResumption> resumption;  // of its connections
    std::vector<std::shared_ptr<Link>> links;
    int failures = 0;  // in a row
    int useless = 0;   // connections in a row that ended before they were of use
    base::Instant not_before;
    std::string last_error;
    int slowness = 1;     // see PulseOptions
    bool silent = false;  // answered no PING, and has not been connected to since
    bool in_force = true;
  };

  void OnLinkSecured(Link& link, bool resumed) override;
  void OnLinkReady(Link& link) override;
  void OnLinkRoom(Link& link) override;
  void OnLinkPinged(Link& link) override;
  void OnLinkPingedTooOften(Link& link) override;
  void OnLinkSilent(Link& link) override;
  void OnLinkClosed(Link& link, bool was_ready, absl::string_view why) override;

  // For PooledCall.
  void Dispatch(std::shared_ptr<PooledCall> call);
  void Enqueue(std::shared_ptr<PooledCall> call);
  void Dequeue(PooledCall& call);
  void StreamOpened(const PooledCall& call, Link& link);
  void StreamEnded(const PooledCall& call, Link& link);
  base::Instant Now() const { return worker_.Now(); }
  metrics::UpstreamMetrics& metrics() { return *metrics_; }
  const std::string& name() const { return options_.name; }
  uint64_t max_reply_header_bytes() const { return options_.max_reply_header_bytes; }
  absl::string_view scheme() const { return tls_ == nullptr ? "http" : "https"; }

  bool MayOpen(const core::Client* client) const;
  bool PastShareOfQueue(const core::Client* client) const;
  Backend* BackendOf(const Link& link);
  Link* PickLink();
  static Link* RoomOn(const Backend& backend);
  void ConnectWhereUseful();
  void AwaitPauses();
  void RetireWhatIsNotInForce();
  void RetireIfIdle(Link& link) const;
  std::vector<std::shared_ptr<Link>> Links() const;
  bool WantsLink(const Backend& backend) const;
  bool AnyHope() const;
  void ServeQueue();
  void FailQueue(const std::string& why);
  void FailSoon(std::shared_ptr<PooledCall> call, metrics::Unanswered reason,
                absl::string_view why);
  std::string WhyUnreachable() const;
  void PauseAfter(Backend& backend, int failures);
  absl::Duration Pause(int failures);
  void OnUselessLink(Backend& backend);
  void DropIdleBackends();

  net::Worker& worker_;
  const UpstreamOptions options_;
  const std::string target_authority_;
  const net::SharedTlsContext tls_;
  const http2::SessionOptions session_options_;
  const std::shared_ptr<metrics::UpstreamMetrics> metrics_;
  std::minstd_rand random_;
  Hooks hooks_;

  bool resolved_ = false;
  bool retired_ = false;
  bool shut_down_ = false;
  std::string resolve_error_;
  std::vector<std::unique_ptr<Backend>> backends_;
  size_t next_ = 0;
  WaitingCalls queue_;
  base::Timer pause_over_;  // runs while an endpoint may not be connected to yet
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_POOL_H_
