// One upstream call for many callers: its states, who ends it, and why in this order.
//
// A flight lives on its leader's loop and belongs to itself (self_) until it ends. Callers come and
// go in the flight table without asking it. It takes them out of the table once, all together, when
// it ends, so nobody can be aboard a flight that has ended.
//
//   waits   Nothing of its call has left. It waits in its client's line, or in none (Widen).
//   flies   The reply is gathered. A call that was lost or not begun is sent once more (OnFailed).
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
  flight->landing_.set_context(flight);
  flight->self_ = flight;
  flight->Launch();
}

Flight::Flight(const LoopContext& around, Route& route, Question question, Flights::Landing landing)
    : snapshot_(around.snapshot.lock()),
      around_(around),
      route_(route),
      question_(std::move(question)),
      landing_(std::move(landing)),
      fill_(around.store.BeginFill()),
      deadline_(DeadlineOf(route, question_, around.loop.Now())),
      deadline_timer_(around.loop.timers(),
                      [this] {
                        Cancel(Unanswered::kFlightTimeout);
                        LandStatus(
                            wire::StatusCode::kDeadlineExceeded,
                            absl::StrCat("upstream '", route_.shared.name,
                                         "': no reply within collapse.flight_timeout (",
                                         absl::FormatDuration(route_.flights.flight_timeout), ")"));
                      }),
      open_reply_timer_(around.loop.timers(), [this] { GiveOver(core::Release::kReplyStreams); }),
      own_bytes_(around.buffered, kBytesOfFlight + BytesOfUpstreamCall(*question_.request)),
      held_(std::make_shared<memory::HeldBytes>(route.shared, question_.client)) {
  route_.shared.flights.fetch_add(1, std::memory_order_relaxed);
}

Flight::~Flight() { route_.shared.flights.fetch_sub(1, std::memory_order_relaxed); }

void Flight::Launch() {
  UpstreamBounds& shared = route_.shared;
  if (shared.flights.load(std::memory_order_relaxed) > shared.max_flights) {
    metrics().resource_exhausted.Add();
    LandStatus(wire::StatusCode::kResourceExhausted,
               absl::StrCat("upstream '", shared.name, "': max_flights (",
                            shared.max_flights.load(), ") flights are in the air"));
    return;
  }
  if (route_.collapses()) deadline_timer_.Set(*deadline_);
  if (Hold(BytesHeldByFlight(landing_.key(), question_.message.size()))) Send(false);
}

void Flight::Send(bool again) {
  Upstream& upstream = *around_.upstreams[route_.upstream];
  const model::Request& request = *question_.request;
  waits_.store(true, std::memory_order_relaxed);  // before it is asked who is aboard
  call_ = upstream.Start({question_.request, std::string(upstream.AuthorityFor(request)), deadline_,
                          route_.collapses() ? around_.chain_hop : "", 0,
                          landing_.widened() ? nullptr : question_.client, again, BeginSpan()},
                         *this);
  sent_at_ = around_.loop.Now();
  call_->Send(question_.message);
  call_->Finish({});
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
  framed_ =
      fields.Find(":status") == absl::string_view("200") &&
      absl::StartsWithIgnoreCase(fields.Find("content-type").value_or(""), "application/grpc");
  age_.Read(fields);
  initial_ = model::DownstreamFields(fields, "age");  // each caller gets its own
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
  if (MayResend(failure)) {
    --resends_left_;
    DropReply();
    Send(true);
    return;
  }
  const Answer status = StatusAnswer(failure.status, failure.message);
  switch (failure.kind) {
    case UpstreamFailure::Kind::kReset:
    case UpstreamFailure::Kind::kRefused:
      return Land(status);  // upstream's word, which may be for one caller only
    case UpstreamFailure::Kind::kCallersOwn:
      return LandForLeader(status, core::Release::kLeaderRefused);
    case UpstreamFailure::Kind::kNotStarted:
    case UpstreamFailure::Kind::kLost:
    case UpstreamFailure::Kind::kUnreachable:
      return LandForAll(status);
  }
}

void Flight::Widen() {
  if (call_ != nullptr) call_->Disown();
}

bool Flight::MayResend(const UpstreamFailure& failure) const {
  const bool may_succeed = failure.kind == UpstreamFailure::Kind::kNotStarted ||
                           failure.kind == UpstreamFailure::Kind::kLost;
  return may_succeed && resends_left_ > 0 &&
         around_.loop.Now() < deadline_.value_or(base::Instant::max()) &&
         (landing_.waiting() > 0 || route_.flights.on_abandon == OnAbandon::kComplete);
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

void Flight::DropReply() {
  open_reply_timer_.Cancel();
  held_->Add(-static_cast<int64_t>(std::exchange(reply_bytes_, 0)));
  initial_.reset();
  age_ = cache::Age();
  body_.Take();
  scanner_ = wire::MessageScanner();
}

}  // namespace singleflight::core
