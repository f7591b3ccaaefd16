// A call's operations, in order of its life. Each ends on gRPC's thread, and what it leads to runs
// on the call's loop.
//
//   begin    sends the head, where no message is there to go with it
//   write    one message, the end of the request with it if that is known; then the next
//   initial  the reply's first block; then these two
//   read     one message; the next when the caller has consumed enough of it
//   finish   the status, and the metadata at the end. It is known when every message has been read.
//
// begin and write are one after the other. initial, read and finish are too, but that a read and
// finish are under way together: so the end of the reply is known without a read that finds
// nothing.
//
// What a caller has sent of a message that is not whole counts as sent at once, since the rest
// would otherwise never come. Of whole messages it counts when gRPC has written them. Until then
// what counts as sent is here all the same, and in its client's share.
//
// A call has ended for its caller when `events_` is null. gRPC may still be at it: then the context
// is cancelled, and the last operation lets go of the call.

#include "server/stub/stub_call.h"

#include <grpcpp/support/client_callback.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/model/trace_context.h"
#include "server/stub/metadata.h"

namespace singleflight::stub {
namespace {

using Kind = core::UpstreamFailure::Kind;

// A caller has at most so much of a reply unconsumed before the next piece is shown or read.
constexpr size_t kWindow = 64 << 10;

// Replies up to here are shown in one piece.
constexpr size_t kSmall = 4 << 10;

// Knows whether a reply is one block, a status and nothing else.
class Reply final : public grpc::internal::ClientReactor {
 public:
  void OnDone(const grpc::Status&) override {}
  static bool IsTrailersOnly(const grpc_call* call) { return Reply().InternalTrailersOnly(call); }
};

std::string PrefixOf(size_t bytes) {
  std::string prefix(wire::kMessagePrefixBytes, '\0');
  for (size_t i = 1; i < prefix.size(); ++i) {
    prefix[i] = static_cast<char>(bytes >> (8 * (prefix.size() - 1 - i)));
  }
  return prefix;
}

// Where gRPC sent a call, as spans say it.
std::string PeerOf(const grpc::ClientContext& context) {
  const std::string uri = context.peer();
  absl::string_view peer = uri;
  if (!absl::ConsumePrefix(&peer, "ipv4:")) absl::ConsumePrefix(&peer, "ipv6:");
  return std::string(peer);
}

}  // namespace

void StubCall::Operation::OnDone(bool ok) {
  base::Loop& loop = call_->stub_->surroundings_.loop;
  loop.Post([call = std::move(call_), then = then_, ok] { (call.get()->*then)(ok); });
}

StubCall::StubCall(std::shared_ptr<Stub> stub, core::UpstreamHead head,
                   core::UpstreamEvents& events)
    : stub_(std::move(stub)),
      span_(std::move(head.span)),
      head_(std::move(head)),
      events_(&events),
      held_(stub_->surroundings_.buffered) {
  trip_.begun = Now();
  metrics().waits.Join(wait_, trip_.begun);
}

StubCall::~StubCall() = default;

// --- the request ---

void StubCall::Begin() {
  if (events_ == nullptr || closed_ || !Prepare()) return;
  stream_ = stub_->channel_->stub().PrepareCall(&context_, std::string(head_.request->path()),
                                                &stub_->channel_->queue());
  trip_.sent = Now();
  trip_.endpoint = stub_->target_;
  metrics().active.Add(1);
  cells().calls.Add();
  cells().active.Add(1);
  if (!messages_.whole().empty() || finished_) {
    context_.set_initial_metadata_corked(true);
    stream_->StartCall(nullptr);
    WriteNext();
  } else {
    writing_ = true;
    stream_->StartCall(begin_.Of(*this));
  }
  stream_->ReadInitialMetadata(initial_.Of(*this));
}

bool StubCall::Prepare() {
  context_.set_authority(head_.authority);
  if (head_.deadline.has_value()) {
    const absl::Duration left = absl::FromChrono(*head_.deadline - Now());
    context_.set_deadline(gpr_time_from_micros(absl::ToInt64Microseconds(left), GPR_TIMESPAN));
  }
  const std::string traceparent =
      span_ == nullptr ? "" : model::FormatTraceparent(span_->span->self);
  const absl::optional<std::string> cannot = PutMetadata(head_, traceparent, context_);
  if (!cannot.has_value()) return true;
  FailSoon(Kind::kCallersOwn, wire::StatusCode::kInternal, core::Unanswered::kBound, *cannot);
  return false;
}

// --- the reply ---

void StubCall::OnInitial(bool ok) {
  if (events_ == nullptr) return;
  stream_->Finish(&status_, finish_.Of(*this));
  if (!ok || Reply::IsTrailersOnly(context_.c_call())) {
    read_all_ = true;
    return;
  }
  Read();
  NoteFirst();
  begun_to_answer_ = true;
  events_->OnInitial(InitialBlock(context_.GetServerInitialMetadata()), false);
}

void StubCall::Read() {
  reading_ = true;
  stream_->Read(&buffer_, read_.Of(*this));
}

void StubCall::OnRead(bool ok) {
  reading_ = false;
  if (events_ == nullptr) return;
  if (!ok) {
    read_all_ = true;
    return EndIfOver();
  }
  const size_t bytes = buffer_.Length();
  held_.Set(static_cast<int64_t>(bytes));
  std::string first = PrefixOf(bytes);
  std::vector<grpc::Slice> slices;
  if (!buffer_.Dump(&slices).ok()) slices.clear();
  buffer_.Clear();
  if (bytes <= kSmall) {
    for (const grpc::Slice& slice : slices) {
      first.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    slices.clear();
  }
  incoming_.clear();
  incoming_.emplace_back(first);
  for (grpc::Slice& slice : slices) incoming_.push_back(std::move(slice));
  at_ = gone_ = 0;
  Deliver();
}

// Shows the message piece by piece, as the caller consumes it. It may do so from within.
void StubCall::Deliver() {
  if (std::exchange(delivering_, true)) return;
  const std::shared_ptr<StubCall> self = shared_from_this();
  while (events_ != nullptr && unconsumed_ < kWindow && DeliverPiece()) {
  }
  delivering_ = false;
  if (events_ == nullptr || at_ < incoming_.size()) return;
  incoming_.clear();
  at_ = 0;
  held_.Set(0);
  if (!reading_ && !read_all_ && unconsumed_ < kWindow) Read();
  EndIfOver();
}

bool StubCall::DeliverPiece() {
  if (at_ == incoming_.size()) return false;
  const grpc::Slice& slice = incoming_[at_];
  const size_t bytes = std::min(slice.size() - gone_, kWindow);
  const absl::string_view piece(reinterpret_cast<const char*>(slice.begin()) + gone_, bytes);
  gone_ += bytes;
  if (gone_ == slice.size()) {
    ++at_;
    gone_ = 0;
  }
  unconsumed_ += bytes;
  if (bytes > 0) events_->OnData(piece);
  return true;
}

void StubCall::Consume(size_t bytes) {
  unconsumed_ -= std::min(unconsumed_, bytes);
  if (events_ != nullptr && begun_to_answer_ && !reading_) Deliver();
}

// --- the end ---

void StubCall::OnFinished(bool) {
  has_status_ = true;
  EndIfOver();
}

void StubCall::EndIfOver() {
  if (events_ == nullptr || !has_status_ || reading_) return;
  if (const absl::optional<Verdict> verdict = JudgeEnd()) return EndUnanswered(*verdict);
  if (incoming_.empty()) EndAnswered();
}

// gRPC's deadline and the caller's own pass at about the same time.
absl::optional<Verdict> StubCall::JudgeEnd() const {
  constexpr std::chrono::milliseconds kAbout(100);
  const bool past = head_.deadline.has_value() && Now() + kAbout >= *head_.deadline;
  return Judge({status_, context_.debug_error_string(), past});
}

void StubCall::EndAnswered() {
  const absl::optional<wire::StatusCode> code =
      wire::ParseStatus(absl::StrCat(static_cast<int>(status_.error_code())));
  if (code.has_value()) {
    metrics().calls.Add(*code);
    cells().latest_code.Set(*code, Now());
  } else {
    metrics().calls_without_status.Add();
  }
  NoteFirst();
  NoteEnd();
  EndSpan(code, code.has_value() ? "" : "no_status");
  core::UpstreamEvents* const events = events_;
  LetGo();
  model::Headers block;
  if (!begun_to_answer_) block = InitialBlock(context_.GetServerInitialMetadata());
  AddTrailing(status_, context_.GetServerTrailingMetadata(), block);
  if (begun_to_answer_) {
    events->OnEnd(std::move(block));
  } else {
    events->OnInitial(std::move(block), true);
  }
}

void StubCall::EndUnanswered(const Verdict& verdict) {
  const std::string words = WordsOf(verdict, status_.error_message());
  core::UpstreamFailure failure = {verdict.kind, verdict.reset_code,
                                   static_cast<wire::StatusCode>(status_.error_code()),
                                   absl::StrCat("upstream '", stub_->options_.name, "' (",
                                                stub_->options_.target, "): ", words)};
  if (verdict.refused.has_value()) metrics().replies_refused.Add(*verdict.refused);
  const bool no_backend =
      verdict.kind == Kind::kLost || verdict.why == core::Unanswered::kUnreachable;
  if (no_backend) stub_->channel_->NoteFailure(words);
  spdlog::debug("{}", failure.message);
  Fail(std::move(failure), verdict.why);
}

void StubCall::Cancel(core::Unanswered why) {
  if (events_ == nullptr) return;
  metrics().unanswered.Add(why);
  NoteEnd();
  EndSpan(absl::nullopt, NameOf(why));
  LetGo();
}

void StubCall::Fail(core::UpstreamFailure failure, core::Unanswered why) {
  if (events_ == nullptr) return;
  core::UpstreamEvents* const events = events_;
  Cancel(why);
  events->OnFailed(std::move(failure));
}

void StubCall::FailSoon(Kind kind, wire::StatusCode status, core::Unanswered why,
                        absl::string_view message) {
  core::UpstreamFailure failure = {
      kind, 0, status, absl::StrCat("upstream '", stub_->options_.name, "': ", message)};
  spdlog::debug("{}", failure.message);
  closed_ = true;  // or what has come of a broken request would be ended as a whole one
  stub_->surroundings_.loop.Post([self = shared_from_this(), failure = std::move(failure),
                                  why]() mutable { self->Fail(std::move(failure), why); });
}

void StubCall::NoteFirst() {
  if (trip_.first != core::UpstreamTrip::kNever) return;
  trip_.first = Now();
  wait_.Leave();
  metrics().first_byte.Observe((trip_.first - trip_.begun).count());
}

void StubCall::NoteEnd() {
  trip_.ended = Now();
  wait_.Leave();
  metrics().whole.Observe((trip_.ended - trip_.begun).count());
}

// The call has ended for its caller. What gRPC still does of it ends soon.
void StubCall::LetGo() {
  events_ = nullptr;
  stub_->calls_.erase(this);
  messages_.Clear();
  held_.Set(0);
  told_and_here_.Set(0);
  if (stream_ == nullptr) return;
  metrics().active.Add(-1);
  cells().active.Add(-1);
  if (!has_status_) context_.TryCancel();
}

void StubCall::EndSpan(absl::optional<wire::StatusCode> status, absl::string_view error) {
  if (span_ == nullptr) return;
  span_->span->status = status;
  span_->span->error = error;
  if (stream_ != nullptr) span_->span->peer = PeerOf(context_);
  trace::End(std::move(span_), Now());
}

}  // namespace singleflight::stub
