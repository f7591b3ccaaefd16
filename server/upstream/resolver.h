#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/upstream/target.h"

namespace singleflight::upstream {

// Finds the endpoints of one upstream, and finds them again from time to time. A look-up that fails
// leaves those in force that were found before; only if there were none is the failure published,
// so that calls can say why. Look-ups on their way when it is destroyed come to nothing.
// Threads: the one of `io`, which is not a worker's.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Publish = absl::AnyInvocable<void(SharedEndpointList)>;

  Resolver(boost::asio::io_context& io, std::string upstream, Target target,
           absl::Duration refresh_every, Publish publish);

  // Publishes what needs no look-up, or begins the first one. `known`: what another one found that
  // had the same target; it is published at once, and stays in force while look-ups fail.
  void Start(std::vector<net::Endpoint> known);

  // Looks up soon; more often than once a second is no use.
  void Refresh();

  // Looks up no more. A look-up that is on its way is still published: calls may be waiting for it.
  void Stop();

  // What the latest look-up that succeeded has found.
  const std::vector<net::Endpoint>& known() const { return known_; }

 private:
  void LookUp(size_t at, std::vector<net::Endpoint> found, std::string error);
  void Finish(std::vector<net::Endpoint> found, std::string error);
  void ScheduleIn(absl::Duration delay);

  const std::string upstream_;
  const Target target_;
  const absl::Duration refresh_every_;
  Publish publish_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  bool looking_ = false;
  bool stopped_ = false;
  bool soon_ = false;  // the timer is set to no later than a second from now
  std::vector<net::Endpoint> known_;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_
