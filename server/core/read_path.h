// From a whole request to its reply: the page to read first.

#ifndef SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
#define SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
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
#include "server/survey/draw.h"
#include "server/survey/survey.h"

namespace singleflight::core {

class Check;

// What the flights of one loop work with.
struct LoopContext {
  base::Loop& loop;
  Flights& flights;
  cache::Store& store;
  std::vector<Upstream*> upstreams;  // by index in the configuration; this loop's view of each
  MetricsByRoute metrics;
  metrics::Counter& shed;  // calls that limits.max_buffered_bytes has refused
  std::string chain_hop;   // how this process names itself in the chain marker
  memory::Buffered& buffered;

  // What owns all this, and the routes. Calls and flights keep the one that they began with.
  std::weak_ptr<const void> snapshot = {};

  survey::SurveyByRoute surveys = {};  // none: nobody wants to know

  trace::Tracer* tracer = nullptr;  // null: nothing is recorded

  std::minstd_rand* random = nullptr;  // for waits before retries; null: each is as long as it may

  // Where the reply to a call comes from. Lies in these, the route and the request.
  cache::Origin OriginOf(const Route& route, const model::Request& request) const {
    return {route.shared.name, upstreams[route.upstream]->AuthorityFor(request), request.path()};
  }
};

// What a caller asks with a whole request of one message.
struct Asking {
  uint32_t trust;  // how far its connection is trusted (model::KeyPolicy)
  const std::shared_ptr<const model::Request>& request;
  absl::string_view message;  // framed as on the wire

  // Gives the message's bytes away. Called at most once, when a flight may need them; does not come
  // back here.
  absl::FunctionRef<base::Slice()> take;

  absl::optional<base::Instant> deadline;
  const std::shared_ptr<memory::Client>& client;  // null: nobody's
  const trace::OpenSpan* span = nullptr;          // null: the call is not recorded
};

// What became of a call, and what its caller does next.
enum class Served {
  kKept,     // it has its answer, which was kept: nothing
  kLeads,    // a flight was started for it, which it may have heard of already: it waits
  kFollows,  // it is aboard another caller's flight: it waits

  // The waiter hears nothing, `take` was not called, and the call goes on alone, since
  kUnreadable,  // it cannot read the reply that is kept
  kStreams,     // its method answers in streams
  kTooLarge,    // the replies to this very call were too large to share
  kNoStore,     // its request says that nothing of it be kept
  kDiffered,    // checks have found that its replies, or those of the route, are not to be shared

  // The waiter hears nothing, as its request says that it takes what is kept and nothing else
  // (RFC 9111 §5.2.1.7). It is refused.
  kNothingKept,

  // The waiter hears nothing: it may lead no flight, as its client holds more than its share
  // (memory::PastShare). It is refused.
  kPastShare,
};

// The way of a call that may get its reply without an upstream call of its own.
//
// This is the page to read first. Serve is the whole way, Leave the only way back; Flight does the
// rest.
//
// Threads: one per loop, on that loop's thread; the flights and the store are what loops share.
class ReadPath {
 public:
  explicit ReadPath(LoopContext context)
      : around_(std::move(context)), draw_(around_.loop.index()) {}

  // Answers `waiter` with what is kept, or takes it aboard the flight of its key, or makes it the
  // leader of a new one that calls upstream with what it asks. Says which, or why not. The waiter
  // may hear its answer before this returns.
  Served Serve(Route& route, const Asking& asking, Waiter& waiter);

  // True: `waiter` has left, and hears nothing more. False: the landing has it already and will
  // call it soon. The last one out ends the flight, where the route says so; `why` it left is then
  // why upstream did not answer.
  bool Leave(const Route& route, Waiter& waiter, Unanswered why = Unanswered::kCancelled);

  // Whether a reply to that call is kept.
  bool Keeps(const Route& route, uint32_t trust, const model::Request& request,
             absl::string_view message);

  // What the caller of `request`, released from a flight that asked `asked`, sends itself, where
  // messages of one key do not differ (model::KeyPolicy). Its message may be encoded in another way
  // than the leader's; then it goes without, which is right behind any `grpc-encoding`.
  base::Slice MessageFor(const Route& route, const model::Request& request, const Question& asked);

  // A reply as it goes to one caller, of `client`: see InWriting. None: the upstream's replies in
  // writing are past max_held_bytes, or the client's are past its share.
  absl::optional<model::Reply> Hold(const Route& route, const model::Reply& reply,
                                    const std::shared_ptr<memory::Client>& client = nullptr,
                                    Counted counted = Counted::kNot);

  // Drops the groups that a block of a reply on a relay route invalidates (RFC 9875 §3), before the
  // caller has it, so that it reads what it wrote. A first block may come before the backend has
  // done what it says: keep what is returned until the call is over.
  Invalidation Invalidate(const Route& route, const model::Request& request,
                          model::HeadersView block);

  // What is compared of a reply of `route`, without its compression where that can be undone.
  model::Headers PrintOf(const Route& route, const model::Reply& reply);

  // A caller of that key leads a flight, or would: notes what kept it apart from earlier ones.
  void NoteLead(const Route& route, const model::Key& key);

  // For whoever joins a flight: tells it that a caller of another client is aboard.
  void Followed(std::shared_ptr<Flight> widened);

  // For flights: gives a waiter of this loop the flight's answer, made readable, or releases it.
  void Tell(Waiter& waiter, const Answer& answer, const Question& asked);

  // Likewise, before it tells a waiter that it is released.
  void Undraw(const Waiter& waiter) {
    if (!drawn_.empty()) drawn_.erase(&waiter);
  }

  // The key of a call. Good until the next call of this.
  model::Key& KeyFor(const Route& route, uint32_t trust, const model::Request& request,
                     absl::string_view message);

  // Of the latest key that was made here.
  uint64_t latest_key_hash() const { return key_.hash; }

  // Whether the replies of `key` were too large to share a short while ago.
  bool TooLargeToShare(const Route& route, const model::Key& key) const;

  const LoopContext& around() const { return around_; }

 private:
  cache::Found Look(const Route& route, const model::Key& key, const model::Request& request) const;
  cache::Found LookFor(const cache::RequestControl& control, const Route& route,
                       const model::Key& key, const model::Request& request) const;
  cache::Found Nothing(const model::Key& key, const cache::Origin& origin) const;
  Served ServeAsAsked(Route& route, const Asking& asking, Waiter& waiter);
  Served ServeKept(Route& route, const Asking& asking, cache::Found& found, Waiter& waiter);
  absl::optional<Served> WhyAlone(const Route& route, const model::Key& key,
                                  const Asking& asking) const;
  Served Board(Route& route, model::Key&& key, const Asking& asking, const cache::Found& missed,
               Waiter& waiter, const cache::RequestControl* control = nullptr);
  bool MakeReadable(const Route& route, const model::Request& request, model::Reply& reply);
  bool SeeToStale(Route& route, const Asking& asking, const cache::Found& found);
  void DrawHit(Route& route, const Asking& asking, const cache::Found& found, bool message_taken);
  void DrawFollower(Route& route, const Waiter& waiter, const Question& question);
  void Give(Waiter& waiter, const Answer& answer, Counted counted, const Question& asked);
  void BeginCheck(const Waiter& waiter, const Answer& answer, const Question& asked);
  void NoteDrawn(const Route& route, const model::Key& key, const model::Request& request,
                 const model::Reply& kept);
  void LandKept(const Route& route, Flights::Landing landing, const cache::Found& kept,
                Question question);
  void TellKept(Waiter& waiter, const Answer& kept, bool served_stale, base::Instant now,
                const Question& asked);
  RouteMetrics& MetricsOf(const Route& route) { return *around_.metrics[route.index]; }

  LoopContext around_;
  survey::Draw draw_;
  model::Key key_;  // the latest, for its storage
  Decoder decoder_;
  InWriting in_writing_;

  // Followers of this loop that will be checked when they have their replies. They are aboard.
  absl::flat_hash_map<const Waiter*, std::shared_ptr<Check>> drawn_;
};

inline base::Loop& Waiter::loop() const { return path_.around().loop; }

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_READ_PATH_H_
