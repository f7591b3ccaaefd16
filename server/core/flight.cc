#include "server/core/flight.h"

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace singleflight::core {
namespace {

// A reply with a whole message and no end for so long is taken for a stream.
constexpr absl::Duration kOpenReplyGrace = absl::Milliseconds(100);
constexpr absl::Duration kRememberStreaming = absl::Minutes(10);
constexpr absl::Duration kRememberLarge = absl::Minutes(1);

// Replies that may be meant for one caller only (SEMANTICS.md §3); asked on routes that share
// across credentials.
bool Private(const model::Reply& reply) {
  // HTTP statuses from which a caller makes UNAUTHENTICATED and PERMISSION_DENIED.
  const absl::string_view http = reply.initial.Find(":status").value_or("");
  if (http == "401" || http == "403") return true;
  const absl::optional<wire::StatusCode> status = reply.status();
  if (status == wire::StatusCode::kUnauthenticated ||
      status == wire::StatusCode::kPermissionDenied ||
      status == wire::StatusCode::kResourceExhausted || reply.Has("set-cookie")) {
    return true;
  }
  for (const model::Headers* block : {&reply.initial, &reply.trailing}) {
    for (const model::Headers::Field field : *block) {
      if (field.name != "cache-control") continue;
      if (absl::StrContains(absl::AsciiStrToLower(field.value), "private")) return true;
    }
  }
  return false;
}

// The waiters of one loop, on their way to it. A loop that stops drops the task and with it the
// batch: its callers are gone, so nobody is owed an answer.
struct LoopBatch {
  explicit LoopBatch(base::Loop* to) : loop(to) {}
  LoopBatch(LoopBatch&&) = default;
  ~LoopBatch() {
    while (waiters.Pop() != nullptr) {
    }
  }
  base::Loop* loop;
  FlightTable::WaiterList waiters;
};

}  // namespace

bool HeldBytes::Add(int64_t bytes) {
  bytes_ += bytes;
  const int64_t before = upstream_.held_bytes.fetch_add(bytes, std::memory_order_relaxed);
  return before + bytes <= upstream_.max_held_bytes;
}

void Flight::Start(const Surroundings& around, Route& route,
                   std::shared_ptr<const model::Request> request, base::Slice message,
                   FlightTable::Landing landing) {
  std::shared_ptr<Flight> flight(
      new Flight(around, route, std::move(request), std::move(message), std::move(landing)));
  flight->landing_.set_context(flight);
  flight->self_ = flight;
  flight->Launch();
}

Flight::Flight(const Surroundings& around, Route& route,
               std::shared_ptr<const model::Request> request, base::Slice message,
               FlightTable::Landing landing)
    : around_(around),
      route_(route),
      request_(std::move(request)),
      message_(std::move(message)),
      landing_(std::move(landing)),
      deadline_(base::After(around.loop.Now(), route.options.collapse->flight_timeout)),
      deadline_timer_(
          around.loop.timers(),
          [this] {
            LandStatus(
                wire::StatusCode::kDeadlineExceeded,
                absl::StrCat("upstream '", route_.shared.name,
                             "': no reply within collapse.flight_timeout (",
                             absl::FormatDuration(route_.options.collapse->flight_timeout), ")"));
          }),
      open_reply_timer_(around.loop.timers(),
                        [this] { GiveOver(metrics::Release::kReplyStreams); }),
      held_(std::make_shared<HeldBytes>(route.shared)) {
  route_.shared.flights.fetch_add(1, std::memory_order_relaxed);
}

Flight::~Flight() { route_.shared.flights.fetch_sub(1, std::memory_order_relaxed); }

void Flight::Launch() {
  SharedUpstream& shared = route_.shared;
  if (shared.flights.load(std::memory_order_relaxed) > shared.max_flights) {
    metrics().resource_exhausted.Add();
    LandStatus(wire::StatusCode::kResourceExhausted,
               absl::StrCat("upstream '", shared.name, "': max_flights (", shared.max_flights,
                            ") flights are in the air"));
    return;
  }
  deadline_timer_.Set(deadline_);
  if (Hold(message_.size() + landing_.key().bytes.size())) Send();
}

void Flight::Send() {
  Upstream& upstream = *around_.upstreams[route_.upstream];
  call_ = upstream.Start({request_, upstream.AuthorityFor(*request_), deadline_, around_.chain_hop},
                         *this);
  call_->Send(message_);
  call_->Finish(nullptr);
}

// Counts bytes that the flight holds; past the bound it lands and returns false.
bool Flight::Hold(size_t bytes) {
  if (held_->Add(static_cast<int64_t>(bytes))) return true;
  metrics().resource_exhausted.Add();
  LandStatus(
      wire::StatusCode::kResourceExhausted,
      absl::StrCat("upstream '", route_.shared.name, "': flights hold more than max_held_bytes (",
                   route_.shared.max_held_bytes, ")"));
  return false;
}

bool Flight::HoldReply(size_t bytes) {
  reply_bytes_ += bytes;
  return Hold(bytes);
}

void Flight::OnInitial(model::Headers fields, bool end) {
  framed_ =
      fields.Find(":status") == absl::string_view("200") &&
      absl::StartsWithIgnoreCase(fields.Find("content-type").value_or(""), "application/grpc");
  initial_ = model::DownstreamFields(fields);
  if (!HoldReply(initial_->Footprint()) || !end) return;
  auto reply = std::make_shared<model::Reply>();
  reply->initial = *std::move(initial_);
  reply->trailers_only = true;
  reply->attachment = held_;
  Land(std::move(reply));
}

void Flight::OnData(absl::string_view bytes) {
  call_->Consume(bytes.size());  // reading upstream never waits for a caller
  body_.append(bytes.data(), bytes.size());
  if (framed_) scanner_.Feed(bytes);
  if (scanner_.MoreThanOne() || scanner_.state() == wire::MessageScanner::State::kMalformed) {
    GiveOver(metrics::Release::kReplyStreams);
  } else if (body_.size() > route_.options.collapse->max_reply_bytes) {
    GiveOver(metrics::Release::kReplyTooLarge);
  } else if (HoldReply(bytes.size()) && scanner_.ExactlyOne() && !open_reply_timer_.pending()) {
    open_reply_timer_.Set(base::After(around_.loop.Now(), kOpenReplyGrace));
  }
}

void Flight::OnEnd(model::Headers trailing) {
  if (!HoldReply(trailing.Footprint())) return;
  auto reply = std::make_shared<model::Reply>();
  reply->initial = *std::move(initial_);
  reply->body = base::Slice(std::move(body_));
  reply->trailing = std::move(trailing);
  reply->attachment = held_;
  Land(std::move(reply));
}

void Flight::OnFailed(CallFailure failure) {
  if (MayResend(failure)) {
    --resends_left_;
    around_.metrics.upstreams[route_.upstream].resent.Add();
    DropReply();
    Send();
    return;
  }
  SharedReply status = model::MakeStatusReply(failure.status, failure.message);
  if (failure.kind == CallFailure::Kind::kReset) {
    Land(std::move(status));  // upstream's word, which may be for one caller only
  } else {
    LandForAll(status);
  }
}

bool Flight::MayResend(const CallFailure& failure) const {
  const bool may_succeed =
      failure.kind == CallFailure::Kind::kNotStarted || failure.kind == CallFailure::Kind::kLost;
  return may_succeed && resends_left_ > 0 && around_.loop.Now() < deadline_ &&
         (landing_.waiting() > 0 || route_.options.collapse->on_abandon == OnAbandon::kComplete);
}

void Flight::DropReply() {
  open_reply_timer_.Cancel();
  held_->Add(-static_cast<int64_t>(std::exchange(reply_bytes_, 0)));
  initial_.reset();
  body_.clear();
  scanner_ = wire::MessageScanner();
}

// What upstream said.
void Flight::Land(SharedReply reply) {
  if (!route_.key_policy.shares_across_credentials() || !Private(*reply)) {
    LandForAll(reply);
    return;
  }
  const std::shared_ptr<Flight> keep = self_;
  FlightTable::WaiterList aboard = Take();
  End();
  FlightTable::WaiterList others;
  while (FlightTable::Waiter* waiter = aboard.Pop()) {
    if (waiter->role() == Role::kLeader) {
      static_cast<Waiter*>(waiter)->OnReply(reply);
    } else {
      others.PushBack(waiter);
    }
  }
  Release(std::move(others), metrics::Release::kReplyPrivate);
}

void Flight::LandForAll(const SharedReply& reply) {
  const std::shared_ptr<Flight> keep = self_;
  FlightTable::WaiterList aboard = Take();
  End();
  Deliver(std::move(aboard), reply);
}

// What this program says itself is never private.
void Flight::LandStatus(wire::StatusCode code, absl::string_view message) {
  LandForAll(model::MakeStatusReply(code, message));
}

// The leader, if it is still aboard, lives on this loop and gets the call as it is; without it
// upstream is reset.
void Flight::GiveOver(metrics::Release reason) {
  const std::shared_ptr<Flight> keep = self_;
  const base::Instant now = around_.loop.Now();
  if (reason == metrics::Release::kReplyTooLarge) {
    route_.large_keys.Note(landing_.key().hash, now, kRememberLarge);
  } else {
    route_.streaming_methods.Note(absl::HashOf(request_->path()), now, kRememberStreaming);
  }
  Takeover takeover{std::move(call_), std::move(initial_), std::move(body_)};
  FlightTable::WaiterList aboard = Take();
  End();
  FlightTable::WaiterList others;
  while (FlightTable::Waiter* waiter = aboard.Pop()) {
    if (waiter->role() == Role::kLeader) {
      static_cast<Waiter*>(waiter)->OnTakeover(std::move(takeover));
    } else {
      others.PushBack(waiter);
    }
  }
  Release(std::move(others), reason);
}

void Flight::Abandon() {
  if (self_ == nullptr) return;
  const std::shared_ptr<Flight> keep = self_;
  FlightTable::WaiterList nobody = Take();
  End();
}

FlightTable::WaiterList Flight::Take() {
  const bool superseded = landing_.superseded();
  FlightTable::WaiterList aboard = landing_.Take();
  if (superseded && !aboard.empty()) metrics().superseded.Add();
  metrics().waiters_per_flight.Observe(aboard.size());
  return aboard;
}

// Nothing calls back after this. An upstream call that is still going is cancelled.
void Flight::End() {
  deadline_timer_.Cancel();
  open_reply_timer_.Cancel();
  call_.reset();
  self_.reset();
}

// One task per other loop, however many waiters it has; those of this loop are called at once.
template <typename Each>
void Flight::ByLoop(FlightTable::WaiterList waiters, const Each& each) {
  std::vector<LoopBatch> batches;
  while (FlightTable::Waiter* waiter = waiters.Pop()) {
    base::Loop* loop = &static_cast<Waiter*>(waiter)->loop();
    size_t at = 0;
    while (at < batches.size() && batches[at].loop != loop) ++at;
    if (at == batches.size()) batches.emplace_back(loop);
    batches[at].waiters.PushBack(waiter);
  }
  for (LoopBatch& batch : batches) {
    base::Loop* const loop = batch.loop;
    auto run = [each, batch = std::move(batch)]() mutable {
      while (FlightTable::Waiter* waiter = batch.waiters.Pop()) each(*static_cast<Waiter*>(waiter));
    };
    if (loop == &around_.loop) {
      run();
    } else {
      loop->Post(std::move(run));
    }
  }
}

void Flight::Deliver(FlightTable::WaiterList waiters, const SharedReply& reply) {
  const SharedReply copy = model::FollowerCopy(reply);
  const SharedReply& for_followers = copy != nullptr ? copy : reply;
  ByLoop(std::move(waiters), [reply, for_followers](Waiter& waiter) {
    waiter.OnReply(waiter.role() == Role::kLeader ? reply : for_followers);
  });
}

void Flight::Release(FlightTable::WaiterList waiters, metrics::Release reason) {
  metrics().released[static_cast<size_t>(reason)].Add(waiters.size());
  ByLoop(std::move(waiters), [message = message_](Waiter& waiter) { waiter.OnReleased(message); });
}

}  // namespace singleflight::core
