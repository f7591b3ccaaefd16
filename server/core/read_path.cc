#include "server/core/read_path.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/base/block_bytes.h"
#include "server/base/check.h"
#include "server/cache/groups.h"
#include "server/core/by_loop.h"
#include "server/core/flight.h"
#include "server/core/footprint.h"
#include "server/memory/held_bytes.h"
#include "server/model/encoding.h"

namespace singleflight::core {

namespace {

// A longer key's storage is not kept for the next, which may become a flight's and stay.
constexpr size_t kMostKeptBytes = 1 << 10;

}  // namespace

void Waiter::OnLanded(const model::Reply*) { SF_CHECK(!"a flight was destroyed in the air"); }

model::Key& ReadPath::KeyFor(const Route& route, uint32_t trust, const model::Request& request,
                             absl::string_view message) {
  const absl::string_view authority = around_.upstreams[route.upstream]->AuthorityFor(request);
  if (key_.bytes.capacity() > kMostKeptBytes) base::LetGo(key_.bytes);
  if (model::IsCompressed(message)) {
    message = decoder_.ForKey(request, message, route.flights.max_request_bytes,
                              MetricsOf(route).request_inflation);
  }
  route.key_policy.MakeKey(trust, request, authority, message, &key_);
  decoder_.Release();
  return key_;
}

bool ReadPath::DecodeFor(const Route& route, const model::Request& request, model::Reply& reply) {
  if (model::Accepts(request.fields(), model::EncodingOf(reply.initial))) return true;
  absl::optional<model::Reply> decoded = decoder_.Reply(
      route.shared, reply, route.flights.max_reply_bytes, MetricsOf(route).reply_inflation);
  if (!decoded.has_value()) return false;
  reply = *std::move(decoded);
  return true;
}

bool ReadPath::MakeReadable(const Route& route, const model::Request& request,
                            const Question& asked, Answer& answer) {
  if (answer.about_encoding &&
      model::EncodingOf(request.fields()) != model::EncodingOf(asked.request->fields())) {
    return false;
  }
  return MakeReadable(route, request, answer.reply);
}

base::Slice ReadPath::MessageFor(const Route& route, const model::Request& request,
                                 const Question& asked) {
  if (!model::IsCompressed(asked.message.view()) ||
      model::EncodingOf(request.fields()) == model::EncodingOf(asked.request->fields())) {
    return asked.message;
  }
  absl::optional<base::Slice> message =
      decoder_.Message(*asked.request, asked.message, route.flights.max_request_bytes,
                       MetricsOf(route).request_inflation);
  SF_CHECK(message.has_value());  // or their keys would have differed
  return *std::move(message);
}

bool ReadPath::TooLargeToShare(const Route& route, const model::Key& key) const {
  return route.large_keys.Holds(key.hash, around_.loop.Now());
}

cache::Found ReadPath::Look(const Route& route, const model::Key& key,
                            const model::Request& request) const {
  const cache::Origin origin = around_.OriginOf(route, request);
  if (route.caches()) return around_.store.Find(key, origin, around_.loop.Now());
  cache::Found nothing;
  nothing.purged = around_.store.PurgedAt(key, origin);
  return nothing;
}

// A flight stores before it lands, so whoever becomes a leader looks again: what was not kept when
// he came may have been stored by a flight that landed before he could join it.
//
// The flight is marked with the purges that its leader knew of when he looked, not with later ones:
// what the second look finds may be older than a purge that comes next, and whoever asks after that
// must not be aboard.
//
// A leader whom his client's share refuses would take those with him who joined meanwhile, so that
// is judged before.
Asked ReadPath::Ask(Route& route, model::Key&& key, Question question, const cache::Found& missed,
                    Waiter& waiter) {
  const FlightTable::JoinLimits limits = {route.flights.max_waiters,
                                          absl::ToChronoNanoseconds(route.flights.max_join_age),
                                          missed.purged, missed.purged, question.client.get()};
  question.line = key.hash;
  const auto bytes = static_cast<int64_t>(BytesHeldByFlight(key, question.message));
  if (memory::PastShare(route.shared, question.client.get(), bytes)) {
    FlightTable::Joined followed = around_.flights.Follow(key, waiter, around_.loop.Now(), limits);
    Followed(std::move(followed.widened));
    return followed.waiting != 0 ? Asked::kFollows : Asked::kPastShare;
  }
  FlightTable::Joined joined =
      around_.flights.Join(std::move(key), waiter, around_.loop.Now(), limits);
  if (joined.role == Role::kFollower) {
    Followed(std::move(joined.widened));
    return Asked::kFollows;
  }
  if (route.caches()) {
    const cache::Found kept = Look(route, joined.landing.key(), *question.request);
    model::Reply readable = kept.reply;
    if (kept.reply && MakeReadable(route, *question.request, readable)) {
      LandFromCache(route, std::move(joined.landing), kept, std::move(question));
      return Asked::kKept;
    }
  }
  Flight::Start(around_, route, std::move(question), std::move(joined.landing));
  return Asked::kLeads;
}

absl::optional<model::Reply> ReadPath::Hold(const Route& route, const model::Reply& reply,
                                            const std::shared_ptr<memory::Client>& client,
                                            Counted counted) {
  switch (counted) {
    case Counted::kNot:
      return in_writing_.Hold(route.shared, reply, client);
    case Counted::kAsHeld:
      return in_writing_.HoldFor(route.shared, reply, client);
    case Counted::kAsAsked:
      return in_writing_.Charge(route.shared, reply, client);
  }
  SF_CHECK(!"unreachable");
}

// Null: nobody needs to be told. A flight that has no means to be told yet asks when it starts.
void ReadPath::Followed(std::shared_ptr<Flight> widened) {
  if (widened == nullptr || !widened->waits()) return;
  base::Loop& loop = widened->loop();
  loop.Post([flight = std::move(widened)] { flight->Widen(); });
}

void ReadPath::LandFromCache(const Route& route, FlightTable::Landing landing,
                             const cache::Found& kept, Question question) {
  if (kept.reply.encoded) question.message = memory::Held(route.shared, question.message);
  ForEachOnItsLoop(landing.Take(), around_.loop,
                   [answer = Answer{Answer::Source::kHit, kept.reply, kept.lifespan},
                    asked = question](Waiter& waiter) { waiter.OnAnswer(answer, asked); });
}

Invalidation ReadPath::Invalidate(const Route& route, const model::Request& request,
                                  model::HeadersView block) {
  if (!block.Find(cache::kCacheGroupInvalidation).has_value()) return Invalidation();
  const auto groups = cache::ParseGroups(block, {}, cache::kCacheGroupInvalidation);
  if (!groups.has_value()) return Invalidation();  // malformed: skipped (RFC 9651 §4.2)
  const cache::Origin origin = around_.OriginOf(route, request);
  std::vector<cache::Scope> scopes;
  for (const std::string& group : *groups) {
    scopes.push_back(cache::GroupScope(origin.upstream, origin.authority, group));
  }
  std::sort(scopes.begin(), scopes.end(),
            [](const cache::Scope& a, const cache::Scope& b) { return a.id < b.id; });
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  around_.metrics[route.index]->invalidations.Add(scopes.size());
  if (!scopes.empty()) around_.store.Purge(scopes);
  return Invalidation(around_.store, std::move(scopes));
}

bool ReadPath::Leave(const Route& route, Waiter& waiter, Unanswered why) {
  const bool cancel = route.flights.on_abandon == OnAbandon::kCancel;
  FlightTable::Left left = around_.flights.Leave(
      waiter, cancel ? FlightTable::OnLast::kRetire : FlightTable::OnLast::kKeep);
  if (left.outcome == FlightTable::Left::Outcome::kLeftLast && cancel) {
    base::Loop& loop = left.context->loop();
    loop.Post([flight = std::move(left.context), why] { flight->Abandon(why); });
  }
  return left.outcome != FlightTable::Left::Outcome::kAlreadyTaken;
}

}  // namespace singleflight::core
