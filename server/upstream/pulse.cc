// When PINGs go out, and when a peer is called silent.
//
// The timer runs while calls wait. When it rings, the pulse asks, waits on, or judges. Streams come
// and go without touching the timer; one that rings too early is set again.
//
//   ask     A call has waited, and nothing has come, for options.after. Waiting is counted over
//           calls: a call that gives up and is followed by another one is no sign of life.
//   answer  Any byte that comes.
//   silent  Nothing came within options.timeout after the PING. That is judged a few turns late,
//           because timers ring before sockets are read: a process that was stopped reads what came
//           meanwhile before it judges. If the timer rang very late, it waits for a timeout more.
//
// PINGs stay within what gRPC servers accept. Without a reply between them, a server counts each
// PING that comes within five minutes of the one before as a strike, and at the third it ends the
// connection with all calls on it. A reply wipes the strikes out. So there are
//
//   none                   without a call
//   one every 5 s          at most, as long as replies come
//   two                    without a reply, and a third for a call that begins after them
//   one every 5 min 10 s   then; ten seconds, as a PING may take longer than the one before it
//
// A peer that says "too_many_pings" is asked half as often from then on (slowness).

#include "server/upstream/pulse.h"

#include <algorithm>
#include <utility>

namespace singleflight::upstream {
namespace {

constexpr absl::Duration kShortestPause = absl::Seconds(5);  // between PINGs

// What gRPC's servers enforce unless they are told otherwise.
constexpr absl::Duration kStrikeWindow = absl::Minutes(5);
constexpr absl::Duration kStrikeMargin = absl::Seconds(10);
constexpr int kMostUnrewarded = 2;  // and one more for a call that began after them

// A timer that rings so late says something of this process, not of the peer.
constexpr absl::Duration kLate = absl::Seconds(1);

// So long the last turns take.
constexpr absl::Duration kLastTurns = absl::Milliseconds(20);

}  // namespace

Pulse::Pulse(base::Loop& loop, const PulseOptions& options, PulsePeer& peer)
    : loop_(loop), options_(options), peer_(peer), timer_(loop.timers(), [this] { OnTimer(); }) {}

void Pulse::OnCall() {
  if (waiting_since_ < peer_.heard().at) waiting_since_ = loop_.Now();
  const bool may_be_sooner = unrewarded_ > 0 && !asked_;
  if (!timer_.pending() || may_be_sooner) Await(WhenToAsk());
}

bool Pulse::in_doubt() const { return asked_ && peer_.heard().at <= pinged_at_; }

void Pulse::OnTimer() {
  const base::Instant now = loop_.Now();
  if (in_doubt()) {
    if (now > base::After(answer_by_, kLate)) {
      answer_by_ = base::After(now, options_.timeout);
      last_turn_ = false;
    } else if (std::exchange(last_turn_, true)) {
      return peer_.OnSilent();
    }
    return timer_.Set(last_turn_ ? base::After(now, kLastTurns) : answer_by_);
  }
  asked_ = false;
  if (peer_.calls() == 0) return;  // the next one sets it again
  const base::Instant when = WhenToAsk();
  if (now < when) return Await(when);
  Ask();
}

// A reply may bring it forward, and does not touch the timer.
void Pulse::Await(base::Instant when) {
  timer_.Set(std::min(when, base::After(loop_.Now(), kShortestPause)));
}

void Pulse::Ask() {
  unrewarded_ = Unrewarded() + 1;
  replies_then_ = peer_.heard().replies;
  asked_ = true;
  pinged_at_ = loop_.Now();
  answer_by_ = base::After(pinged_at_, options_.timeout);
  last_turn_ = false;
  timer_.Set(answer_by_);
  peer_.SendPing();
}

base::Instant Pulse::WhenToAsk() const {
  const base::Instant silent_since = std::max(waiting_since_, peer_.heard().at);
  return std::max(base::After(silent_since, options_.after * options_.slowness), Earliest());
}

int Pulse::Unrewarded() const { return peer_.heard().replies > replies_then_ ? 0 : unrewarded_; }

base::Instant Pulse::Earliest() const {
  const int spent = Unrewarded();
  const bool free =
      spent < kMostUnrewarded || (spent == kMostUnrewarded && waiting_since_ > pinged_at_);
  const absl::Duration pause = kShortestPause * options_.slowness;
  return base::After(pinged_at_, free ? pause : std::max(pause, kStrikeWindow + kStrikeMargin));
}

}  // namespace singleflight::upstream
