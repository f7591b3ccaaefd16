// A relayed call of a route with `retry`. It looks to its caller like one upstream call, and is
// sent again when it fails as the route says (Retries), for as long as nothing of a reply has come
// and all of the request that was sent is kept.

#ifndef SINGLEFLIGHT_SERVER_CORE_RETRIED_CALL_H_
#define SINGLEFLIGHT_SERVER_CORE_RETRIED_CALL_H_

#include <memory>

#include "server/core/kept_request.h"
#include "server/core/retries.h"

namespace singleflight::core {

// The upstream of `route`, a route with `retry`. What Start returns refers to `around` and `route`,
// not to this.
class RetriedUpstream final : public Upstream {
 public:
  RetriedUpstream(const LoopContext& around, const Route& route) : around_(around), route_(route) {}

  std::unique_ptr<UpstreamCall> Start(UpstreamHead head, UpstreamEvents& events) override;
  absl::string_view AuthorityFor(const model::Request& request) const override;

 private:
  const LoopContext& around_;
  const Route& route_;
};

class RetriedCall final : public UpstreamCall, private UpstreamEvents {
 public:
  RetriedCall(const LoopContext& around, const Route& route, UpstreamHead head,
              UpstreamEvents& events);

  void Cancel(Unanswered why) override;
  void Send(base::Slice bytes) override;
  void Finish(model::SharedHeaders trailing) override;
  void Disown() override;
  void Consume(size_t bytes) override { call_->Consume(bytes); }
  void SetEvents(UpstreamEvents& events) override { events_ = &events; }

  // Of the latest call, but for its begin, which is that of the first.
  const UpstreamTrip& trip() const override;

 private:
  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override { events_->OnData(bytes); }
  void OnEnd(model::Headers trailing) override { events_->OnEnd(std::move(trailing)); }
  void OnSent(size_t bytes) override;
  void OnFailed(UpstreamFailure failure) override;

  void Start(bool again, std::unique_ptr<trace::OpenSpan> span);
  void SendAgain();
  std::unique_ptr<trace::OpenSpan> NextSpan();
  Retries::Request request() const;

  const LoopContext& around_;
  const Route& route_;
  UpstreamHead head_;  // of the next call
  UpstreamEvents* events_;
  const model::SpanRef caller_;  // whose span the calls' are children of; none: none is recorded
  Retries retries_;
  std::unique_ptr<UpstreamCall> call_;  // the latest
  mutable UpstreamTrip trip_;
  const base::Instant begun_;

  KeptRequest kept_;
  bool replied_ = false;
  size_t sent_ = 0;      // by the latest call
  size_t reported_ = 0;  // to `events_`, over all calls
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RETRIED_CALL_H_
