#ifndef SINGLEFLIGHT_SERVER_PROXY_CALL_H_
#define SINGLEFLIGHT_SERVER_PROXY_CALL_H_

#include <memory>
#include <string>
#include <variant>

#include "absl/types/span.h"
#include "server/core/read_path.h"
#include "server/core/route.h"
#include "server/http2/session.h"
#include "server/proxy/call_end.h"
#include "server/proxy/collector.h"
#include "server/proxy/downstream_metrics.h"
#include "server/proxy/limits.h"
#include "server/proxy/marks.h"
#include "server/proxy/relay.h"
#include "server/wire/message.h"

namespace singleflight::proxy {

// What the calls of one worker work with, under one configuration. A call keeps the one that it
// began with.
struct CallContext {
  core::ReadPath& read_path;
  core::RouteTable& routes;
  const MarkOptions& marks;
  std::shared_ptr<const LimitOptions> limits;

  std::shared_ptr<DownstreamMetrics> downstream;

  // Everybody's is copied for each connection, which sets the next three.
  std::shared_ptr<memory::Client> client = nullptr;  // whose calls they are; null: nobody's
  uint32_t trust = 0;                                // the connection's (see Entrance)
  std::string peer = {};                             // as logs name it

  // Who hears of calls. They outlive this.
  absl::Span<const std::shared_ptr<CallObserver>> observers = {};
};

// One caller's call, from its header block to the last byte of its reply: it finds the route, and
// meets the read path there or is relayed.
//
//   kNew ──► kCollecting ──► kWaiting ──► kReplied
//     │           │            │ ▲
//     └───────────┴─► kRelaying ◄┴─ kQueued
//
// If its message chooses its route, kChoosing comes behind kNew.
//
// Ownership: its stream's; while it is aboard a flight also its own, so that a landing on its way
// finds it. Threads: its worker's.
class Call final : public http2::StreamEvents,
                   public core::Waiter,
                   public RelayEvents,
                   public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<const CallContext> context, http2::Stream& stream);
  ~Call();

 private:
  enum class State : uint8_t {
    kNew,         // no header block yet
    kChoosing,    // its message decides on its route; its bytes are gathered
    kCollecting,  // the request may be one message; its bytes are gathered
    kWaiting,     // aboard a flight
    kQueued,      // released from a flight, before the upstream's gate
    kRelaying,    // coupled to an upstream call
    kReplied,     // nothing is left to do but to be written out, or the caller has gone
  };

  // The caller's stream.
  void OnHeaders(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnTrailersTooLarge(http2::Bound bound, absl::string_view why) override;
  void OnSent(size_t bytes) override;
  void OnClosed(const http2::Closed& closed) override;

  // The flight.
  void OnAnswer(const core::Answer& answer, core::Counted counted) override;
  void OnTakeover(core::Takeover takeover) override;
  void OnReleased(const core::Question& asked, core::Release why) override;
  absl::optional<Asker> asker() const override;

  // The relay.
  bool OnRelayHeaders(model::HeadersView fields, bool end) override;
  bool OnRelayTrailers(model::Headers& fields) override;
  void OnRelayEnded() override;
  void OnRelayStalled() override;
  void OnRelayStreams() override { route_->NoteStream(request_->path(), loop().Now()); }
  void OnRelayUnary() override { route_->NoteUnary(request_->path()); }
  void OnRelayUnread() override;
  void OnRelayFailed(const core::UpstreamFailure& failure) override;

  void CountRequest(int64_t bytes);
  void Refuse(const model::Refusal& refusal);
  void RefuseTrailers(const model::Refusal& refusal);
  void RefuseUnrouted();
  void CountUnserved(metrics::Counter core::RouteMetrics::*as);
  void TakeRoute(bool end);
  void SetDeadline();
  void AwaitMessage(bool end);
  void CollectToChoose(absl::string_view bytes);
  void Choose();
  void ChooseUnseen(core::MatchRefusal why, model::SharedHeaders trailing = {});
  bool TakeChosen(absl::optional<absl::string_view> message);
  Collector::Next Gather(absl::string_view bytes);
  void Collect(absl::string_view bytes);
  void OnMessageWhole();
  void Ask();
  core::Served ServeCollected();
  core::Served Serve(absl::string_view message, absl::FunctionRef<base::Slice()> take);
  void AskAgain(const core::Question& asked);
  core::Served ServeLike(const core::Question& asked);
  base::Slice MessageFor(const core::Question& asked);
  void GoAlone(core::Bypass why, model::SharedHeaders trailing = {});
  void RelayCollected(model::SharedHeaders trailing);
  void RefuseToHold();
  void CountSaved(const core::Answer& answer);
  void CountAdded(const core::UpstreamTrip& trip);
  void DeliverLarge(core::Answer answer, core::Counted counted);
  void EnterGate(const core::Question& asked, core::Release why);
  void OnAdmitted(absl::Duration turn);
  void OnGateTimer();
  void RefuseRelease(core::GateRefusal why, absl::string_view message);
  void StartRelay();
  Relay::Setting SettingOfRelay() const;
  void AwaitDeadline();
  void OnTimer();
  void OnDeadline();
  void OnCollectedTooSlowly();
  void Shed(http2::Bound bound, absl::string_view message);
  bool HasRoom() const;
  void ShedForRoom();
  void ShedForShare();
  void RefuseForNothingKept();
  bool NoRoomToWait(absl::string_view more) const;
  void ShedLargeMessage();
  bool TookLessOfCache() const;
  void SendAnswer(const core::Answer& answer);
  void ShedForClient(absl::optional<wire::StatusCode> status);
  Marks MarksOfRelay(absl::Duration age) const;
  void SendStatus(wire::StatusCode code, absl::string_view message);
  void Reset(http2::ErrorCode code);
  void NoteStatusOf(model::HeadersView block);
  void StepAshore() { aboard_.reset(); }
  core::Unanswered WhyLeft() const;
  bool CostUpstream() const;
  void BeginObserved();
  void TellObservers();
  void BeginSpan();
  const trace::OpenSpan* span() const;
  std::unique_ptr<trace::OpenSpan> BeginUpstreamSpan(const core::Upstream& upstream);
  void NoteAnswer(const core::Answer& answer);
  void EndSpan(const CallEnd& end);
  void EndRelay();

  base::Instant::duration Age() const { return loop().Now() - began_; }
  const core::LoopContext& around() const { return context_->read_path.around(); }
  DownstreamMetrics& downstream() { return *context_->downstream; }
  absl::optional<base::Instant> deadline() const {
    if (deadline_ == kNoDeadline) return absl::nullopt;
    return deadline_;
  }
  core::RouteMetrics& route_metrics() { return *around().metrics[route_->index]; }

  // A released caller's place before the upstream's gate, and then inside.
  struct AtGate {
    AtGate(Call& call, const core::Question& asked);
    ~AtGate();
    memory::Buffered& buffered;
    core::Question asked;  // until the caller is let in
    base::Timer timer;     // of the wait; then of the time that the place is its own
    std::unique_ptr<core::ReleaseGate::Ticket> ticket;
  };

  static constexpr base::Instant kNoDeadline = base::Instant::max();

  // A caller of a unary method ends its side together with its message; one that has not a moment
  // later streams.
  static constexpr absl::Duration kGraceForEnd = absl::Milliseconds(20);

  // Waiters are many: in this order the members leave no gap, and with its reference counts a call
  // just fills a block of 256 bytes.
  const std::shared_ptr<const CallContext> context_;
  State state_ = State::kNew;
  bool request_ended_ = false;
  // Why it is relayed although its route is not one that only relays, or has asked again.
  std::variant<core::Bypass, core::Release> why_relayed_;
  CallRole role_ = CallRole::kRefused;     // until it has another
  absl::optional<wire::StatusCode> told_;  // the latest status that its caller was given
  base::Instant began_;
  std::unique_ptr<CallDetails> details_;  // null: nobody observes, and it is not traced
  http2::Stream* stream_;                 // null once it is gone
  std::shared_ptr<const model::Request> request_;
  core::Route* route_ = nullptr;
  base::Instant deadline_ = kNoDeadline;
  base::Timer timer_;  // of the deadline; while it collects, of that wait if it is over before
  std::unique_ptr<Collector> collector_;  // of its body, until it is asked or answered
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<AtGate> at_gate_;
  std::shared_ptr<Call> aboard_;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_CALL_H_
