// One call, its streams one after the other, and what became of it: in order of its life.

#include "server/upstream/pooled_call.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/model/binary_fields.h"
#include "server/upstream/link.h"
#include "server/upstream/pool.h"

namespace singleflight::upstream {
namespace {

std::string WhyNotSent(const Link& link, absl::string_view what) {
  return absl::StrCat(what, " more metadata than the backend takes (", link.peer_max_header_list(),
                      " bytes)");
}

constexpr absl::string_view kRequestHas = "the request has";
constexpr absl::string_view kTrailersHave = "the trailers of the request have";

std::string ItsStatus(absl::optional<wire::StatusCode> status) {
  return status.has_value() ? absl::StrCat("; its status was ", wire::NameOf(*status)) : "";
}

// A backend that refuses does so sooner than it answers.
bool SaysHowLongItTakes(absl::optional<wire::StatusCode> code) {
  return code.has_value() && *code != wire::StatusCode::kUnavailable &&
         *code != wire::StatusCode::kResourceExhausted;
}

ReplyRefusal WhyRefused(const http2::Closed& closed) {
  const bool large = closed.why == http2::Closed::Why::kHeadersTooLarge;
  return large ? ReplyRefusal::kHeaderBytes : ReplyRefusal::kMalformed;
}

core::Unanswered WhyUnanswered(const http2::Closed& closed, bool silent) {
  switch (closed.why) {
    case http2::Closed::Why::kNotProcessed:
      return core::Unanswered::kRefused;
    case http2::Closed::Why::kConnectionLost:
      return silent ? core::Unanswered::kPingTimeout : core::Unanswered::kConnectionLost;
    case http2::Closed::Why::kHeadersTooLarge:
      return core::Unanswered::kBound;
    case http2::Closed::Why::kMalformed:
      return core::Unanswered::kMalformed;
    case http2::Closed::Why::kStalled:  // a server's
    case http2::Closed::Why::kReset:
    case http2::Closed::Why::kOrderly:
      return core::Unanswered::kReset;
  }
  SF_CHECK(!"unreachable");
}

}  // namespace

PooledCall::PooledCall(Pool& pool, core::UpstreamHead head, core::UpstreamEvents& events)
    : pool_(pool),
      span_(std::move(head.span)),
      head_(std::move(head)),
      client_(head_.client.get()),
      events_(&events) {
  trip_.begun = pool_.Now();
  pool_.metrics().waits.Join(wait_, trip_.begun);
}

void PooledCall::Send(base::Slice bytes) {
  if (events_ == nullptr) return;
  kept_.Add(bytes);
  if (stream_ == nullptr) return;
  DropWhatIsNotSentAgain();
  stream_->Send(std::move(bytes));
}

void PooledCall::Finish(model::SharedHeaders trailing) {
  kept_.Finish(std::move(trailing));
  if (stream_ != nullptr) FinishStream();
}

// A backend that is sent more than it takes may end the connection, with everybody's calls on it.
void PooledCall::FinishStream() {
  const model::SharedHeaders& trailing = kept_.trailing();
  if (trailing.empty() || link_->Takes(trailing.view())) return stream_->Finish(trailing);
  pool_.StreamEnded(*this, *link_);
  std::exchange(stream_, nullptr)->Reset(http2::ErrorCode::kCancel);
  pool_.FailSoon(shared_from_this(), core::Unanswered::kBound, WhyNotSent(*link_, kTrailersHave));
}

void PooledCall::Consume(size_t bytes) {
  if (stream_ != nullptr) stream_->Consume(bytes);
}

void PooledCall::Cancel(core::Unanswered why) {
  if (events_ == nullptr) return;
  events_ = nullptr;
  CountUnanswered(why);
  pool_.Dequeue(*this);
  if (stream_ == nullptr) return;
  pool_.JudgeUnanswered(*link_, OverdueOr(why), trip_);
  pool_.StreamEnded(*this, *link_);
  std::exchange(stream_, nullptr)->Reset(http2::ErrorCode::kCancel);
}

// Callers whose deadline passes often say so themselves, a little before it is noticed here.
core::Unanswered PooledCall::OverdueOr(core::Unanswered why) const {
  constexpr auto kMargin = std::chrono::milliseconds(100);
  const bool overdue = head_.deadline.has_value() && *head_.deadline - kMargin <= pool_.Now();
  return why == core::Unanswered::kCancelled && overdue ? core::Unanswered::kDeadline : why;
}

// A call that has a stream keeps counting for its client.
void PooledCall::Disown() {
  if (admission_ != nullptr && admission_->number != 0) {
    pool_.slots_.Disown(*this);
    client_ = nullptr;
    return;
  }
  if (!queued_ || client_ == nullptr) return;
  const std::shared_ptr<PooledCall> self = shared_from_this();
  pool_.Dequeue(*this);
  client_ = nullptr;
  pool_.EnqueueAgain(self);
  pool_.ServeQueue();
}

// It may have ended meanwhile; then the slot goes to another.
void PooledCall::OnSlot(absl::optional<Concurrency::Slot> slot) {
  if (events_ == nullptr || admission_->number == 0) return;
  const std::shared_ptr<PooledCall> self = shared_from_this();
  if (!slot.has_value()) return pool_.RefuseSlot(self, OverloadRefusal::kNoTime);
  pool_.slots_.Admit(*this, *std::move(slot));
  pool_.Dispatch(self);
}

void PooledCall::OnWaitedTooLong() {
  pool_.RefuseSlot(shared_from_this(), OverloadRefusal::kMaxWait);
}

bool PooledCall::IsStream(base::Instant since) const {
  return !kept_.finished() || (trip_.first != base::Instant() && trip_.first <= since);
}

bool PooledCall::Hangs() const { return stream_ != nullptr && link_->in_doubt(); }

void PooledCall::OpenOn(Link& link) {
  absl::optional<absl::Duration> left;
  if (head_.deadline.has_value()) left = absl::FromChrono(*head_.deadline - pool_.Now());
  const std::string traceparent = span_ == nullptr ? "" : TraceparentFor(link);
  const model::Headers fields =
      model::UpstreamFields(*head_.request, {head_.authority, left, head_.chain_hop, pool_.scheme(),
                                             traceparent, head_.previous_attempts});
  const bool head_fits = link.Takes(fields);
  if (!head_fits || !link.Takes(kept_.trailing().view())) {
    return pool_.FailSoon(shared_from_this(), core::Unanswered::kBound,
                          WhyNotSent(link, head_fits ? kTrailersHave : kRequestHas));
  }
  sent_ = 0;
  link_ = &link;
  trip_.sent = pool_.Now();
  trip_.endpoint = link.name();
  stream_ = &link.Open(fields, shared_from_this());
  pool_.StreamOpened(*this, *link_);
  kept_.SendTo(*stream_);
  DropWhatIsNotSentAgain();
}

std::string PooledCall::TraceparentFor(const Link& link) {
  span_->span->peer = *link.name();
  return model::FormatTraceparent(span_->span->self);
}

void PooledCall::DropWhatIsNotSentAgain() {
  if (kept_.too_large() || !has_resend()) kept_.Drop();
}

void PooledCall::OnHeaders(model::Headers fields, bool end) {
  kept_.Drop();
  trip_.first = pool_.Now();
  wait_.Leave();
  pool_.metrics().first_byte.Observe((trip_.first - trip_.begun).count());
  if (!TakesMetadataOf(fields, end)) return;
  if (end) EndWith(fields);
  core::UpstreamEvents* events = end ? std::exchange(events_, nullptr) : events_;
  events->OnInitial(std::move(fields), end);
}

void PooledCall::OnData(absl::string_view bytes) { events_->OnData(bytes); }

void PooledCall::OnEnd(model::Headers trailing) {
  if (!TakesMetadataOf(trailing, true)) return;
  EndWith(trailing);
  std::exchange(events_, nullptr)->OnEnd(std::move(trailing));
}

// The reply is whole, so nobody needs the rest of the request (RFC 9113 §8.1).
void PooledCall::EndWith(const model::Headers& status_block) {
  const auto code = wire::ParseStatus(status_block.Find("grpc-status").value_or(""));
  CountAnswered(code);
  pool_.Judge(*link_, code);
  LeaveStream(true, http2::ErrorCode::kNoError);
}

void PooledCall::LeaveStream(bool whole, http2::ErrorCode code) {
  pool_.StreamEnded(*this, *link_);
  http2::Stream* stream = std::exchange(stream_, nullptr);
  if (whole && stream->ended()) {
    stream->SetHandler(nullptr);
  } else {
    stream->Reset(code);
  }
}

// Takes only binary metadata that is well-formed: a client may end its connection for other, with
// all calls on it. `end`: the block is the last of the reply.
bool PooledCall::TakesMetadataOf(model::Headers& block, bool end) {
  const absl::optional<std::string> wrong = model::SeparateBinary(block);
  if (!wrong.has_value()) return true;
  if (end) {
    EndWith(block);
  } else {
    CountUnanswered(core::Unanswered::kMalformed);
    LeaveStream(false, http2::ErrorCode::kCancel);
  }
  const absl::optional<absl::string_view> status = block.Find("grpc-status");
  core::UpstreamFailure failure = {
      core::UpstreamFailure::Kind::kRefused, 0, wire::StatusCode::kInternal,
      absl::StrCat("upstream '", pool_.name(), "': its reply was refused here: ", *wrong,
                   ItsStatus(wire::ParseStatus(status.value_or("")))),
      std::move(block)};
  CountRefused(ReplyRefusal::kBinary, failure);
  std::exchange(events_, nullptr)->OnFailed(std::move(failure));
  return false;
}

void PooledCall::OnSent(size_t bytes) {
  sent_ += bytes;
  if (sent_ <= reported_ || events_ == nullptr) return;
  const size_t news = sent_ - std::exchange(reported_, sent_);
  events_->OnSent(news);
}

void PooledCall::OnClosed(const http2::Closed& closed) { StreamClosed(closed, {}); }

void PooledCall::OnReplyTooLarge(const http2::Closed& closed, model::Headers read) {
  StreamClosed(closed, std::move(read));
}

void PooledCall::StreamClosed(const http2::Closed& closed, model::Headers block) {
  stream_ = nullptr;
  pool_.StreamEnded(*this, *link_);
  if (MayResend(closed)) {
    pool_.metrics().resent.Add();
    ++trip_.resends;
    return pool_.Dispatch(shared_from_this());
  }
  pool_.Judge(*link_, closed);
  if (closed.status.has_value()) {
    CountAnswered(closed.status);
  } else {
    CountUnanswered(WhyUnanswered(closed, link_->silent()));
  }
  core::UpstreamFailure failure = FailureOf(closed);
  failure.block = std::move(block);
  if (failure.kind == core::UpstreamFailure::Kind::kRefused)
    CountRefused(WhyRefused(closed), failure);
  std::exchange(events_, nullptr)->OnFailed(std::move(failure));
}

void PooledCall::CountRefused(ReplyRefusal why, const core::UpstreamFailure& failure) {
  pool_.metrics().replies_refused.Add(why);
  spdlog::debug("{}", failure.message);
}

bool PooledCall::MayResend(const http2::Closed& closed) const {
  return closed.why == http2::Closed::Why::kNotProcessed && has_resend() && kept_.keeps();
}

core::UpstreamFailure PooledCall::FailureOf(const http2::Closed& closed) const {
  using Kind = core::UpstreamFailure::Kind;
  const std::string upstream = absl::StrCat("upstream '", pool_.name(), "': ");
  switch (closed.why) {
    case http2::Closed::Why::kNotProcessed:
      return {Kind::kNotStarted, closed.error, wire::StatusCode::kUnavailable,
              upstream + "the call was refused before it started"};
    case http2::Closed::Why::kConnectionLost:
      if (link_->silent()) {
        return {Kind::kLost, 0, wire::StatusCode::kUnavailable,
                upstream + "the backend is silent and answered no PING (ping_timeout)"};
      }
      return {Kind::kLost, 0, wire::StatusCode::kUnavailable,
              absl::StrCat(upstream, "the connection was lost before the reply was whole",
                           closed.cause.empty() ? "" : ": ", closed.cause)};
    case http2::Closed::Why::kHeadersTooLarge:
      return {Kind::kRefused, 0, wire::StatusCode::kResourceExhausted,
              upstream + WhyTooLarge(closed)};
    case http2::Closed::Why::kMalformed:
      return {Kind::kRefused, 0, wire::StatusCode::kInternal,
              absl::StrCat(upstream, "its reply was refused here: it breaks HTTP/2 (",
                           http2::NameOfError(closed.error), ")")};
    case http2::Closed::Why::kStalled:  // a server's
    case http2::Closed::Why::kReset:
    case http2::Closed::Why::kOrderly:  // RST_STREAM NO_ERROR, but no status
      return {
          Kind::kReset, closed.error, wire::StatusOfReset(closed.error),
          absl::StrCat(upstream, "it reset the stream with ", http2::NameOfError(closed.error))};
  }
  SF_CHECK(!"unreachable");
}

std::string PooledCall::WhyTooLarge(const http2::Closed& closed) const {
  return absl::StrCat("its reply has more than ", pool_.max_reply_header_bytes(),
                      " bytes of metadata (upstreams[].max_reply_header_bytes)",
                      ItsStatus(closed.status));
}

void PooledCall::Fail(core::UpstreamFailure failure, core::Unanswered why) {
  if (events_ == nullptr) return;
  CountUnanswered(why);
  std::exchange(events_, nullptr)->OnFailed(std::move(failure));
}

void PooledCall::CountAnswered(absl::optional<wire::StatusCode> code) {
  if (admission_ != nullptr && SaysHowLongItTakes(code)) pool_.slots_.Measure(*this, false);
  if (code.has_value()) {
    pool_.metrics().calls.Add(*code);
    link_->cells().latest_code.Set(*code, pool_.Now());
  } else {
    pool_.metrics().calls_without_status.Add();
  }
  NoteEnd();
  if (span_ != nullptr) EndSpan(code, code.has_value() ? "" : "no_status");
}

void PooledCall::NoteEnd() {
  trip_.ended = pool_.Now();
  wait_.Leave();
  if (std::exchange(counted_, false)) pool_.Ended(*this);
  if (admission_ != nullptr) pool_.slots_.End(*this);
  pool_.metrics().whole.Observe((trip_.ended - trip_.begun).count());
}

void PooledCall::CountUnanswered(core::Unanswered why) {
  if (admission_ != nullptr &&
      (why == core::Unanswered::kDeadline || why == core::Unanswered::kFlightTimeout)) {
    pool_.slots_.Measure(*this, true);
  }
  NoteEnd();
  pool_.metrics().unanswered.Add(why);
  if (span_ != nullptr) EndSpan(absl::nullopt, NameOf(why));
}

void PooledCall::EndSpan(absl::optional<wire::StatusCode> status, absl::string_view error) {
  span_->span->status = status;
  span_->span->error = error;
  trace::End(std::move(span_), pool_.Now());
}

}  // namespace singleflight::upstream
