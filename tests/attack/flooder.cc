// Keeps a flood going on many connections: where one ends, the next takes its place.

#include "tests/attack/flooder.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "tests/bench/programs/socket.h"

namespace singleflight::attack {
namespace {

using bench::EventLoop;
using bench::Nanos;
using bench::Socket;

// One place in the flood: a connection, and the next one when that has ended.
class Place final : public EventLoop::Handler {
 public:
  Place(const Flood& flood, const std::string& target, EventLoop& loop, Harm& harm)
      : flood_(flood), target_(target), loop_(loop), harm_(harm) {}

  // Connects where there is no connection, and sends what is due. Returns when it wants to be
  // asked again, if nothing happens before.
  absl::StatusOr<Nanos> Attend(Nanos now) {
    if (!socket_.has_value()) {
      const absl::Status status = Open(now);
      if (!status.ok()) return status;
    }
    if (!Paced()) return bench::kNever;
    if (Drained() && now >= next_) {
      Refill();
      next_ = now + flood_.pause;
      WantOut(true);
    }
    return next_ > now ? next_ : now + flood_.pause;  // what came before is not written yet
  }

  void OnEvents(uint32_t events) override {
    if ((events & EPOLLIN) != 0 && flood_.reads != Flood::Reads::kNothing && !Read()) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Lose();
    if ((events & EPOLLOUT) == 0) return;
    if (Drained() && Endless()) Refill();
    Write();
  }

 private:
  bool Drained() const { return sent_ == unsent_.size(); }

  absl::Status Open(Nanos now) {
    absl::StatusOr<Socket> made = bench::Connect(target_);
    if (!made.ok()) return made.status();
    socket_.emplace(*std::move(made));
    unsent_ = flood_.opening();
    sent_ = 0;
    turn_ = 0;
    next_ = now + flood_.pause;
    ++harm_.connections;
    wants_out_ = true;
    loop_.Watch(socket_->fd(), Events(), this);
    return absl::OkStatus();
  }

  uint32_t Events() const {
    const bool reads = flood_.reads != Flood::Reads::kNothing;
    return (reads ? EPOLLIN : 0u) | (wants_out_ ? EPOLLOUT : 0u);
  }

  bool Endless() const { return flood_.more != nullptr && flood_.pause == 0; }
  bool Paced() const { return flood_.more != nullptr && flood_.pause > 0; }

  void Refill() {
    unsent_ = flood_.more(turn_++);
    sent_ = 0;
  }

  void Write() {
    if (Drained()) return WantOut(Endless());
    const ssize_t n =
        send(socket_->fd(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN) return WantOut(true);
      return Lose();
    }
    sent_ += static_cast<size_t>(n);
    harm_.bytes += static_cast<uint64_t>(n);
    WantOut(!Drained() || Endless());
  }

  void WantOut(bool wants) {
    if (wants == wants_out_) return;
    wants_out_ = wants;
    loop_.Change(socket_->fd(), Events(), this);
  }

  // False: the connection is over.
  bool Read() {
    char ignored[65536];
    const ssize_t n = recv(socket_->fd(), ignored, sizeof ignored, 0);
    if (n < 0 && errno == EAGAIN) return true;
    if (n > 0 && flood_.reads == Flood::Reads::kUntilAnswered) {
      socket_.reset();
      return false;
    }
    if (n <= 0) Lose();
    return n > 0;
  }

  void Lose() {
    ++harm_.ended_by_peer;
    socket_.reset();
  }

  const Flood& flood_;
  const std::string& target_;
  EventLoop& loop_;
  Harm& harm_;
  std::optional<Socket> socket_;
  std::string unsent_;
  size_t sent_ = 0;
  uint64_t turn_ = 0;
  Nanos next_ = 0;
  bool wants_out_ = false;
};

}  // namespace

absl::StatusOr<Harm> Run(const Flood& flood, const std::string& target, Nanos deadline) {
  Harm harm;
  EventLoop loop;
  std::vector<std::unique_ptr<Place>> places;
  for (int i = 0; i < flood.connections; ++i) {
    places.push_back(std::make_unique<Place>(flood, target, loop, harm));
  }
  while (!loop.stopped() && bench::Now() < deadline) {
    Nanos next = deadline;
    for (const auto& place : places) {
      const absl::StatusOr<Nanos> due = place->Attend(bench::Now());
      if (!due.ok()) return due.status();
      next = std::min(next, *due);
    }
    loop.Turn(next);
  }
  return harm;
}

}  // namespace singleflight::attack
