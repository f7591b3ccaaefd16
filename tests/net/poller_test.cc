#include "server/net/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <deque>

namespace singleflight::net {
namespace {

// Always has more to do, or none at all.
class Eager final : public Watch {
 public:
  Eager(Poller& poller, bool again) : poller_(poller), again_(again) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    socket_ = Socket(ends[0]);
    peer_ = Socket(ends[1]);
    EXPECT_EQ(poller.Add(socket_, *this, false), 0);
  }
  ~Eager() { poller_.Remove(socket_, *this); }

  void Feed() { EXPECT_EQ(::send(peer_.fd(), "x", 1, 0), 1); }
  int told() const { return told_; }

 private:
  void OnReady() override {
    ++told_;
    char bytes[64];
    while (::recv(socket_.fd(), bytes, sizeof(bytes), 0) > 0) {
    }
    if (again_) poller_.Again(*this);
  }
  void OnLoopGone() override {}

  Poller& poller_;
  const bool again_;
  Socket socket_, peer_;
  int told_ = 0;
};

void Round(Poller& poller) {
  poller.Wait(0);
  while (Watch* const watch = poller.Next()) watch->OnReady();
}

// Every byte is an event of its own, and moves nobody from its place.
TEST(PollerTest, WhoIsBusyHasHisTurnAmongManyThatHaveMoreToDo) {
  constexpr int kOthers = 300, kRounds = 300;
  Poller poller;
  std::deque<Eager> others;
  for (int i = 0; i < kOthers; ++i) others.emplace_back(poller, true).Feed();
  Eager busy(poller, false);
  for (int i = 0; i < kRounds; ++i) {
    busy.Feed();
    Round(poller);
  }
  EXPECT_GE(busy.told(), kRounds / 4) << "128 a round, and 301 that stand in line";
  for (const Eager& other : others) EXPECT_GE(other.told(), kRounds / 4);
}

TEST(PollerTest, WhoAsksTwiceIsToldOnce) {
  Poller poller;
  Eager watch(poller, false);
  poller.Again(watch);
  poller.Again(watch);
  Round(poller);
  Round(poller);
  EXPECT_EQ(watch.told(), 1);
}

}  // namespace
}  // namespace singleflight::net
