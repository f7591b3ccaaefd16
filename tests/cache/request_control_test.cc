#include "server/cache/request_control.h"

#include "server/cache/store.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using std::chrono::seconds;

RequestControl Read(const std::string& value) {
  return ParseRequestControl(HeadersOf({{"cache-control", value}}));
}

TEST(RequestControlTest, EachDirectiveMeansWhatRfc9111Says) {
  EXPECT_TRUE(Read("no-store").no_store);
  EXPECT_TRUE(Read("No-Cache").no_cache);
  EXPECT_TRUE(Read("only-if-cached").only_if_cached);
  EXPECT_EQ(Read("max-age=5").max_age, absl::Seconds(5));
  EXPECT_EQ(Read("min-fresh=\"5\"").min_fresh, absl::Seconds(5));
  EXPECT_EQ(Read("max-stale=5").max_stale, absl::Seconds(5));
  EXPECT_EQ(Read("max-stale").max_stale, absl::InfiniteDuration());
}

TEST(RequestControlTest, NothingIsSaidByDefaultNorByWhatIsUnknown) {
  for (const char* value : {"", " , ", "no-transform", "stale-if-error=5", "x=\"no-store\""}) {
    const RequestControl said = Read(value);
    EXPECT_FALSE(said.no_store || said.no_cache || said.only_if_cached) << value;
    EXPECT_FALSE(said.limits_freshness()) << value;
  }
}

TEST(RequestControlTest, WhatCannotBeReadOrContradictsItselfCountsAsNoCache) {
  for (const char* value : {"max-age", "max-age=soon", "max-age=-1", "max-age=1, max-age=2",
                            "max-stale=", "min-fresh", "=5", "no-store \"", "max-age=5 6"}) {
    EXPECT_TRUE(Read(value).no_cache) << value;
  }
}

TEST(RequestControlTest, SeveralFieldsAreReadAsOne) {
  const RequestControl said = ParseRequestControl(
      HeadersOf({{"cache-control", "max-age=5"}, {"cache-control", "only-if-cached, no-store"}}));
  EXPECT_EQ(said.max_age, absl::Seconds(5));
  EXPECT_TRUE(said.only_if_cached);
  EXPECT_TRUE(said.no_store);
}

// Made ten seconds ago, and over in five.
constexpr base::Instant kNow = base::Instant(std::chrono::hours(1));
constexpr Lifespan kFresh = {kNow - seconds(10), kNow + seconds(5)};
// Over five seconds ago.
constexpr Lifespan kStale = {kNow - seconds(10), kNow - seconds(5)};

struct Case {
  const char* value;
  bool takes;
};

TEST(RequestControlTest, OfFreshRepliesACallerTakesThoseWithinItsLimits) {
  const std::vector<Case> cases = {{"no-cache", false},    {"max-age=9", false},
                                   {"max-age=10", true},   {"max-age=0", false},
                                   {"min-fresh=6", false}, {"min-fresh=5", true},
                                   {"max-stale=1", true},  {"only-if-cached", true}};
  for (const auto& [value, takes] : cases) {
    EXPECT_EQ(Read(value).Takes(kFresh, kNow, false, false), takes) << value;
  }
}

TEST(RequestControlTest, OfStaleRepliesACallerTakesNoMoreThanItSaysNorThanMayBeServed) {
  const std::vector<Case> cases = {{"", true},
                                   {"no-cache", false},
                                   {"max-stale=4", false},
                                   {"max-stale", true},
                                   {"max-stale=5", true},
                                   {"max-age=60", false},
                                   {"min-fresh=1", false},
                                   {"only-if-cached", true},
                                   {"max-age=60, max-stale=5", true},
                                   {"max-age=9, max-stale=5", false}};
  for (const auto& [value, takes] : cases) {
    EXPECT_EQ(Read(value).Takes(kStale, kNow, true, true), takes) << value;
    EXPECT_FALSE(Read(value).Takes(kStale, kNow, false, false)) << value;
  }
  EXPECT_TRUE(Read("max-stale").Takes(kStale, kNow, false, true));
  EXPECT_FALSE(Read("").Takes(kStale, kNow, false, true));
}

}  // namespace
}  // namespace singleflight::cache
