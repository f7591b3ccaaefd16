// One caller's call, from its header block to its answer: its route, its request, the read path.
// What it does as a relay is in call_relayed.cc, what it refuses in call_refusals.cc, its wait
// before a release gate in call_at_gate.cc, and how its message chooses its route in
// call_chosen.cc.

#include "server/proxy/call.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/core/footprint.h"
#include "server/proxy/replier.h"

namespace singleflight::proxy {
namespace {

// While there is no room, a relayed request of which more waits is refused.
constexpr size_t kMostWaiting = 4 << 10;

// With its reference counts a call just fills a block (call.h).
static_assert(sizeof(Call) + 2 * sizeof(void*) <= 256);

}  // namespace

Call::Call(std::shared_ptr<const CallContext> context, http2::Stream& stream)
    : Waiter(context->read_path),
      context_(std::move(context)),
      stream_(&stream),
      timer_(loop().timers(), [this] { OnTimer(); }) {
  downstream().streams.Add(1);
}

// The one place where every call ends.
Call::~Call() {
  if (request_ != nullptr) CountRequest(-core::BytesOfCall(*request_));
  if (route_ != nullptr) route_metrics().CountEnd(role_, Age().count(), told_);
  if (details_ != nullptr) TellObservers();
  downstream().streams.Add(-1);  // last: who sees that it is gone finds the rest counted
}

void Call::BeginObserved() {
  for (const auto& observer : context_->observers) observer->OnCallBegan(*request_, *details_);
}

void Call::TellObservers() {
  const absl::Duration took = absl::FromChrono(Age());
  const CallEnd end{request_.get(), route_, role_, told_, began_, took, context_->peer, *details_};
  for (const auto& observer : context_->observers) observer->OnCallEnded(end);
  if (details_->span != nullptr) EndSpan(end);
}

void Call::CountRequest(int64_t bytes) {
  around().buffered.Add(bytes);
  if (context_->client != nullptr) context_->client->buffered += bytes;
}

void Call::AwaitDeadline() {
  if (deadline_ == kNoDeadline) return timer_.Cancel();
  timer_.Set(deadline_);
}

void Call::OnTimer() { loop().Now() < deadline_ ? OnCollectedTooSlowly() : OnDeadline(); }

void Call::OnCollectedTooSlowly() {
  const bool open_ended = collector_ != nullptr && collector_->whole() && !route_->flights.unary;
  if (state_ == State::kChoosing) {
    return ChooseUnseen(open_ended ? core::MatchRefusal::kOpenEnded
                                   : core::MatchRefusal::kSlowRequest);
  }
  GoAlone(open_ended ? core::Bypass::kOpenEnded : core::Bypass::kSlowRequest);
}

void Call::OnHeaders(model::Headers fields, bool end) {
  request_ended_ = end;
  began_ = loop().Now();
  if (!context_->observers.empty()) details_ = std::make_unique<CallDetails>();
  absl::variant<model::Request, model::Refusal> parsed = model::ParseRequest(std::move(fields));
  if (const auto* refusal = absl::get_if<model::Refusal>(&parsed)) return Refuse(*refusal);
  request_ = std::make_shared<const model::Request>(absl::get<model::Request>(std::move(parsed)));
  CountRequest(core::BytesOfCall(*request_));
  if (details_ != nullptr) BeginObserved();
  if (around().tracer != nullptr) BeginSpan();
  route_ = context_->routes.Find(request_->authority(), request_->path());
  if (route_ == nullptr) {
    return RefuseUnrouted();
  }
  route_->asks_message() ? AwaitMessage(end) : TakeRoute(end);
}

void Call::SetDeadline() {
  if (const absl::optional<absl::Duration> timeout = request_->timeout()) {
    deadline_ = base::After(began_, *timeout);
  }
}

void Call::TakeRoute(bool end) {
  core::RouteMetrics& metrics = route_metrics();
  metrics.calls.Add();
  state_ = State::kCollecting;
  if (!HasRoom()) return ShedForRoom();
  SetDeadline();
  if (route_->relays()) {
    metrics.relays.Add();
    role_ = CallRole::kRelay;
    StartRelay();
    if (end) relay_->Finish({});
    return;
  }
  if (end) return GoAlone(core::Bypass::kNoMessage);
  timer_.Set(std::min(deadline_, base::After(began_, context_->limits->request_timeout)));
}

void Call::OnData(absl::string_view bytes) {
  if (details_ != nullptr) details_->request_bytes += static_cast<int64_t>(bytes.size());
  if (state_ == State::kCollecting) {
    Collect(bytes);
  } else if (state_ == State::kChoosing) {
    CollectToChoose(bytes);
  } else if (state_ == State::kRelaying) {
    if (relay_->LargestMessageWith(bytes) > context_->limits->max_message_bytes) {
      return ShedLargeMessage();
    }
    if (NoRoomToWait(bytes)) return ShedForRoom();
    relay_->Send(bytes);
  } else if (stream_ != nullptr) {
    stream_->Consume(bytes.size());  // of a call that has been answered
  }
}

Collector::Next Call::Gather(absl::string_view bytes) {
  stream_->Consume(bytes.size());
  if (collector_ == nullptr) {
    collector_ = std::make_unique<Collector>(around().buffered, context_->client);
  }
  return collector_->Append(
      bytes, {context_->limits->max_message_bytes, route_->flights.max_request_bytes});
}

void Call::Collect(absl::string_view bytes) {
  const Collector::Next next = Gather(bytes);
  if (!HasRoom()) return ShedForRoom();
  switch (next) {
    case Collector::Next::kMore:
      return;
    case Collector::Next::kWhole:
      if (!route_->flights.unary && !stream_->ending()) OnMessageWhole();
      return;
    case Collector::Next::kSecond:
      return GoAlone(core::Bypass::kSecondMessage);
    case Collector::Next::kMalformed:
      return GoAlone(core::Bypass::kNoMessage);
    case Collector::Next::kLong:
      return GoAlone(core::Bypass::kRequestTooLarge);
    case Collector::Next::kOversized:
      return ShedLargeMessage();
  }
}

// Its caller's end may be on its way, and what is kept is for a caller of a method that streams
// too; but where nothing is, a conversation need not wait.
void Call::OnMessageWhole() {
  if (route_->Streams(request_->path(), loop().Now()) &&
      !context_->read_path.Keeps(*route_, context_->trust, *request_, collector_->bytes())) {
    return GoAlone(core::Bypass::kStreamingMethod);
  }
  timer_.Set(std::min(deadline_, base::After(loop().Now(), kGraceForEnd)));
}

void Call::OnEnd(model::Headers trailing) {
  request_ended_ = true;
  if (!trailing.empty()) {
    const absl::optional<model::Refusal> refusal = model::JudgeTrailers(trailing);
    if (refusal.has_value()) return RefuseTrailers(*refusal);
  }
  model::SharedHeaders block(std::move(trailing));
  if (state_ == State::kRelaying) {
    relay_->Finish(std::move(block));
  } else if (state_ == State::kCollecting) {
    if (collector_ != nullptr && collector_->whole() && block.empty()) {
      Ask();
    } else {
      GoAlone(core::Bypass::kNoMessage, std::move(block));
    }
  } else if (state_ == State::kChoosing) {
    if (collector_ != nullptr && collector_->whole() && block.empty()) {
      Choose();
    } else {
      ChooseUnseen(core::MatchRefusal::kNoMessage, std::move(block));
    }
  }
}

// The request is one whole message: its reply may be kept, or be on its way already.
void Call::Ask() {
  timer_.Cancel();
  const core::Served served = ServeCollected();
  core::RouteMetrics& metrics = route_metrics();
  switch (served) {
    case core::Served::kKept:
      role_ = CallRole::kHit;
      return metrics.hits.Add();
    case core::Served::kLeads:
      role_ = CallRole::kLeader;
      return metrics.leaders.Add();
    case core::Served::kFollows:
      role_ = CallRole::kFollower;
      return metrics.followers.Add();
    case core::Served::kUnreadable:
      return GoAlone(core::Bypass::kKeptEncoding);
    case core::Served::kStreams:
      return GoAlone(core::Bypass::kStreamingMethod);
    case core::Served::kTooLarge:
      return GoAlone(core::Bypass::kLargeReply);
    case core::Served::kNoStore:
      return GoAlone(core::Bypass::kNoStore);
    case core::Served::kDiffered:
      return GoAlone(core::Bypass::kDiffered);
    case core::Served::kNothingKept:
      metrics.refused.Add();
      return RefuseForNothingKept();
    case core::Served::kPastShare:
      metrics.refused.Add();
      return ShedForShare();
  }
}

core::Served Call::ServeCollected() {
  return Serve(collector_->bytes(), [this] {
    if (route_->key_policy.messages_may_differ()) return collector_->Share();
    base::Slice message(collector_->Take());
    collector_.reset();
    return message;
  });
}

// Aboard it owns itself, so that a landing on its way finds it. What it has collected it keeps only
// if its leader's message may be another: it may be released, and ask for itself.
core::Served Call::Serve(absl::string_view message, absl::FunctionRef<base::Slice()> take) {
  state_ = State::kWaiting;
  const core::Served served = context_->read_path.Serve(
      *route_, {context_->trust, request_, message, take, deadline(), context_->client, span()},
      *this);
  if (details_ != nullptr) details_->key = context_->read_path.latest_key_hash();
  const bool aboard = served == core::Served::kLeads || served == core::Served::kFollows;
  if (aboard && state_ == State::kWaiting) {
    const bool follows = served == core::Served::kFollows;
    if (!follows || !route_->key_policy.messages_may_differ()) collector_.reset();
    aboard_ = shared_from_this();
  }
  if (state_ != State::kReplied) AwaitDeadline();
  return served;
}

absl::optional<core::Waiter::Asker> Call::asker() const {
  if (state_ != State::kWaiting) return absl::nullopt;  // it left while the landing was on its way
  return Asker{*route_, *request_};
}

void Call::OnAnswer(const core::Answer& answer, core::Counted counted) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;  // it left while the landing was on its way
  collector_.reset();
  if (answer.reply.body.size() > memory::kSmallReplyBytes) return DeliverLarge(answer, counted);
  CountSaved(answer);
  SendAnswer(answer);
}

void Call::DeliverLarge(core::Answer answer, core::Counted counted) {
  absl::optional<model::Reply> held =
      context_->read_path.Hold(*route_, answer.reply, context_->client, counted);
  if (!held.has_value()) return RefuseToHold();
  CountSaved(answer);
  answer.reply = *std::move(held);
  SendAnswer(answer);
}

// An upstream call was saved, unless it was this call that led it.
void Call::CountSaved(const core::Answer& answer) {
  if (role() == Role::kLeader && answer.source != core::Answer::Source::kHit) return;
  core::RouteMetrics& metrics = route_metrics();
  metrics.saved.Add();
  metrics.saved_bytes.Add(answer.reply.body.size());
}

// Nothing was added to a call that upstream never got.
void Call::CountAdded(const core::UpstreamTrip& trip) {
  if (trip.sent == core::UpstreamTrip::kNever || trip.ended < trip.sent) return;
  route_metrics().added.Observe((Age() - (trip.ended - trip.sent)).count());
}

void Call::OnSent(size_t bytes) {
  if (details_ != nullptr) details_->reply_bytes += static_cast<int64_t>(bytes);
  if (state_ == State::kRelaying) relay_->OnWritten(bytes);
}

bool Call::NoRoomToWait(absl::string_view more) const {
  return relay_->waiting() + more.size() > kMostWaiting && around().buffered.budget().spent();
}

void Call::OnClosed(const http2::Closed& closed) {
  const bool by_client = closed.why == http2::Closed::Why::kReset;
  if (by_client) downstream().resets.Add();
  const bool given_up = by_client || closed.why == http2::Closed::Why::kMalformed;
  if (given_up && CostUpstream()) stream_->MarkWasted();
  stream_ = nullptr;
  timer_.Cancel();
  collector_.reset();
  if (state_ == State::kCollecting || state_ == State::kChoosing) {
    CountUnserved(&core::RouteMetrics::departed);
    role_ = CallRole::kDeparted;
  }
  const core::Unanswered why = WhyLeft();
  if (state_ == State::kWaiting && context_->read_path.Leave(*route_, *this, why)) StepAshore();
  if (relay_ != nullptr) relay_->Cancel(why);
  EndRelay();
}

// It is the last to be told of the upstream call.
void Call::EndRelay() {
  state_ = State::kReplied;
  if (relay_ != nullptr && details_ != nullptr) details_->own_trip = relay_->trip();
  relay_.reset();
  at_gate_.reset();
}

// Callers round up the deadline that they send, and give up when the real one has passed.
core::Unanswered Call::WhyLeft() const {
  constexpr int kRoundedBy = 10;  // at most this part of it
  if (deadline_ == kNoDeadline) return core::Unanswered::kCancelled;
  const base::Instant nearly = base::After(deadline_, -*request_->timeout() / kRoundedBy);
  return loop().Now() < nearly ? core::Unanswered::kCancelled : core::Unanswered::kDeadline;
}

bool Call::CostUpstream() const {
  return state_ == State::kRelaying || (state_ == State::kWaiting && role() == Role::kLeader);
}

bool Call::TookLessOfCache() const {
  return route_->ObeysControlOf(*request_) &&
         cache::ParseRequestControl(request_->fields()).takes_less();
}

void Call::SendAnswer(const core::Answer& answer) {
  timer_.Cancel();
  state_ = State::kReplied;
  told_ = answer.status;
  if (answer.flown != nullptr && role() == Role::kLeader) CountAdded(answer.flown->trip);
  if (details_ != nullptr) NoteAnswer(answer);
  const model::Reply& reply = answer.reply;
  const Marks marks(context_->marks, answer, loop().Now(), TookLessOfCache());
  if (Replier(*stream_).SendReply(reply, marks.fields())) return;
  const bool own = answer.source == core::Answer::Source::kOwn;
  own ? SendStatus(*reply.status(), "") : ShedForClient(reply.status());
}

}  // namespace singleflight::proxy
