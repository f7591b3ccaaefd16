// How lines get out without anybody waiting for the descriptor.
//
// A pipe that nobody reads takes no more bytes after 64 KiB, and a write to it then waits for ever.
// O_NONBLOCK would not help: it belongs to the open file, which other processes share. So one
// thread writes and may hang, and Put only appends to a queue under a mutex.
//
//   lines_     waiting lines, at most `max_bytes`; past that the oldest are dropped
//   dropped_   how many lines were dropped, or failed to be written, since the start
//   told_      how many of these a line has told of; the thread's own
//
// Before each line the thread looks whether lines went before it, and writes one that says how
// many. So the line stands where the gap is, and comes as soon as the descriptor takes anything.
//
// Drain is for the end of a process. It waits for as long as lines go out, and gives up when none
// has gone for `patience`.
//
// The thread is detached, because nothing can make it return from a write. It shares the queue with
// the LineWriter, so either may be the last to go. After End it writes what the descriptor takes.

#include "server/base/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "singleflight/mutex.h"

namespace singleflight::base {
namespace {

// Waits until the descriptor has taken all of it. False: it never will.
bool Write(int fd, const std::string& line) {
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = ::write(fd, line.data() + written, line.size() - written);
    if (n >= 0) {
      written += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

class LineWriter::Queue {
 public:
  Queue(int fd, size_t max_bytes, Gap gap) : fd_(fd), max_bytes_(max_bytes), gap_(std::move(gap)) {}

  void Put(std::string line) {
    std::deque<std::string> gone;  // freed without the lock
    MutexLock lock(mu_);
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    while (bytes_ > max_bytes_ && lines_.size() > 1) gone.push_back(TakeFront());
    dropped_ += gone.size();
    changed_.NotifyOne();
  }

  // The thread ends when the queue is empty.
  void End() {
    MutexLock lock(mu_);
    over_ = true;
    changed_.NotifyOne();
  }

  bool Drain(std::chrono::milliseconds patience) {
    uint64_t seen = 0;
    for (;;) {
      std::future<void> drained;
      {
        MutexLock lock(mu_);
        if (lines_.empty() && !writing_) return true;
        if (stuck_) return false;
        if (std::exchange(seen, taken_ + 1) == taken_ + 1) return false;
        waiting_.emplace_back();
        drained = waiting_.back().get_future();
      }
      drained.wait_for(patience);
    }
  }

  uint64_t dropped() const {
    MutexLock lock(mu_);
    return dropped_;
  }

  void Run() {
    while (const absl::optional<Taken> next = Next()) {
      TellOfGap(next->dropped_before);
      if (!Write(fd_, next->line)) Lose();
    }
  }

  // There is no thread: nothing will be written.
  void GiveUp() {
    MutexLock lock(mu_);
    stuck_ = true;
  }

 private:
  std::string TakeFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    bytes_ -= line.size();
    return line;
  }

  struct Taken {
    std::string line;
    uint64_t dropped_before;
  };

  absl::optional<Taken> Next() {
    MutexLock lock(mu_);
    writing_ = false;
    while (lines_.empty()) {
      for (std::promise<void>& drained : std::exchange(waiting_, {})) drained.set_value();
      if (over_) return absl::nullopt;
      changed_.Wait(mu_);
    }
    writing_ = true;
    ++taken_;
    return Taken{TakeFront(), dropped_};
  }

  void TellOfGap(uint64_t dropped) {
    const uint64_t missing = dropped - told_;
    if (missing > 0 && Write(fd_, gap_(missing))) told_ += missing;
  }

  void Lose() {
    MutexLock lock(mu_);
    ++dropped_;
  }

  const int fd_;
  const size_t max_bytes_;
  const Gap gap_;
  uint64_t told_ = 0;  // of dropped_; the thread's

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  bool stuck_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::promise<void>> waiting_ ABSL_GUARDED_BY(mu_);
};

LineWriter::LineWriter(int fd, size_t max_bytes, Gap gap)
    : queue_(std::make_shared<Queue>(fd, max_bytes, std::move(gap))) {
  try {
    std::thread([queue = queue_] { queue->Run(); }).detach();
  } catch (const std::system_error&) {
    queue_->GiveUp();
  }
}

LineWriter::~LineWriter() { queue_->End(); }

void LineWriter::Put(std::string line) { queue_->Put(std::move(line)); }

bool LineWriter::Drain(std::chrono::milliseconds patience) { return queue_->Drain(patience); }

uint64_t LineWriter::dropped() const { return queue_->dropped(); }

}  // namespace singleflight::base
