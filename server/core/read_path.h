#ifndef SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
#define SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/loop.h"
#include "server/base/slice.h"
#include "server/cache/store.h"
#include "server/core/decoder.h"
#include "server/core/in_writing.h"
#include "server/core/invalidation.h"
#include "server/core/route.h"
#include "server/core/route_metrics.h"
#include "server/core/upstream.h"
#include "server/core/waiter.h"
#include "server/memory/buffered.h"

namespace singleflight::core {

// What the flights of one loop work with.
struct Surroundings {
  base::Loop& loop;
  FlightTable& flights;
  cache::Store& store;
  std::vector<Upstream*> upstreams;  // by index in the configuration; this loop's view of each
  MetricsByRoute metrics;
  metrics::Counter& shed;  // calls that limits.max_buffered_bytes has refused
  std::string chain_hop;   // how this process names itself in the chain marker
  memory::Buffered& buffered;

  // What owns all this, and the routes. Calls and flights keep the one that they began with.
  std::weak_ptr<const void> snapshot = {};

  // Where the reply to a call comes from. Lies in these, the route and the request.
  cache::Origin OriginOf(const Route& route, const model::Request& request) const {
    return {route.shared.name, upstreams[route.upstream]->AuthorityFor(request), request.path()};
  }
};

// What became of a call that was asked.
enum class Asked {
  kKept,       // the reply had been kept meanwhile; the waiter has its answer
  kLeads,      // a flight was started for it
  kFollows,    // it is aboard another caller's flight
  kPastShare,  // there is none, and its client may start none (see memory::PastShare); the waiter
               // hears nothing
};

// The way of a call that may get its reply without an upstream call of its own: look whether the
// reply is kept, join the flight of its key, or lead one.
//
// This is the page to read first. Look, Ask and Leave are all that a caller does; Flight does the
// rest.
//
// Threads: one per loop, on that loop's thread; the flight table is what loops share.
class ReadPath {
 public:
  explicit ReadPath(Surroundings surroundings) : around_(std::move(surroundings)) {}

  // The key of a call, made of its whole request and of how far its connection is trusted (see
  // model::KeyPolicy). Good until the next call of this.
  model::Key& KeyFor(const Route& route, uint32_t trust, const model::Request& request,
                     absl::string_view message);

  // Whether the replies of `key` were too large to share a short while ago.
  bool TooLargeToShare(const Route& route, const model::Key& key) const;

  // What is kept for `key`. Without a reply the call goes on to Ask.
  cache::Found Look(const Route& route, const model::Key& key, const model::Request& request) const;

  // Makes a reply that was not made for the caller of `request` one that he can read: decodes it
  // where he does not accept how it is encoded. False: that cannot be done, and he has to make a
  // call of his own; the reply is as it was.
  bool MakeReadable(const Route& route, const model::Request& request, model::Reply& reply) {
    return !reply.encoded || DecodeFor(route, request, reply);
  }

  // The same for what a flight answered that asked what another caller asked. The leader gets his
  // own answer as it is.
  bool MakeReadable(const Route& route, const model::Request& request, const Question& asked,
                    Answer& answer);

  // What the caller of `request`, released from a flight that asked `asked`, sends himself. His
  // message may be encoded in another way than the leader's; then it goes without, which is right
  // behind any `grpc-encoding`.
  base::Slice MessageFor(const Route& route, const model::Request& request, const Question& asked);

  // A reply as it goes to one caller, of `client`: see InWriting.
  absl::optional<model::Reply> Hold(const Route& route, const model::Reply& reply,
                                    const std::shared_ptr<memory::Client>& client = nullptr,
                                    Counted counted = Counted::kNot);

  // Takes `waiter` aboard the flight of `key`, or makes it the leader of a new one that calls
  // upstream with what `question` says. Says which. `missed` is what Look said. The waiter may hear
  // its answer before this returns. `key` is consumed only for a new flight.
  Asked Ask(Route& route, model::Key&& key, Question question, const cache::Found& missed,
            Waiter& waiter);

  // True: `waiter` has left, and hears nothing more. False: the landing has it already and will
  // call it soon. The last one out ends the flight, where the route says so; `why` he left is then
  // why upstream did not answer.
  bool Leave(const Route& route, Waiter& waiter, Unanswered why = Unanswered::kCancelled);

  // Drops the groups that a block of a reply on a relay route invalidates (RFC 9875 §3), before the
  // caller has it, so that he reads what he wrote. A first block may come before the backend has
  // done what it says: keep what is returned until the call is over.
  Invalidation Invalidate(const Route& route, const model::Request& request,
                          model::HeadersView block);

  const Surroundings& around() const { return around_; }

 private:
  bool DecodeFor(const Route& route, const model::Request& request, model::Reply& reply);
  void Followed(std::shared_ptr<Flight> widened);
  void LandFromCache(const Route& route, FlightTable::Landing landing, const cache::Found& kept,
                     Question question);
  RouteMetrics& MetricsOf(const Route& route) { return *around_.metrics[route.index]; }

  Surroundings around_;
  model::Key key_;  // the latest, for its storage
  Decoder decoder_;
  InWriting in_writing_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
