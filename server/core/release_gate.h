#ifndef SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_
#define SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/types/optional.h"
#include "server/base/loop.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

// Lets waiters that a flight could not serve through to their upstream, in order of arrival and
// never more than so many at once: a herd that cannot be collapsed must not become a stampede.
// Threads: any. Must outlive its passes.
class ReleaseGate {
 public:
  // The right to be one of those at once; given back when destroyed.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(ReleaseGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&& other) noexcept;
    ~Pass() { Return(); }

   private:
    void Return();
    ReleaseGate* gate_ = nullptr;
  };

  using Admit = absl::AnyInvocable<void(Pass)>;

  explicit ReleaseGate(size_t at_once) : at_once_(at_once) {}

  // From now on. With less room than there was, those that are let through already go on.
  void SetRoom(size_t at_once);

  // Calls `admit` on `loop` when there is room, never before it returns. One that no longer cares
  // lets its pass go.
  void Enter(base::Loop& loop, Admit admit);

  // Lets go of all that wait; they are never admitted, and go on their loops.
  void Clear();

  // Callers that wait for room.
  size_t queued() const;

 private:
  struct Entrant {
    base::Loop* loop;
    Admit admit;
  };

  static void Send(ReleaseGate* gate, Entrant entrant);
  void Leave();
  absl::optional<Entrant> NextWithRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  size_t at_once_ ABSL_GUARDED_BY(mu_);
  size_t inside_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Entrant> queue_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RELEASE_GATE_H_
