#include "tests/bench/programs/event_loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "server/base/check.h"

namespace singleflight::bench {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr Nanos kSecond = 1'000'000'000;

timespec Until(Nanos deadline) {
  const Nanos left = std::max<Nanos>(0, deadline - Now());
  return {left / kSecond, left % kSecond};
}

int StopSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  SF_CHECK(sigprocmask(SIG_BLOCK, &signals, nullptr) == 0);
  return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

Nanos Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), signals_(StopSignals()), turn_began_(Now()) {
  SF_CHECK(epoll_ >= 0 && signals_ >= 0);
  SF_CHECK(Watch(signals_, EPOLLIN, nullptr));
  prctl(PR_SET_TIMERSLACK, 1);  // the default, 50 µs, would show in latencies
}

EventLoop::~EventLoop() {
  close(signals_);
  close(epoll_);
}

bool EventLoop::Watch(int fd, uint32_t events, Handler* handler) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = handler;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Change(int fd, uint32_t events, Handler* handler) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = handler;
  SF_CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::Turn(Nanos deadline) {
  epoll_event events[kEventsPerTurn];
  const timespec wait = deadline == kNever ? timespec{} : Until(deadline);
  const int count =
      epoll_pwait2(epoll_, events, kEventsPerTurn, deadline == kNever ? nullptr : &wait, nullptr);
  turn_began_ = Now();
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr) {
      stopped_ = true;
    } else {
      static_cast<Handler*>(events[i].data.ptr)->OnEvents(events[i].events);
    }
  }
}

}  // namespace singleflight::bench
