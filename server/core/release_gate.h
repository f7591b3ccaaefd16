#ifndef SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_
#define SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/loop.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

// Lets callers that a flight could not serve through to their upstream: a herd that cannot be
// collapsed must not become a stampede, and must not hold up others.
//
// Callers of one key stand in one line, in order of arrival. Lines take turns: the first of the
// line with the fewest inside is the next to come in, while fewer than `at_once` are inside. That
// alone would let calls that hang keep everybody out. So a place belongs to one caller for a while
// only: for kLongestTurn, and for less where more lines wait than there are places, down to
// kShortestTurn, so that each of them gets somebody in soon. A caller that is inside for longer
// stands aside: it goes on, and counts for its own line alone, of which no more than `at_once` are
// ever inside.
//
// Nothing is kept of a caller that has left. The gate's users decide how many may wait in a line,
// and for how long.
//
// Threads: any; a Ticket belongs to the thread of its loop. Ownership: by shared_ptr; tickets keep
// their gate alive. Time: the gate has none, its callers set timers.
class ReleaseGate : public std::enable_shared_from_this<ReleaseGate> {
 public:
  static constexpr absl::Duration kLongestTurn = absl::Seconds(1);
  static constexpr absl::Duration kShortestTurn = absl::Milliseconds(100);

  // A caller's place in line, and then inside; destroying it leaves.
  class Ticket {
   public:
    Ticket(std::shared_ptr<ReleaseGate> gate, uint64_t line, uint64_t number)
        : gate_(std::move(gate)), line_(line), number_(number) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() { gate_->Leave(*this); }

    // Once: after its caller was let in, and when the time is over that Admit told it.
    void StandAside();

   private:
    friend class ReleaseGate;
    const std::shared_ptr<ReleaseGate> gate_;
    const uint64_t line_;
    const uint64_t number_;
    bool aside_ = false;
  };

  // Says how long the place is the caller's.
  using Admit = absl::AnyInvocable<void(absl::Duration)>;

  explicit ReleaseGate(size_t at_once) : at_once_(at_once) {}

  // From now on. With less room than there was, those that are let through already go on.
  void SetRoom(size_t at_once);

  // Puts a caller into the line of `key`, or returns null where `max_waiting` stand in it. Calls
  // `admit` on `loop` when there is room, never before it returns, but perhaps when the ticket has
  // just gone.
  std::unique_ptr<Ticket> Enter(uint64_t key, size_t max_waiting, base::Loop& loop, Admit admit);

  size_t at_once() const;
  size_t queued() const;  // callers that wait in all lines
  size_t inside() const;  // that were let through and have not left, those that stand aside too

 private:
  struct Entrant {
    base::Loop* loop;
    Admit admit;
  };
  struct Line {
    std::map<uint64_t, Entrant> waiting;  // by ticket, which is by arrival
    size_t inside = 0;
    uint64_t turn = 0;  // since when it has been waiting for one
  };
  struct Admitted {
    Entrant entrant;
    absl::Duration time;
  };

  static void Send(Admitted admitted);
  void Leave(const Ticket& ticket);
  void MakeRoom();

  absl::Duration TurnOfNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<Admitted> NextWithRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::optional<Entrant> TakeOut(const Ticket& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  template <typename Change>
  void ChangeLine(uint64_t key, const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  size_t at_once_ ABSL_GUARDED_BY(mu_);
  size_t held_ ABSL_GUARDED_BY(mu_) = 0;  // places, of at_once_
  size_t inside_ ABSL_GUARDED_BY(mu_) = 0;
  size_t queued_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t tickets_ ABSL_GUARDED_BY(mu_) = 0;  // that there have been
  uint64_t turns_ ABSL_GUARDED_BY(mu_) = 0;    // likewise
  absl::flat_hash_map<uint64_t, Line> lines_ ABSL_GUARDED_BY(mu_);
  // Lines in which somebody waits: how many are inside, since when, key.
  std::set<std::tuple<size_t, uint64_t, uint64_t>> next_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_
