// The way of a call that may share: key, kept?, join, kept meanwhile?, lead.
//
// A flight stores before it lands. So while a reply is kept, every newcomer finds the entry or the
// flight; there is no moment in between in which it finds neither and sends a second call. For that
// the leader looks twice: what was not kept when it came may have been stored by a flight that
// landed before it could join.
//
// A flight is marked with the purges that its leader knew of when it looked first, not with later
// ones: what the second look finds may be older than a purge that comes next, and a caller that
// asks after that must not be aboard.
//
// What a waiter gets is made readable on its own loop (Tell): a flight answers in the leader's
// encoding, an entry in that of the leader that filled it. A reply that cannot be decoded for a
// caller is not for it: a hit is passed by, a waiter is released.

#include "server/core/read_path.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "server/base/block_bytes.h"
#include "server/base/check.h"
#include "server/cache/groups.h"
#include "server/core/by_loop.h"
#include "server/core/flight.h"
#include "server/core/footprint.h"
#include "server/core/refresh.h"
#include "server/memory/held_bytes.h"
#include "server/model/encoding.h"

namespace singleflight::core {

namespace {

// A longer key's storage is not kept for the next, which may become a flight's and stay.
constexpr size_t kMostKeptBytes = 1 << 10;

// A key is compared with those that led so long ago, or for as long as replies are kept.
constexpr absl::Duration kRecent = absl::Minutes(1);

absl::Duration RecentOn(const Route& route) {
  return route.caches() ? std::max(kRecent, route.options.cache->ttl) : kRecent;
}

}  // namespace

Served ReadPath::Serve(Route& route, const Asking& asking, Waiter& waiter) {
  if (route.verification != nullptr && route.verification->KeepsApart(asking.client.get())) {
    return Served::kDiffered;
  }
  if (route.ObeysControlOf(*asking.request)) return ServeAsAsked(route, asking, waiter);
  model::Key& key = KeyFor(route, asking.trust, *asking.request, asking.message);
  cache::Found found = Look(route, key, *asking.request);
  if (draw_.Takes()) NoteDrawn(route, key, *asking.request, found.reply);
  if (found.reply) return ServeKept(route, asking, found, waiter);
  if (const absl::optional<Served> alone = WhyAlone(route, key, asking)) return *alone;
  return Board(route, std::move(key), asking, found, waiter);
}

// The same for a caller that says what it takes of a cache. It joins flights like any other.
Served ReadPath::ServeAsAsked(Route& route, const Asking& asking, Waiter& waiter) {
  const cache::RequestControl control = cache::ParseRequestControl(asking.request->fields());
  if (control.no_store) return Served::kNoStore;
  model::Key& key = KeyFor(route, asking.trust, *asking.request, asking.message);
  cache::Found found = LookFor(control, route, key, *asking.request);
  if (draw_.Takes()) NoteDrawn(route, key, *asking.request, found.reply);
  if (found.reply) return ServeKept(route, asking, found, waiter);
  if (control.only_if_cached) return Served::kNothingKept;
  if (const absl::optional<Served> alone = WhyAlone(route, key, asking)) return *alone;
  return Board(route, std::move(key), asking, found, waiter, &control);
}

absl::optional<Served> ReadPath::WhyAlone(const Route& route, const model::Key& key,
                                          const Asking& asking) const {
  if (route.Streams(asking.request->path(), around_.loop.Now())) return Served::kStreams;
  if (TooLargeToShare(route, key)) return Served::kTooLarge;
  return absl::nullopt;
}

Served ReadPath::ServeKept(Route& route, const Asking& asking, cache::Found& found,
                           Waiter& waiter) {
  const void* const entry = found.reply.owner.get();
  if (!MakeReadable(route, *asking.request, found.reply)) return Served::kUnreadable;
  const bool decoded = found.reply.owner.get() != entry;
  const bool taken = found.extended && SeeToStale(route, asking, found);
  if (route.verification != nullptr) DrawHit(route, asking, found, taken);
  waiter.OnAnswer(
      {Answer::Source::kHit, std::move(found.reply), found.lifespan, nullptr, found.status},
      decoded ? Counted::kAsHeld : Counted::kNot);
  return Served::kKept;
}

// Before the caller has its answer, because it may be gone then. The flight begins after it. True:
// the message has been taken.
bool ReadPath::SeeToStale(Route& route, const Asking& asking, const cache::Found& found) {
  const base::Instant now = around_.loop.Now();
  if (found.lifespan.expires <= now) {
    MetricsOf(route).stale.Add(found.served_stale ? StaleUse::kWhileRevalidate
                                                  : StaleUse::kMaxStale);
  }
  if (!found.refreshable || !Refresh::IsDue(found, now, around_.random)) return false;
  const base::Instant right = Refresh::RightOf(route, now);
  if (!around_.store.BeginRefresh(key_, now, right)) return false;
  Question question{asking.request, asking.take(), Refresh::DeadlineOf(route, now), nullptr,
                    key_.hash};
  question.background = true;
  question.caused_by = Asked::IdentityOf(asking.client.get());
  Refresh::Start(*this, route, key_, std::move(question), right);
  return true;
}

// A leader that its client's share refuses would take those with it that joined meanwhile, so that
// is judged before.
Served ReadPath::Board(Route& route, model::Key&& key, const Asking& asking,
                       const cache::Found& missed, Waiter& waiter,
                       const cache::RequestControl* control) {
  const Flights::JoinLimits limits = {route.flights.max_waiters,
                                      absl::ToChronoNanoseconds(route.flights.max_join_age),
                                      missed.purged, missed.purged, asking.client.get()};
  const base::Instant now = around_.loop.Now();
  const auto bytes = static_cast<int64_t>(BytesHeldByFlight(key, asking.message.size()));
  if (memory::PastShare(route.shared, asking.client.get(), bytes)) {
    Flights::Joined followed = route.flights.gathers()
                                   ? around_.flights.FollowGathering(key, waiter, now, limits)
                                   : around_.flights.Follow(key, waiter, now, limits);
    Followed(std::move(followed.widened));
    return followed.waiting != 0 ? Served::kFollows : Served::kPastShare;
  }
  const uint64_t line = key.hash;
  Question question{asking.request, asking.take(), asking.deadline, asking.client, line};
  if (asking.span != nullptr) question.span = asking.span->span->self;
  Flights::Joined joined = route.flights.gathers()
                               ? around_.flights.Gather(std::move(key), waiter, now, limits)
                               : around_.flights.Join(std::move(key), waiter, now, limits);
  if (joined.role == Role::kFollower) {
    Followed(std::move(joined.widened));
    if (route.verification != nullptr) DrawFollower(route, waiter, question);
    return Served::kFollows;
  }
  if (route.caches()) {
    const model::Key& led = joined.landing.key();
    const cache::Found kept = control == nullptr ? Look(route, led, *question.request)
                                                 : LookFor(*control, route, led, *question.request);
    model::Reply readable = kept.reply;
    if (kept.reply && MakeReadable(route, *question.request, readable)) {
      LandKept(route, std::move(joined.landing), kept, std::move(question));
      return Served::kKept;
    }
  }
  NoteLead(route, joined.landing.key());
  Flight::Start(around_, route, std::move(question), std::move(joined.landing));
  return Served::kLeads;
}

void ReadPath::NoteDrawn(const Route& route, const model::Key& key, const model::Request& request,
                         const model::Reply& kept) {
  const uint32_t weight = draw_.Weight();
  if (around_.surveys.empty()) return;
  around_.surveys[route.index].top->AddCalls(key.hash, request.path(), kept.body.size(), weight);
}

void ReadPath::NoteLead(const Route& route, const model::Key& key) {
  if (around_.surveys.empty()) return;
  const absl::optional<survey::Splits::Apart> apart =
      around_.surveys[route.index].splits->Note(key, around_.loop.Now(), RecentOn(route));
  if (!apart.has_value()) return;
  MetricsOf(route).splits.Add(apart->kind,
                              survey::LabelOf(apart->kind, apart->name, route.options.key));
  if (!apart->say) return;
  spdlog::debug(
      "route '{}': a call led a flight of its own; only this kept it apart from a recent one: {} "
      "{}",
      route.options.match.method, std::string(NameOf(apart->kind)), apart->name);
}

void ReadPath::LandKept(const Route& route, Flights::Landing landing, const cache::Found& kept,
                        Question question) {
  Flights::WaiterList aboard = landing.Take();
  if (kept.reply.encoded || aboard.size() > 1) {
    question.message = memory::Held(route.shared, question.message);
  }
  ForEachOnItsLoop(
      std::move(aboard), around_.loop,
      [answer = Answer{Answer::Source::kHit, kept.reply, kept.lifespan, nullptr, kept.status},
       stale = kept.served_stale, now = around_.loop.Now(), asked = question](Waiter& waiter) {
        waiter.path().TellKept(waiter, answer, stale, now, asked);
      });
}

// The leader takes what it has found. One that joined meanwhile may take less, and asks again. At
// `now` it was found.
void ReadPath::TellKept(Waiter& waiter, const Answer& kept, bool served_stale, base::Instant now,
                        const Question& asked) {
  const absl::optional<Waiter::Asker> asker = waiter.asker();
  if (!asker.has_value()) return Tell(waiter, kept, asked);
  RouteMetrics& metrics = MetricsOf(asker->route);
  if (waiter.role() == Role::kFollower) {
    cache::RequestControl control;
    if (asker->route.ObeysControlOf(asker->request)) {
      control = cache::ParseRequestControl(asker->request.fields());
    }
    if (!control.Takes(kept.lifespan, now, served_stale, served_stale)) {
      metrics.released.Add(core::Release::kLeaderRefused);
      Undraw(waiter);
      return waiter.OnReleased(asked, core::Release::kLeaderRefused);
    }
  }
  if (kept.lifespan.expires <= now) {
    metrics.stale.Add(served_stale ? StaleUse::kWhileRevalidate : StaleUse::kMaxStale);
  }
  Tell(waiter, kept, asked);
}

// A leader gets what it asked for as it came. What upstream said of the encoding of one message is
// for those alone that encode theirs alike.
void ReadPath::Tell(Waiter& waiter, const Answer& answer, const Question& asked) {
  const bool kept = answer.was_kept();
  if (waiter.role() == Role::kLeader && !kept) return waiter.OnAnswer(answer, Counted::kAsAsked);
  const Counted counted = kept ? Counted::kNot : Counted::kAsHeld;
  if (answer.ForAnyEncoding()) return Give(waiter, answer, counted, asked);
  const absl::optional<Waiter::Asker> asker = waiter.asker();
  if (!asker.has_value()) return Give(waiter, answer, counted, asked);
  const auto& [route, request] = *asker;
  const bool for_others = answer.about_encoding && model::EncodingOf(request.fields()) !=
                                                       model::EncodingOf(asked.request->fields());
  Answer readable = answer;
  if (for_others || !MakeReadable(route, request, readable.reply)) {
    constexpr core::Release kWhy = core::Release::kReplyEncoding;
    MetricsOf(route).released.Add(kWhy);
    Undraw(waiter);
    return waiter.OnReleased(asked, kWhy);
  }
  const bool decoded = readable.reply.owner != answer.reply.owner;
  Give(waiter, readable, decoded ? Counted::kAsHeld : counted, asked);
}

void ReadPath::Give(Waiter& waiter, const Answer& answer, Counted counted, const Question& asked) {
  if (!drawn_.empty()) BeginCheck(waiter, answer, asked);
  waiter.OnAnswer(answer, counted);
}

// False: that cannot be done; the reply is as it was.
bool ReadPath::MakeReadable(const Route& route, const model::Request& request,
                            model::Reply& reply) {
  if (!reply.encoded || model::Accepts(request.fields(), model::EncodingOf(reply.initial))) {
    return true;
  }
  absl::optional<model::Reply> decoded = decoder_.Reply(
      route.shared, reply, route.flights.max_reply_bytes, MetricsOf(route).reply_inflation);
  if (!decoded.has_value()) return false;
  reply = *std::move(decoded);
  return true;
}

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

bool ReadPath::Keeps(const Route& route, uint32_t trust, const model::Request& request,
                     absl::string_view message) {
  return static_cast<bool>(Look(route, KeyFor(route, trust, request, message), request).reply);
}

cache::Found ReadPath::Look(const Route& route, const model::Key& key,
                            const model::Request& request) const {
  const cache::Origin origin = around_.OriginOf(route, request);
  if (!route.caches()) return Nothing(key, origin);
  cache::Found found = around_.store.Find(key, origin, around_.loop.Now());
  return route.Trusts(found) ? found : Nothing(key, origin);
}

cache::Found ReadPath::LookFor(const cache::RequestControl& control, const Route& route,
                               const model::Key& key, const model::Request& request) const {
  const cache::Origin origin = around_.OriginOf(route, request);
  cache::Found found = around_.store.FindFor(control, key, origin, around_.loop.Now());
  return route.Trusts(found) ? found : Nothing(key, origin);
}

cache::Found ReadPath::Nothing(const model::Key& key, const cache::Origin& origin) const {
  cache::Found nothing;
  nothing.purged = around_.store.PurgedAt(key, origin);
  return nothing;
}

bool ReadPath::TooLargeToShare(const Route& route, const model::Key& key) const {
  return route.large_keys.Holds(key.hash, around_.loop.Now());
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
  Flights::Left left =
      around_.flights.Leave(waiter, cancel ? Flights::OnLast::kRetire : Flights::OnLast::kKeep);
  if (left.outcome == Flights::Left::Outcome::kLeftLast && cancel) {
    base::Loop& loop = left.context->loop();
    loop.Post([flight = std::move(left.context), why] { flight->Abandon(why); });
  }
  if (left.outcome == Flights::Left::Outcome::kAlreadyTaken) return false;
  Undraw(waiter);
  return true;
}

void Waiter::OnLanded(const model::Reply*) { SF_CHECK(!"a flight was destroyed in the air"); }

}  // namespace singleflight::core
