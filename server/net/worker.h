#ifndef SINGLEFLIGHT_SERVER_NET_WORKER_H_
#define SINGLEFLIGHT_SERVER_NET_WORKER_H_

#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "server/base/loop.h"

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
// Start runs the thread; Stop ends the loop after the task at hand and joins the thread. Whatever
// was made on the loop must be gone by then, or be destroyed after Stop. Threads: Start, Stop and
// Post from any; everything else on the loop's own.
class Worker final : public base::Loop {
 public:
  explicit Worker(size_t index);
  ~Worker() override;

  void Start();
  void Stop();

  size_t index() const override { return index_; }
  base::Instant Now() const override { return now_; }
  base::TimerQueue& timers() override { return timers_; }
  void Post(absl::AnyInvocable<void()> task) override;

  // Calls `member` when what is ready now has been handled, so that all of it is written at once.
  // Ask once a turn.
  void AtEndOfTurn(EndOfTurn& member);
  void ForgetEndOfTurn(EndOfTurn& member);

  // Runs `task` in a turn of its own, behind those that stand in line already. The line moves while
  // nothing else is ready, and where there is never such a while, it has half of the time. For what
  // strangers can ask for in any number, so that it holds up nobody else: TLS handshakes, what
  // comes on connections that have not been of any use, their end. Whoever asks sees to it that few
  // of his tasks stand in line at a time. A task that the loop never gets to (it stopped) is
  // destroyed unrun.
  void InLine(absl::AnyInvocable<void()> task);

  // For use within one callback: what was read, what is about to be written, and what that becomes
  // under TLS.
  std::vector<char>& read_buffer() { return read_buffer_; }
  std::string& write_buffer() { return write_buffer_; }
  std::string& record_buffer() { return record_buffer_; }

  boost::asio::io_context& io() { return io_; }

  // Every handler of an event of `io()` runs its work through this: the time is read before, timers
  // that were set are armed after.
  template <typename Work>
  void Turn(Work work) {
    BeginTurn();
    work();
    Arm();
  }

 private:
  void BeginTurn();
  void Run();
  void RunEndOfTurn();
  void LookAtLine();
  void MoveLine();
  void AskForLine();
  void Arm();

  const size_t index_;
  // Before io_, because what its handlers keep alive may still use them when it is destroyed.
  base::TimerQueue timers_;
  std::vector<EndOfTurn*> end_of_turn_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer alarm_;
  // After io_, because its tasks may own sockets.
  std::deque<absl::AnyInvocable<void()>> line_;
  base::Instant line_moved_at_;
  uint64_t turns_ = 0;  // that have begun
  uint64_t turns_before_line_ = 0;
  bool line_moves_ = false;
  base::Instant armed_for_ = base::Instant::max();
  base::Instant now_;
  bool end_of_turn_posted_ = false;
  std::vector<char> read_buffer_;
  std::string write_buffer_;
  std::string record_buffer_;
  std::thread thread_;
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_WORKER_H_
