#include "server/net/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace singleflight::net {
namespace asio = boost::asio;

namespace {

constexpr size_t kReadBytes = 64 << 10;

// Those in line wait so long for a while in which nothing else is ready, and have as long then as
// they have waited, but never less than the shorter of these.
constexpr std::chrono::microseconds kLongestWait(200);
constexpr std::chrono::microseconds kShortestMove(50);

}  // namespace

Worker::Worker(size_t index)
    : index_(index),
      work_(asio::make_work_guard(io_)),
      alarm_(io_),
      now_(std::chrono::steady_clock::now()),
      read_buffer_(kReadBytes) {}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Worker::Stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void Worker::Run() { io_.run(); }

void Worker::BeginTurn() {
  ++turns_;
  now_ = std::chrono::steady_clock::now();
}

void Worker::Post(absl::AnyInvocable<void()> task) {
  asio::post(io_, [this, task = std::move(task)]() mutable { Turn(std::ref(task)); });
}

void Worker::AtEndOfTurn(EndOfTurn& member) {
  end_of_turn_.push_back(&member);
  if (std::exchange(end_of_turn_posted_, true)) return;
  asio::post(io_, [this] { RunEndOfTurn(); });
}

void Worker::ForgetEndOfTurn(EndOfTurn& member) {
  std::replace(end_of_turn_.begin(), end_of_turn_.end(), &member, static_cast<EndOfTurn*>(nullptr));
}

// Members may ask again from within; those come with the next turn.
void Worker::RunEndOfTurn() {
  ++turns_;
  end_of_turn_posted_ = false;
  const size_t asked = end_of_turn_.size();
  for (size_t i = 0; i < asked; ++i) {
    if (EndOfTurn* member = std::exchange(end_of_turn_[i], nullptr)) member->OnEndOfTurn();
  }
  end_of_turn_.erase(end_of_turn_.begin(), end_of_turn_.begin() + static_cast<ptrdiff_t>(asked));
  Arm();
}

void Worker::InLine(absl::AnyInvocable<void()> task) {
  line_.push_back(std::move(task));
  if (std::exchange(line_moves_, true)) return;
  line_moved_at_ = now_;
  AskForLine();
}

// Behind the next look at the sockets, and what is found ready there.
void Worker::AskForLine() {
  turns_before_line_ = turns_;
  asio::post(io_, [this] { LookAtLine(); });
}

void Worker::LookAtLine() {
  const bool nothing_else = turns_ == turns_before_line_;
  now_ = std::chrono::steady_clock::now();
  if (nothing_else || now_ - line_moved_at_ >= kLongestWait) return MoveLine();
  AskForLine();
}

void Worker::MoveLine() {
  const base::Instant began = now_;
  const base::Instant end = began + std::clamp<base::Instant::duration>(
                                        began - line_moved_at_, kShortestMove, kLongestWait);
  while (!line_.empty() && now_ < end) {
    absl::AnyInvocable<void()> task = std::move(line_.front());
    line_.pop_front();
    Turn(std::ref(task));
    BeginTurn();
  }
  line_moved_at_ = now_;
  line_moves_ = !line_.empty();
  if (line_moves_) AskForLine();
}

// One alarm for all timers. It is moved only to come earlier: one that rings in vain is armed anew.
void Worker::Arm() {
  const absl::optional<base::Instant> next = timers_.next();
  if (!next.has_value() || *next >= armed_for_) return;
  armed_for_ = *next;
  alarm_.expires_at(*next);
  alarm_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // replaced by an earlier one
    armed_for_ = base::Instant::max();
    Turn([this] { timers_.Advance(now_); });
  });
}

}  // namespace singleflight::net
