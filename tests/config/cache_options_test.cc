// `cache` of a route, `cache` and `reply_marks` at the top: what is read, and what is refused.

#include "absl/time/time.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string WithCacheOption(const std::string& option) {
  return WithRouteOption("match: {method: /a.B/Get}\n    cache: {" + option + "}");
}

struct Case {
  std::string file;
  std::string mistake;  // after "f.yaml:"
};

void ExpectMistakes(const std::vector<Case>& table) {
  for (const auto& [file, mistake] : table)
    EXPECT_THAT(MistakesIn(file), ElementsAre("f.yaml:" + mistake)) << file;
}

TEST(CacheOptionsTest, ARouteKeepsNothingUnlessItSaysSo) {
  EXPECT_FALSE(Right(WithRouteOption("collapse: true")).routes[0].cache.has_value());
}

TEST(CacheOptionsTest, TtlIsEnoughAndTheRestHasDefaults) {
  const Config config = Right(WithCacheOption("ttl: 5s"));
  ASSERT_TRUE(config.routes[0].cache.has_value());
  EXPECT_EQ(config.routes[0].cache->ttl, absl::Seconds(5));
  EXPECT_FALSE(config.routes[0].cache->max_ttl.has_value());
  EXPECT_EQ(cache::DefaultMaxTtl(*config.routes[0].cache), absl::Seconds(50));
  EXPECT_FALSE(config.routes[0].cache->override_reply);
  EXPECT_FALSE(config.routes[0].collapse.has_value());
}

TEST(CacheOptionsTest, ARoutesOptionsAreRead) {
  const Config config = Right(WithCacheOption("ttl: 250ms, max_ttl: 1h, override: true"));
  ASSERT_TRUE(config.routes[0].cache.has_value());
  EXPECT_EQ(config.routes[0].cache->ttl, absl::Milliseconds(250));
  EXPECT_EQ(config.routes[0].cache->max_ttl, absl::Hours(1));
  EXPECT_TRUE(config.routes[0].cache->override_reply);
}

TEST(CacheOptionsTest, WhatAllRoutesShareIsReadAndHasDefaults) {
  const Config usual = Right(WithOption(""));
  EXPECT_EQ(usual.cache.max_bytes, 256u << 20);
  EXPECT_EQ(usual.cache.max_entry_bytes, 1u << 20);
  const Config other = Right(WithOption("cache: {max_bytes: 8GiB, max_entry_bytes: 64KiB}"));
  EXPECT_EQ(other.cache.max_bytes, uint64_t{8} << 30);
  EXPECT_EQ(other.cache.max_entry_bytes, 64u << 10);
}

TEST(CacheOptionsTest, MarksAreReadAndHaveDefaults) {
  const Config usual = Right(WithOption(""));
  EXPECT_EQ(usual.reply_marks.name, "singleflight");
  EXPECT_TRUE(usual.reply_marks.age);
  EXPECT_TRUE(usual.reply_marks.cache_status);
  const Config other =
      Right(WithOption("reply_marks: {name: edge-1.eu, age: false, cache_status: false}"));
  EXPECT_EQ(other.reply_marks.name, "edge-1.eu");
  EXPECT_FALSE(other.reply_marks.age);
  EXPECT_FALSE(other.reply_marks.cache_status);
}

TEST(CacheOptionsTest, ARouteThatOnlyCachesMayHaveAKey) {
  EXPECT_THAT(
      WarningsIn(WithCacheOption("ttl: 5s") + "    key: {metadata: {ignore: [x-device]}}\n"),
      IsEmpty());
}

TEST(CacheOptionsTest, MistakesOfARouteAreRefusedWithTheirCure) {
  ExpectMistakes({
      {WithCacheOption(""),
       "6:12: routes[0].cache: \"ttl\" is missing; say how long a reply is kept, such as \"cache: "
       "{ttl: 5s}\""},
      {WithRouteOption("cache: true"),
       "5:12: routes[0].cache: is a single value; a section is wanted here, try \"cache: {ttl: "
       "5s}\""},
      {WithRouteOption("cache:"), "5:5: routes[0].cache: has no value; give it one or remove it"},
      {WithCacheOption("ttl: 5"), "6:18: routes[0].cache.ttl: \"5\" is not a duration; try \"5s\""},
      {WithCacheOption("ttl: 0s"),
       "6:18: routes[0].cache.ttl: \"0s\" is out of range; allowed are 1ms to 24h"},
      {WithCacheOption("ttl: 25h"),
       "6:18: routes[0].cache.ttl: \"25h\" is out of range; allowed are 1ms to 24h"},
      {WithCacheOption("ttl: 5s, max_ttl: 0s"),
       "6:31: routes[0].cache.max_ttl: \"0s\" is out of range; allowed are 1ms to 24h"},
      {WithCacheOption("ttl: 5s, max_ttl: 1s"),
       "6:31: routes[0].cache.max_ttl: is below ttl; raise it or lower ttl"},
      {WithCacheOption("ttl: 48h, max_ttl: 1s"),
       "6:18: routes[0].cache.ttl: \"48h\" is out of range; allowed are 1ms to 24h"},
      {WithCacheOption("ttl: 5s, override: yes"),
       "6:32: routes[0].cache.override: \"yes\" is unknown; allowed: true, false"},
      {WithCacheOption("ttl: 5s, maxttl: 5s"),
       "6:22: routes[0].cache.maxttl: unknown option (did you mean \"max_ttl\"?); allowed here: "
       "ttl, max_ttl, override, jitter, stale_while_revalidate, "
       "stale_if_error, request_cache_control, negative, tags"},
  });
}

TEST(CacheOptionsTest, JitterAndNegativeTtlsAreReadAndHaveNoDefaults) {
  const Config usual = Right(WithCacheOption("ttl: 5s"));
  EXPECT_EQ(usual.routes[0].cache->jitter, 0u);
  EXPECT_EQ(usual.routes[0].cache->negative, cache::NegativeTtls());
  const Config other = Right(
      WithCacheOption("ttl: 5s, jitter: 10%, negative: {NOT_FOUND: 1s, UNIMPLEMENTED: 250ms}"));
  EXPECT_EQ(other.routes[0].cache->jitter, 100'000u);
  const cache::NegativeTtls& negative = other.routes[0].cache->negative;
  EXPECT_EQ(negative.of(wire::StatusCode::kNotFound), absl::Seconds(1));
  EXPECT_EQ(negative.of(wire::StatusCode::kUnimplemented), absl::Milliseconds(250));
  EXPECT_EQ(negative.of(wire::StatusCode::kInternal), absl::ZeroDuration());
}

TEST(CacheOptionsTest, StaleTimesAreReadAndHaveNoDefaults) {
  EXPECT_EQ(Right(WithCacheOption("ttl: 5s")).routes[0].cache->stale_if_error,
            absl::ZeroDuration());
  EXPECT_EQ(Right(WithCacheOption("ttl: 5s")).routes[0].cache->stale_while_revalidate,
            absl::ZeroDuration());
  const Config other =
      Right(WithCacheOption("ttl: 5s, stale_while_revalidate: 30s, stale_if_error: 1m"));
  EXPECT_EQ(other.routes[0].cache->stale_while_revalidate, absl::Seconds(30));
  EXPECT_EQ(other.routes[0].cache->stale_if_error, absl::Minutes(1));
  ExpectMistakes({
      {WithCacheOption("ttl: 5s, stale_if_error: 60"),
       "6:38: routes[0].cache.stale_if_error: \"60\" is not a duration; try \"1m\""},
      {WithCacheOption("ttl: 5s, stale_if_error: 0s"),
       "6:38: routes[0].cache.stale_if_error: \"0s\" is out of range; allowed are 1ms to 24h"},
  });
}

TEST(CacheOptionsTest, ARouteMayHaveRequestsSayNothing) {
  EXPECT_TRUE(Right(WithCacheOption("ttl: 5s")).routes[0].cache->request_cache_control);
  const Config other = Right(WithCacheOption("ttl: 5s, request_cache_control: false"));
  EXPECT_FALSE(other.routes[0].cache->request_cache_control);
}

TEST(CacheOptionsTest, StatusesThatAreAboutOneCallerCannotBeKept) {
  for (const char* code : {"CANCELLED", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED",
                           "RESOURCE_EXHAUSTED"}) {
    const std::string name = code;
    EXPECT_THAT(MistakesIn(WithCacheOption("ttl: 5s, negative: {" + name + ": 1s}")),
                ElementsAre("f.yaml:6:" + std::to_string(35 + name.size()) +
                            ": routes[0].cache.negative." + name +
                            ": is never kept: it is about one caller, its credentials, its quota "
                            "or its patience, and says nothing to others; remove it"));
  }
}

TEST(CacheOptionsTest, MistakesOfJitterAndNegativeTtlsAreRefusedWithTheirCure) {
  ExpectMistakes({
      {WithCacheOption("ttl: 5s, jitter: 10"),
       "6:30: routes[0].cache.jitter: \"10\" is not a part of a hundred; try \"1%\"; allowed are "
       "0.0001% to 100%"},
      {WithCacheOption("ttl: 5s, jitter: 51%"),
       "6:30: routes[0].cache.jitter: takes more than half of a lifetime off; write 50% at most, "
       "such as \"10%\""},
      {WithCacheOption("ttl: 5s, negative: {}"),
       "6:32: routes[0].cache.negative: names no status; write some, such as \"negative: "
       "{NOT_FOUND: 1s}\""},
      {WithCacheOption("ttl: 5s, negative: {OK: 1s}"),
       "6:37: routes[0].cache.negative.OK: has \"ttl\"; remove it here"},
      {WithCacheOption("ttl: 5s, negative: {NOT_FOUND: 0s}"),
       "6:44: routes[0].cache.negative.NOT_FOUND: \"0s\" is out of range; allowed are 1ms to 24h"},
      {WithCacheOption("ttl: 5s, negative: [NOT_FOUND]"),
       "6:32: routes[0].cache.negative: is a list; a section is wanted here, try \"negative: "
       "{NOT_FOUND: 1s}\""},
  });
  EXPECT_THAT(MistakesIn(WithCacheOption("ttl: 5s, negative: {NOTFOUND: 1s}")),
              ElementsAre(HasSubstr("unknown option (did you mean \"NOT_FOUND\"?)")));
}

TEST(CacheOptionsTest, MistakesOfTheSharedCacheAreRefusedWithTheirCure) {
  ExpectMistakes({
      {WithOption("cache: {max_bytes: 1KiB}"),
       "4:20: cache.max_bytes: \"1KiB\" is out of range; allowed are 64KiB to 1TiB"},
      {WithOption("cache: {max_entry_bytes: 1B}"),
       "4:26: cache.max_entry_bytes: \"1B\" is out of range; allowed are 1KiB to 2GiB"},
      {WithOption("cache: {max_bytes: 256MB}"),
       "4:20: cache.max_bytes: \"256MB\" is not a size; try \"256MiB\""},
      {WithOption("cache: {max_entry_bytes: 2MiB, max_bytes: 1MiB}"),
       "4:26: cache.max_entry_bytes: allows entries of 2MiB (max_entry_bytes) in 1MiB "
       "(max_bytes); lower the one or raise the other"},
      {WithOption("cache: {max_bytes: 64KiB}"),
       "4:8: cache: allows entries of 1MiB (max_entry_bytes) in 64KiB (max_bytes); lower the one "
       "or raise the other"},
      {WithOption("cache: {ttl: 5s}"),
       "4:9: cache.ttl: unknown option; allowed here: max_bytes, max_entry_bytes"},
  });
}

TEST(CacheOptionsTest, MistakesOfMarksAreRefusedWithTheirCure) {
  const std::string no_name =
      " is no name for cache-status; use 1 to 64 letters, digits and -._, beginning with a letter";
  ExpectMistakes({
      {WithOption("reply_marks: {name: \"a b\"}"), "4:21: reply_marks.name: \"a b\"" + no_name},
      {WithOption("reply_marks: {name: 1a}"), "4:21: reply_marks.name: \"1a\"" + no_name},
      {WithOption("reply_marks: {name: \"\"}"), "4:21: reply_marks.name: \"\"" + no_name},
      {WithOption("reply_marks: {name: \"a;b\"}"), "4:21: reply_marks.name: \"a;b\"" + no_name},
      {WithOption("reply_marks: {age: no}"),
       "4:20: reply_marks.age: \"no\" is unknown; allowed: true, false"},
      {WithOption("reply_marks: {status: true}"),
       "4:15: reply_marks.status: unknown option (did you mean \"cache_status\"?); allowed here: "
       "name, age, cache_status"},
      {WithOption("reply_marks: false"),
       "4:14: reply_marks: is a single value; a section is wanted here, try \"reply_marks: {age: "
       "false, cache_status: false}\""},
  });
  EXPECT_THAT(MistakesIn(WithOption("reply_marks: {name: " + std::string(65, 'a') + "}")),
              ElementsAre(HasSubstr(no_name)));
}

TEST(CacheOptionsTest, KeepingTheRepliesOfWritesIsWarnedOf) {
  EXPECT_THAT(WarningsIn(WithRouteOption("cache: {ttl: 5s}")),
              ElementsAre("f.yaml:5:12: routes[0].cache: keeps the replies of every method of "
                          "\"/*\", those that write included; name the methods that only read, "
                          "such as \"/shop.v1.Catalog/Get*\""));
  EXPECT_THAT(
      WarningsIn(WithRouteOption("match: {method: /a.B/CreateItem}\n    cache: {ttl: 5s}")),
      ElementsAre("f.yaml:6:12: routes[0].cache: keeps the replies of \"/a.B/CreateItem\", whose "
                  "name says that it writes; a write that is answered from the cache is not made, "
                  "so cache methods that only read"));
  EXPECT_THAT(WarningsIn(WithCacheOption("ttl: 5s")), IsEmpty());
}

TEST(CacheOptionsTest, ARouteThatCollapsesAndKeepsWritesIsWarnedOfBoth) {
  EXPECT_THAT(WarningsIn(WithRouteOption("collapse: true\n    cache: {ttl: 5s}")),
              ElementsAre(HasSubstr("routes[0].collapse: collapses every method"),
                          HasSubstr("routes[0].cache: keeps the replies of every method")));
}

TEST(CacheOptionsTest, OptionsWithoutEffectAreWarnedOf) {
  const auto with = [](const std::string& route, const std::string& top) {
    return "listeners: [{address: 127.0.0.1:0}]\nupstreams: [{name: b, target: h:1}]\n"
           "routes: [{match: {method: /a.B/Get}, upstream: b" +
           route + "}]\n" + top + "\n";
  };
  EXPECT_THAT(WarningsIn(WithCacheOption("ttl: 5s, max_ttl: 9s, override: true")),
              ElementsAre(AllOf(HasSubstr("routes[0].cache.max_ttl: does nothing beside"),
                                HasSubstr("override"))));
  EXPECT_THAT(WarningsIn(with("", "cache: {max_bytes: 2MiB}")),
              ElementsAre(HasSubstr("f.yaml:4:8: cache: does nothing, since no route keeps")));
  EXPECT_THAT(WarningsIn(with("", "reply_marks: {age: false}")),
              ElementsAre(HasSubstr("f.yaml:4:14: reply_marks: does nothing")));
  EXPECT_THAT(WarningsIn(with(", cache: {ttl: 1s}", "cache: {max_entry_bytes: 32MiB}")),
              ElementsAre(HasSubstr("cache.max_entry_bytes: allows more than any route gathers "
                                    "(collapse.max_reply_bytes, 16MiB)")));
  EXPECT_THAT(WarningsIn(with(", collapse: {max_reply_bytes: 64KiB}, cache: {ttl: 1s}",
                              "cache: {max_entry_bytes: 128KiB}")),
              ElementsAre(HasSubstr("64KiB")));
  EXPECT_THAT(WarningsIn(with(", collapse: true, cache: {ttl: 1s, max_ttl: 2s}",
                              "cache: {max_entry_bytes: 2MiB}\nreply_marks: {age: false}")),
              IsEmpty());
}

}  // namespace
}  // namespace singleflight::config
