// What pools tell of endpoints, each on its worker, and what follows on the control thread: another
// look-up, a state that people see, an ejection and its end, a finding of a health check.

#include <boost/asio/post.hpp>
#include <utility>

#include "server/app/upstreams.h"
#include "server/net/worker_clock.h"

namespace singleflight::app {

// A pool tells on its worker what the control thread wants to know.
upstream::Pool::Hooks Upstreams::HooksOf(
    size_t worker, const std::weak_ptr<Endpoints>& endpoints,
    std::shared_ptr<std::weak_ptr<upstream::Resolver>> resolver) {
  upstream::Pool::Hooks hooks;
  hooks.on_connect_failed = [&control = control_, weak = std::move(resolver)] {
    boost::asio::post(control, [weak] {
      if (const auto resolver = weak->lock()) resolver->Refresh();
    });
  };
  hooks.on_state = [&control = control_, worker, endpoints](const net::Endpoint& endpoint,
                                                            upstream::EndpointState state,
                                                            const std::string& failure) {
    boost::asio::post(control, [worker, endpoints, endpoint, state, failure] {
      if (const auto known = endpoints.lock()) known->Heard(worker, endpoint, state, failure);
    });
  };
  hooks.on_failing = [&control = control_, self = std::weak_ptr<Upstreams*>(self_), endpoints](
                         const net::Endpoint& endpoint, const std::string& what) {
    boost::asio::post(control, [self, endpoints, endpoint, what] {
      const auto upstreams = self.lock();
      const auto known = endpoints.lock();
      if (upstreams != nullptr && known != nullptr) (*upstreams)->OnFailing(known, endpoint, what);
    });
  };
  hooks.on_health = [&control = control_, self = std::weak_ptr<Upstreams*>(self_), endpoints](
                        const net::Endpoint& endpoint, bool serves, const std::string& why) {
    boost::asio::post(control, [self, endpoints, endpoint, serves, why] {
      const auto upstreams = self.lock();
      const auto known = endpoints.lock();
      if (upstreams == nullptr || known == nullptr) return;
      (*upstreams)->OnHealth(known, endpoint, serves, why);
    });
  };
  return hooks;
}

// Only of what is in force. What a former configuration found would be written where the one that
// inherited from it does not know of it.
void Upstreams::OnHealth(const std::shared_ptr<Endpoints>& endpoints, const net::Endpoint& endpoint,
                         bool serves, const std::string& why) {
  for (const auto& running : in_force_) {
    if (running->endpoints != endpoints) continue;
    if (endpoints->OnHealth(endpoint, serves, why)) Reconsider(*running);
    return;
  }
}

// Likewise: the endpoints of a former configuration nobody takes back in.
void Upstreams::OnFailing(const std::shared_ptr<Endpoints>& endpoints,
                          const net::Endpoint& endpoint, const std::string& what) {
  for (const auto& running : in_force_) {
    if (running->endpoints != endpoints) continue;
    if (!endpoints->OnFailing(endpoint, what, net::ReadWorkerClock())) return;
    Reconsider(*running);
    return AwaitReturns();
  }
}

void Upstreams::AwaitReturns() {
  absl::optional<base::Instant> next;
  for (const auto& running : in_force_) {
    if (running->is_grpc()) continue;
    const absl::optional<base::Instant> its = running->endpoints->NextReturn();
    if (its.has_value() && (!next.has_value() || *its < *next)) next = its;
  }
  returns_.cancel();
  if (!next.has_value()) return;
  returns_.expires_at(*next);
  returns_.async_wait([this](const boost::system::error_code& replaced) {
    if (!replaced) TakeBack();
  });
}

void Upstreams::TakeBack() {
  for (const auto& running : in_force_) {
    if (!running->is_grpc() && running->endpoints->TakeBack(net::ReadWorkerClock()))
      Reconsider(*running);
  }
  AwaitReturns();
}

// Workers see what changed with their next call. Calls that wait have none.
void Upstreams::Reconsider(const Running& running) {
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([weak = std::weak_ptr<upstream::Pool>(running.pools[i])] {
      if (const auto pool = weak.lock()) pool->Reconsider();
    });
  }
}

}  // namespace singleflight::app
