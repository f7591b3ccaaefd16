// epoll, edge-triggered: every socket is registered once, and watches that are ready are told in
// turn.

#include "server/net/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace singleflight::net {
namespace {

// Told of in one round; then timers and posted tasks have their turn.
constexpr size_t kMostPerRound = 128;

constexpr uint32_t kReading = EPOLLIN | EPOLLRDHUP | EPOLLET;

int Control(const Socket& epoll, int operation, int fd, uint32_t events, void* about) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = about;
  return ::epoll_ctl(epoll.fd(), operation, fd, &event) == 0 ? 0 : errno;
}

}  // namespace

void Watch::Raise(unsigned events) {
  const bool over = (events & (EPOLLHUP | EPOLLERR)) != 0;
  ended_ = ended_ || over || (events & EPOLLRDHUP) != 0;
  readable_ = readable_ || ended_ || (events & EPOLLIN) != 0;
  writable_ = writable_ || over || (events & EPOLLOUT) != 0;
}

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  SF_CHECK(epoll_.open() && wake_.open());
  // Never read: each write is an event of its own.
  SF_CHECK(Control(epoll_, EPOLL_CTL_ADD, wake_.fd(), EPOLLIN | EPOLLET, nullptr) == 0);
}

Poller::~Poller() {
  while (Abandon()) {
  }
}

int Poller::Add(const Socket& socket, Watch& watch, bool room) {
  idle_.push_back(watch);
  return Control(epoll_, EPOLL_CTL_ADD, socket.fd(), room ? kReading | EPOLLOUT : kReading, &watch);
}

void Poller::TellOfRoom(const Socket& socket, Watch& watch) {
  Control(epoll_, EPOLL_CTL_MOD, socket.fd(), kReading | EPOLLOUT, &watch);
}

// By name, not by closing alone: a socket that another process holds too would be told of further.
void Poller::Remove(const Socket& socket, Watch& watch) {
  watch.unlink();
  Control(epoll_, EPOLL_CTL_DEL, socket.fd(), 0, nullptr);
}

void Poller::Again(Watch& watch) {
  if (std::exchange(watch.queued_, true)) return;
  watch.unlink();
  ready_.push_back(watch);
}

void Poller::Wait(int ms) {
  epoll_event events[kMostPerRound];
  const int n = ::epoll_wait(epoll_.fd(), events, std::size(events), ms);
  for (int i = 0; i < n; ++i) {
    if (events[i].data.ptr == nullptr) continue;
    auto& watch = *static_cast<Watch*>(events[i].data.ptr);
    watch.Raise(events[i].events);
    Again(watch);
  }
  batch_.splice(batch_.end(), ready_);
  batch_left_ = kMostPerRound;
}

Watch* Poller::Next() {
  if (batch_.empty() || batch_left_ == 0) return nullptr;
  --batch_left_;
  Watch& next = batch_.front();
  next.unlink();
  next.queued_ = false;
  idle_.push_back(next);
  return &next;
}

void Poller::Wake() { ::eventfd_write(wake_.fd(), 1); }

bool Poller::Abandon() {
  idle_.splice(idle_.end(), ready_);
  idle_.splice(idle_.end(), batch_);
  if (idle_.empty()) return false;
  while (!idle_.empty()) {
    Watch& watch = idle_.front();
    watch.unlink();
    watch.OnLoopGone();
  }
  return true;
}

}  // namespace singleflight::net
