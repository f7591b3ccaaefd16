// One call of a pool, from the wait for a stream to its end. A call that upstream certainly had not
// begun is sent again; for that the call keeps the request bytes that it has sent.
//
// Ownership: shared by its stream or the pool's queue, and by the handle that the caller holds.
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_POOLED_CALL_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_POOLED_CALL_H_

#include <memory>
#include <string>

#include "server/core/kept_request.h"
#include "server/core/upstream.h"
#include "server/http2/stream.h"
#include "server/trace/tracer.h"
#include "server/upstream/client_shares.h"
#include "server/upstream/pool_concurrency.h"
#include "server/upstream/reply_refusal.h"
#include "server/upstream/waits.h"

namespace singleflight::upstream {

class Link;
class Pool;

class PooledCall final : public http2::StreamEvents,
                         public std::enable_shared_from_this<PooledCall> {
 public:
  PooledCall(Pool& pool, core::UpstreamHead head, core::UpstreamEvents& events);

  // For the handle.
  void Send(base::Slice bytes);
  void Finish(model::SharedHeaders trailing);
  void Consume(size_t bytes);
  void SetEvents(core::UpstreamEvents& events) { events_ = &events; }
  void Cancel(core::Unanswered why);
  void Disown();

  const core::UpstreamTrip& trip() const { return trip_; }

  // Null: nobody's.
  const memory::Client* client() const { return client_; }

  // The endpoint that it takes only if there is no other; null: none.
  const std::string* avoided() const { return head_.avoid.get(); }

  // For the pool: the call gets a stream of `link`, or none.
  void OpenOn(Link& link);
  void Fail(core::UpstreamFailure failure, core::Unanswered why);

  // For the pool's slots: what came of its wait for one; none: it is refused.
  void OnSlot(absl::optional<Concurrency::Slot> slot);
  void OnWaitedTooLong();

  // How many callers wait for it.
  size_t Wanted() const { return events_ == nullptr ? 1 : events_->wanted(); }

  // Of a call that has had its slot since then.
  bool IsStream(base::Instant since) const;

  // Its connection is asked whether it lives, and has yet to answer.
  bool Hangs() const;

 private:
  friend class Pool;
  friend class PoolConcurrency;

  void OnHeaders(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t bytes) override;
  void OnClosed(const http2::Closed& closed) override;
  void OnReplyTooLarge(const http2::Closed& closed, model::Headers read) override;
  void StreamClosed(const http2::Closed& closed, model::Headers block);

  bool has_resend() const { return trip_.resends < head_.resends; }
  bool MayResend(const http2::Closed& closed) const;
  void DropWhatIsNotSentAgain();
  core::UpstreamFailure FailureOf(const http2::Closed& closed) const;
  void CountRefused(ReplyRefusal why, const core::UpstreamFailure& failure);
  std::string WhyTooLarge(const http2::Closed& closed) const;
  core::Unanswered OverdueOr(core::Unanswered why) const;
  void FinishStream();
  std::string TraceparentFor(const Link& link);
  bool TakesMetadataOf(model::Headers& block, bool end);
  void EndWith(const model::Headers& status_block);
  void LeaveStream(bool whole, http2::ErrorCode code);
  void CountAnswered(absl::optional<wire::StatusCode> code);
  void NoteEnd();
  void CountUnanswered(core::Unanswered why);
  void EndSpan(absl::optional<wire::StatusCode> status, absl::string_view error);

  Pool& pool_;
  std::unique_ptr<trace::OpenSpan> span_;  // until the call ends; null: it is not recorded
  const core::UpstreamHead head_;
  const memory::Client* client_;  // of whose share it takes
  core::UpstreamEvents* events_;  // null once the call has ended for it
  http2::Stream* stream_ = nullptr;
  Link* link_ = nullptr;  // of the stream
  core::UpstreamTrip trip_;
  Waits::Place wait_;  // among the calls without a first byte

  std::unique_ptr<Admission> admission_;  // null: `concurrency` does not count it

  bool counted_ = false;  // by the breaker
  bool queued_ = false;   // in the pool's queue, at `place_`
  WaitingCalls::Line::iterator place_;

  core::KeptRequest kept_;  // what a stream has yet to be given, or may have to be given again
  size_t sent_ = 0;         // on the present stream
  size_t reported_ = 0;     // to `events_`, over all streams
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_POOLED_CALL_H_
