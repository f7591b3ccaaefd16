// Finds out that the peer of a connection is dead although the connection is up: a process that is
// stopped, a machine or a network that is gone without a word.
//
// A PING goes out when a call waits and nothing has come for `after`; whatever comes then will do
// for an answer. Where nothing comes within `timeout` the peer is silent, and that is the end. How
// long calls have waited is counted over calls: one that gives up and is followed by another is no
// answer.
//
// PINGs stay within what gRPC servers take: none without a call, and at most one every 5 s. A
// server that has nothing to say counts as a strike each PING that comes within five minutes of the
// one before, and ends the connection, with the calls on it, at the third; any reply wipes them
// out. So without a reply there are two PINGs, one more for a call that begins after them, and then
// one every five minutes and some seconds, for the way there takes longer now and then.
//
// At the end of the time a few more turns of the loop pass: a process that was stopped for a while
// reads what came meanwhile before it judges.
//
// Streams come and go without touching the timer: one that rings too early is set anew.
// Threads: its loop's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_PULSE_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_PULSE_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/base/loop.h"

namespace singleflight::upstream {

struct PulseOptions {
  absl::Duration after;    // so long a call waits, and nothing comes, before the peer is asked
  absl::Duration timeout;  // within which something has to come then

  // What the pauses are multiplied by: the peer has said before that it was asked too often.
  int slowness = 1;
};

// The connection whose pulse is taken.
class PulsePeer {
 public:
  struct Heard {
    base::Instant at;  // when the latest bytes came
    uint64_t replies;  // HEADERS and DATA frames that have come
  };
  virtual Heard heard() const = 0;

  // Calls that wait for something.
  virtual size_t calls() const = 0;

  virtual void SendPing() = 0;

  // Nothing came. The pulse may be gone when this returns; it asks no more.
  virtual void OnSilent() = 0;

 protected:
  ~PulsePeer() = default;
};

class Pulse {
 public:
  Pulse(base::Loop& loop, const PulseOptions& options, PulsePeer& peer);

  // A call is about to be sent.
  void OnCall();

  // The connection has ended.
  void Stop() { timer_.Cancel(); }

  // Asked, and has not answered yet: calls are better off elsewhere.
  bool in_doubt() const;

 private:
  void OnTimer();
  void Await(base::Instant when);
  void Ask();
  base::Instant WhenToAsk() const;
  int Unrewarded() const;
  base::Instant Earliest() const;

  base::Loop& loop_;
  const PulseOptions options_;
  PulsePeer& peer_;
  base::Instant waiting_since_;  // the first call after the latest bytes
  bool asked_ = false;
  base::Instant pinged_at_;
  base::Instant answer_by_;  // once asked
  bool last_turn_ = false;   // that time has passed
  int unrewarded_ = 0;       // PINGs without a reply between them, when the latest went out
  uint64_t replies_then_ = 0;
  base::Timer timer_;  // runs while calls wait, and perhaps a little longer
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_PULSE_H_
