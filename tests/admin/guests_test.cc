// Who gives way when the health port is crowded.

#include "server/admin/guests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace singleflight::admin {
namespace {

using ::testing::ElementsAre;

class GuestsTest : public ::testing::Test {
 protected:
  struct Seated final : Guest {
    Seated(GuestsTest& test, std::string name, const std::string& from)
        : Guest(boost::asio::ip::make_address(from)), test(test), name(std::move(name)) {}
    void GiveWay() override { test.gone_.push_back(name); }
    GuestsTest& test;
    const std::string name;
  };

  Seated& Come(const std::string& name, const std::string& from) {
    seated_.push_back(std::make_unique<Seated>(*this, name, from));
    guests_.Enter(*seated_.back());
    return *seated_.back();
  }
  std::vector<std::string> OrderOfGoing() {
    while (guests_.MakeRoom()) {
    }
    return gone_;
  }

  Guests guests_{2};
  std::vector<std::unique_ptr<Seated>> seated_;
  std::vector<std::string> gone_;
};

TEST_F(GuestsTest, TheOldestGoesFirst) {
  Come("one", "10.0.0.1");
  Come("two", "10.0.0.2");
  EXPECT_THAT(OrderOfGoing(), ElementsAre("one", "two"));
}

TEST_F(GuestsTest, WhoHasAskedGoesAfterThoseWhoHaveNot) {
  guests_.Asks(Come("asked", "10.0.0.1"));
  Come("idle", "10.0.0.2");
  EXPECT_THAT(OrderOfGoing(), ElementsAre("idle", "asked"));
}

TEST_F(GuestsTest, WhoIsOnThisMachineOrHasAskedBeforeGoesAfterStrangers) {
  Seated& probe = Come("before", "10.0.0.1");
  guests_.Asks(probe);
  guests_.Leave(probe);
  Come("probe", "10.0.0.1");
  Come("local", "127.0.0.1");
  Come("mapped", "::ffff:127.0.0.1");
  Come("stranger", "10.0.0.3");
  EXPECT_THAT(OrderOfGoing(), ElementsAre("stranger", "probe", "local", "mapped"));
}

TEST_F(GuestsTest, OnlySoManyAddressesAreRemembered) {
  for (const char* from : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    Seated& probe = Come("before", from);
    guests_.Asks(probe);
    guests_.Leave(probe);
  }
  Come("third", "10.0.0.3");
  Come("first", "10.0.0.1");
  EXPECT_THAT(OrderOfGoing(), ElementsAre("first", "third"));
}

}  // namespace
}  // namespace singleflight::admin
