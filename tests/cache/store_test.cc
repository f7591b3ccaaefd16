#include "server/cache/store.h"

#include "absl/strings/str_cat.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

constexpr char kList[] = "/shop.Catalog/List";

Scope Group(const std::string& group) { return GroupScope("catalog", "shop", group); }
Origin From(absl::string_view path) { return {"catalog", "shop", path}; }

// A store whose time stands still. Verbs are about the method Get and the group "kettles", unless
// they say otherwise.
class StoreTest : public ::testing::Test {
 protected:
  using Refused = absl::optional<Refusal>;

  static constexpr absl::nullopt_t kKept = absl::nullopt;

  Refused Put(const model::Key& key, const std::string& message, Fill fill,
              const std::string& path = kGet, const std::string& group = "kettles") {
    return store_.Put(key, OkReply(message), {now_, now_ + std::chrono::seconds(5)},
                      {MethodScope(path), {Group(group)}}, fill);
  }
  Refused Put(const std::string& id, const std::string& message) {
    return Put(KeyOf(id), message, store_.BeginFill());
  }

  // The message that is kept, or "".
  std::string Get(const model::Key& key, const std::string& path = kGet) {
    return std::string(store_.Find(key, From(path), now_).reply.body);
  }
  std::string Get(const std::string& id) { return Get(KeyOf(id)); }

  uint64_t GoneBy(Gone why) { return store_.TakeCensus().gone[static_cast<size_t>(why)]; }

  base::Instant now_ = base::Instant(std::chrono::hours(1));
  Store store_{{1 << 20, 1 << 14}};  // eight shards
};

TEST_F(StoreTest, WhatIsPutIsFound) {
  EXPECT_EQ(Put("id-7", "blue kettle"), kKept);
  EXPECT_EQ(Get("id-7"), "blue kettle");
  EXPECT_EQ(Get("id-8"), "");
}

TEST_F(StoreTest, AFoundReplyHasItsLifespan) {
  Put("id-7", "blue kettle");
  const Found found = store_.Find(KeyOf("id-7"), From(kGet), now_);
  EXPECT_EQ(found.lifespan.born, now_);
  EXPECT_EQ(found.lifespan.expires, now_ + std::chrono::seconds(5));
}

// PITFALLS 18
TEST_F(StoreTest, KeysThatOnlyShareTheirHashShareNothingElse) {
  EXPECT_EQ(Put({42, "id-7"}, "blue kettle", store_.BeginFill()), kKept);
  EXPECT_EQ(Get({42, "id-8"}), "");
  EXPECT_EQ(Put({42, "id-8"}, "red kettle", store_.BeginFill()), kKept);
  EXPECT_EQ(Get({42, "id-7"}), "blue kettle");
  EXPECT_EQ(Get({42, "id-8"}), "red kettle");
  EXPECT_EQ(store_.TakeCensus().entries, 2);
}

TEST_F(StoreTest, AReplyIsFreshUntilItExpires) {
  Put("id-7", "blue kettle");
  now_ += std::chrono::seconds(5) - std::chrono::nanoseconds(1);
  EXPECT_EQ(Get("id-7"), "blue kettle");
  now_ += std::chrono::nanoseconds(1);
  EXPECT_EQ(Get("id-7"), "");
  EXPECT_EQ(GoneBy(Gone::kExpired), 1);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
}

TEST_F(StoreTest, ALaterReplyTakesThePlaceOfAnEarlierOne) {
  Put("id-7", "blue kettle");
  EXPECT_EQ(Put("id-7", "red kettle"), kKept);
  EXPECT_EQ(Get("id-7"), "red kettle");
  EXPECT_EQ(GoneBy(Gone::kReplaced), 1);
  EXPECT_EQ(store_.TakeCensus().entries, 1);
}

// PITFALLS 32
TEST_F(StoreTest, AReplyToAnEarlierCallNeverTakesThePlaceOfALaterOne) {
  const Fill earlier = store_.BeginFill();
  const Fill later = store_.BeginFill();
  EXPECT_EQ(Put(KeyOf("id-7"), "new", later), kKept);
  EXPECT_EQ(Put(KeyOf("id-7"), "old", earlier), Refusal::kSuperseded);
  EXPECT_EQ(Get("id-7"), "new");
  EXPECT_EQ(GoneBy(Gone::kReplaced), 0);
}

TEST_F(StoreTest, AnEntryLargerThanMaxEntryBytesIsNotKept) {
  const size_t beside = Entry::FootprintOf(KeyOf("id-7"), OkReply(""), 1);
  EXPECT_EQ(Put("id-7", std::string((1 << 14) - beside + 1, 'x')), Refusal::kTooLarge);
  EXPECT_EQ(store_.TakeCensus().bytes, 0);
  EXPECT_EQ(Put("id-7", std::string((1 << 14) - beside, 'x')), kKept);
}

TEST_F(StoreTest, WhatDoesNotFitPushesOthersOut) {
  Store store({64 << 10, 16 << 10});
  for (int i = 0; i < 100; ++i) {
    store.Put(KeyOf(absl::StrCat(i)), OkReply(std::string(1000, 'x')),
              {now_, now_ + std::chrono::seconds(5)}, {MethodScope(kGet), {}}, store.BeginFill());
  }
  const Census census = store.TakeCensus();
  EXPECT_LE(census.bytes, 64 << 10);
  EXPECT_GT(census.entries, 40);
  EXPECT_EQ(census.gone[static_cast<size_t>(Gone::kCapacity)], 100 - census.entries);
}

TEST_F(StoreTest, AReplyThatLeavesStaysReadableForWhoHasIt) {
  Put("id-7", "blue kettle");
  const model::Reply purged = store_.Find(KeyOf("id-7"), From(kGet), now_).reply;
  store_.Purge(EverythingScope());
  Put("id-7", "red kettle");
  const model::Reply replaced = store_.Find(KeyOf("id-7"), From(kGet), now_).reply;
  Put("id-7", "green kettle");
  EXPECT_EQ(purged.body, "blue kettle");
  EXPECT_EQ(replaced.body, "red kettle");
  EXPECT_EQ(replaced.trailing.Find("grpc-status"), "0");
}

TEST_F(StoreTest, NumbersGoUpWithFillsAndPurges) {
  const uint64_t before = store_.sequence();
  const Fill fill = store_.BeginFill();
  EXPECT_GT(fill.number, before);
  store_.Purge(Group("pots"));
  EXPECT_GT(store_.sequence(), fill.number);
  EXPECT_GT(store_.BeginFill().number, store_.sequence() - 1);
}

// What a purge may be about, and a neighbour that each of them leaves alone.
class PurgeTest : public StoreTest, public ::testing::WithParamInterface<Scope> {};

TEST_P(PurgeTest, DropsWhatIsKept) {
  Put("id-7", "blue kettle");
  EXPECT_EQ(store_.Purge(GetParam()), 1);
  EXPECT_EQ(Get("id-7"), "");
  EXPECT_EQ(GoneBy(Gone::kPurged), 1);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
}

// PITFALLS 23
TEST_P(PurgeTest, VoidsTheFillsThatWereTakenBefore) {
  const Fill before = store_.BeginFill();
  EXPECT_EQ(store_.Purge(GetParam()), 0);
  EXPECT_EQ(Put(KeyOf("id-7"), "old", before), Refusal::kPurged);
  EXPECT_EQ(Get("id-7"), "");
}

TEST_P(PurgeTest, LeavesTheFillsThatAreTakenLaterAlone) {
  const Fill before = store_.BeginFill();
  store_.Purge(GetParam());
  const Fill after = store_.BeginFill();
  EXPECT_EQ(Put(KeyOf("id-7"), "new", after), kKept);
  EXPECT_EQ(Put(KeyOf("id-7"), "old", before), Refusal::kPurged);
  EXPECT_EQ(Get("id-7"), "new");
}

TEST_P(PurgeTest, LeavesTheRestAlone) {
  if (GetParam() == EverythingScope()) return;
  const Fill fill = store_.BeginFill();
  EXPECT_EQ(Put(KeyOf("id-8"), "a list", fill, kList, "pots"), kKept);
  store_.Purge(GetParam());
  EXPECT_EQ(Get(KeyOf("id-8"), kList), "a list");
  EXPECT_EQ(Put(KeyOf("id-9"), "another", fill, kList, "pots"), kKept);
}

// PITFALLS 32
TEST_P(PurgeTest, TellsWhoFindsNothingWhichFlightsHeMayStillJoin) {
  EXPECT_EQ(store_.Find(KeyOf("id-7"), From(kGet), now_).purged, 0);
  EXPECT_EQ(store_.PurgedAt(KeyOf("id-7"), From(kGet)), 0);
  store_.BeginFill();
  store_.Purge(GetParam());
  const uint64_t purge = store_.sequence();
  store_.BeginFill();
  EXPECT_EQ(store_.Find(KeyOf("id-7"), From(kGet), now_).purged, purge);
  EXPECT_EQ(store_.PurgedAt(KeyOf("id-7"), From(kGet)), purge);
}

// Nobody knows the groups of a reply that is not there, but where it comes from.
TEST_F(StoreTest, APurgeOfAGroupConcernsNoFlightToAnotherUpstreamOrAuthority) {
  store_.Purge(Group("kettles"));
  for (const Origin& other : {Origin{"orders", "shop", kGet}, Origin{"catalog", "store", kGet}}) {
    EXPECT_EQ(store_.Find(KeyOf("id-7"), other, now_).purged, 0);
    EXPECT_EQ(store_.PurgedAt(KeyOf("id-7"), other), 0);
  }
  EXPECT_EQ(store_.PurgedAt(KeyOf("id-7"), {"catalog", "SHOP", kGet}), store_.sequence());
}

TEST_P(PurgeTest, TellsTheSameToWhoFindsThatAReplyHasExpired) {
  store_.Purge(GetParam());
  const uint64_t purge = store_.sequence();
  Put("id-7", "blue kettle");
  now_ += std::chrono::seconds(5);
  EXPECT_EQ(store_.Find(KeyOf("id-7"), From(kGet), now_).purged, purge);
}

std::string NameOfScope(const ::testing::TestParamInfo<Scope>& info) {
  static constexpr const char* kNames[] = {"OfAKey", "OfAMethod", "OfAGroup", "OfEverything"};
  return kNames[static_cast<size_t>(info.param.kind)];
}

INSTANTIATE_TEST_SUITE_P(APurge, PurgeTest,
                         ::testing::Values(KeyScope(KeyOf("id-7")), MethodScope(kGet),
                                           Group("kettles"), EverythingScope()),
                         NameOfScope);

TEST_F(StoreTest, OnePurgeMayBeAboutSeveralThings) {
  Put("id-7", "blue kettle");
  EXPECT_EQ(Put(KeyOf("id-8"), "a list", store_.BeginFill(), kList, "pots"), kKept);
  EXPECT_EQ(Put(KeyOf("id-9"), "another", store_.BeginFill(), kList, "pans"), kKept);
  const Scope scopes[] = {Group("kettles"), Group("pots"), Group("lids")};
  EXPECT_EQ(store_.Purge(scopes), 2);
  EXPECT_EQ(Get(KeyOf("id-9"), kList), "another");
}

TEST_F(StoreTest, APurgeReachesEveryShard) {
  for (int i = 0; i < 1000; ++i) Put(absl::StrCat("id-", i), "blue kettle");
  EXPECT_EQ(store_.Purge(Group("kettles")), 1000);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
}

TEST_F(StoreTest, APurgeOfGroupsDropsThoseInThemAndNoOthers) {
  for (int i = 0; i < 1000; ++i) {
    Put(KeyOf(absl::StrCat("id-", i)), "blue kettle", store_.BeginFill(), kGet,
        absl::StrCat("group-", i % 100));
  }
  const Scope scopes[] = {Group("group-7"), Group("group-7"), Group("group-8"), Group("none")};
  EXPECT_EQ(store_.Purge(scopes), 20);
  for (int i = 0; i < 1000; ++i) {
    const bool purged = i % 100 == 7 || i % 100 == 8;
    EXPECT_EQ(Get(absl::StrCat("id-", i)), purged ? "" : "blue kettle") << i;
  }
  EXPECT_TRUE(store_.IsSound());
}

// A hash is all that a purge knows of a key.
TEST_F(StoreTest, APurgeOfAKeyMayDropAnotherOfTheSameHashAndNeverTooLittle) {
  Put({42, "id-7"}, "blue kettle", store_.BeginFill());
  Put({42, "id-8"}, "red kettle", store_.BeginFill());
  EXPECT_EQ(store_.Purge(KeyScope({42, "id-7"})), 2);
}

// PITFALLS 30
TEST_F(StoreTest, MorePurgesThanAreRememberedVoidMoreFillsThanNeededAndNeverFewer) {
  const Fill before = store_.BeginFill();
  store_.Purge(Group("kettles"));
  for (int i = 0; i < 5000; ++i) store_.Purge(Group(absl::StrCat("other-", i)));
  EXPECT_EQ(Put(KeyOf("id-7"), "old", before), Refusal::kPurged);
  EXPECT_EQ(Put(KeyOf("id-8"), "old", before, kList, "pots"), Refusal::kPurged);
  EXPECT_EQ(Put("id-7", "new"), kKept);
}

}  // namespace
}  // namespace singleflight::cache
