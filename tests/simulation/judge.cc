// The rules, one function each. Where two threads look at the same thing at different times, the
// product gets that much leeway (kMostLag), and nothing beyond.

#include "tests/simulation/judge.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/model/encoding.h"

namespace singleflight::simulation {
namespace {

using Source = core::Answer::Source;

absl::string_view NameOf(Source source) {
  constexpr absl::string_view kNames[] = {"hit",       "stale",     "stored",
                                          "forwarded", "collapsed", "own"};
  return kNames[static_cast<size_t>(source)];
}

std::string InMs(base::Instant::duration time) {
  return absl::StrCat(std::chrono::duration_cast<std::chrono::milliseconds>(time).count(), " ms");
}

// What is judged, and how to say that it is wrong.
struct Case {
  World& world;
  const Caller& caller;
  const core::Answer& answer;
  const Sent& sent;

  const Ask& ask() const { return caller.ask(); }
  bool kept() const { return answer.was_kept(); }

  // The flight that made it was led by the caller itself.
  bool own() const { return sent.ask.get() == &ask(); }

  void Violated(absl::string_view what) const {
    world.report.Violated(absl::StrCat("#", ask().number, " (", NameOf(answer.source),
                                       ") got the reply of call ", sent.serial, ", of #",
                                       sent.ask->number, ": ", what));
  }
  void Require(bool holds, absl::string_view otherwise) const {
    if (!holds) Violated(otherwise);
  }
};

// docs/semantics.md §3: what counts is the same.
void JudgeKey(const Case& it) {
  const Ask& ask = it.ask();
  const Ask& asked = *it.sent.ask;
  it.Require(asked.method == ask.method, "it is of another method");
  it.Require(asked.item() == ask.item(), "it is about another item, or of another tenant");
  it.Require(asked.policy == ask.policy, "it was asked for under other rules");
  it.Require(asked.trust == ask.trust, "its caller is trusted differently");
  it.Require(ask.shares_across_credentials || asked.credential == ask.credential,
             "it is of another caller's credentials");
  it.Require(ask.ignores_device || (asked.device == ask.device && asked.stamp == ask.stamp),
             "it was asked for with other metadata, or another message");
}

// docs/semantics.md §2, §4: the whole reply, as the backend sent it, readable.
void JudgeBytes(const Case& it) {
  const model::Reply& reply = it.answer.reply;
  const Plan& plan = it.sent.plan;
  it.Require(it.sent.ended, "the backend has not ended it");
  it.Require(reply.status() == plan.status, "it has another status");
  it.Require(it.answer.status == plan.status, "it is taken for another status");
  const std::string serial = absl::StrCat(it.sent.serial);
  if (!reply.trailers_only && !reply.trailing.empty()) {
    it.Require(reply.trailing.Find("x-serial") == absl::string_view(serial),
               "its trailing metadata is of another call");
  }
  const bool decoded = plan.gzip && !reply.encoded;
  it.Require(reply.body == (decoded ? it.sent.frame : it.sent.bytes), "its bytes have changed");
  it.Require(!reply.encoded || it.ask().accepts_gzip || it.own(), "nobody can read its encoding");
  const bool first = it.own() && !it.kept();
  it.Require(first || !reply.Has("grpc-retry-pushback-ms"), "it has what is for another caller");
  it.Require(!reply.Has("age"), "it has the age with which it came");
  it.Require(!reply.Has(cache::kTargetedCacheControl), "it has what is for the cache alone");
}

// docs/semantics.md §3: private replies, and §4: what may be kept.
void JudgeSharing(const Case& it, const cache::FreshnessRules* rules) {
  const Plan& plan = it.sent.plan;
  if (it.ask().shares_across_credentials && plan.IsPrivate()) {
    it.Require(it.own() && !it.kept(), "it is for its own caller alone");
  }
  if (!it.kept() && it.answer.source != Source::kStored) return;
  if (rules == nullptr) return it.Violated("its route keeps nothing");
  it.Require(plan.MayBeKept(*rules), "it may not be kept");
}

// docs/semantics.md §5: nothing that was asked for before a purge, or read before a write.
void JudgeOrder(const Case& it) {
  const Floors& floors = it.caller.floors();
  const Sent& sent = it.sent;
  it.Require(sent.sent > floors.purged, "it was asked for before a purge");
  if (!it.kept()) {
    it.Require(sent.sent > floors.any_group, "it was asked for before a purge of a group");
  } else if (sent.plan.GroupsAreRead()) {
    it.Require(sent.sent > floors.groups[sent.ask->group()], "its group was purged since");
  }
  if (it.kept()) {
    it.Require(sent.ask->first_moment > floors.later.sent || sent.over > floors.later.came,
               "the backend has said something later since, which is not kept");
  }
  if (!it.kept() || sent.plan.GroupsAreRead()) {
    it.Require(sent.version >= floors.version,
               absl::StrCat("it has version ", sent.version, ", and a write of version ",
                            floors.version, " was over when its caller came"));
  }
  if (it.ask().gathers()) {
    it.Require(sent.sent > it.caller.came(), "it was asked for before its caller came");
  }
  if (it.answer.source == Source::kCollapsed && it.ask().collapses()) {
    it.Require(base::After(sent.at, kMaxJoinAge) >= it.caller.joined_at(),
               "its flight was too old to be joined");
  }
}

// docs/semantics.md §4: no longer than it may be kept, and be stale.
void JudgeLifetime(const Case& it, const cache::FreshnessRules& rules) {
  const Plan& plan = it.sent.plan;
  const cache::Lifespan& lifespan = it.answer.lifespan;
  const absl::Duration lifetime =
      plan.LifetimeUnder(rules, absl::FromChrono(it.sent.landed - it.sent.flight_sent));
  it.Require(lifespan.expires <= base::After(it.sent.landed, lifetime),
             absl::StrCat("it lives ",
                          absl::FormatDuration(absl::FromChrono(lifespan.expires - it.sent.landed)),
                          ", and may ", absl::FormatDuration(lifetime)));
  it.Require(base::After(lifespan.expires, lifetime * (rules.jitter / 1e6)) >=
                 base::After(it.sent.landed, lifetime - absl::Milliseconds(1)),
             "it lives for less than it may");
  it.Require(base::After(lifespan.born, absl::Seconds(plan.age)) == it.sent.flight_sent,
             "its age does not count from when it was asked for");
}

absl::Duration LeewayOf(const Case& it) {
  return it.caller.serving() ? absl::ZeroDuration() : kMostLag;
}

void JudgeHit(const Case& it, const cache::FreshnessRules& rules) {
  JudgeLifetime(it, rules);
  const cache::RequestControl control = cache::ParseRequestControl(it.ask().request->fields());
  const base::Instant now = it.caller.loop().Now();
  const absl::Duration leeway = LeewayOf(it);
  const absl::Duration over = absl::FromChrono(now - it.answer.lifespan.expires);
  absl::Duration most = it.sent.plan.StaleWhileRevalidate(rules);
  if (control.max_stale.has_value()) {
    most = std::min(*control.max_stale, std::max(most, it.sent.plan.StaleIfError(rules)));
  } else if (control.limits_freshness()) {
    most = absl::ZeroDuration();
  }
  it.Require(over < leeway || (most > absl::ZeroDuration() && over <= most + leeway),
             absl::StrCat("its time has been over for ", absl::FormatDuration(over), ", and ",
                          absl::FormatDuration(most), " is the most"));
  it.Require(!control.no_cache && !control.no_store, "it takes nothing that is kept");
  const absl::Duration age = absl::FromChrono(now - it.answer.lifespan.born);
  it.Require(age <= control.max_age + leeway, "it is older than its caller takes");
  it.Require(control.min_fresh == absl::ZeroDuration() || -over + leeway >= control.min_fresh,
             "it is over sooner than its caller takes");
}

void JudgeStale(const Case& it, const cache::FreshnessRules& rules) {
  JudgeLifetime(it, rules);
  const absl::Duration over = absl::FromChrono(it.caller.loop().Now() - it.answer.lifespan.expires);
  const absl::Duration most = it.sent.plan.StaleIfError(rules);
  it.Require(most > absl::ZeroDuration(), "it may not be served when upstream fails");
  it.Require(over <= most + kMostLag, "its time has been over for too long");
  if (it.answer.flown == nullptr) return it.Violated("no flight has failed");
  const auto asked = it.world.asks.find(it.answer.flown->asked.get());
  const Sent* const failed =
      asked == it.world.asks.end() ? nullptr : it.world.FindSerial(asked->second->last_serial);
  if (failed == nullptr) return it.Violated("no call has failed");
  it.Require(!failed->ended || failed->plan.IsFailure(), "what its flight brought is an answer");
}

// PITFALLS 32: no older reply takes the place of a newer one.
void JudgeStored(const Case& it) {
  if (!it.own()) return;
  Moment& stored = it.world.stored[it.ask().key.hash];
  const bool replaced = it.world.house.Replaced() > it.sent.replaced_before;
  it.Require(!replaced || stored <= it.ask().first_moment, "it replaces a newer one");
  stored = it.ask().first_moment;
}

// What upstream says is not kept: what was there before it goes, unless it is a failure, or
// private.
void NoteForwarded(const Case& it) {
  const Plan& plan = it.sent.plan;
  if (!it.own() || plan.IsFailure()) return;
  if (it.ask().shares_across_credentials && plan.IsPrivate()) return;
  it.world.history.Outdated(it.ask().key.hash, it.sent.ask->first_moment);
}

// Whoever leads and gets a reply that might have been kept, knows why it was not.
void JudgeForwarded(const Case& it, const cache::FreshnessRules& rules) {
  if (!it.own() || !it.sent.plan.MayBeKept(rules)) return;
  const absl::Duration took = absl::FromChrono(it.sent.landed - it.sent.flight_sent);
  if (it.sent.plan.LifetimeUnder(rules, took) <= absl::ZeroDuration()) return;
  const size_t loop = it.ask().loop;
  it.Require(it.world.house.RefusalsOn(loop) > it.world.refusals_before[loop],
             "it was not kept, and nothing says why");
}

void JudgeOwnStatus(World& world, const Caller& caller, const core::Answer& answer) {
  switch (answer.status) {
    case wire::StatusCode::kUnavailable:
    case wire::StatusCode::kDeadlineExceeded:
    case wire::StatusCode::kResourceExhausted:
    case wire::StatusCode::kInternal:
      break;
    default:
      world.report.Violated(absl::StrCat("#", caller.ask().number, " is told status ",
                                         static_cast<int>(answer.status), ", which nobody said"));
  }
}

const Sent* SentOf(World& world, model::HeadersView block) {
  uint64_t serial = 0;
  if (!absl::SimpleAtoi(block.Find("x-serial").value_or(""), &serial)) return nullptr;
  return world.FindSerial(serial);
}

// Calls that go on, of the same key.
template <typename See>
void ForEachLiveOf(World& world, const Sent& sent, const See& see) {
  for (auto& of_loop : world.house.upstreams) {
    for (const core::FakeCall* call : of_loop[sent.ask->upstream()].live_calls()) {
      const Sent* const other = world.Find(*call);
      if (other != nullptr && other != &sent && other->ask->key == sent.ask->key) see(*other);
    }
  }
}

void Needless(World& world, const Sent& sent, absl::string_view why) {
  world.report.Violated(absl::StrCat("call ", sent.serial, ", for #", sent.ask->number, ": ", why));
}

// A caller leads only if nothing is kept that it takes.
void JudgeLed(World& world, const Sent& sent) {
  const Ask& ask = *sent.ask;
  if (ask.role != Role::kAsking && ask.role != Role::kLeads) {
    return Needless(world, sent, "it does not lead, and nobody let it call for itself");
  }
  if (ask.role == Role::kLeads && !ask.gathers()) {
    return Needless(world, sent, "it is sent later than its leader came");
  }
  if (!ask.is_kept() || !ask.cache_control.empty()) return;
  const cache::Found found = world.house.store.Find(ask.key, ask.origin(), sent.at);
  if (found.reply && !found.reply.encoded) Needless(world, sent, "its reply is kept");
}

// `join: before_start`: one in the air, and one more for each max_join_age that it takes, by the
// clock of whichever loop sent the next one.
void JudgeGathered(World& world, const Sent& sent) {
  if (sent.ask->role == Role::kLeads) ++world.tally.gathered;
  if (sent.ask->fills_up) return;
  ForEachLiveOf(world, sent, [&](const Sent& other) {
    if (other.ask->alone || other.call->wanted() == 0) return;  // no flight, or abandoned
    const absl::Duration between = absl::FromChrono(sent.at - other.ask->first_sent);
    if (between >= kMaxJoinAge - kMostLag) return;
    Needless(world, sent, absl::StrCat("call ", other.serial, " of the same key is in the air"));
  });
}

// One for each reply that is refreshed, and after one that brought nothing a second's pause.
void JudgeBackground(World& world, const Sent& sent) {
  ++world.tally.refreshes;
  ForEachLiveOf(world, sent, [&](const Sent& other) {
    if (other.why != Sent::Why::kBackground || other.refreshes != sent.refreshes) return;
    Needless(world, sent, absl::StrCat("call ", other.serial, " refreshes the same reply"));
  });
  const auto [at, first] = world.refreshed.try_emplace({sent.ask->key.hash, sent.refreshes});
  if (!first &&
      sent.really - at->second < absl::ToChronoNanoseconds(absl::Seconds(1) - 2 * kMostLag)) {
    Needless(
        world, sent,
        absl::StrCat("the same reply was refreshed ", InMs(sent.really - at->second), " before"));
  }
  at->second = sent.really;
}

}  // namespace

void JudgeAnswer(World& world, const Caller& caller, const core::Answer& answer) {
  world.report.Say([&] {
    return absl::StrCat("  #", caller.ask().number, " hears: ", NameOf(answer.source), ", call ",
                        std::string(answer.reply.initial.Find("x-serial").value_or("none")));
  });
  if (answer.source == Source::kOwn) return JudgeOwnStatus(world, caller, answer);
  const Sent* const sent = SentOf(world, answer.reply.initial);
  if (sent == nullptr) {
    return world.report.Violated(
        absl::StrCat("#", caller.ask().number, " got a reply that the backend never sent"));
  }
  const Case it{world, caller, answer, *sent};
  const cache::FreshnessRules* const rules =
      caller.route().caches() ? &*caller.route().options.cache : nullptr;
  JudgeKey(it);
  JudgeBytes(it);
  JudgeSharing(it, rules);
  JudgeOrder(it);
  if (rules == nullptr) return;
  if (answer.source == Source::kHit) JudgeHit(it, *rules);
  if (answer.source == Source::kStale) JudgeStale(it, *rules);
  if (answer.source == Source::kStored) JudgeStored(it);
  if (answer.source != Source::kForwarded) return;
  JudgeForwarded(it, *rules);
  NoteForwarded(it);
}

void JudgeOwnReply(World& world, const Caller& caller, model::HeadersView block) {
  const Sent* const sent = SentOf(world, block);
  if (sent != nullptr && sent->ask.get() == &caller.ask()) return;
  world.report.Violated(absl::StrCat("#", caller.ask().number,
                                     " calls for itself and got the reply of call ",
                                     sent == nullptr ? 0 : sent->serial));
}

void JudgeReleased(World& world, const Caller& caller, const core::Question& asked) {
  const Ask& ask = caller.ask();
  const auto leader = world.asks.find(asked.request.get());
  if (leader == world.asks.end() || !(leader->second->key == ask.key)) {
    return world.report.Violated(
        absl::StrCat("#", ask.number, " is released from a flight of another key"));
  }
  const bool plain =
      !model::IsCompressed(ask.message) && !model::IsCompressed(asked.message.view());
  if (plain && !ask.ignores_device && asked.message.view() != ask.message) {
    world.report.Violated(absl::StrCat("#", ask.number, " is released with another message"));
  }
}

void JudgeSent(World& world, const Sent& sent) {
  switch (sent.why) {
    case Sent::Why::kLed:
      JudgeLed(world, sent);
      return sent.ask->gathers() ? JudgeGathered(world, sent) : void();
    case Sent::Why::kBackground:
      return JudgeBackground(world, sent);
    case Sent::Why::kAgain:
    case Sent::Why::kHedge:
    case Sent::Why::kAlone:
      return;
  }
}

}  // namespace singleflight::simulation
