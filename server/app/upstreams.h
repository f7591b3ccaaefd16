// The upstreams of the configuration in force, as they run: each has one look-up for all workers,
// bounds that all workers share, and connections on each worker. What is the same in two
// configurations goes on as it is. What differs starts again, and what it replaces lives until its
// last call has ended, without look-ups and connections that no call uses.
//
// Threads: the control thread's. Pools belong to their workers.

#ifndef SINGLEFLIGHT_SERVER_APP_UPSTREAMS_H_
#define SINGLEFLIGHT_SERVER_APP_UPSTREAMS_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/app/channel_endpoint.h"
#include "server/app/endpoints.h"
#include "server/app/events.h"
#include "server/app/pool_limits.h"
#include "server/core/route.h"
#include "server/metrics/ledger.h"
#include "server/stub/stub.h"
#include "server/upstream/pool.h"
#include "server/upstream/resolver.h"

namespace singleflight::app {

class Upstreams {
 public:
  struct Running {
    upstream::UpstreamOptions options;
    tls::SharedContext tls;  // null: plaintext
    std::string identity;    // of what its replies may be shared with (docs/semantics.md §3)
    std::shared_ptr<core::UpstreamBounds> shared;

    // Of the native transport.
    upstream::Pool::Shared limits;
    std::shared_ptr<upstream::Resolver> resolver;
    std::shared_ptr<Endpoints> endpoints;
    std::vector<std::shared_ptr<upstream::Pool>> pools;  // by worker

    // Of `transport: grpc`, instead.
    std::shared_ptr<ChannelEndpoint> channel;
    std::vector<std::shared_ptr<stub::Stub>> stubs;  // by worker

    bool is_grpc() const { return options.transport == upstream::Transport::kGrpc; }
    core::Upstream& On(size_t worker) const {
      if (is_grpc()) return *stubs[worker];
      return *pools[worker];
    }

    // Whether a call can go there, or at least try.
    bool AnyServes() const { return is_grpc() ? channel->serves() : endpoints->AnyServes(); }
    void Describe(admin::v1::Upstream& upstream) const;
  };
  using List = std::vector<std::shared_ptr<const Running>>;

  // Whether this process listens there.
  using IsOwn = std::function<bool(const net::Endpoint&)>;

  Upstreams(boost::asio::io_context& control, std::vector<net::Worker*> workers,
            metrics::Ledger<upstream::UpstreamMetrics>& ledger, memory::BufferBudget& budget,
            uint64_t seed, IsOwn is_own, std::function<absl::Time()> wall_clock, Events& events,
            upstream::LookUps::System look_up = upstream::LookUps::AskSystem);
  ~Upstreams();

  // What runs already under the same options and certificates, and the rest made ready. Nothing is
  // in force yet.
  absl::StatusOr<List> Prepare(const std::vector<upstream::UpstreamOptions>& options);

  // `list` is in force from now on, and so is where this process listens. What is new begins with
  // the endpoints that are known of a former upstream of the same name, target and endpoints.
  void Adopt(const List& list);

  // Closes the connections of all pools that there are, those of former configurations too. None is
  // in force any more.
  void Shutdown();

  const List& in_force() const { return in_force_; }
  int64_t flights_in_the_air() const;

  // Takes an endpoint out, or back in. Returns how many connections to it there are; NOT_FOUND:
  // there is no such endpoint.
  absl::StatusOr<int64_t> SetDrained(const std::string& upstream, const std::string& address,
                                     bool drained);

  // Whether anybody has pools still, of this configuration or a former one.
  bool alive() const;
  void Show(metrics::Visitor& visitor) const;

 private:
  absl::StatusOr<std::shared_ptr<const Running>> KeepOrMake(
      const upstream::UpstreamOptions& options);
  std::shared_ptr<const Running> MakeNative(std::shared_ptr<Running> running,
                                            upstream::Target target);
  absl::StatusOr<std::shared_ptr<const Running>> MakeGrpc(std::shared_ptr<Running> running,
                                                          const std::string& authority);
  void Begin(const Running& running);
  void BeginNative(const Running& running);
  void BeginGrpc(const Running& running);
  void LookAtChannels();
  void Retire(const Running& running);
  upstream::Pool::Hooks HooksOf(size_t worker, const std::weak_ptr<Endpoints>& endpoints,
                                std::shared_ptr<std::weak_ptr<upstream::Resolver>> resolver);
  void OnFailing(const std::shared_ptr<Endpoints>& endpoints, const net::Endpoint& endpoint,
                 const std::string& what);
  void OnHealth(const std::shared_ptr<Endpoints>& endpoints, const net::Endpoint& endpoint,
                bool serves, const std::string& why);
  void AwaitReturns();
  void TakeBack();
  void Reconsider(const Running& running);
  upstream::Resolver::Known KnownEndpointsOf(const upstream::UpstreamOptions& options) const;
  std::shared_ptr<upstream::LookUpCounts> CountsOf(const std::string& name);
  void ShowLookUps(metrics::Visitor& visitor) const;
  void ShowWaits(metrics::Visitor& visitor) const;
  std::shared_ptr<core::UpstreamBounds> SharedOf(const upstream::UpstreamOptions& options);
  std::vector<std::shared_ptr<core::UpstreamBounds>> Alive() const;

  boost::asio::io_context& control_;
  const std::vector<net::Worker*> workers_;
  metrics::Ledger<upstream::UpstreamMetrics>& ledger_;
  memory::BufferBudget& budget_;
  const uint64_t seed_;
  const IsOwn is_own_;
  const std::function<absl::Time()> wall_clock_;
  Events& events_;
  const std::shared_ptr<upstream::LookUps> look_ups_;

  const std::shared_ptr<Upstreams*> self_ = std::make_shared<Upstreams*>(this);
  boost::asio::steady_timer returns_;  // runs while an endpoint is ejected
  List in_force_;
  std::map<std::string, std::shared_ptr<upstream::LookUpCounts>> look_up_counts_;  // by name
  std::map<std::string, std::weak_ptr<core::UpstreamBounds>> shared_;              // by name
  PoolLimits limits_;
  std::vector<std::vector<std::weak_ptr<upstream::Pool>>> pools_;  // by worker

  // Null until there is an upstream with `transport: grpc`, and gRPC in this process.
  std::unique_ptr<stub::Completions> completions_;
  std::vector<std::vector<std::weak_ptr<stub::Stub>>> stubs_;  // by worker
  boost::asio::steady_timer look_;                             // at channels, again
  bool looking_ = false;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_UPSTREAMS_H_
