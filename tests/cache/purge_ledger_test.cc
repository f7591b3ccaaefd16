#include "server/cache/purge_ledger.h"

#include "absl/strings/str_cat.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

Scope Group(int i) { return GroupScope("catalog", "shop", absl::StrCat(i)); }

TEST(PurgeLedgerTest, WhatWasNeverPurgedHasNoNumber) {
  const PurgeLedger ledger;
  EXPECT_EQ(ledger.LatestOf(Group(1)), 0);
  EXPECT_EQ(ledger.LatestOf(MethodScope(kGet)), 0);
}

TEST(PurgeLedgerTest, EachScopeHasTheNumberOfItsLatestPurge) {
  PurgeLedger ledger;
  ledger.Record(Group(1), 10);
  ledger.Record(Group(2), 11);
  ledger.Record(Group(1), 12);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 12);
  EXPECT_EQ(ledger.LatestOf(Group(2)), 11);
  EXPECT_EQ(ledger.LatestOf(Group(3)), 0);
}

// Two purges may reach a shard in either order.
TEST(PurgeLedgerTest, AnEarlierPurgeThatIsRecordedLaterTakesNothingBack) {
  PurgeLedger ledger;
  ledger.Record(Group(1), 12);
  ledger.Record(Group(1), 10);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 12);
  ledger.Record(EverythingScope(), 20);
  ledger.Record(EverythingScope(), 15);
  EXPECT_EQ(ledger.LatestOf(Group(2)), 20);
}

TEST(PurgeLedgerTest, APurgeOfEverythingConcernsEveryScope) {
  PurgeLedger ledger;
  ledger.Record(Group(1), 10);
  ledger.Record(EverythingScope(), 11);
  ledger.Record(Group(2), 12);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 11);
  EXPECT_EQ(ledger.LatestOf(Group(2)), 12);
  EXPECT_EQ(ledger.LatestOf(MethodScope(kGet)), 11);
  EXPECT_EQ(ledger.LatestOf(KeyScope(KeyOf("id-7"))), 11);
}

TEST(PurgeLedgerTest, KeysMethodsAndGroupsOfTheSameIdAreToldApart) {
  PurgeLedger ledger;
  ledger.Record({Scope::Kind::kKey, 7}, 1);
  ledger.Record({Scope::Kind::kMethod, 7}, 2);
  ledger.Record({Scope::Kind::kGroup, 7}, 3);
  EXPECT_EQ(ledger.LatestOf({Scope::Kind::kKey, 7}), 1);
  EXPECT_EQ(ledger.LatestOf({Scope::Kind::kMethod, 7}), 2);
  EXPECT_EQ(ledger.LatestOf({Scope::Kind::kGroup, 7}), 3);
}

TEST(PurgeLedgerTest, TheLatestPurgeOfAnyGroupIsKnownByHome) {
  PurgeLedger ledger;
  const Home catalog = HomeOf({"catalog", "shop", ""}), orders = HomeOf({"orders", "shop", ""});
  EXPECT_EQ(ledger.LatestOfAnyGroup(catalog), 0);
  ledger.Record(Group(1), 10);
  ledger.Record(Group(2), 9);
  ledger.Record(MethodScope(kGet), 11);
  EXPECT_EQ(ledger.LatestOfAnyGroup(catalog), 10);
  EXPECT_EQ(ledger.LatestOfAnyGroup(orders), 0);
  ledger.Record(EverythingScope(), 12);
  EXPECT_EQ(ledger.LatestOfAnyGroup(orders), 12);
}

// PITFALLS 30. All groups of a home take the place of one scope more.
TEST(PurgeLedgerTest, WhatWasForgottenRaisesTheFloorForItsUpstreamsGroups) {
  PurgeLedger ledger(4);
  for (int i = 1; i <= 3; ++i) ledger.Record(Group(i), 10 + i);
  EXPECT_EQ(ledger.LatestOf(Group(9)), 0);
  ledger.Record(Group(4), 14);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 11);  // forgotten, and still no smaller
  EXPECT_EQ(ledger.LatestOf(Group(9)), 11);  // never purged, and taken for it
  EXPECT_EQ(ledger.LatestOf(Group(2)), 12);
  EXPECT_EQ(ledger.LatestOf(Group(4)), 14);
  EXPECT_EQ(ledger.LatestOf(GroupScope("catalog", "store", "1")), 11);
  EXPECT_EQ(ledger.LatestOf(GroupScope("orders", "shop", "1")), 0);
  EXPECT_EQ(ledger.LatestOfAnyGroup(HomeOf({"orders", "shop", ""})), 0);
  EXPECT_EQ(ledger.LatestOf(MethodScope(kGet)), 0);
}

TEST(PurgeLedgerTest, AKeyOrMethodThatWasForgottenRaisesTheFloorForEveryScope) {
  PurgeLedger ledger(2);
  ledger.Record(MethodScope(kGet), 10);
  for (uint64_t i = 1; i <= 2; ++i) ledger.Record({Scope::Kind::kKey, i}, 10 + i);
  EXPECT_EQ(ledger.LatestOf(MethodScope(kGet)), 10);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 10);
  EXPECT_EQ(ledger.LatestOf({Scope::Kind::kKey, 9}), 10);
}

TEST(PurgeLedgerTest, AHomeThatWasForgottenIsNoSmaller) {
  PurgeLedger ledger(2);
  ledger.Record(Group(1), 10);
  ledger.Record(GroupScope("catalog", "store", "1"), 11);
  EXPECT_GE(ledger.LatestOfAnyGroup(HomeOf({"catalog", "shop", ""})), 10);
}

// Or a scope that is purged all the time would make all others forgotten soon.
TEST(PurgeLedgerTest, PurgesOfOneScopeTakeThePlaceOfOne) {
  PurgeLedger ledger(8);
  ledger.Record(Group(1), 1);
  for (uint64_t number = 2; number < 10'000; ++number) {
    ledger.Record(Group(2 + static_cast<int>(number % 3)), number);
    ASSERT_LE(ledger.purges(), 16);
  }
  EXPECT_EQ(ledger.scopes(), 5);
  EXPECT_EQ(ledger.LatestOf(Group(1)), 1);
  EXPECT_EQ(ledger.LatestOf(Group(9)), 0);
}

// Whatever is forgotten, no scope's number ever is smaller than that of its latest purge.
TEST(PurgeLedgerTest, NoNumberIsEverTooSmall) {
  PurgeLedger ledger(5);
  std::vector<uint64_t> latest(20, 0);
  for (uint64_t number = 1; number <= 10'000; ++number) {
    const size_t scope = (number * number * 7 + number / 3) % 20;
    ledger.Record(Group(static_cast<int>(scope)), number);
    latest[scope] = number;
    for (size_t i = 0; i < 20; ++i) {
      ASSERT_GE(ledger.LatestOf(Group(static_cast<int>(i))), latest[i]);
    }
    ASSERT_LT(ledger.LatestOf(Group(99)), number);
    ASSERT_LE(ledger.scopes(), 5);
  }
}

}  // namespace
}  // namespace singleflight::cache
