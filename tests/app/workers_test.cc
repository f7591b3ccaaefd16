// Loops and their clients: who gets the next one, and when all have done what they were given.

#include "server/app/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include "server/app/snapshot.h"

namespace singleflight::app {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr milliseconds kLong(60000);

// Two workers that serve plaintext and know no route.
class WorkersTest : public ::testing::Test {
 protected:
  WorkersTest() {
    workers_.Start();
    workers_.SetContexts([this](net::Worker& loop) {
      return MakeSnapshot(loop, *loop.buffered(), shared_, routes_, {}, {},
                          ledgers_.downstream[loop.index()], absl::nullopt);
    });
  }

  ~WorkersTest() override {
    workers_.OnEachNow([](proxy::Frontend& clients) { clients.CloseAll(); });
    workers_.Settle();
    EXPECT_EQ(workers_.connections(), 0);
    workers_.Stop();
    for (const int client : clients_) ::close(client);
  }

  void Connect() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    clients_.push_back(ends[0]);
    workers_.Least().Serve({ends[1]}, entrance_, *admission_.Admit(absl::nullopt));
  }
  void Leave(size_t client) { ::shutdown(clients_[client], SHUT_RDWR); }

  // The connections of each worker.
  std::vector<int64_t> Served() {
    std::vector<int64_t> served;
    workers_.OnEachNow([&](proxy::Frontend& clients) { served.push_back(clients.connections()); });
    return served;
  }

  // Posts from loop to loop, so often.
  void Hop(int times, std::function<void()> last) {
    if (times == 0) return last();
    workers_.loops()[static_cast<size_t>(times) % 2]->Post(
        [this, times, last = std::move(last)]() mutable { Hop(times - 1, std::move(last)); });
  }

  config::Config config_;
  model::Fingerprints fingerprints_;
  Shared shared_{config_, 1};
  Ledgers ledgers_{2};
  proxy::Admission admission_{proxy::LimitOptions()};
  const std::shared_ptr<RouteSet> routes_ = MakeRouteSet(config_, {}, 1, fingerprints_);
  const std::shared_ptr<const proxy::Entrance> entrance_ =
      std::make_shared<const proxy::Entrance>(proxy::Entrance{nullptr, 1, 1});
  std::vector<int> clients_;
  Workers workers_{2, ledgers_, shared_.budget, 1};
};

TEST_F(WorkersTest, ConnectionsGoToTheWorkerThatHasTheFewest) {
  for (int i = 0; i < 5; ++i) Connect();
  EXPECT_THAT(Served(), ElementsAre(3, 2));
  Leave(0);
  Leave(2);
  ASSERT_TRUE(workers_.SettleUntil([this] { return workers_.connections() == 3; }, kLong));
  Connect();
  Connect();
  EXPECT_THAT(Served(), ElementsAre(3, 2));
}

TEST_F(WorkersTest, AConnectionCountsBeforeItsWorkerHasTimeForIt) {
  std::latch go(1);
  workers_.OnEach([&go](proxy::Frontend&) { go.wait(); });
  for (int i = 0; i < 3; ++i) Connect();
  EXPECT_EQ(workers_.connections(), 3);
  go.count_down();
  EXPECT_THAT(Served(), ElementsAre(2, 1));
}

TEST_F(WorkersTest, DrainingWaitsForNoWorkerAndIsNotOverBeforeTheDoorsAreShut) {
  std::latch go(1);
  workers_.entry().Post([&go] { go.wait(); });
  workers_.entry().Post([this] { Connect(); });
  workers_.Drain();
  EXPECT_EQ(workers_.connections(), 0);
  EXPECT_FALSE(workers_.drained()) << "somebody may be let in";
  go.count_down();
  EXPECT_TRUE(workers_.SettleUntil([this] { return workers_.drained(); }, kLong))
      << "who was let in has no call, and has to go as well";
}

TEST_F(WorkersTest, WorkIsDoneOnTheLoopsOneAfterAnother) {
  std::vector<std::thread::id> threads;
  workers_.OnEachNow([&](proxy::Frontend&) { threads.push_back(std::this_thread::get_id()); });
  threads.push_back(std::this_thread::get_id());
  EXPECT_EQ(std::set<std::thread::id>(threads.begin(), threads.end()).size(), 3u);
}

TEST_F(WorkersTest, SettlingSeesOneHopThrough) {
  std::atomic<int> done{0};
  workers_.OnEach([&](proxy::Frontend&) { ++done; });
  workers_.Settle();
  EXPECT_EQ(done, 2);
}

TEST_F(WorkersTest, HopsFromLoopToLoopArriveHoweverManyThereAre) {
  std::atomic<bool> arrived{false};
  Hop(1000, [&] { arrived = true; });
  EXPECT_TRUE(workers_.SettleUntil([&] { return arrived.load(); }, kLong));
}

// As a snapshot does, with the pools of all workers.
TEST_F(WorkersTest, WhatTheLastCallLetsGoOfIsGoneOnItsOwnLoopBeforeTheLoopsEnd) {
  struct Pool {
    ~Pool() { *gone_on = std::this_thread::get_id(); }
    std::thread::id* gone_on;
  };
  std::thread::id first, gone_on;
  RunOn(workers_.entry(), [&] { first = std::this_thread::get_id(); });
  std::shared_ptr<Pool> pool = OwnedOn(workers_.entry(), std::unique_ptr<Pool>(new Pool{&gone_on}));
  const std::weak_ptr<Pool> watched = pool;
  Hop(7, [last = std::move(pool)] {});
  EXPECT_TRUE(workers_.SettleUntil([&] { return watched.expired(); }, kLong));
  workers_.Settle();
  EXPECT_EQ(gone_on, first);
}

TEST_F(WorkersTest, WhatNeverSettlesIsGivenUp) {
  EXPECT_FALSE(workers_.SettleUntil([] { return false; }, milliseconds(1)));
}

TEST_F(WorkersTest, NobodyWaitsForWhatHasSettledAlready) {
  EXPECT_TRUE(workers_.SettleUntil([] { return true; }, milliseconds(0)));
}

}  // namespace
}  // namespace singleflight::app
