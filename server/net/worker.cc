#include "server/net/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace singleflight::net {
namespace asio = boost::asio;

namespace {

constexpr size_t kReadBytes = 64 << 10;

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

void Worker::BeginTurn() { now_ = std::chrono::steady_clock::now(); }

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
  end_of_turn_posted_ = false;
  const size_t asked = end_of_turn_.size();
  for (size_t i = 0; i < asked; ++i) {
    if (EndOfTurn* member = std::exchange(end_of_turn_[i], nullptr)) member->OnEndOfTurn();
  }
  end_of_turn_.erase(end_of_turn_.begin(), end_of_turn_.begin() + static_cast<ptrdiff_t>(asked));
  Arm();
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
