// How a flight ends: its reply is judged and stored, its waiters are taken and told. flight.cc says
// which ends there are, and why their steps have this order.

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cache/privacy.h"
#include "server/cache/vary.h"
#include "server/core/by_loop.h"
#include "server/core/flight.h"
#include "server/model/encoding.h"

namespace singleflight::core {
namespace {

// Nobody can read a message that is compressed and does not say how (gRPC, "Compression").
bool IsUnreadable(const model::Reply& reply) {
  if (!model::IsCompressed(reply.body)) return false;
  const absl::string_view encoding = model::EncodingOf(reply.initial);
  return encoding == wire::kIdentity || encoding.empty();
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
  if (route_.caches()) {
    const absl::optional<cache::Refusal> refusal = Keep(answer);
    if (refusal.has_value()) {
      metrics().refusals.Add(*refusal);
    } else {
      metrics().stores.Add();
      answer.source = Answer::Source::kStored;
    }
  }
  Land(answer);
}

absl::optional<cache::Refusal> Flight::Keep(const Answer& answer) {
  const cache::Verdict verdict = cache::Judge(answer.reply, *route_.options.cache, age_,
                                              absl::FromChrono(around_.loop.Now() - sent_at_));
  if (verdict.refusal.has_value()) return verdict.refusal;
  if (!framed_ || !scanner_.ExactlyOne() || IsUnreadable(answer.reply)) {
    return cache::Refusal::kNotWhole;
  }
  if (cache::VariesBeyond(answer.reply, route_.key_policy)) return cache::Refusal::kVary;
  const absl::optional<cache::Labels> labels =
      cache::LabelsOf(answer.reply, around_.OriginOf(route_, *question_.request));
  if (!labels.has_value()) return cache::Refusal::kGroups;
  return around_.store.Put(
      landing_.key(), model::FollowerCopy(answer.reply),
      {answer.lifespan.born, base::After(around_.loop.Now(), verdict.lifetime)}, *labels, fill_);
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
void Flight::Land(const Answer& answer) {
  if (!IsForLeaderAlone(answer.reply)) return LandForAll(answer);
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
  own_bytes_.Set(0);  // here, as the flight itself may end on another thread
  held_->Disown();    // the rest is held by callers that have yet to take the reply
  call_.reset();
  self_.reset();
}

void Flight::Deliver(Flights::WaiterList waiters, const Answer& answer) {
  NoteSaved(waiters.size(), answer);
  Answer for_followers = answer;
  for_followers.reply = model::FollowerCopy(answer.reply);
  for_followers.reply.made_by = span_;
  if (answer.source != Answer::Source::kOwn) for_followers.source = Answer::Source::kCollapsed;
  const Question asked = answer.ForAnyEncoding() ? question_ : HeldQuestion();
  ForEachOnItsLoop(std::move(waiters), around_.loop,
                   [answer, for_followers, asked](Waiter& waiter) {
                     const Answer& its = waiter.role() == Role::kLeader ? answer : for_followers;
                     waiter.path().Tell(waiter, its, asked);
                   });
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
  ForEachOnItsLoop(
      std::move(waiters), around_.loop,
      [asked = HeldQuestion(), reason](Waiter& waiter) { waiter.OnReleased(asked, reason); });
}

// For callers that are not served. Its message counts for as long as they need it, and outlives
// this.
Question Flight::HeldQuestion() const {
  Question held = question_;
  held.message = memory::Held(route_.shared, held.message);
  return held;
}

}  // namespace singleflight::core
