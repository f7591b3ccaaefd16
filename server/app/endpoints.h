// The endpoints of one upstream as people see them, put together of what its pools tell: each
// worker has a pool, and so a view of its own. The latest view counts; that of a worker which has
// not used an endpoint yet says nothing.
//
// What is counted, and which endpoints are taken out by command, goes on where a configuration
// replaces the upstream by one of the same name (Inherit).
//
// Threads: the control thread's. Cells are written by their workers.

#ifndef SINGLEFLIGHT_SERVER_APP_ENDPOINTS_H_
#define SINGLEFLIGHT_SERVER_APP_ENDPOINTS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/app/events.h"
#include "server/metrics/visitor.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/target.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

class Endpoints {
 public:
  // So many of an upstream have metrics of their own: a name may have any number of addresses.
  static constexpr size_t kMostShown = 64;

  Endpoints(std::string upstream, size_t workers, std::function<absl::Time()> wall_clock,
            Events& events);

  // Before the first Set.
  void Inherit(const Endpoints& before);

  // In force from now on. Forgets others that have no call any more.
  void Set(const upstream::EndpointList& list);

  // What the pool of a worker gets beside `list`, which is in force.
  std::vector<upstream::EndpointSeat> SeatsOf(size_t worker, const upstream::EndpointList& list);

  // What the pool of a worker tells (Pool::Hooks::on_state).
  void Heard(size_t worker, const net::Endpoint& endpoint, upstream::EndpointState state,
             const std::string& failure);

  // The endpoint in force that is called so; null: there is none.
  const net::Endpoint* Find(const std::string& address) const;
  void SetDrained(const net::Endpoint& endpoint, bool drained);
  int64_t connections(const net::Endpoint& endpoint) const;

  // Whether a call can go to one of them, or at least try: one that is silent is connected to
  // again.
  bool AnyServes() const;

  void Describe(admin::v1::Upstream& upstream) const;

  // Those in force; of more than kMostShown the first by address.
  void Show(metrics::Visitor& visitor) const;

 private:
  struct Known {
    std::vector<std::shared_ptr<upstream::EndpointCells>> cells;  // by worker
    std::vector<upstream::EndpointState> states;                  // likewise
    bool in_force = false;
    bool drained = false;
    upstream::EndpointState state = upstream::EndpointState::kIdle;    // the latest view
    upstream::EndpointState lasting = upstream::EndpointState::kIdle;  // not on its way to another
    absl::Time since;                                                  // `lasting` or drained
    std::string failure;
    absl::Time failed_at;
  };

  Known& Of(const net::Endpoint& endpoint);
  void Judge(const net::Endpoint& endpoint, Known& known, upstream::EndpointState state);
  void Tell(const net::Endpoint& endpoint, std::string text);
  void Show(const std::string& address, const Known& known, metrics::Visitor& visitor) const;
  static bool IsUp(const Known& known);
  static void Describe(const net::Endpoint& endpoint, const Known& known, admin::v1::Endpoint& out);

  const std::string upstream_;
  const size_t workers_;
  const std::function<absl::Time()> wall_clock_;
  Events& events_;
  std::map<net::Endpoint, Known> known_;
  std::string resolve_error_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ENDPOINTS_H_
