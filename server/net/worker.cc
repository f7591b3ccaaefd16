// The rounds of a worker's loop: timers, posted tasks, sockets, and last what stands in line.

#include "server/net/worker.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "server/base/signals_held.h"

namespace singleflight::net {
namespace {

constexpr size_t kReadBytes = 64 << 10;

// Those in line wait so long for a while in which nothing else is ready, and have as long then as
// they have waited, but never less than the shorter of these.
constexpr std::chrono::microseconds kLongestWait(200);
constexpr std::chrono::microseconds kShortestMove(50);

// A list of posted tasks with room for more is not kept.
constexpr size_t kMostRoomKept = 1024;

}  // namespace

Worker::Worker(size_t index, memory::Buffered* buffered)
    : index_(index),
      buffered_(buffered),
      now_(std::chrono::steady_clock::now()),
      read_buffer_(kReadBytes) {}

// What is left may, as it goes, close sockets and post again.
Worker::~Worker() {
  Stop();
  for (bool left = true; left;) {
    left = poller_.Abandon();
    std::deque<Task> line;
    line.swap(line_);
    std::vector<Task> running;
    running.swap(running_);
    const std::vector<Task> posted = TakePosted({});
    left = left || !line.empty() || !running.empty() || !posted.empty();
  }
}

void Worker::Start() {
  const base::SignalsHeld quiet;
  thread_ = std::thread([this] { Run(); });
}

void Worker::Stop() {
  stopped_ = true;
  poller_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Worker::Post(Task task) {
  {
    MutexLock lock(mu_);
    posted_.push_back(std::move(task));
  }
  if (asleep_ && asleep_.exchange(false)) poller_.Wake();
}

void Worker::Run() {
  while (!stopped_) Round();
}

// Tasks before sockets: what was posted before a peer sent something runs before that is read.
void Worker::Round() {
  poller_.Wait(MaySleepMs());
  asleep_ = false;
  BeginTurn();
  const bool timers = RunTimers();
  const bool tasks = RunPosted();
  const bool sockets = RunReady();
  const bool nothing_else = !timers && !sockets && !tasks;
  if (!line_.empty() && (nothing_else || now_ - line_moved_at_ >= kLongestWait)) MoveLine();
  RunEndOfTurn();
}

// A thread that posts after the look at `posted_` finds the loop asleep.
int Worker::MaySleepMs() {
  if (poller_.has_ready() || !line_.empty() || !end_of_turn_.empty()) return 0;
  const int ms = MsUntilNextTimer();
  if (ms == 0) return 0;
  MutexLock lock(mu_);
  if (stopped_ || !posted_.empty()) return 0;
  asleep_ = true;
  return ms;
}

int Worker::MsUntilNextTimer() {
  const absl::optional<base::Instant> next = timers_.next();
  if (!next.has_value()) return -1;
  BeginTurn();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*next - now_).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, std::numeric_limits<int>::max()));
}

void Worker::BeginTurn() { now_ = std::chrono::steady_clock::now(); }

bool Worker::RunTimers() {
  const absl::optional<base::Instant> next = timers_.next();
  if (!next.has_value() || *next > now_) return false;
  timers_.Advance(now_);
  return true;
}

bool Worker::RunPosted() {
  running_ = TakePosted(std::move(running_));
  const bool any = !running_.empty();
  for (Task& task : running_) {
    if (stopped_) return any;
    BeginTurn();
    std::exchange(task, nullptr)();
  }
  running_.clear();
  if (running_.capacity() > kMostRoomKept) running_ = std::vector<Task>();
  return any;
}

// `room` is an empty list, whose memory becomes that of the next tasks.
std::vector<Worker::Task> Worker::TakePosted(std::vector<Task> room) {
  MutexLock lock(mu_);
  posted_.swap(room);
  return room;
}

bool Worker::RunReady() {
  bool any = false;
  while (!stopped_) {
    Watch* const ready = poller_.Next();
    if (ready == nullptr) break;
    any = true;
    BeginTurn();
    ready->OnReady();
  }
  return any;
}

void Worker::AtEndOfTurn(EndOfTurn& member) { end_of_turn_.push_back(&member); }

void Worker::ForgetEndOfTurn(EndOfTurn& member) {
  std::replace(end_of_turn_.begin(), end_of_turn_.end(), &member, static_cast<EndOfTurn*>(nullptr));
}

// Members may ask again from within; those come with the next round. The time is read again, so
// that what is written now counts as having taken as long as it did.
void Worker::RunEndOfTurn() {
  const size_t asked = end_of_turn_.size();
  if (asked == 0) return;
  BeginTurn();
  for (size_t i = 0; i < asked; ++i) {
    if (EndOfTurn* member = std::exchange(end_of_turn_[i], nullptr)) member->OnEndOfTurn();
  }
  end_of_turn_.erase(end_of_turn_.begin(), end_of_turn_.begin() + static_cast<ptrdiff_t>(asked));
}

void Worker::InLine(Task task) {
  if (line_.empty()) line_moved_at_ = now_;
  line_.push_back(std::move(task));
}

void Worker::MoveLine() {
  BeginTurn();
  const base::Instant began = now_;
  const base::Instant end = began + std::clamp<base::Instant::duration>(
                                        began - line_moved_at_, kShortestMove, kLongestWait);
  while (!line_.empty() && now_ < end && !stopped_) {
    Task task = std::move(line_.front());
    line_.pop_front();
    task();
    task = nullptr;
    BeginTurn();
  }
  line_moved_at_ = now_;
}

}  // namespace singleflight::net
