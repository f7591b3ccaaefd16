// Finds out that the peer of a connection is dead although the connection is up: a process that is
// stopped, a machine or a network that is gone without a word.
//
// It sends a PING if a call waits and nothing has come for `after`. Whatever comes then is an
// answer. If nothing comes within `timeout`, the peer is silent (pulse.cc tells how often it asks).
//
// Threads: its loop's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_PULSE_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_PULSE_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/base/loop.h"

namespace singleflight::upstream {

struct PulseOptions {
  absl::Duration after;    // the peer is asked if a call waits, and nothing comes, for so long
  absl::Duration timeout;  // then something has to come within this time

  // Pauses are multiplied by this. It is above 1 if the peer has said that it was asked too often.
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

  // How many calls wait for something.
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

  // The peer is asked and has not answered yet. Calls are better off elsewhere.
  bool in_doubt() const;

  absl::Duration timeout() const { return options_.timeout; }

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
