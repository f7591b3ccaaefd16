// Purges while replies are kept and while flights are in the air: a caller that asks after a purge
// gets nothing that was asked of upstream before it.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using ::testing::Values;

// Every flight of these tests is for one key, method and group, each of which a purge may be about.
class PurgedTest : public ReadPathTest, public ::testing::WithParamInterface<cache::Scope::Kind> {
 protected:
  PurgedTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  size_t Purge() { return store_.Purge(ScopeOf(kGet, "id-7", "kettles")); }
  size_t PurgeAnother() { return store_.Purge(ScopeOf("/shop.Catalog/List", "id-8", "pots")); }

  cache::Scope ScopeOf(const std::string& path, const std::string& id, const std::string& group) {
    switch (GetParam()) {
      case cache::Scope::Kind::kKey:
        return cache::KeyScope(KeyFor(id, path));
      case cache::Scope::Kind::kMethod:
        return cache::MethodScope(path);
      case cache::Scope::Kind::kGroup:
        return cache::GroupScope("catalog", "catalog:50051", group);
      case cache::Scope::Kind::kAll:
        break;
    }
    return cache::EverythingScope();
  }

  void AnswerCall(size_t at, absl::string_view message) {
    ReadPathTest::AnswerCall(at, message, {{"cache-groups", "\"pans\", \"kettles\""}});
  }
};

TEST_P(PurgedTest, WhatIsKeptIsDropped) {
  Ask("id-7");
  AnswerCall(0, "old");
  EXPECT_EQ(Purge(), 1);
  TestWaiter& after = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(after.reply(), IsOkWith("new"));
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
}

// PITFALLS 23
TEST_P(PurgedTest, AFlightInTheAirServesItsOwnAndIsNotKept) {
  const TestWaiter& before = Ask("id-7");
  EXPECT_EQ(Purge(), 0);
  AnswerCall(0, "old");
  EXPECT_THAT(before.reply(), IsOkWith("old"));
  EXPECT_EQ(before.answer().source, core::Answer::Source::kForwarded);
  EXPECT_EQ(Refused(cache::Refusal::kPurged), 1);
  Ask("id-7");
  EXPECT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
}

// PITFALLS 32
TEST_P(PurgedTest, AFlightInTheAirIsNotJoined) {
  Ask("id-7");
  Purge();
  TestWaiter& after = AskOn(1, "id-7");
  EXPECT_EQ(after.role(), Role::kLeader);
  AnswerCall(0, "old");
  EXPECT_EQ(after.heard(), 0);
  AnswerCall(1, "new");
  EXPECT_THAT(after.reply(), IsOkWith("new"));
}

TEST_P(PurgedTest, ThoseWhoAskAfterItShareOneCall) {
  Ask("id-7");
  Purge();
  for (int i = 0; i < 6; ++i) AskOn(i % 3, "id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  for (size_t i = 1; i < waiters_.size(); ++i) EXPECT_THAT(waiters_[i].reply(), IsOkWith("new"));
  AnswerCall(0, "old");
}

// PITFALLS 32
TEST_P(PurgedTest, AFlightFromBeforeThatLandsLastDoesNotTakeThePlaceOfOneFromAfter) {
  Ask("id-7");
  Purge();
  Ask("id-7");
  AnswerCall(1, "new");
  AnswerCall(0, "old");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
  EXPECT_EQ(upstream_.calls(), 2);
}

// PITFALLS 32
TEST_P(PurgedTest, AFlightFromBeforeThatLandsFirstLeavesTheOneFromAfterToBeKept) {
  Ask("id-7");
  Purge();
  Ask("id-7");
  AnswerCall(0, "old");
  EXPECT_FALSE(Look("id-7").reply);
  AnswerCall(1, "new");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
}

// The flight's number is of its start, whatever call of it is answered.
TEST_P(PurgedTest, ACallThatIsSentAgainAfterItIsStillFromBefore) {
  Ask("id-7");
  Purge();
  upstream_.call(0).Fail(UpstreamFailure::Kind::kNotStarted);
  EXPECT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_FALSE(Look("id-7").reply);
}

TEST_P(PurgedTest, AnAbandonedFlightThatFinishesIsNotKeptEither) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  Purge();
  AnswerCall(0, "old");
  EXPECT_FALSE(Look("id-7").reply);
}

TEST_P(PurgedTest, WhoHadLookedBeforeItFindsNothingWhenHeLooksAgain) {
  const TestWaiter& late = AskMeanwhile("id-7", [this] {
    AskOn(1, "id-7");
    AnswerCall(0, "old");
    Purge();
  });
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(late.reply(), IsOkWith("new"));
}

// PITFALLS 32
TEST_P(PurgedTest, OnARouteThatKeepsNothingItIsNotJoinedEither) {
  cache_.reset();
  Ask("id-7");
  Purge();
  EXPECT_EQ(Ask("id-7").role(), Role::kLeader);
  AnswerCall(0, "old");
  AnswerCall(1, "new");
  EXPECT_THAT(waiters_[1].reply(), IsOkWith("new"));
}

// PITFALLS 23
TEST_P(PurgedTest, OnARouteThatDoesNotCollapseOnlyCallsFromAfterAreKept) {
  collapse_.reset();
  Ask("id-7");
  Purge();
  Ask("id-7");
  AnswerCall(1, "new");
  AnswerCall(0, "old");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
  EXPECT_EQ(Refused(cache::Refusal::kPurged), 1);
}

TEST_P(PurgedTest, WhatIsNotConcernedIsKept) {
  if (GetParam() == cache::Scope::Kind::kAll) return;
  Ask("id-7");
  PurgeAnother();
  AnswerCall(0, "old");
  EXPECT_EQ(PurgeAnother(), 0);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("old"));
}

// A group's may: nobody knows the groups of a reply that is not there.
TEST_P(PurgedTest, FlightsOfOtherKeysAndMethodsMayBeJoined) {
  const cache::Scope::Kind kind = GetParam();
  if (kind == cache::Scope::Kind::kAll || kind == cache::Scope::Kind::kGroup) return;
  Ask("id-7");
  PurgeAnother();
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  AnswerCall(0, "old");
}

std::string NameOfKind(const ::testing::TestParamInfo<cache::Scope::Kind>& info) {
  static constexpr const char* kNames[] = {"OfAKey", "OfAMethod", "OfAGroup", "OfEverything"};
  return kNames[static_cast<size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(APurge, PurgedTest,
                         Values(cache::Scope::Kind::kKey, cache::Scope::Kind::kMethod,
                                cache::Scope::Kind::kGroup, cache::Scope::Kind::kAll),
                         NameOfKind);

// What a write says that it changed.
class InvalidateTest : public ReadPathTest {
 protected:
  InvalidateTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  void Invalidate(const Fields& block) {
    paths(0).Invalidate(route(), *RequestFor("/shop.Catalog/Put", {}), HeadersOf(block));
  }
  void Keep(const std::string& id, const std::string& groups) {
    Ask(id);
    Answer("blue kettle", {{"cache-groups", groups}});
  }
};

TEST_F(InvalidateTest, AReplyDropsTheGroupsThatItNames) {
  Keep("id-7", "\"kettles\"");
  Keep("id-8", "\"pots\"");
  Keep("id-9", "\"pans\"");
  Invalidate({{"cache-group-invalidation", "\"kettles\", \"pots\""}});
  EXPECT_FALSE(Look("id-7").reply);
  EXPECT_FALSE(Look("id-8").reply);
  EXPECT_TRUE(Look("id-9").reply);
  EXPECT_EQ(metrics().invalidations.value(), 2);
}

// PITFALLS 32
TEST_F(InvalidateTest, AFlightInTheAirIsNeitherJoinedNorKept) {
  Ask("id-7");
  Invalidate({{"cache-group-invalidation", "\"kettles\""}});
  EXPECT_EQ(Ask("id-7").role(), Role::kLeader);
  AnswerCall(0, "old", {{"cache-groups", "\"kettles\""}});
  EXPECT_FALSE(Look("id-7").reply);
  AnswerCall(1, "new", {{"cache-groups", "\"kettles\""}});
  EXPECT_TRUE(Look("id-7").reply);
}

TEST_F(InvalidateTest, HoweverManyGroupsAReplyNamesItDropsTheseAndNoOthers) {
  std::string groups = "\"pots\"";
  for (int i = 1; i < 1000; ++i) absl::StrAppend(&groups, ", \"", i, "\", \"pots\"");
  Keep("id-7", "\"kettles\"");
  Keep("id-8", "\"999\"");
  Keep("id-9", "");
  Invalidate({{"cache-group-invalidation", groups}});
  EXPECT_TRUE(Look("id-7").reply);
  EXPECT_FALSE(Look("id-8").reply);
  EXPECT_TRUE(Look("id-9").reply);
  EXPECT_EQ(metrics().invalidations.value(), 1000);
}

// An authority is one in whatever case it is written (RFC 9110 §4.2.3).
TEST_F(InvalidateTest, AGroupIsTheSameWhateverCaseTheAuthorityIsWrittenIn) {
  upstream_.PreserveAuthorities();
  Keep("id-7", "\"kettles\"");
  Ask("id-8");
  paths(0).Invalidate(route(), *RequestFrom("SHOP.Example", "/shop.Catalog/Put", {}),
                      HeadersOf({{"cache-group-invalidation", "\"kettles\""}}));
  EXPECT_FALSE(Look("id-7").reply);
  EXPECT_EQ(Ask("id-8").role(), Role::kLeader);
  AnswerCall(1, "old", {{"cache-groups", "\"kettles\""}});
  EXPECT_FALSE(Look("id-8").reply);
  AnswerCall(2, "new");
}

TEST_F(InvalidateTest, FlightsOfOtherAuthoritiesMayBeJoined) {
  upstream_.PreserveAuthorities();
  Ask("id-7");
  paths(0).Invalidate(route(), *RequestFrom("store.example", "/shop.Catalog/Put", {}),
                      HeadersOf({{"cache-group-invalidation", "\"kettles\""}}));
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  Answer("blue kettle", {{"cache-groups", "\"kettles\""}});
  EXPECT_TRUE(Look("id-7").reply);
}

TEST_F(InvalidateTest, WhatAFirstBlockNamesIsDroppedOnceMoreAtTheEnd) {
  {
    const Invalidation until_the_end =
        paths(0).Invalidate(route(), *RequestFor("/shop.Catalog/Put", {}),
                            HeadersOf({{"cache-group-invalidation", "\"kettles\""}}));
    Keep("id-7", "\"kettles\"");
    EXPECT_TRUE(Look("id-7").reply);
  }
  EXPECT_FALSE(Look("id-7").reply);
}

// PITFALLS 32
TEST_F(InvalidateTest, WhoeverAsksAfterAPurgeIsNotAboardWithALeaderWhoLookedBeforeIt) {
  AskMeanwhile("id-7", [this] { Invalidate({{"cache-group-invalidation", "\"kettles\""}}); });
  EXPECT_EQ(Ask("id-7").role(), Role::kLeader);
  AnswerCall(0, "old");
  AnswerCall(1, "new");
}

TEST_F(InvalidateTest, AReplyThatNamesNoneOrCannotBeReadDropsNothing) {
  Keep("id-7", "\"kettles\"");
  const uint64_t before = store_.sequence();
  Invalidate({});
  Invalidate({{"cache-group-invalidation", ""}});
  Invalidate({{"cache-group-invalidation", "kettles"}});
  Invalidate({{"cache-groups", "\"kettles\""}});
  EXPECT_TRUE(Look("id-7").reply);
  EXPECT_EQ(store_.sequence(), before);
}

}  // namespace
}  // namespace singleflight::core
