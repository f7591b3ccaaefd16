// A flight's call that may become two. If the first has brought nothing after a while, a second one
// is sent (the hedge), and whichever replies first is the call; the other is cancelled. To its
// flight it looks like one upstream call.

#ifndef SINGLEFLIGHT_SERVER_CORE_HEDGED_CALL_H_
#define SINGLEFLIGHT_SERVER_CORE_HEDGED_CALL_H_

#include <memory>

#include "server/core/kept_request.h"
#include "server/core/read_path.h"

namespace singleflight::core {

class HedgedCall final : public UpstreamCall {
 public:
  // Whom it is sent for. It is asked only until a reply begins.
  class Owner {
   public:
    // The head of the second call, if it may be sent now; it counts from then on. `first`: how the
    // first has gone.
    virtual absl::optional<UpstreamHead> TakeHedge(const UpstreamTrip& first) = 0;

    // The second has replied first.
    virtual void OnHedgeWon() = 0;

   protected:
    ~Owner() = default;
  };

  // `after`: since the first was sent; a call that waits for a connection would wait twice.
  // Nothing: it is not hedged.
  HedgedCall(const LoopContext& around, Route& route, Owner& owner, UpstreamHead head,
             UpstreamEvents& events, absl::optional<absl::Duration> after);

  void Cancel(Unanswered why) override;
  void Send(base::Slice bytes) override;
  void Finish(model::SharedHeaders trailing) override;
  void Disown() override;
  void Consume(size_t bytes) override { shown().call->Consume(bytes); }
  void SetEvents(UpstreamEvents& events) override { events_ = &events; }

  // Of the one that replied, but for its begin, which is that of the first.
  const UpstreamTrip& trip() const override;

 private:
  struct Leg final : UpstreamEvents {
    explicit Leg(HedgedCall& whole) : whole(whole) {}

    void OnInitial(model::Headers fields, bool end) override {
      whole.OnInitial(*this, std::move(fields), end);
    }
    void OnData(absl::string_view bytes) override { whole.events_->OnData(bytes); }
    void OnEnd(model::Headers trailing) override { whole.events_->OnEnd(std::move(trailing)); }
    void OnSent(size_t bytes) override { whole.OnSent(*this, bytes); }
    void OnFailed(UpstreamFailure failure) override { whole.OnFailed(*this, std::move(failure)); }

    size_t wanted() const override { return whole.events_->wanted(); }

    HedgedCall& whole;
    std::unique_ptr<UpstreamCall> call;  // null: it has not begun, or is out of the race
  };

  void OnInitial(Leg& leg, model::Headers fields, bool end);
  void OnSent(const Leg& leg, size_t bytes);
  void OnFailed(Leg& leg, UpstreamFailure failure);

  void AwaitReply();  // sets the timer, once, if the first has been sent
  void OnDue();
  void Win(Leg& leg);
  bool IsFailure(const model::Headers& trailers_only) const;
  Leg& OtherThan(const Leg& leg) { return &leg == &first_ ? second_ : first_; }
  bool IsAlone(const Leg& leg) { return OtherThan(leg).call == nullptr; }

  // The leg that its flight hears, or would hear.
  const Leg& shown() const { return first_.call != nullptr ? first_ : second_; }

  const LoopContext& around_;
  Route& route_;
  Owner& owner_;
  UpstreamEvents* events_;
  const base::Instant begun_;
  absl::optional<absl::Duration> after_;  // until the timer is set
  Leg first_{*this};
  Leg second_{*this};
  base::Timer timer_;  // runs until the second is due
  mutable UpstreamTrip trip_;

  KeptRequest request_;  // until a reply begins
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_HEDGED_CALL_H_
