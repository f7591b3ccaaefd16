#ifndef SINGLEFLIGHT_TESTS_SIMULATION_CALLER_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_CALLER_H_

#include <memory>
#include <string>

#include "server/core/invalidation.h"
#include "server/wire/message.h"
#include "tests/simulation/world.h"

namespace singleflight::simulation {

// One caller, from its question to its end. It does on the read path what proxy::Call does there,
// step by step, without HTTP/2: it asks, waits, leaves at its deadline, goes alone or through the
// release gate, goes on with a call that it is given, and drops what a write's reply names.
//
// Ownership: the world's, until it is over.
class Caller final : public core::Waiter,
                     private core::UpstreamEvents,
                     public std::enable_shared_from_this<Caller> {
 public:
  enum class State : uint8_t { kNew, kWaiting, kQueued, kRelaying, kWriting, kOver };

  Caller(World& world, std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<Ask> ask);

  // On its loop.
  void Begin();
  void GiveUp(core::Unanswered why = core::Unanswered::kCancelled);
  void TakeReply();  // its connection has written all of it

  const Ask& ask() const { return *ask_; }
  const core::Route& route() const { return *route_; }
  const Floors& floors() const { return floors_; }
  Moment came() const { return came_; }
  base::Instant joined_at() const { return joined_at_; }  // by its loop's clock
  base::Instant since() const { return since_; }          // by the world's: in this state
  State state() const { return state_; }
  bool serving() const { return serving_; }
  bool over() const { return state_ == State::kOver && !owed_ && !serving_; }
  const absl::optional<base::Instant>& deadline() const { return deadline_; }

 private:
  // Before the gate, and inside.
  struct AtGate {
    AtGate(Caller& caller, const core::Question& asked)
        : asked(asked), timer(caller.loop().timers(), [&caller] { caller.OnGateTimer(); }) {}
    core::Question asked;
    base::Timer timer;
    std::unique_ptr<core::ReleaseGate::Ticket> ticket;
  };

  void OnAnswer(const core::Answer& answer, core::Counted counted) override;
  void OnTakeover(core::Takeover takeover) override;
  void OnReleased(const core::Question& asked, core::Release why) override;
  absl::optional<Asker> asker() const override;

  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t) override {}
  void OnFailed(core::UpstreamFailure failure) override;

  core::Served Serve(absl::string_view message, absl::FunctionRef<base::Slice()> take);
  void Become(State state);
  void GoAlone(core::Bypass why, base::Slice message);
  void StartRelay(base::Slice message);
  void AskAgain(const core::Question& asked);
  void EnterGate(const core::Question& asked);
  void OnAdmitted(absl::Duration turn);
  void OnGateTimer();
  void OnDeadline() { GiveUp(core::Unanswered::kDeadline); }
  void Drop(model::HeadersView block, bool end);
  void NoteDropped();
  void EndRelay(model::HeadersView last);
  void NoteHit(const core::Answer& answer);
  void AskTheSame(core::Answer::Source source);
  core::RouteMetrics& metrics() { return *path().around().metrics[route_->index]; }

  World& world_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const std::shared_ptr<Ask> ask_;
  core::Route* route_;
  Floors floors_;
  Moment came_ = 0;
  State state_ = State::kNew;
  bool serving_ = false;
  bool owed_ = false;  // it has left too late, and will hear
  bool asked_again_ = false;
  bool streams_ = false;  // the reply that it was released from
  base::Instant joined_at_, since_;
  absl::optional<base::Instant> deadline_;
  base::Timer timer_;
  std::unique_ptr<AtGate> at_gate_;
  model::Reply reply_;  // while it is written

  // The relay.
  core::Invalidation invalidation_;
  std::vector<size_t> dropped_;  // groups that its first block named
  wire::MessageScanner scanner_;
  std::unique_ptr<core::UpstreamCall> call_;
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_CALLER_H_
