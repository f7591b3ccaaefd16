#include "server/metrics/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/metrics/registry.h"

namespace singleflight::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LedgerTest : public ::testing::Test {
 protected:
  std::string Shown() {
    Registry registry;
    registry.Add([this](Visitor& visitor) { ledger_.Show(visitor); });
    return registry.Render();
  }
  Ledger ledger_{2};
};

TEST_F(LedgerTest, WhatBearsAKnownNameCountsOn) {
  ledger_.Of(1, {"/a", "/b"}, {"u"}).routes[1]->calls.Add(3);
  ledger_.Of(1, {"/b"}, {"u"}).routes[0]->calls.Add(4);
  EXPECT_THAT(Shown(), HasSubstr("singleflight_calls_total{route=\"/b\"} 7"));
}

TEST_F(LedgerTest, WorkersHaveCellsOfTheirOwnAndAreShownAsOne) {
  ledger_.Of(0, {"/a"}, {}).routes[0]->calls.Add(1);
  ledger_.Of(1, {"/a"}, {}).routes[0]->calls.Add(2);
  ledger_.DownstreamOf(0)->resets.Add(1);
  ledger_.DownstreamOf(1)->resets.Add(2);
  EXPECT_THAT(Shown(), HasSubstr("singleflight_calls_total{route=\"/a\"} 3"));
  EXPECT_THAT(Shown(), HasSubstr("singleflight_stream_resets_total 3"));
}

// PITFALLS 30
TEST_F(LedgerTest, NamesThatNobodyCountsUnderAreForgotten) {
  {
    const WorkerMetrics in_use = ledger_.Of(0, {"/a"}, {"u"});
    ledger_.Prune();
    EXPECT_THAT(Shown(), HasSubstr("route=\"/a\""));
  }
  ledger_.Prune();
  EXPECT_THAT(Shown(), Not(HasSubstr("route=\"/a\"")));
  EXPECT_THAT(Shown(), Not(HasSubstr("upstream=\"u\"")));
}

}  // namespace
}  // namespace singleflight::metrics
