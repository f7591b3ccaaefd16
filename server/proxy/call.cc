// One caller's call: its request is collected and asked, or relayed, and its reply sent.

#include "server/proxy/call.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/footprint.h"

namespace singleflight::proxy {
namespace {

// A caller whose message is whole ends its side at once if the method is unary; one that has not
// after this long streams.
constexpr absl::Duration kOpenEndedGrace = absl::Milliseconds(20);

// How often a relayed call is sent again where upstream certainly had not begun with it.
constexpr int kRelayResends = 3;

constexpr std::variant<core::Bypass, core::Release> kWhyStreams = core::Release::kReplyStreams;
constexpr std::variant<core::Bypass, core::Release> kAskedAgain = core::Release::kLeaderRefused;

// While there is no room, a relayed request of which more waits is refused.
constexpr size_t kMostWaiting = 4 << 10;

// Whether the client takes `fields` and `marks` in one block. Nearly always that is far from what
// it says to take, and nothing has to be counted.
bool Takes(const http2::Session& client, model::HeadersView fields,
           absl::Span<const model::Field> marks) {
  constexpr size_t kMostMarks = 512;  // that they count for, as RFC 9113 §6.5.2 counts
  constexpr size_t kMostByPacked = 32 / sizeof(model::HeadersView::Lengths);
  if (fields.packed().size() * kMostByPacked + kMostMarks <= client.peer_max_header_list()) {
    return true;
  }
  model::Headers block;
  for (const model::Field field : fields) block.Add(field);
  for (const model::Field& mark : marks) block.Add(mark);
  return client.PeerTakes(block);
}

// A trailer block of this program's own.
model::Headers StatusTrailers(wire::StatusCode code, absl::string_view message) {
  model::Headers trailing;
  trailing.Add("grpc-status", absl::StrCat(static_cast<int>(code)));
  trailing.Add("grpc-message", wire::EncodeMessage(message));
  return trailing;
}

// A path in a message, which goes into a header block.
absl::string_view Shown(absl::string_view path) { return path.substr(0, 256); }

}  // namespace

Call::Call(std::shared_ptr<const CallContext> context, uint32_t trust, http2::Stream& stream)
    : Waiter(context->read_path.around().loop),
      context_(std::move(context)),
      trust_(trust),
      counted_(downstream().streams),
      stream_(&stream),
      deadline_timer_(loop().timers(), [this] { OnDeadline(); }) {}

Call::Collecting::Collecting(Call& call)
    : counted(call.around().buffered),
      of_client(call.context_->client),
      timer(call.loop().timers(), [&call] { call.OnCollectingTimer(); }) {}

void Call::Collecting::Append(absl::string_view more) {
  scanner.Feed(more);
  bytes.Append(more, scanner.to_come());
  const auto footprint = static_cast<int64_t>(bytes.footprint());
  of_client.Set(footprint);
  counted.Set(footprint);
}

Call::~Call() {
  if (request_ != nullptr) CountRequest(-core::BytesOfCall(*request_));
}

void Call::CountRequest(int64_t bytes) {
  around().buffered.Add(bytes);
  if (context_->client != nullptr) context_->client->buffered += bytes;
}

void Call::OnCollectingTimer() {
  const bool open_ended = collecting_->scanner.ExactlyOne() && !route_->flights.unary;
  GoAlone(open_ended ? core::Bypass::kOpenEnded : core::Bypass::kSlowRequest);
}

void Call::OnHeaders(model::Headers fields, bool end) {
  request_ended_ = end;
  absl::variant<model::Request, model::Refusal> parsed = model::ParseRequest(std::move(fields));
  if (const auto* refusal = absl::get_if<model::Refusal>(&parsed)) return Refuse(*refusal);
  request_ = std::make_shared<const model::Request>(absl::get<model::Request>(std::move(parsed)));
  CountRequest(core::BytesOfCall(*request_));
  route_ = context_->routes.Find(request_->authority(), request_->path());
  if (route_ == nullptr) {
    return RefuseUnrouted();
  }
  if (!HasRoom()) return ShedForRoom();
  TakeRoute(end);
}

void Call::Refuse(const model::Refusal& refusal) {
  downstream().requests_refused.Add(refusal.reason);
  spdlog::debug("a request was refused: {}", refusal.message);
  switch (refusal.answer) {
    case model::Refusal::Answer::kReset:
      state_ = State::kReplied;
      return std::exchange(stream_, nullptr)->Reset(http2::ErrorCode::kProtocolError);
    case model::Refusal::Answer::kHttp: {
      model::Headers fields;
      fields.Add(":status", absl::StrCat(refusal.http_status));
      if (refusal.http_status == 405) fields.Add("allow", "POST");
      state_ = State::kReplied;
      return stream_->SendHeaders(fields, true);
    }
    case model::Refusal::Answer::kStatus:
      return SendStatus(refusal.status, refusal.message);
  }
}

void Call::RefuseTrailers(const model::Refusal& refusal) {
  if (state_ == State::kReplied) return;
  if (state_ == State::kCollecting) route_metrics().departed.Add();
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kCancelled);
  Refuse(refusal);
}

void Call::RefuseUnrouted() {
  downstream().requests_unrouted.Add();
  const std::string why = absl::StrCat("no route of the proxy matches ", Shown(request_->path()));
  spdlog::debug("a call was refused: {}", why);
  SendStatus(wire::StatusCode::kUnimplemented, why);
}

void Call::TakeRoute(bool end) {
  core::RouteMetrics& metrics = route_metrics();
  metrics.calls.Add();
  if (const absl::optional<absl::Duration> timeout = request_->timeout()) {
    deadline_ = base::After(loop().Now(), *timeout);
    deadline_timer_.Set(*deadline_);
  }
  if (route_->relays()) {
    metrics.relays.Add();
    StartRelay();
    if (end) relay_->Finish({});
    return;
  }
  state_ = State::kCollecting;
  collecting_ = std::make_unique<Collecting>(*this);
  if (end) {
    GoAlone(core::Bypass::kNoMessage);
  } else {
    collecting_->timer.Set(base::After(loop().Now(), context_->limits->request_timeout));
  }
}

void Call::OnData(absl::string_view bytes) {
  if (state_ == State::kCollecting) {
    Collect(bytes);
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

void Call::Collect(absl::string_view bytes) {
  stream_->Consume(bytes.size());
  collecting_->Append(bytes);
  const wire::MessageScanner& scanner = collecting_->scanner;
  if (!HasRoom()) {
    ShedForRoom();
  } else if (scanner.largest() > context_->limits->max_message_bytes) {
    ShedLargeMessage();
  } else if (scanner.MoreThanOne()) {
    GoAlone(core::Bypass::kSecondMessage);
  } else if (scanner.state() == wire::MessageScanner::State::kMalformed) {
    GoAlone(core::Bypass::kNoMessage);
  } else if (collecting_->bytes.size() > route_->flights.max_request_bytes) {
    GoAlone(core::Bypass::kRequestTooLarge);
  } else if (scanner.ExactlyOne() && !route_->flights.unary && !stream_->ending()) {
    OnMessageWhole();
  }
}

// Its caller's end may be on its way, and what is kept is for a caller of a method that streams
// too; but where nothing is, a conversation need not wait.
void Call::OnMessageWhole() {
  if (route_->Streams(request_->path(), loop().Now())) {
    core::ReadPath& read_path = context_->read_path;
    const model::Key& key = read_path.KeyFor(*route_, trust_, *request_, collecting_->bytes.view());
    if (!read_path.Look(*route_, key, *request_).reply) {
      return GoAlone(core::Bypass::kStreamingMethod);
    }
  }
  collecting_->timer.Set(base::After(loop().Now(), kOpenEndedGrace));
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
    if (collecting_->scanner.ExactlyOne() && block.empty()) {
      Ask();
    } else {
      GoAlone(core::Bypass::kNoMessage, std::move(block));
    }
  }
}

// The request is one whole message: its reply may be kept, or be on its way already.
void Call::Ask() {
  collecting_->timer.Cancel();
  model::Key& key =
      context_->read_path.KeyFor(*route_, trust_, *request_, collecting_->bytes.view());
  cache::Found found = context_->read_path.Look(*route_, key, *request_);
  if (found.reply) {
    const void* const entry = found.reply.owner.get();
    if (!context_->read_path.MakeReadable(*route_, *request_, found.reply)) {
      return GoAlone(core::Bypass::kKeptEncoding);
    }
    route_metrics().hits.Add();
    const bool decoded = found.reply.owner.get() != entry;
    return SendKept(found, decoded ? core::Counted::kAsHeld : core::Counted::kNot);
  }
  if (route_->Streams(request_->path(), loop().Now())) {
    return GoAlone(core::Bypass::kStreamingMethod);
  }
  if (context_->read_path.TooLargeToShare(*route_, key)) {
    return GoAlone(core::Bypass::kLargeReply);
  }
  base::Slice message(collecting_->bytes.Take());
  collecting_.reset();
  CountAsked(Join(std::move(key), std::move(message), found));
}

core::Asked Call::Join(model::Key&& key, base::Slice message, const cache::Found& missed) {
  state_ = State::kWaiting;
  aboard_ = shared_from_this();
  return context_->read_path.Ask(*route_, std::move(key),
                                 {request_, std::move(message), deadline_, context_->client},
                                 missed, *this);
}

// What its leader was refused for was not this call's, which leads, or follows one that does. Once:
// many leaders may be refused one after the other. What is kept is found as Ask finds it.
void Call::AskAgain(const core::Question& asked) {
  base::Slice message = context_->read_path.MessageFor(*route_, *request_, asked);
  model::Key& key = context_->read_path.KeyFor(*route_, trust_, *request_, message.view());
  const cache::Found found = context_->read_path.Look(*route_, key, *request_);
  if (Join(std::move(key), std::move(message), found) == core::Asked::kPastShare) ShedForShare();
}

void Call::SendKept(const cache::Found& found, core::Counted counted) {
  const absl::optional<model::Reply> reply =
      context_->read_path.Hold(*route_, found.reply, context_->client, counted);
  if (!reply.has_value()) return RefuseToHold();
  route_metrics().saved.Add();
  SendAnswer({core::Answer::Source::kHit, *reply, found.lifespan});
}

void Call::RefuseToHold() {
  route_metrics().resource_exhausted.Add();
  SendStatus(wire::StatusCode::kResourceExhausted,
             absl::StrCat("upstream '", route_->shared.name,
                          "': replies that are being written hold more than max_held_bytes (",
                          route_->shared.max_held_bytes.load(),
                          "), or those of this client more than half of it"));
}

void Call::CountAsked(core::Asked asked) {
  core::RouteMetrics& metrics = route_metrics();
  switch (asked) {
    case core::Asked::kKept:
      metrics.hits.Add();
      return metrics.saved.Add();
    case core::Asked::kLeads:
      return metrics.leaders.Add();
    case core::Asked::kFollows:
      return metrics.followers.Add();
    case core::Asked::kPastShare:
      metrics.departed.Add();
      return ShedForShare();
  }
}

void Call::ShedForShare() {
  StepAshore();
  Shed(http2::Bound::kClientShare,
       absl::StrCat("upstream '", route_->shared.name,
                    "': calls of this client hold more than half of max_held_bytes (",
                    route_->shared.max_held_bytes.load(), "); what is left is for others"));
}

// Neither to be shared nor to be kept: relayed with what has been collected.
void Call::GoAlone(core::Bypass why, model::SharedHeaders trailing) {
  const std::unique_ptr<Collecting> collected = std::move(collecting_);
  collected->timer.Cancel();
  why_relayed_ = why;
  route_metrics().bypasses.Add(why);
  StartRelay();
  relay_->Scanned(collected->scanner);
  if (!collected->bytes.empty()) {
    relay_->SendAhead(around().buffered.Hold(collected->bytes.Take()));
  }
  if (request_ended_) relay_->Finish(std::move(trailing));
}

void Call::StartRelay() {
  state_ = State::kRelaying;
  core::Upstream& upstream = *around().upstreams[route_->upstream];
  relay_ = std::make_unique<Relay>(
      *stream_, upstream,
      core::UpstreamHead{request_, std::string(upstream.AuthorityFor(*request_)), deadline_, "",
                         kRelayResends, context_->client},
      PlaceOfRelay(), *this);
  if (!route_->relays()) relay_->WatchReply({});
}

Relay::Place Call::PlaceOfRelay() const {
  return {loop(), around().buffered, context_->limits->stall_timeout,
          core::BytesOfUpstreamCall(*request_), context_->client};
}

void Call::OnAnswer(const core::Answer& answer, const core::Question& asked) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;  // it left while the landing was on its way
  const bool kept = answer.source == core::Answer::Source::kHit;
  if (role() == Role::kLeader && !kept) return Deliver(answer, core::Counted::kAsAsked);
  const core::Counted counted = kept ? core::Counted::kNot : core::Counted::kAsHeld;
  if (answer.ForAnyEncoding()) return Deliver(answer, counted);
  core::Answer readable = answer;
  if (!context_->read_path.MakeReadable(*route_, *request_, asked, readable)) {
    constexpr core::Release kWhy = core::Release::kReplyEncoding;
    route_metrics().released.Add(kWhy);
    return EnterGate(asked, kWhy);
  }
  const bool decoded = readable.reply.owner != answer.reply.owner;
  Deliver(readable, decoded ? core::Counted::kAsHeld : counted);
}

void Call::Deliver(const core::Answer& answer, core::Counted counted) {
  if (answer.reply.body.size() > memory::kSmallReplyBytes) return DeliverLarge(answer, counted);
  if (role() == Role::kFollower) route_metrics().saved.Add();
  SendAnswer(answer);
}

void Call::DeliverLarge(core::Answer answer, core::Counted counted) {
  absl::optional<model::Reply> held =
      context_->read_path.Hold(*route_, answer.reply, context_->client, counted);
  if (!held.has_value()) return RefuseToHold();
  if (role() == Role::kFollower) route_metrics().saved.Add();
  answer.reply = *std::move(held);
  SendAnswer(answer);
}

void Call::OnTakeover(core::Takeover takeover) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;
  state_ = State::kRelaying;
  why_relayed_ = takeover.why;
  wire::MessageScanner so_far;
  so_far.Feed(takeover.body);
  relay_ = std::make_unique<Relay>(*stream_, std::move(takeover.call), PlaceOfRelay(), *this);
  relay_->WatchReply(so_far);
  relay_->GoOn(std::move(takeover.initial), std::move(takeover.body));
}

void Call::OnReleased(const core::Question& asked, core::Release why) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;
  const bool again = why == core::Release::kLeaderRefused && why_relayed_ != kAskedAgain;
  why_relayed_ = why;
  again ? AskAgain(asked) : EnterGate(asked, why);
}

void Call::OnSent(size_t bytes) {
  if (state_ == State::kRelaying) relay_->OnWritten(bytes);
}

// Only calls of routes that are not declared to be reads can tell to drop what is kept. A reply
// that streams may never end, and the others before the gate do not wait for that.
bool Call::OnRelayHeaders(model::HeadersView fields, bool end) {
  if (why_relayed_ == kWhyStreams) at_gate_.reset();
  if (route_->relays()) {
    core::Invalidation invalidation = context_->read_path.Invalidate(*route_, *request_, fields);
    if (end) invalidation.Forget();
    relay_->Keep(std::move(invalidation));
    if (SendFirst(model::DownstreamFields(fields), end, {})) return true;
  } else {
    const Marks marks = MarksOfRelay(cache::AgeOf(fields));
    if (SendFirst(model::DownstreamFields(fields, "age"), end, marks.fields())) return true;
  }
  ShedForClient(wire::ParseStatus(fields.Find("grpc-status").value_or("")));
  return false;
}

Marks Call::MarksOfRelay(absl::Duration age) const {
  if (const auto* released = std::get_if<core::Release>(&why_relayed_)) {
    return Marks(context_->marks, *released, role(), age);
  }
  return Marks(context_->marks, std::get<core::Bypass>(why_relayed_), age);
}

bool Call::OnRelayTrailers(model::HeadersView fields) {
  if (route_->relays()) {
    relay_->Invalidate();
    context_->read_path.Invalidate(*route_, *request_, fields).Forget();
  }
  if (stream_->session().PeerTakes(fields)) return true;
  ShedForClient(wire::ParseStatus(fields.Find("grpc-status").value_or("")));
  return false;
}

void Call::OnRelayEnded() {
  deadline_timer_.Cancel();
  state_ = State::kReplied;
  relay_.reset();
  at_gate_.reset();
}

// A reset crosses as it is, behind what came before it; whatever else happened becomes a status.
void Call::OnRelayFailed(const core::UpstreamFailure& failure) {
  if (route_->relays()) {
    context_->read_path.Invalidate(*route_, *request_, failure.block).Forget();
  }
  if (failure.kind != core::UpstreamFailure::Kind::kReset) {
    return SendStatus(failure.status, failure.message);
  }
  const std::shared_ptr<Call> keep = shared_from_this();  // the stream lets go of it
  const auto code = static_cast<http2::ErrorCode>(failure.reset_code);
  std::exchange(stream_, nullptr)->ResetBehindData(code);
  OnRelayEnded();
}

void Call::OnDeadline() {
  const bool cost_upstream = CostUpstream();
  if (state_ == State::kWaiting) {
    constexpr core::Unanswered kWhy = core::Unanswered::kDeadline;
    if (!context_->read_path.Leave(*route_, *this, kWhy)) return;  // the reply is on its way
    StepAshore();
  }
  if (state_ == State::kCollecting) route_metrics().departed.Add();
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kDeadline);
  if (cost_upstream) stream_->MarkWasted();
  route_metrics().deadline_exceeded.Add();
  SendStatus(wire::StatusCode::kDeadlineExceeded,
             absl::StrCat("the call's deadline passed; upstream '", route_->shared.name,
                          "' had not answered"));
}

bool Call::HasRoom() const {
  const memory::BufferBudget& budget = around().buffered.budget();
  return !budget.spent() && !budget.PastShare(context_->client.get());
}

// A call that is still being collected has nobody waiting for it upstream.
void Call::ShedForRoom() {
  if (!around().buffered.budget().spent()) {
    return Shed(
        http2::Bound::kClientShare,
        absl::StrCat("calls of this client hold more than half of limits.max_buffered_bytes (",
                     around().buffered.budget().max(), "); what is left is for others"));
  }
  Shed(http2::Bound::kBufferedBytes,
       absl::StrCat("the proxy holds more than limits.max_buffered_bytes (",
                    around().buffered.budget().max(), ") for the calls that it has"));
}

bool Call::NoRoomToWait(absl::string_view more) const {
  return relay_->waiting() + more.size() > kMostWaiting && around().buffered.budget().spent();
}

// What of the reply has left cannot be taken back, so no status fits behind it.
void Call::OnRelayUnread() {
  const std::shared_ptr<Call> keep = shared_from_this();  // the stream lets go of it
  downstream().bounds.Add(http2::Bound::kBufferedBytes);
  relay_->Cancel(core::Unanswered::kBound);
  std::exchange(stream_, nullptr)->Reset(http2::ErrorCode::kEnhanceYourCalm);
  OnRelayEnded();
}

void Call::Shed(http2::Bound bound, absl::string_view message) {
  if (state_ == State::kCollecting) route_metrics().departed.Add();
  downstream().bounds.Add(bound);
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kBound);
  SendStatus(wire::StatusCode::kResourceExhausted, message);
}

void Call::OnRelayStalled() {
  Shed(http2::Bound::kRequestStall,
       "the request has begun a message and hardly goes on with it (limits.stall_timeout)");
}

void Call::OnTrailersTooLarge(http2::Bound bound, absl::string_view why) {
  if (state_ != State::kReplied) Shed(bound, why);
}

void Call::ShedLargeMessage() {
  Shed(http2::Bound::kMessageBytes,
       absl::StrCat("a message of the request is larger than limits.max_message_bytes (",
                    context_->limits->max_message_bytes, ")"));
}

void Call::SendAnswer(const core::Answer& answer) {
  deadline_timer_.Cancel();
  state_ = State::kReplied;
  const model::Reply& reply = answer.reply;
  const Marks marks(context_->marks, answer, loop().Now());
  if (!stream_->session().PeerTakes(reply.trailing) ||
      !SendFirst(reply.initial, reply.trailers_only, marks.fields())) {
    const bool own = answer.source == core::Answer::Source::kOwn;
    return own ? SendStatus(*reply.status(), "") : ShedForClient(reply.status());
  }
  if (reply.trailers_only) return;
  stream_->Send(reply.body_slice());
  stream_->Finish(reply.shared_trailing());
}

// The one place that gives a reply's first block to the client; `marks` go behind it. False: it is
// more than the client takes, who would end its connection, with its other calls on it.
bool Call::SendFirst(model::HeadersView fields, bool end, absl::Span<const model::Field> marks) {
  if (!Takes(stream_->session(), fields, marks)) return false;
  stream_->SendHeaders(fields, end, marks);
  return true;
}

// `status`: the backend's.
void Call::ShedForClient(absl::optional<wire::StatusCode> status) {
  const std::string why = absl::StrCat(
      "the reply has more metadata than the client takes (",
      stream_->session().peer_max_header_list(), " bytes)",
      status.has_value() ? absl::StrCat("; the backend's status was ", wire::NameOf(*status)) : "");
  spdlog::debug("{}: {}", std::string(Shown(request_->path())), why);
  Shed(http2::Bound::kClientHeaders, why);
}

// A status of this program's own, whatever the call was doing. A client that takes little goes
// without the message.
void Call::SendStatus(wire::StatusCode code, absl::string_view message) {
  deadline_timer_.Cancel();
  collecting_.reset();
  const bool replied = relay_ != nullptr && relay_->replied();
  state_ = State::kReplied;
  const auto block = replied ? StatusTrailers : model::StatusFields;
  model::Headers fields = block(code, message);
  if (!stream_->session().PeerTakes(fields)) fields = block(code, "");
  if (replied) {
    stream_->Finish(model::SharedHeaders(std::move(fields)));
  } else {
    stream_->SendHeaders(fields, true);
  }
  relay_.reset();
  at_gate_.reset();
}

void Call::OnClosed(const http2::Closed& closed) {
  const bool by_client = closed.why == http2::Closed::Why::kReset;
  if (by_client) downstream().resets.Add();
  const bool given_up = by_client || closed.why == http2::Closed::Why::kMalformed;
  if (given_up && CostUpstream()) stream_->MarkWasted();
  stream_ = nullptr;
  deadline_timer_.Cancel();
  collecting_.reset();
  if (state_ == State::kCollecting) route_metrics().departed.Add();
  const core::Unanswered why = WhyLeft();
  if (state_ == State::kWaiting && context_->read_path.Leave(*route_, *this, why)) StepAshore();
  if (relay_ != nullptr) relay_->Cancel(why);
  state_ = State::kReplied;
  relay_.reset();
  at_gate_.reset();
}

// Callers round up the deadline that they send, and give up when the real one has passed.
core::Unanswered Call::WhyLeft() const {
  constexpr int kRoundedBy = 10;  // at most this part of it
  if (!deadline_.has_value()) return core::Unanswered::kCancelled;
  const base::Instant nearly = base::After(*deadline_, -*request_->timeout() / kRoundedBy);
  return loop().Now() < nearly ? core::Unanswered::kCancelled : core::Unanswered::kDeadline;
}

bool Call::CostUpstream() const {
  return state_ == State::kRelaying || (state_ == State::kWaiting && role() == Role::kLeader);
}

}  // namespace singleflight::proxy
