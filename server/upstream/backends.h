// The endpoints of an upstream, and the connections to each: which of them takes the next call, and
// where a further connection would be useful. Pool decides when to ask.
//
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/timer_queue.h"
#include "server/memory/client.h"
#include "server/net/address.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/link.h"
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
  EndpointSeat seat;
  EndpointState told = EndpointState::kIdle;  // what the pool's owner heard last

  bool takes_calls() const { return in_force && !seat.drained; }
};

class Backends {
 public:
  // `max_links`: connections to one endpoint.
  Backends(uint32_t max_links, bool tls) : max_links_(max_links), tls_(tls) {}

  // The endpoints in force from now on, and what goes with them (Pool::SetEndpoints).
  void Set(const EndpointList& list, const std::vector<EndpointSeat>& seats);

  void SetDrained(const net::Endpoint& endpoint, bool drained);

  // Forgets those that are neither in force nor connected to.
  void DropIdle();

  // The connection for the next call; null: none has room. Endpoints have their turns, and of one
  // the least busy connection is taken. A connection whose peer is asked whether it lives comes
  // last.
  Link* Pick();

  // Whether `client` may take one stream more, of those that there are: on connections that take
  // calls, and on those that may still be made to the same endpoints.
  bool MayOpen(const memory::Client* client) const;

  // Whether a further connection to `backend` would be useful: it has none, or those that live are
  // full. One is made at a time.
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

  const uint32_t max_links_;
  const bool tls_;
  bool resolved_ = false;
  std::string resolve_error_;
  std::vector<std::unique_ptr<Backend>> backends_;
  size_t next_ = 0;  // whose turn it is
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_BACKENDS_H_
