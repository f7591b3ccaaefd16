#include "server/cache/cache_control.h"

#include "absl/strings/str_cat.h"
#include "server/cache/directives.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

// "no-store", "private", "5s", some of them, or "" where nothing is said.
std::string Said(const CacheControl& control) {
  std::string said;
  if (control.no_store) absl::StrAppend(&said, "no-store ");
  if (control.is_private) absl::StrAppend(&said, "private ");
  if (control.lifetime.has_value()) {
    absl::StrAppend(&said, absl::ToInt64Seconds(*control.lifetime), "s ");
  }
  if (!said.empty()) said.pop_back();
  return said;
}

std::string Read(const Fields& initial, const Fields& trailing = {}) {
  return Said(ParseCacheControl(HeadersOf(initial), HeadersOf(trailing)));
}

struct Case {
  std::string value;
  std::string said;
};

void ExpectEach(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    EXPECT_EQ(Read({{"cache-control", one.value}}), one.said) << "cache-control: " << one.value;
  }
}

TEST(CacheControlTest, EachDirectiveMeansWhatRfc9111Says) {
  ExpectEach({
      {"max-age=5", "5s"},
      {"s-maxage=7", "7s"},
      {"max-age=0", "0s"},
      {"max-age=5, s-maxage=7", "7s"},
      {"s-maxage=7, max-age=5", "7s"},
      {"s-maxage=0, max-age=60", "0s"},
      {"no-store", "no-store"},
      {"no-cache", "no-store"},
      {"private", "private"},
      {"public", ""},
      {"public, max-age=5", "5s"},
      {"private, max-age=5", "private 5s"},
  });
}

TEST(CacheControlTest, TheMostCautiousDirectiveWins) {
  ExpectEach({
      {"max-age=5, no-store", "no-store 5s"},
      {"no-cache, max-age=5", "no-store 5s"},
      {"public, private", "private"},
      {"public, no-store, max-age=60", "no-store 60s"},
      {"private, no-store", "no-store private"},
  });
}

TEST(CacheControlTest, NamesAreReadInAnyCase) {
  ExpectEach({
      {"Max-Age=5", "5s"},
      {"S-MAXAGE=7", "7s"},
      {"No-Store", "no-store"},
      {"NO-CACHE", "no-store"},
      {"Private", "private"},
  });
}

// RFC 9111 §5.2.3
TEST(CacheControlTest, UnknownDirectivesAreSkippedWhateverTheirArgument) {
  ExpectEach({
      {"must-revalidate, max-age=5", "5s"},
      {"stale-while-revalidate=30, max-age=5, stale-if-error=60", "5s"},
      {"community=\"UCI\", max-age=5", "5s"},
      {"x=\"max-age=9, no-store\", max-age=5", "5s"},
      {"x=\"a\\\"b, private\", max-age=5", "5s"},
      {"immutable", ""},
      {"max-aged=5", ""},
      {"no-store-please", ""},
  });
}

// RFC 9111 §5.2.2.2, §5.2.2.8, §5.2.2.10, RFC 5861 §4
TEST(CacheControlTest, WhatConcernsStaleRepliesIsRead) {
  const auto read = [](const char* value) {
    return ParseCacheControl(HeadersOf({{"cache-control", value}}), {});
  };
  EXPECT_TRUE(read("Must-Revalidate").must_revalidate);
  EXPECT_TRUE(read("max-age=5, proxy-revalidate").must_revalidate);
  EXPECT_FALSE(read("max-age=5").must_revalidate);
  EXPECT_TRUE(read("s-maxage=5").names_shared_lifetime);
  EXPECT_FALSE(read("max-age=5").names_shared_lifetime);
  EXPECT_EQ(read("stale-if-error=60, max-age=5").stale_if_error, absl::Seconds(60));
  EXPECT_EQ(read("max-age=5").stale_if_error, absl::nullopt);
  EXPECT_EQ(read("stale-while-revalidate=30").stale_while_revalidate, absl::Seconds(30));
  EXPECT_EQ(read("stale-if-error=60").stale_while_revalidate, absl::nullopt);
  for (const char* bad : {"stale-if-error", "stale-if-error=soon",
                          "stale-if-error=1, stale-if-error=2", "stale-while-revalidate=\"\""}) {
    EXPECT_TRUE(read(bad).no_store) << bad;
  }
}

// RFC 9111 §5.2: both forms of an argument are to be understood.
TEST(CacheControlTest, ArgumentsMayBeQuoted) {
  ExpectEach({
      {"max-age=\"5\"", "5s"},
      {"s-maxage=\"7\" , max-age=5", "7s"},
      {"private=\"set-cookie\"", "private"},
      {"no-cache=\"x-a, x-b\", max-age=5", "no-store 5s"},
  });
}

// RFC 9110 §5.6.1
TEST(CacheControlTest, EmptyListElementsAndSpaceAreSkipped) {
  ExpectEach({
      {"", ""},
      {"   ", ""},
      {",", ""},
      {" , ,, ", ""},
      {",max-age=5,,", "5s"},
      {"\tmax-age=5\t,\tprivate ", "private 5s"},
  });
}

TEST(CacheControlTest, WhatIsMalformedForbidsKeeping) {
  ExpectEach({
      {"max-age", "no-store"},         {"max-age=", "no-store"},
      {"max-age=five", "no-store"},    {"max-age=-5", "no-store"},
      {"max-age=5.5", "no-store"},     {"max-age=0x10", "no-store"},
      {"max-age=\"\"", "no-store"},    {"max-age=\"5", "no-store"},
      {"max-age=\"5\\", "no-store"},   {"max-age =5", "no-store"},
      {"max-age= 5", "no-store"},      {"max-age=5 6", "no-store"},
      {"max-age=5;", "no-store"},      {"=5", "no-store"},
      {"max-age=5, =", "no-store 5s"}, {"\"max-age=5\"", "no-store"},
      {"x=\"a\"b", "no-store"},        {"public=yes", "no-store"},
      {"(max-age=5)", "no-store"},     {"max-age=5, \xff", "no-store 5s"},
  });
}

TEST(CacheControlTest, ALifetimeThatIsSaidTwiceMustBeTheSame) {
  ExpectEach({
      {"max-age=5, max-age=5", "5s"},
      {"max-age=5, max-age=05", "5s"},
      {"max-age=5, max-age=6", "no-store 6s"},
      {"s-maxage=5, s-maxage=6", "no-store 6s"},
      {"max-age=5, max-age", "no-store"},
  });
}

TEST(CacheControlTest, SeveralFieldsAreReadAsOne) {
  EXPECT_EQ(Read({{"cache-control", "max-age=5"}, {"cache-control", "private"}}), "private 5s");
  EXPECT_EQ(Read({{"cache-control", "max-age=5"}, {"cache-control", "max-age=6"}}), "no-store 6s");
  EXPECT_EQ(Read({{"cache-control", "max-age=\""}, {"cache-control", "max-age=5"}}), "no-store 5s");
}

TEST(CacheControlTest, BothBlocksAreRead) {
  EXPECT_EQ(Read({}, {{"cache-control", "max-age=5"}}), "5s");
  EXPECT_EQ(Read({{"cache-control", "max-age=5"}}, {{"cache-control", "no-store"}}), "no-store 5s");
  EXPECT_EQ(Read({{"cache-control", "max-age=5"}}, {{"cache-control", "s-maxage=9"}}), "9s");
  EXPECT_EQ(Read({{"cache-control", "max-age=5"}}, {{"cache-control", "max-age=6"}}),
            "no-store 6s");
}

TEST(CacheControlTest, OnlyWhatCannotBeReadIsMalformed) {
  for (const char* value : {"max-age=5, \"", "=5", "max-age=5 6", "(private)"}) {
    EXPECT_TRUE(ParseCacheControl({}, HeadersOf({{"cache-control", value}})).malformed) << value;
  }
  for (const char* value : {"max-age=5, max-age=6", "max-age=five", "no-store", "", "x=\"a,b\""}) {
    EXPECT_FALSE(ParseCacheControl({}, HeadersOf({{"cache-control", value}})).malformed) << value;
  }
}

TEST(CacheControlTest, OtherFieldsSayNothing) {
  EXPECT_EQ(Read({{"pragma", "no-cache"}, {"x-cache-control", "no-store"}, {"expires", "0"}}), "");
}

// RFC 9213 §2.2
TEST(TargetedCacheControlTest, WhatIsForThisCacheGoesBeforeWhatIsForAll) {
  EXPECT_EQ(Read({{"singleflight-cache-control", "max-age=5"}, {"cache-control", "no-store"}}),
            "5s");
  EXPECT_EQ(Read({{"cache-control", "max-age=60"}, {"singleflight-cache-control", "private"}}),
            "private");
  EXPECT_EQ(Read({{"cache-control", "max-age=60"}}, {{"singleflight-cache-control", "max-age=5"}}),
            "5s");
}

// RFC 9213 §2.1
TEST(TargetedCacheControlTest, AnEmptyFieldSaysNothing) {
  for (const char* empty : {"", "  ", ",", " ,\t,"}) {
    EXPECT_EQ(Read({{"singleflight-cache-control", empty}, {"cache-control", "max-age=60"}}), "60s")
        << empty;
  }
}

// RFC 9651 §3.2: members are items, with parameters; a member without a value is true.
TEST(TargetedCacheControlTest, ItIsAStructuredDictionary) {
  const std::vector<Case> cases = {
      {"max-age=5, no-store=?0", "5s"},
      {"no-store=?1", "no-store"},
      {"private=?0;why=\"none\", max-age=5;a;b=1;c=?1 , s-maxage=7", "7s"},
      {"unknown=?1, max-age=5", "5s"},
      {"unknown=12.5;x, max-age=5", "5s"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(Read({{"singleflight-cache-control", one.value}}), one.said) << one.value;
  }
}

TEST(TargetedCacheControlTest, WhatIsMalformedOrContradictsItselfForbidsKeeping) {
  for (const char* value : {"max-age=five", "max-age=5.5", "max-age=?1", "max-age=5, max-age=6",
                            "max-age=5;", "max-age=5;;a", "no-store=?2", "max-age=5 6", "=?1"}) {
    EXPECT_TRUE(
        ParseCacheControl(
            HeadersOf({{"singleflight-cache-control", value}, {"cache-control", "max-age=60"}}), {})
            .no_store)
        << value;
  }
}

// Only a structured field has parameters and booleans.
TEST(TargetedCacheControlTest, CacheControlItselfIsNoStructuredField) {
  EXPECT_EQ(Read({{"cache-control", "max-age=5;a"}}), "no-store");
  EXPECT_EQ(Read({{"cache-control", "no-store=?0"}}), "no-store");
}

TEST(DeltaSecondsTest, DigitsAreSecondsAndNothingElseIs) {
  EXPECT_EQ(ParseDeltaSeconds("0"), absl::ZeroDuration());
  EXPECT_EQ(ParseDeltaSeconds("0060"), absl::Seconds(60));
  for (const char* text : {"", " 5", "5 ", "+5", "-5", "5s", "5.0", "5,6", "\xd9\xa5"}) {
    EXPECT_EQ(ParseDeltaSeconds(text), absl::nullopt) << text;
  }
}

// PITFALLS 29
TEST(DeltaSecondsTest, WhatIsTooLargeToCountIsAVeryLongTime) {
  const absl::Duration longest = absl::Seconds(int64_t{1} << 31);
  EXPECT_EQ(ParseDeltaSeconds("2147483647"), absl::Seconds(2147483647));
  EXPECT_EQ(ParseDeltaSeconds("2147483648"), longest);
  EXPECT_EQ(ParseDeltaSeconds("2147483649"), longest);
  EXPECT_EQ(ParseDeltaSeconds("18446744073709551621"), longest);
  EXPECT_EQ(ParseDeltaSeconds(std::string(10'000, '9')), longest);
}

}  // namespace
}  // namespace singleflight::cache
