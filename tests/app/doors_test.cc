// What a reload does to listeners. They are real; the clients that come in are only noted.

#include "server/app/doors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <latch>
#include <string>
#include <vector>

#include "tests/http2/on_worker.h"

namespace singleflight::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DoorsTest : public ::testing::Test {
 protected:
  ~DoorsTest() override {
    doors_.Close();
    Turn();
    on_.Stop();
    for (const int client : clients_) ::close(client);
  }

  static std::vector<proxy::ListenerOptions> At(const std::vector<std::string>& addresses) {
    std::vector<proxy::ListenerOptions> options;
    for (const std::string& address : addresses) options.emplace_back().address = address;
    return options;
  }
  Doors::Plan Prepare(const std::vector<std::string>& addresses) {
    auto plan = doors_.Prepare(At(addresses));
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : Doors::Plan();
  }
  std::vector<uint64_t> Adopt(const std::vector<std::string>& addresses) {
    return doors_.Adopt(Prepare(addresses));
  }
  static std::string PortOf(const std::string& address) {
    return address.substr(address.rfind(':'));
  }

  // Whether somebody listens there.
  bool Connect(const std::string& address) {
    const net::Endpoint to = *net::ParseAddress(address);
    clients_.push_back(::socket(to.family(), SOCK_STREAM, 0));
    return ::connect(clients_.back(), to.data(), to.size()) == 0;
  }
  // The doors by which clients have come in, once they are so many.
  std::vector<uint64_t> Entered(size_t clients) {
    on_.Until([&] { return entered_.size() == clients; });
    return entered_;
  }
  void Turn() {
    on_.Run([] {});
  }

  http2::testing::OnWorker on_;
  model::Fingerprints fingerprints_;
  std::vector<uint64_t> entered_;
  std::vector<int> clients_;
  Doors doors_{on_.worker(), fingerprints_,
               [this](net::Listener::Accepted accepted, std::shared_ptr<const proxy::Entrance> by) {
                 ::close(accepted.fd);
                 entered_.push_back(by->door);
               }};
};

TEST_F(DoorsTest, NobodyComesInBeforeTheConfigurationIsInForce) {
  const Doors::Plan plan = Prepare({"127.0.0.1:0"});
  ASSERT_TRUE(Connect(Doors::AddressesOf(plan).front()));
  Turn();
  EXPECT_THAT(entered_, IsEmpty());
  doors_.Adopt(plan);
  EXPECT_THAT(Entered(1), ElementsAre(plan.items.front().entrance->door));
}

TEST_F(DoorsTest, NobodyWaitsForAWorkerThatStandsStill) {
  std::latch go(1);
  on_.worker().Post([&go] { go.wait(); });
  Adopt({"127.0.0.1:0"});
  EXPECT_TRUE(Connect(doors_.addresses().front()));
  go.count_down();
  Entered(1);
}

TEST_F(DoorsTest, APlanThatIsDroppedLeavesNothing) {
  const std::string address = Doors::AddressesOf(Prepare({"127.0.0.1:0"})).front();
  Turn();
  EXPECT_FALSE(Connect(address));
}

TEST_F(DoorsTest, AnAddressThatTwoConfigurationsShareStaysBoundHoweverItIsSpelt) {
  Adopt({"127.0.0.1:0"});
  const std::string address = doors_.addresses().front();
  EXPECT_THAT(Adopt({"127.0.0.1:0"}), IsEmpty());
  EXPECT_THAT(Adopt({"localhost" + PortOf(address)}), IsEmpty());
  EXPECT_THAT(doors_.addresses(), ElementsAre(address));
  EXPECT_TRUE(Connect(address));
  Entered(1);
}

TEST_F(DoorsTest, WhoCameInByADoorThatIsGoneHasToLeave) {
  Adopt({"127.0.0.1:0", "127.0.0.2:0"});
  const std::vector<std::string> before = doors_.addresses();
  ASSERT_TRUE(Connect(before[1]));
  const std::vector<uint64_t> entered = Entered(1);
  EXPECT_EQ(Adopt({before[0]}), entered);
  Turn();
  EXPECT_FALSE(Connect(before[1]));
  EXPECT_TRUE(Connect(before[0]));
  Entered(2);
}

TEST_F(DoorsTest, APortDoesNotMoveBetweenAddresses) {
  Adopt({"127.0.0.1:0"});
  const std::string address = doors_.addresses().front();
  const auto refused = doors_.Prepare(At({"0.0.0.0" + PortOf(address)}));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("; the running proxy listens on " + address +
                        ", and a reload does not move a port between addresses"));
}

TEST_F(DoorsTest, WhatCannotBeHadLeavesInForceWhatThereIs) {
  Adopt({"127.0.0.1:0"});
  const std::string address = doors_.addresses().front();
  EXPECT_FALSE(doors_.Prepare(At({"127.0.0.2:0", "192.0.2.1:1"})).ok());
  EXPECT_TRUE(Connect(address));
  Entered(1);
}

TEST_F(DoorsTest, NobodyConnectsOnceTheyAreClosed) {
  Adopt({"127.0.0.1:0"});
  doors_.Close();
  Turn();
  EXPECT_FALSE(Connect(doors_.addresses().front()));
}

}  // namespace
}  // namespace singleflight::app
