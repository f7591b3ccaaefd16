// One worker's connections to one upstream, and the calls that wait for them.
//
// pool.cc tells which calls are sent, wait or fail, and pool_links.cc what becomes of connections.
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
#include "server/upstream/backends.h"
#include "server/upstream/breaker.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/link.h"
#include "server/upstream/options.h"
#include "server/upstream/pool_concurrency.h"
#include "server/upstream/pooled_call.h"
#include "server/upstream/target.h"
#include "server/upstream/upstream_metrics.h"

namespace singleflight::upstream {

class Pool final : public core::Upstream, public LinkEvents {
 public:
  struct Hooks {
    // For example to resolve again. It must not call into the pool.
    absl::AnyInvocable<void()> on_connect_failed;

    // An endpoint is in another state, or has failed again. `failure` says why it failed, and is
    // empty otherwise. Null: nobody wants to know. It must not call into the pool.
    absl::AnyInvocable<void(const net::Endpoint&, EndpointState, const std::string& failure)>
        on_state = nullptr;

    // Calls to it have failed in a row, the latest by `what` (ejection.h). Null: nobody wants to
    // know. It must not call into the pool.
    absl::AnyInvocable<void(const net::Endpoint&, const std::string& what)> on_failing = nullptr;

    // What health_check found (HealthWatch); `why` it does not serve. Null and calls as above.
    absl::AnyInvocable<void(const net::Endpoint&, bool serves, const std::string& why)> on_health =
        nullptr;
  };

  // What all pools of the upstream share. Null: it has no such bounds.
  struct Shared {
    std::shared_ptr<Breaker> breaker;
    std::shared_ptr<Concurrency> concurrency;
  };

  // `tls`: how to speak to the endpoints; null: in plaintext.
  Pool(net::Worker& worker, const UpstreamOptions& options, std::string target_authority,
       tls::SharedContext tls, const http2::SessionOptions& session_options,
       std::shared_ptr<UpstreamMetrics> metrics, uint64_t seed, Hooks hooks, Shared shared = {});
  ~Pool() override;

  std::unique_ptr<core::UpstreamCall> Start(core::UpstreamHead head,
                                            core::UpstreamEvents& events) override;
  absl::string_view AuthorityFor(const model::Request& request) const override;

  // The endpoints in force from now on. Calls on others run to their end. `seats` go with them, in
  // their order; where there are none, endpoints count for themselves.
  void SetEndpoints(SharedEndpointList list, const std::vector<EndpointSeat>& seats = {});

  // Whether that endpoint is left out. Calls on it run to their end.
  void SetDrained(const net::Endpoint& endpoint, bool drained);

  // Whether endpoints take calls may have changed (EndpointShared): serves calls that wait.
  void Reconsider();

  // From now on a connection is closed when it has no call. Calls go on, and a call that still
  // comes gets a connection.
  void Retire();

  // Closes every connection. Calls fail, and so do those that still come.
  void Shutdown();

 private:
  friend class PooledCall;

  void OnLinkSecured(Link& link, bool resumed) override;
  void OnLinkReady(Link& link) override;
  void OnLinkRoom(Link& link) override;
  void OnLinkPinged(Link& link) override;
  void OnLinkPingedTooOften(Link& link) override;
  void OnLinkSilent(Link& link) override;
  void OnLinkClosed(Link& link, bool was_ready, absl::string_view why) override;

  void Admit(const std::shared_ptr<PooledCall>& call, size_t wanted);
  bool TakeOrFail(BreakerBound bound, const std::shared_ptr<PooledCall>& call);

  // For PooledCall.
  void RefuseSlot(std::shared_ptr<PooledCall> call, OverloadRefusal why);
  void Dispatch(std::shared_ptr<PooledCall> call);
  void Enqueue(std::shared_ptr<PooledCall> call);
  void EnqueueAgain(std::shared_ptr<PooledCall> call);  // after Dequeue
  void Dequeue(PooledCall& call);
  // What the end of a call says of the endpoint (pool_verdicts.cc).
  void Judge(Link& link, absl::optional<wire::StatusCode> code);
  void Judge(Link& link, const http2::Closed& closed);
  void JudgeUnanswered(Link& link, core::Unanswered why, const core::UpstreamTrip& trip);
  void Blame(Link& link, absl::string_view what);

  // pool_health.cc
  void WatchHealth();
  void BeginWatch(Backend& backend);
  static void StopWatch(Backend& backend);
  void StopWatches();
  void MoveWatch(const Link& link);
  base::Instant NextWatch() const;  // as Backends::NextPauseEnd

  void CountLoad(Link& link, int64_t more) const;
  MostAtOne MostPerEndpoint() const;
  void StreamOpened(const PooledCall& call, Link& link);
  void StreamEnded(const PooledCall& call, Link& link);
  void Ended(const PooledCall& call);
  base::Instant Now() const { return worker_.Now(); }
  UpstreamMetrics& metrics() { return *metrics_; }
  const std::string& name() const { return options_.name; }
  uint64_t max_reply_header_bytes() const { return options_.max_reply_header_bytes; }
  absl::string_view scheme() const { return tls_ == nullptr ? "http" : "https"; }

  std::string WhyNoRoom() const;
  Link* LinkFor(const PooledCall& call);
  bool PastShareOfPending(const memory::Client* client, size_t its, size_t all) const;
  std::string WhyPastShare() const;
  bool MayConnect();
  void ConnectWhereUseful();
  void Connect(Backend& backend);
  void AwaitPauses();
  void RetireIfIdle(Link& link) const;
  void ServeQueue();
  void ServeOrFailQueue();
  void FailQueue(const std::string& why);
  void FailSoon(std::shared_ptr<PooledCall> call, core::Unanswered reason, absl::string_view why);
  void PauseAfter(Backend& backend, int failures);
  absl::Duration Pause(int failures);
  void JudgeClosed(Backend& backend, const Link& link, bool was_ready);
  void OnUselessLink(Backend& backend);
  EndpointState StateOf(const Backend& backend) const;
  void TellState(Backend& backend, const std::string& failure = "");
  void TellStates();

  net::Worker& worker_;
  const UpstreamOptions options_;
  const std::string target_authority_;
  const tls::SharedContext tls_;
  const http2::SessionOptions session_options_;
  const std::shared_ptr<UpstreamMetrics> metrics_;
  PoolBreaker breaker_;
  PoolConcurrency slots_;
  std::minstd_rand random_;
  Hooks hooks_;

  bool retired_ = false;
  bool wants_link_ = false;  // more than the breaker lets it have
  bool shut_down_ = false;
  bool watch_wanted_ = false;  // an endpoint has to be asked, and has no connection for it
  Backends backends_;
  WaitingCalls queue_;
  base::Timer pause_over_;  // runs while an endpoint may not be connected to yet
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_POOL_H_
