// How a flight ends: its reply is judged and stored, its waiters are taken and told. flight.cc says
// which ends there are, and why their steps have this order.

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/cache/privacy.h"
#include "server/cache/vary.h"
#include "server/core/by_loop.h"
#include "server/core/check.h"
#include "server/core/flight.h"
#include "server/core/request_tags.h"
#include "server/core/stale.h"
#include "server/model/encoding.h"

namespace singleflight::core {
namespace {

// Nobody can read a message that is compressed and does not say how (gRPC, "Compression").
bool IsUnreadable(const model::Reply& reply) {
  if (!model::IsCompressed(reply.body)) return false;
  const absl::string_view encoding = model::EncodingOf(reply.initial);
  return encoding == wire::kIdentity || encoding.empty();
}

// What was for this cache alone goes no further (RFC 9213).
model::Reply ForCallers(const model::Reply& reply) {
  return model::WithoutField(reply, cache::kTargetedCacheControl);
}

bool IsOfThisFlight(const Answer& answer) {
  return answer.source != Answer::Source::kOwn && !answer.was_kept();
}

cache::Extension ExtensionOf(wire::StatusCode status, base::Instant expires,
                             const cache::Staleness& stale, base::Instant::duration took) {
  cache::Extension extension{status};
  if (stale.while_revalidate > absl::ZeroDuration()) {
    extension.stale_while_revalidate_until = base::After(expires, stale.while_revalidate);
    extension.took = took;
  }
  if (stale.if_error > absl::ZeroDuration()) {
    extension.stale_if_error_until = base::After(expires, stale.if_error);
  }
  return extension;
}

// Returns the leader, null if it has left, and puts the rest into `others`, in order of arrival.
Waiter* SplitOffLeader(Flights::WaiterList aboard, Flights::WaiterList* others) {
  Waiter* leader = nullptr;
  while (Flights::Waiter* waiter = aboard.Pop()) {
    if (waiter->role() == Role::kLeader) {
      leader = static_cast<Waiter*>(waiter);
    } else {
      others->PushBack(waiter);
    }
  }
  return leader;
}

}  // namespace

// A superseded flight's reply is kept like any other. The store asks only what was purged since the
// flight's fill was taken, and whether a newer reply is there.
void Flight::LandReply(model::ReplyParts parts) {
  Answer answer{Answer::Source::kForwarded, model::MakeReply(std::move(parts)), {}};
  answer.lifespan.born = base::After(sent_at_, -age_.value());
  answer.flown = WhatFlew();
  answer.status = answer.reply.status().value_or(wire::StatusCode::kUnknown);
  answer.about_encoding = IsAboutEncoding(answer.reply);
  answer.reply.made_by = span_;
  if (framed_ && scanner_.ExactlyOne() && answer.status == wire::StatusCode::kOk) {
    route_.NoteUnary(question_.request->path());
  }
  const bool for_leader_alone = IsForLeaderAlone(answer.reply);
  if (route_.caches()) {
    const absl::optional<cache::Refusal> refusal = Keep(answer);
    if (refusal.has_value()) {
      metrics().refusals.Add(*refusal);
      if (!for_leader_alone && LandStale(answer)) return;
    } else {
      metrics().stores.Add();
      NoteLeader();
      answer.source = Answer::Source::kStored;
    }
  }
  answer.reply = ForCallers(answer.reply);
  Land(answer, for_leader_alone);
}

// Hits are checked against it.
void Flight::NoteLeader() {
  if (route_.verification == nullptr) return;
  route_.verification->NoteLeader(landing_.key().hash, AskedBy(question_));
}

// What upstream says is not kept. If it failed, what is kept may serve in its place. Otherwise what
// is kept is outdated, as this is later.
bool Flight::LandStale(const Answer& answer) {
  if (!ToleratesFailure(answer.reply)) {
    around_.store.Drop(landing_.key(), fill_);
    return false;
  }
  const absl::optional<Answer> stale = StaleAnswer();
  if (stale.has_value()) LandForAll(*stale);
  return stale.has_value();
}

absl::optional<Answer> Flight::StaleAnswer() const {
  if (!route_.caches()) return absl::nullopt;
  cache::Found found = around_.store.FindAfterFailure(landing_.key(), around_.loop.Now());
  if (!found.reply || !route_.Trusts(found)) return absl::nullopt;
  return Answer{Answer::Source::kStale, std::move(found.reply), found.lifespan, WhatFlew(),
                found.status};
}

absl::optional<cache::Refusal> Flight::Keep(const Answer& answer) {
  const cache::Verdict verdict = cache::Judge(answer.reply, *route_.options.cache, age_,
                                              absl::FromChrono(around_.loop.Now() - sent_at_));
  if (verdict.refusal.has_value()) return verdict.refusal;
  if (!IsWhole(answer)) return cache::Refusal::kNotWhole;
  if (answer.about_encoding)
    return cache::Refusal::kStatus;  // callers that encode otherwise get none
  if (cache::VariesBeyond(answer.reply, route_.key_policy)) return cache::Refusal::kVary;
  const absl::optional<std::vector<std::string>> tags =
      RequestTags(route_, *question_.request, question_.message.view());
  if (!tags.has_value()) return cache::Refusal::kTags;
  const absl::optional<cache::Labels> labels =
      cache::LabelsOf(answer.reply, around_.OriginOf(route_, *question_.request), *tags);
  if (!labels.has_value()) return cache::Refusal::kGroups;
  const base::Instant expires = base::After(around_.loop.Now(), Jittered(verdict.lifetime));
  return around_.store.Put(
      landing_.key(), model::FollowerCopy(ForCallers(answer.reply)),
      {answer.lifespan.born, expires}, *labels, fill_,
      ExtensionOf(answer.status, expires, verdict.stale, around_.loop.Now() - sent_at_));
}

// Errors come without a message.
bool Flight::IsWhole(const Answer& answer) const {
  if (!framed_ || IsUnreadable(answer.reply)) return false;
  return scanner_.ExactlyOne() ||
         (answer.status != wire::StatusCode::kOk && answer.reply.body.empty());
}

absl::Duration Flight::Jittered(absl::Duration lifetime) const {
  const cache::FreshnessRules& rules = *route_.options.cache;
  if (rules.jitter == 0 || around_.random == nullptr) return lifetime;
  std::uniform_int_distribution<uint32_t> one_of_a_million(0, 999'999);
  return cache::Jittered(lifetime, rules, one_of_a_million(*around_.random));
}

bool Flight::IsForLeaderAlone(const model::Reply& reply) const {
  return route_.key_policy.shares_across_credentials() && cache::MayBePrivate(reply);
}

// A server that does not know the encoding says UNIMPLEMENTED (gRPC, "Compression").
bool Flight::IsAboutEncoding(const model::Reply& reply) const {
  return reply.SaysStatus(wire::StatusCode::kUnimplemented) &&
         model::EncodingOf(question_.request->fields()) != wire::kIdentity;
}

// For what upstream said.
void Flight::Land(const Answer& answer, bool for_leader_alone) {
  if (!for_leader_alone) return LandForAll(answer);
  LandForLeader(answer, core::Release::kReplyPrivate);
}

void Flight::LandForLeader(const Answer& answer, core::Release others_why) {
  const std::shared_ptr<Flight> keep = self_;
  Flights::WaiterList others;
  Waiter* const leader = SplitOffLeader(Take(), &others);
  End();
  if (leader != nullptr) leader->path().Tell(*leader, answer, question_);
  Release(std::move(others), others_why);
}

void Flight::LandForAll(const Answer& answer) {
  const std::shared_ptr<Flight> keep = self_;
  Flights::WaiterList aboard = Take();
  End();
  Deliver(std::move(aboard), answer);
}

// A status of this program's own is never private.
void Flight::LandStatus(wire::StatusCode code, absl::string_view message) {
  LandForAll(StatusAnswer(code, message));
}

Answer Flight::StatusAnswer(wire::StatusCode code, absl::string_view message) const {
  return {Answer::Source::kOwn, model::MakeStatusReply(code, message), {}, WhatFlew(), code};
}

// The leader lives on this loop, so it gets the call as it is. If it has left, upstream is reset.
void Flight::GiveOver(core::Release reason) {
  const std::shared_ptr<Flight> keep = self_;
  if (reason == core::Release::kReplyTooLarge) {
    route_.large_keys.Note(landing_.key().hash, around_.loop.Now());
  }
  if (initial_.has_value() && age_.value() > absl::ZeroDuration()) {
    initial_->Add("age", absl::StrCat(absl::ToInt64Seconds(age_.value())));
  }
  Takeover takeover{std::move(call_), std::move(initial_), body_.Take(), reason};
  Flights::WaiterList others;
  Waiter* const leader = SplitOffLeader(Take(), &others);
  End();
  if (leader != nullptr) leader->OnTakeover(std::move(takeover));
  Release(std::move(others), reason);
}

void Flight::Abandon(Unanswered why) {
  if (self_ == nullptr) return;
  const std::shared_ptr<Flight> keep = self_;
  if (gathers_) metrics().gathered.Add(GatheringEnd::kAbandoned);
  Cancel(why);
  Flights::WaiterList nobody = Take();
  End();
}

Flights::WaiterList Flight::Take() {
  const bool superseded = landing_.superseded();
  Flights::WaiterList aboard = landing_.Take();
  if (superseded && !aboard.empty() && route_.collapses()) metrics().superseded.Add();
  metrics().waiters_per_flight.Observe(aboard.size());
  return aboard;
}

// Nothing calls back after this. An upstream call that is still going is cancelled.
void Flight::End() {
  deadline_timer_.Cancel();
  open_reply_timer_.Cancel();
  retries_.reset();
  own_bytes_.Set(0);  // here, as the flight itself may end on another thread
  held_->Disown();    // the rest is held by callers that have yet to take the reply
  call_.reset();
  self_.reset();
}

void Flight::Deliver(Flights::WaiterList waiters, const Answer& answer) {
  NoteSaved(waiters.size(), answer);
  Answer for_followers = answer;
  for_followers.reply = model::FollowerCopy(answer.reply);
  if (!answer.was_kept()) for_followers.reply.made_by = span_;
  if (IsOfThisFlight(answer)) for_followers.source = Answer::Source::kCollapsed;
  if (answer.source == Answer::Source::kStale) NoteStale(waiters.size(), answer);
  const Question asked = answer.ForAnyEncoding() ? question_ : HeldQuestion();
  ForEachOnItsLoop(std::move(waiters), around_.loop,
                   [answer, for_followers, asked](Waiter& waiter) {
                     const Answer& its = waiter.role() == Role::kLeader ? answer : for_followers;
                     waiter.path().Tell(waiter, its, asked);
                   });
}

// Callers that did not take what is kept may get it now while it is fresh.
void Flight::NoteStale(size_t aboard, const Answer& answer) {
  if (answer.lifespan.expires > around_.loop.Now()) return;
  metrics().stale.Add(StaleUse::kIfError, aboard - Uncounted(aboard));
}

// All but one: usually the leader is aboard.
void Flight::NoteSaved(size_t aboard, const Answer& answer) {
  if (aboard < 2 || around_.surveys.empty() || answer.source == Answer::Source::kOwn) return;
  around_.surveys[route_.index].top->AddSaved(question_.line, question_.request->path(),
                                              (aboard - 1) * answer.reply.body.size());
}

void Flight::Release(Flights::WaiterList waiters, core::Release reason) {
  if (waiters.empty()) return;
  metrics().released.Add(reason, waiters.size());
  ForEachOnItsLoop(std::move(waiters), around_.loop,
                   [asked = HeldQuestion(), reason](Waiter& waiter) {
                     waiter.path().Undraw(waiter);
                     waiter.OnReleased(asked, reason);
                   });
}

// For callers that are not served. Its message counts for as long as they need it, and outlives
// this.
Question Flight::HeldQuestion() const {
  Question held = question_;
  held.message = memory::Held(route_.shared, held.message);
  return held;
}

}  // namespace singleflight::core
