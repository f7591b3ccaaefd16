// One upstream call for many callers: its states, who ends it, and why in this order.
//
// A flight lives on its leader's loop and belongs to itself (self_) until it ends. Callers come and
// go in the flight table without asking it. It takes them out of the table once, all together, when
// it ends, so nobody can be aboard a flight that has ended.
//
//   gathers Newcomers join, and nothing is sent: `join: before_start` (flight_gathering.cc).
//   waits   Nothing of its call has left. It waits in its client's line, or in none (Widen).
//   flies   The reply is gathered. A call that brought none may be sent again (flight_again.cc).
//   ended   By one of these, whichever comes first:
//
//   LandForAll      a reply, or a status of our own          everyone gets it
//   LandForLeader   an answer that is for one caller only    the leader gets it, others are
//                                                            released
//   GiveOver        the reply streams, or is too large       the leader gets the live call, others
//                                                            are released
//   Abandon         everyone has left                        upstream is reset
//
// Each end takes three steps. Take: the waiters leave the table, and newcomers begin the next
// flight. End: timers stop, the upstream call is gone, nothing calls back any more. Then the
// waiters are told, each on its own loop. They come last because a waiter may ask for the same key
// again.
//
// A reply is stored before it lands, so that a newcomer finds the flight or the entry. In the other
// order there would be a moment with neither, and a call upstream for a reply that is here. The
// other gap, a caller that looked before the reply was stored and joined after it landed, is the
// read path's: a caller that becomes a leader looks again.

#include "server/core/flight.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/core/footprint.h"
#include "server/core/stale.h"

namespace singleflight::core {
namespace {

// While there is no room for more, a flight whose reply takes more lands without it.
constexpr size_t kMostWithoutRoom = 64 << 10;

absl::optional<base::Instant> DeadlineOf(const Route& route, const Question& question,
                                         base::Instant now) {
  if (!route.collapses()) return question.deadline;
  return base::After(now, route.flights.flight_timeout);
}

}  // namespace

void Flight::Start(const LoopContext& around, Route& route, Question question,
                   Flights::Landing landing) {
  std::shared_ptr<Flight> flight(
      new Flight(around, route, std::move(question), std::move(landing)));
  flight->self_ = flight;
  if (route.flights.gathers()) return flight->Gather();
  flight->landing_.set_context(flight);
  if (flight->Admit()) flight->Fly();
}

Flight::Flight(const LoopContext& around, Route& route, Question question, Flights::Landing landing)
    : snapshot_(around.snapshot.lock()),
      around_(around),
      route_(route),
      question_(std::move(question)),
      landing_(std::move(landing)),
      fill_(around.store.BeginFill()),
      deadline_timer_(around.loop.timers(), [this] { OnTimer(); }),
      open_reply_timer_(around.loop.timers(), [this] { GiveOver(core::Release::kReplyStreams); }),
      own_bytes_(around.buffered, kBytesOfFlight + BytesOfUpstreamCall(*question_.request)),
      held_(std::make_shared<memory::HeldBytes>(route.shared, question_.client)) {
  route_.shared.flights.fetch_add(1, std::memory_order_relaxed);
}

Flight::~Flight() { route_.shared.flights.fetch_sub(1, std::memory_order_relaxed); }

void Flight::OnTimer() {
  if (gathers_) return EndGathering(GatheringEnd::kMaxJoinAge);
  Cancel(Unanswered::kFlightTimeout);
  if (const absl::optional<Answer> stale = StaleAnswer()) return LandForAll(*stale);
  LandStatus(
      wire::StatusCode::kDeadlineExceeded,
      absl::StrCat("upstream '", route_.shared.name, "': no reply within collapse.flight_timeout (",
                   absl::FormatDuration(route_.flights.flight_timeout), ")"));
}

// False: it has landed, as a bound of its upstream leaves no room for it.
bool Flight::Admit() {
  UpstreamBounds& shared = route_.shared;
  if (shared.flights.load(std::memory_order_relaxed) > shared.max_flights) {
    metrics().resource_exhausted.Add();
    LandStatus(wire::StatusCode::kResourceExhausted,
               absl::StrCat("upstream '", shared.name, "': max_flights (",
                            shared.max_flights.load(), ") flights are in the air"));
    return false;
  }
  return Hold(BytesHeldByFlight(landing_.key(), question_.message.size()));
}

void Flight::Fly() {
  deadline_ = DeadlineOf(route_, question_, around_.loop.Now());
  if (route_.collapses()) deadline_timer_.Set(*deadline_);
  if (route_.options.retry.has_value()) {
    retries_ = std::make_unique<Retries>(around_, route_, deadline_, [this] { SendAgain(); });
  }
  if (route_.flights.hedge.has_value()) NoteHedging();
  Send(false);
}

void Flight::Send(bool again) {
  waits_.store(true, std::memory_order_relaxed);  // before it is asked who is aboard
  if (route_.flights.hedge.has_value()) {
    call_ =
        std::make_unique<HedgedCall>(around_, route_, *this, HeadOf(again), *this, HedgeAfter());
  } else {
    call_ = around_.upstreams[route_.upstream]->Start(HeadOf(again), *this);
  }
  sent_at_ = around_.loop.Now();
  call_->Send(question_.message);
  call_->Finish({});
}

UpstreamHead Flight::HeadOf(bool again) {
  const model::Request& request = *question_.request;
  return {question_.request,
          std::string(around_.upstreams[route_.upstream]->AuthorityFor(request)),
          deadline_,
          route_.collapses() ? around_.chain_hop : "",
          0,
          landing_.widened() ? nullptr : question_.client,
          again,
          BeginSpan(),
          retries_ == nullptr ? 0 : retries_->previous_attempts(),
          again || question_.background ? wanted() : 1};
}

// A call is part of its leader's trace. Other callers have spans that refer to this one.
std::unique_ptr<trace::OpenSpan> Flight::BeginSpan() {
  if (around_.tracer == nullptr || !question_.span) return nullptr;
  const model::Request& request = *question_.request;
  const absl::string_view authority = around_.upstreams[route_.upstream]->AuthorityFor(request);
  std::unique_ptr<trace::OpenSpan> span = around_.tracer->BeginUpstreamCall(
      question_.span, {request, route_.shared.name, authority}, around_.loop.Now());
  span_ = span->span->self;
  return span;
}

// Counts bytes that the flight holds; past the bound it lands and returns false.
bool Flight::Hold(size_t bytes) {
  if (held_->Add(static_cast<int64_t>(bytes))) return true;
  metrics().resource_exhausted.Add();
  Cancel(Unanswered::kBound);
  LandStatus(
      wire::StatusCode::kResourceExhausted,
      absl::StrCat("upstream '", route_.shared.name, "': flights hold more than max_held_bytes (",
                   route_.shared.max_held_bytes.load(), ")"));
  return false;
}

bool Flight::HoldReply(size_t bytes) {
  reply_bytes_ += bytes;
  return Hold(bytes) && !NoRoom();
}

// Small replies are let through, because they end calls that take more.
bool Flight::NoRoom() {
  if (reply_bytes_ <= kMostWithoutRoom || !around_.buffered.budget().spent()) return false;
  around_.shed.Add();
  metrics().resource_exhausted.Add();
  Cancel(Unanswered::kBound);
  LandStatus(wire::StatusCode::kResourceExhausted,
             absl::StrCat("the proxy holds more than limits.max_buffered_bytes (",
                          around_.buffered.budget().max(), ") for the calls that it has"));
  return true;
}

void Flight::OnInitial(model::Headers fields, bool end) {
  if (end && Retry(fields)) return;
  framed_ =
      fields.Find(":status") == absl::string_view("200") &&
      absl::StartsWithIgnoreCase(fields.Find("content-type").value_or(""), "application/grpc");
  age_.Read(fields);
  initial_ = model::DownstreamFields(fields, {"age"});  // each caller gets its own
  if (!HoldReply(initial_->Footprint()) || !end) return;
  LandReply({*std::move(initial_), "", {}, true, held_});
}

void Flight::OnData(absl::string_view bytes) {
  call_->Consume(bytes.size());  // reading upstream never waits for a caller
  if (framed_) scanner_.Feed(bytes);
  const size_t before = body_.footprint();
  body_.Append(bytes, scanner_.to_come());
  if (scanner_.MoreThanOne() || scanner_.state() == wire::MessageScanner::State::kMalformed) {
    if (scanner_.complete() > 1) route_.NoteStream(question_.request->path(), around_.loop.Now());
    GiveOver(core::Release::kReplyStreams);
  } else if (body_.size() > route_.flights.max_reply_bytes) {
    GiveOver(core::Release::kReplyTooLarge);
  } else if (HoldReply(body_.footprint() - before) && scanner_.ExactlyOne() &&
             !route_.flights.unary && !open_reply_timer_.pending()) {
    open_reply_timer_.Set(base::After(around_.loop.Now(), route_.flights.open_reply_grace));
  }
}

void Flight::OnEnd(model::Headers trailing) {
  age_.Read(trailing);
  if (trailing.Find("age").has_value()) trailing = model::Without(trailing, "age");
  if (!HoldReply(trailing.Footprint())) return;
  LandReply({*std::move(initial_), body_.Take(), std::move(trailing), false, held_});
}

void Flight::OnFailed(UpstreamFailure failure) {
  if (MayResend(failure)) return SendAgain();
  if (Retry(failure)) return;
  if (ToleratesFailure(failure)) {
    if (const absl::optional<Answer> stale = StaleAnswer()) return LandForAll(*stale);
  }
  const Answer status = StatusAnswer(failure.status, failure.message);
  switch (failure.kind) {
    case UpstreamFailure::Kind::kReset:
    case UpstreamFailure::Kind::kRefused:
      // Upstream's word, which may be for one caller only.
      return Land(status, IsForLeaderAlone(status.reply));
    case UpstreamFailure::Kind::kCallersOwn:
      return LandForLeader(status, core::Release::kLeaderRefused);
    case UpstreamFailure::Kind::kNotStarted:
    case UpstreamFailure::Kind::kLost:
    case UpstreamFailure::Kind::kUnreachable:
    case UpstreamFailure::Kind::kNoRoom:
      return LandForAll(status);
  }
}

void Flight::Widen() {
  if (call_ != nullptr) call_->Disown();
}

// Without this, End counts the call as one whose caller has left.
void Flight::Cancel(Unanswered why) {
  if (call_ != nullptr) flown_ = WhatFlew();
  if (const std::unique_ptr<UpstreamCall> call = std::move(call_)) call->Cancel(why);
}

std::shared_ptr<const Flown> Flight::WhatFlew() const {
  if (flown_ != nullptr) return flown_;
  return std::make_shared<const Flown>(
      Flown{question_.request, call_ == nullptr ? UpstreamTrip() : call_->trip()});
}

}  // namespace singleflight::core
