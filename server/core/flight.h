// One upstream call that may serve many callers, from its start to its landing. On routes with
// `join: before_start` it may gather callers for a while before it is sent. It ends in one of
// four ways, each of which takes the waiters first (flight.cc tells when):
//
//   landed       Everyone aboard gets the same reply. Callers that a private reply leaves out are
//                released.
//   given over   The reply cannot be shared. The leader goes on with the live call, the others are
//                released.
//   failed       Everyone gets a status of this program's own.
//   abandoned    Nobody is left. Upstream is reset.
//
// Threads: its loop's. Other threads may hold a shared_ptr to it, be the last to let go of it, and
// call loop(), waits() and those that say what it is about.

#ifndef SINGLEFLIGHT_SERVER_CORE_FLIGHT_H_
#define SINGLEFLIGHT_SERVER_CORE_FLIGHT_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "server/core/gathered.h"
#include "server/core/hedged_call.h"
#include "server/core/read_path.h"
#include "server/core/retries.h"
#include "server/memory/held_bytes.h"
#include "server/wire/message.h"

namespace singleflight::core {

class Flight final : public UpstreamEvents,
                     public HedgedCall::Owner,
                     public std::enable_shared_from_this<Flight> {
 public:
  // Sends the call, now or when the flight has its turn; `landing` is the duty that makes its
  // waiters wait.
  static void Start(const LoopContext& around, Route& route, Question question,
                    Flights::Landing landing);

  ~Flight();

  // Everyone has left, the last one for that reason. Does nothing if the flight has ended
  // meanwhile.
  void Abandon(Unanswered why);

  // Callers of another client than the leader's are aboard. They must not wait in the leader's
  // line, nor for its share.
  void Widen();

  // Whether Widen would change anything; from any thread. A caller that joined before this is asked
  // is never forgotten: a call that is sent later asks who is aboard.
  bool waits() const { return waits_.load(std::memory_order_relaxed); }

  base::Loop& loop() const { return around_.loop; }

  // What it is about: the route, the method's path, the hash of the key.
  const Route& route() const { return route_; }
  absl::string_view path() const { return question_.request->path(); }
  uint64_t key_hash() const { return question_.line; }

 private:
  Flight(const LoopContext& around, Route& route, Question question, Flights::Landing landing);

  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t) override { waits_.store(false, std::memory_order_relaxed); }
  void OnFailed(UpstreamFailure failure) override;
  size_t wanted() const override { return landing_.waiting() - Uncounted(landing_.waiting()); }

  // A refresh waits for nobody: of so many aboard it is not counted.
  size_t Uncounted(size_t aboard) const { return question_.background && aboard > 0 ? 1 : 0; }

  void Gather();
  static void TellTurn(const std::shared_ptr<Flight>& flight);
  void EndGathering(GatheringEnd why);
  void OnTimer();
  bool Admit();
  void Fly();
  void Send(bool again);
  std::unique_ptr<trace::OpenSpan> BeginSpan();
  void SendAgain();
  bool MayResend(const UpstreamFailure& failure);
  bool Retry(model::HeadersView trailers_only);
  bool Retry(const UpstreamFailure& failure);
  bool IsWanted() const;
  UpstreamHead HeadOf(bool again);
  void NoteHedging();
  absl::optional<absl::Duration> HedgeAfter() const;
  absl::optional<HedgeRefusal> WhyNotHedged();
  absl::optional<UpstreamHead> TakeHedge(const UpstreamTrip& first) override;
  void OnHedgeWon() override;
  void Cancel(Unanswered why);
  void DropReply();  // drops what has arrived, before the call is sent again
  bool Hold(size_t bytes);
  bool NoRoom();
  bool HoldReply(size_t bytes);

  void LandReply(model::ReplyParts parts);
  absl::optional<cache::Refusal> Keep(const Answer& answer);
  bool IsForLeaderAlone(const model::Reply& reply) const;
  bool IsAboutEncoding(const model::Reply& reply) const;
  bool IsWhole(const Answer& answer) const;
  absl::Duration Jittered(absl::Duration lifetime) const;
  void NoteLeader();
  bool LandStale(const Answer& answer);
  absl::optional<Answer> StaleAnswer() const;
  void Land(const Answer& answer, bool for_leader_alone);
  void LandForLeader(const Answer& answer, core::Release others_why);
  void LandForAll(const Answer& answer);
  void LandStatus(wire::StatusCode code, absl::string_view message);
  Answer StatusAnswer(wire::StatusCode code, absl::string_view message) const;
  std::shared_ptr<const Flown> WhatFlew() const;
  void GiveOver(core::Release reason);
  Flights::WaiterList Take();
  void End();

  void Deliver(Flights::WaiterList waiters, const Answer& answer);
  void NoteStale(size_t aboard, const Answer& answer);
  void NoteSaved(size_t aboard, const Answer& answer);
  void Release(Flights::WaiterList waiters, core::Release reason);
  Question HeldQuestion() const;

  RouteMetrics& metrics() { return *around_.metrics[route_.index]; }

  // Many members, in three groups that end together: what the flight is for, its upstream call, and
  // the reply as it comes.

  const std::shared_ptr<const void> snapshot_;  // first, as it owns what the others refer to
  const LoopContext& around_;
  Route& route_;
  const Question question_;
  Flights::Landing landing_;
  const cache::Fill fill_;                  // taken before the call is sent
  absl::optional<base::Instant> deadline_;  // once it flies
  std::shared_ptr<Flight> self_;            // until the flight ends

  std::unique_ptr<UpstreamCall> call_;
  std::shared_ptr<const Flown> flown_;  // of the call that this has cancelled
  std::atomic<bool> waits_{true};       // nothing of the call has left yet
  int resends_left_ = 1;                // unless retries_ counts them
  bool hedged_ = false;
  bool gathers_ = false;              // its turn is to come, and nothing has been sent
  std::unique_ptr<Retries> retries_;  // null: the route has no `retry`
  base::Timer deadline_timer_;        // while it gathers: until when, at the latest
  base::Timer open_reply_timer_;      // runs while a message is whole and the reply has not ended
  model::SpanRef span_;               // of the call, if it is recorded
  model::SpanRef hedge_span_;         // likewise of its hedge

  absl::optional<model::Headers> initial_;
  base::Instant sent_at_;
  cache::Age age_;       // the reply's own
  bool framed_ = false;  // the body is gRPC messages
  Gathered body_;
  wire::MessageScanner scanner_;
  memory::Buffered::Part own_bytes_;
  size_t reply_bytes_ = 0;  // what `held_` counts for the reply
  std::shared_ptr<memory::HeldBytes> held_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_FLIGHT_H_
