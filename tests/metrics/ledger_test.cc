#include "server/metrics/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/metrics/registry.h"

namespace singleflight::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Cells {
  Counter calls;

  void Show(const std::string& name, Visitor& visitor) const {
    visitor.Count("calls_total", "Help.", {{"route", name}}, calls.value());
  }
};

class LedgerTest : public ::testing::Test {
 protected:
  std::string Shown() {
    Registry registry;
    registry.Add([this](Visitor& visitor) { ledger_.Show(visitor); });
    return registry.Render();
  }
  Ledger<Cells> ledger_{2};
};

TEST_F(LedgerTest, WhatBearsAKnownNameCountsOn) {
  ledger_.AllOf(1, {"/a", "/b"})[1]->calls.Add(3);
  ledger_.Of(1, "/b")->calls.Add(4);
  EXPECT_THAT(Shown(), HasSubstr("calls_total{route=\"/b\"} 7"));
}

TEST_F(LedgerTest, WorkersHaveCellsOfTheirOwnAndAreShownAsOne) {
  ledger_.Of(0, "/a")->calls.Add(1);
  ledger_.Of(1, "/a")->calls.Add(2);
  EXPECT_EQ(ledger_.Of(0, "/a")->calls.value(), 1);
  EXPECT_THAT(Shown(), HasSubstr("calls_total{route=\"/a\"} 3"));
}

// PITFALLS 30
TEST_F(LedgerTest, NamesThatNobodyCountsUnderAreForgotten) {
  {
    const auto in_use = ledger_.Of(0, "/a");
    ledger_.Prune();
    EXPECT_THAT(Shown(), HasSubstr("route=\"/a\""));
  }
  ledger_.Prune();
  EXPECT_THAT(Shown(), Not(HasSubstr("route=\"/a\"")));
}

}  // namespace
}  // namespace singleflight::metrics
