// How lines get out without anybody waiting for the output.
//
// A pipe that nobody reads takes no more bytes after 64 KiB, and a write to it then waits for ever.
// O_NONBLOCK would not help: it belongs to the open file, which other processes share. So one
// thread writes and may hang, and Put only appends to a queue under a mutex.
//
//   lines_     what waits, as it was put, at most `max_bytes`; past that the oldest goes
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
// the LineWriter, so either may be the last to go. After End it writes what the output takes.

#include "server/base/line_writer.h"

#include <algorithm>
#include <deque>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "server/base/check.h"
#include "server/base/signals_held.h"
#include "singleflight/mutex.h"

namespace singleflight::base {
namespace {

uint64_t LinesIn(absl::string_view text) {
  return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

class LineWriter::Queue {
 public:
  Queue(std::unique_ptr<LineOutput> output, size_t max_bytes, Gap gap, LostLines lost)
      : output_(std::move(output)),
        max_bytes_(max_bytes),
        gap_(std::move(gap)),
        lost_(std::move(lost)) {
    SF_CHECK(gap_ != nullptr);
  }

  void Put(std::string lines) {
    std::vector<std::string> gone;  // freed without the lock
    MutexLock lock(mu_);
    bytes_ += lines.size();
    lines_.push_back(std::move(lines));
    while (bytes_ > max_bytes_ && lines_.size() > 1) {
      CountLost(LinesIn(lines_.front()));
      gone.push_back(TakeFront());
    }
    changed_.NotifyOne();
  }

  void Reopen() {
    MutexLock lock(mu_);
    reopen_ = true;
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
      if (next->reopen) output_->Reopen();
      if (next->lines.empty()) continue;
      TellOfGap(next->dropped_before);
      const size_t written = output_->Write(next->lines);
      if (written < next->lines.size()) Lose(absl::string_view(next->lines).substr(written));
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
    std::string lines;
    uint64_t dropped_before;
    bool reopen;
  };

  absl::optional<Taken> Next() {
    MutexLock lock(mu_);
    writing_ = false;
    while (lines_.empty() && !reopen_) {
      for (std::promise<void>& drained : std::exchange(waiting_, {})) drained.set_value();
      if (over_) return absl::nullopt;
      changed_.Wait(mu_);
    }
    writing_ = true;
    const bool reopen = std::exchange(reopen_, false);
    if (lines_.empty()) return Taken{"", dropped_, reopen};
    ++taken_;
    return Taken{TakeFront(), dropped_, reopen};
  }

  void TellOfGap(uint64_t dropped) {
    const uint64_t missing = dropped - told_;
    if (missing == 0) return;
    const std::string line = gap_(missing);
    if (output_->Write(line) == line.size()) told_ += missing;
  }

  void Lose(absl::string_view rest) {
    MutexLock lock(mu_);
    CountLost(LinesIn(rest));
  }

  void CountLost(uint64_t lines) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    dropped_ += lines;
    if (lost_ != nullptr) lost_->fetch_add(lines, std::memory_order_relaxed);
  }

  const std::unique_ptr<LineOutput> output_;  // the thread's
  const size_t max_bytes_;
  const Gap gap_;
  const LostLines lost_;
  uint64_t told_ = 0;  // of dropped_; the thread's

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool reopen_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  bool stuck_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::promise<void>> waiting_ ABSL_GUARDED_BY(mu_);
};

LineWriter::LineWriter(std::unique_ptr<LineOutput> output, size_t max_bytes, Gap gap,
                       LostLines lost)
    : queue_(
          std::make_shared<Queue>(std::move(output), max_bytes, std::move(gap), std::move(lost))) {
  try {
    const SignalsHeld quiet;
    std::thread([queue = queue_] { queue->Run(); }).detach();
  } catch (const std::system_error&) {
    queue_->GiveUp();
  }
}

LineWriter::~LineWriter() { queue_->End(); }

void LineWriter::Put(std::string lines) { queue_->Put(std::move(lines)); }

void LineWriter::Reopen() { queue_->Reopen(); }

bool LineWriter::Drain(std::chrono::milliseconds patience) { return queue_->Drain(patience); }

uint64_t LineWriter::dropped() const { return queue_->dropped(); }

}  // namespace singleflight::base
