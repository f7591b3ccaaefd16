#ifndef SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
#define SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/loop.h"
#include "server/base/slice.h"
#include "server/core/route.h"
#include "server/core/upstream.h"
#include "server/core/waiter.h"
#include "server/metrics/worker_metrics.h"

namespace singleflight::core {

// What the flights of one loop work with. The references outlive them.
struct Surroundings {
  base::Loop& loop;
  FlightTable& flights;
  std::vector<Upstream*> upstreams;  // by index in the configuration; this loop's view of each
  metrics::WorkerMetrics& metrics;
  std::string chain_hop;  // how this process names itself in the chain marker
};

// The way of a call that may share an upstream call: join the flight of its key, or lead one.
//
// This is the page to read first. Ask and Leave are all that a caller does; Flight does the rest.
//
// Threads: one per loop, on that loop's thread; the flight table is what loops share.
class ReadPath {
 public:
  explicit ReadPath(Surroundings surroundings) : around_(std::move(surroundings)) {}

  // The key of a call, made of its whole request.
  model::Key KeyFor(const Route& route, const model::Request& request,
                    absl::string_view message) const;

  // Whether the replies of `key` were too large to share a short while ago.
  bool TooLargeToShare(const Route& route, const model::Key& key) const;

  // Takes `waiter` aboard the flight of `key`, or makes it the leader of a new one that calls
  // upstream with `request` and `message` (framed as on the wire). Says which.
  Role Ask(Route& route, model::Key key, std::shared_ptr<const model::Request> request,
           base::Slice message, Waiter& waiter);

  // True: `waiter` has left, and hears nothing more. False: the landing has it already and will
  // call it soon. The last one out ends the flight, where the route says so.
  bool Leave(const Route& route, Waiter& waiter);

  const Surroundings& around() const { return around_; }

 private:
  Surroundings around_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
