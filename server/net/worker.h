#ifndef SINGLEFLIGHT_SERVER_NET_WORKER_H_
#define SINGLEFLIGHT_SERVER_NET_WORKER_H_

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/loop.h"
#include "server/memory/buffered.h"
#include "server/net/poller.h"
#include "singleflight/mutex.h"

namespace singleflight::net {

// Is called once at the end of the turn of the loop in which it asked for it.
class EndOfTurn {
 public:
  virtual void OnEndOfTurn() = 0;

 protected:
  ~EndOfTurn() = default;
};

// One thread with one event loop, which owns its connections.
//
// A round of the loop: look at the sockets, and sleep there if nothing else is to be done; timers
// that are due; tasks that were posted; those whose sockets are ready; the line; what was asked for
// the end of the turn. Each socket and task is a turn, and so are the timers together.
//
// Start runs the thread; Stop ends the loop after the task at hand and joins the thread. Whatever
// was made on the loop must be gone by then, or be destroyed after Stop. Threads: Start, Stop and
// Post from any; everything else on the loop's own.
class Worker final : public base::Loop {
 public:
  // `buffered`: where what its connections hold is counted; null: nowhere.
  explicit Worker(size_t index, memory::Buffered* buffered = nullptr);
  ~Worker() override;

  void Start();
  void Stop();

  // Whether Stop has been called. From any thread.
  bool stopped() const { return stopped_; }

  size_t index() const override { return index_; }
  base::Instant Now() const override { return now_; }
  base::TimerQueue& timers() override { return timers_; }
  void Post(absl::AnyInvocable<void()> task) override;

  // Calls `member` when what is ready now has been handled, so that all of it is written together.
  // Ask once a turn.
  void AtEndOfTurn(EndOfTurn& member);
  void ForgetEndOfTurn(EndOfTurn& member);

  // Runs `task` in a turn of its own, behind those that stand in line already. The line moves while
  // nothing else is ready, and where there is never such a while, it has half of the time. For what
  // strangers can ask for in any number, so that it holds up nobody else: TLS handshakes, what
  // comes on connections that have served no call yet, their end. Callers see to it that few of
  // their tasks stand in line at a time. A task that the loop never gets to (it stopped) is
  // destroyed unrun.
  void InLine(absl::AnyInvocable<void()> task);

  // For use within one callback: what was read, what is about to be written, and what that becomes
  // under TLS.
  std::vector<char>& read_buffer() { return read_buffer_; }
  std::string& write_buffer() { return write_buffer_; }
  std::string& record_buffer() { return record_buffer_; }

  memory::Buffered* buffered() { return buffered_; }

  // The sockets of this loop.
  Poller& poller() { return poller_; }

 private:
  using Task = absl::AnyInvocable<void()>;

  void Run();
  void Round();
  int MaySleepMs();
  int MsUntilNextTimer();
  void BeginTurn();
  bool RunTimers();
  bool RunPosted();
  bool RunReady();
  void RunEndOfTurn();
  void MoveLine();
  std::vector<Task> TakePosted(std::vector<Task> room);

  // Many members, in three groups: what a round of the loop needs, room that its connections share,
  // and what other threads touch.
  const size_t index_;
  memory::Buffered* const buffered_;
  Poller poller_;
  base::TimerQueue timers_;
  std::vector<EndOfTurn*> end_of_turn_;
  std::vector<Task> running_;  // of this round
  std::deque<Task> line_;
  base::Instant line_moved_at_;
  base::Instant now_;
  std::vector<char> read_buffer_;
  std::string write_buffer_;
  std::string record_buffer_;

  std::atomic<bool> stopped_{false};
  // Whether Post has to wake the loop. Raised under mu_ while nothing is posted.
  std::atomic<bool> asleep_{false};
  Mutex mu_;
  std::vector<Task> posted_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_WORKER_H_
