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
#include "absl/types/optional.h"
#include "server/app/events.h"
#include "server/metrics/visitor.h"
#include "server/upstream/ejection.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/target.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

// What all workers have counted of one endpoint.
using CellsByWorker = std::vector<std::shared_ptr<upstream::EndpointCells>>;
void DescribeCells(const CellsByWorker& cells, admin::v1::Endpoint& out);

// `labels` name the endpoint.
struct EndpointView {
  bool up;
  bool drained;
};
void ShowEndpoint(const metrics::Labels& labels, EndpointView view, const CellsByWorker& cells,
                  metrics::Visitor& visitor);

admin::v1::Endpoint::State ToProto(upstream::EndpointState state);

class Endpoints {
 public:
  // So many of an upstream have metrics of their own: a name may have any number of addresses.
  static constexpr size_t kMostShown = 64;

  Endpoints(std::string upstream, size_t workers, std::function<absl::Time()> wall_clock,
            Events& events,
            const absl::optional<upstream::EjectionOptions>& ejection = absl::nullopt,
            bool checks_health = false);

  // Before the first Set.
  void Inherit(const Endpoints& before);

  // In force from now on. Forgets others that have no call any more.
  void Set(const upstream::EndpointList& list);

  // What the pool of a worker gets beside `list`, which is in force.
  std::vector<upstream::EndpointSeat> SeatsOf(size_t worker, const upstream::EndpointList& list);

  // What the pool of a worker tells (Pool::Hooks::on_state).
  void Heard(size_t worker, const net::Endpoint& endpoint, upstream::EndpointState state,
             const std::string& failure);

  // Calls to it have failed in a row (Pool::Hooks::on_failing). True: it is ejected from now on.
  bool OnFailing(const net::Endpoint& endpoint, const std::string& what, base::Instant now);

  // When the next ejection ends; nothing: none is ejected. TakeBack ends those that are due, and
  // says whether there were any.
  absl::optional<base::Instant> NextReturn() const;
  bool TakeBack(base::Instant now);

  // What a worker found out by asking it (Pool::Hooks::on_health). True: that is news.
  bool OnHealth(const net::Endpoint& endpoint, bool serves, const std::string& why);

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
    std::shared_ptr<upstream::EndpointShared> shared;  // of all workers
    CellsByWorker cells;
    std::vector<upstream::EndpointState> states;  // by worker
    bool in_force = false;
    bool drained = false;
    bool unhealthy = false;
    upstream::Ejections ejections;
    absl::optional<base::Instant> withheld_at;  // when it would have been ejected last; it was told
    upstream::EndpointState state = upstream::EndpointState::kIdle;    // the latest view
    upstream::EndpointState lasting = upstream::EndpointState::kIdle;  // not on its way to another
    absl::Time since;                                                  // `lasting` or drained
    std::string failure;
    absl::Time failed_at;
  };

  Known& Of(const net::Endpoint& endpoint);
  void Judge(const net::Endpoint& endpoint, Known& known, upstream::EndpointState state);
  void Tell(const net::Endpoint& endpoint, std::string text);
  void Announce(const net::Endpoint& endpoint, const std::string& text, bool bad);
  std::string WhyNotEject(const Known& candidate) const;
  void Show(const std::string& address, const Known& known, metrics::Visitor& visitor) const;
  static bool IsUp(const Known& known);
  static void Describe(const net::Endpoint& endpoint, const Known& known, admin::v1::Endpoint& out);

  const std::string upstream_;
  const size_t workers_;
  const std::function<absl::Time()> wall_clock_;
  Events& events_;
  const absl::optional<upstream::EjectionOptions> ejection_;
  const bool checks_health_;
  uint64_t ejections_withheld_ = 0;
  std::map<net::Endpoint, Known> known_;
  std::string resolve_error_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ENDPOINTS_H_
