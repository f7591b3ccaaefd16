// The endpoints of an upstream, and the connections to each: which of them takes the next call, and
// where a further connection would be useful. Pool decides when to ask.
//
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/timer_queue.h"
#include "server/memory/client.h"
#include "server/net/address.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/health_watch.h"
#include "server/upstream/link.h"
#include "server/upstream/options.h"
#include "server/upstream/target.h"

namespace singleflight::upstream {

// One address and the connections to it. It lives on without an address in force until its last
// connection has gone.
struct Backend {
  net::Endpoint endpoint;
  std::string name;
  std::shared_ptr<tls::Resumption> resumption;  // of its connections
  std::vector<std::shared_ptr<Link>> links;
  int failures = 0;          // in a row
  int useless = 0;           // connections in a row that ended before they proved to work
  base::Instant not_before;  // that it may be connected to
  std::string last_error;
  int slowness = 1;     // see PulseOptions
  bool silent = false;  // answered no PING, and has not been connected to since
  bool in_force = true;
  size_t place = 0;  // in the list in force
  EndpointSeat seat;
  EndpointState told = EndpointState::kIdle;  // what the pool's owner heard last
  std::shared_ptr<HealthWatch> watch;         // null: it is not asked, or has no connection yet
  base::Instant watch_not_before;             // that it may be connected to only to be asked
  bool told_unknown = false;                  // that it does not know grpc.health.v1

  // Since it was connected to last.
  bool has_failed() const { return failures > 0 || silent; }
  bool in_service() const { return in_force && !seat.drained; }
  bool takes_calls() const { return in_service() && !unhealthy(); }
  bool unhealthy() const { return seat.shared->unhealthy.load(std::memory_order_relaxed); }
  bool ejected() const { return seat.shared->ejected.load(std::memory_order_relaxed); }
  bool IsAlive() const;   // whether a connection lives, or is being made
  Link* RoomFor() const;  // the best connection for a call; null: none has room
};

// What one endpoint may have of what the upstream may, while another takes calls: half of it, so
// that one that hangs leaves the rest to the others.
struct MostAtOne {
  int64_t slots = INT64_MAX;  // of `concurrency`
  int64_t calls = INT64_MAX;  // of the breaker
};

class Backends {
 public:
  // `max_links`: connections to one endpoint.
  // `slow_start`: see EjectionOptions.
  Backends(uint32_t max_links, bool tls, LoadBalancing balancing, uint64_t seed,
           absl::Duration slow_start)
      : max_links_(max_links),
        tls_(tls),
        balancing_(balancing),
        slow_start_(slow_start),
        random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  // The endpoints in force from now on, and what goes with them (Pool::SetEndpoints).
  void Set(const EndpointList& list, const std::vector<EndpointSeat>& seats);

  void SetDrained(const net::Endpoint& endpoint, bool drained);

  // Forgets those that are neither in force nor connected to.
  void DropIdle();

  // The connection for the next call; null: none has room. `balancing` chooses the endpoint, and of
  // one the least busy connection is taken. An endpoint that has what it may comes late, a
  // connection whose peer is asked whether it lives comes last, and an ejected endpoint gets calls
  // only if no other can be reached.
  Link* Pick(base::Instant now, const MostAtOne& most);

  // One to another endpoint than that, for a hedge; with least_request of two drawn. Null: none has
  // room.
  Link* PickElsewhere(absl::string_view endpoint, base::Instant now, const MostAtOne& most);

  // With pick_first: decides which endpoint calls go to. Otherwise nothing.
  void ChooseFirst(base::Instant now);

  // Whether `client` may take one stream more, of those that there are: on connections that take
  // calls, and on those that may still be made to the same endpoints.
  bool MayOpen(const memory::Client* client) const;

  // Whether a further connection to `backend` would be useful: calls go there, and it has none or
  // those that live are full. One is made at a time.
  bool WantsLink(const Backend& backend, base::Instant now) const;

  // Whether a call that waits has something to wait for.
  bool AnyHope() const;

  // Why there is none.
  std::string WhyUnreachable() const;

  // When an endpoint may be connected to that may not be now; Instant::max(): none has to pause.
  base::Instant NextPauseEnd(base::Instant now) const;

  // Null: it has been taken out.
  Backend* BackendOf(const Link& link) const;

  // Takes the connection out, and returns whose it was.
  Backend* TakeOut(const Link& link);

  const std::vector<std::unique_ptr<Backend>>& all() const { return backends_; }

  // Copies, because connections that close leave the lists.
  std::vector<std::shared_ptr<Link>> Links() const;
  std::vector<std::shared_ptr<Link>> LinksWithoutCalls() const;  // that get none any more

 private:
  Backend* Find(const net::Endpoint& endpoint) const;  // null: none
  Link* NextInTurn(base::Instant now, const MostAtOne& most);
  Link* LessBusyOfTwo(base::Instant now, absl::string_view avoided);
  Link* EjectedIfNoOther();
  bool TakesItsTurn(const Backend& backend, base::Instant now);
  double ShareOf(const Backend& backend, base::Instant now) const;
  bool AnyOther(base::Instant now) const;
  Backend* Draw(const Backend* other, absl::string_view avoided);
  Backend* FirstFrom(size_t place, base::Instant now) const;

  const uint32_t max_links_;
  const bool tls_;
  const LoadBalancing balancing_;
  const absl::Duration slow_start_;
  std::minstd_rand random_;
  bool resolved_ = false;
  std::string resolve_error_;
  std::vector<std::unique_ptr<Backend>> backends_;
  size_t next_ = 0;                         // round_robin: whose turn it is
  Backend* first_ = nullptr;                // pick_first: where calls go; null: nowhere
  absl::optional<base::Instant> tried_at_;  // likewise: when all had been tried in vain
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_
