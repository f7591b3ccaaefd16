#include "server/cache/freshness.h"

#include "absl/strings/str_cat.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using model::Reply;

const FreshnessRules kFiveSeconds = {absl::Seconds(5), absl::nullopt, false};

Reply Saying(const std::string& cache_control) {
  return ReplyWith({{"cache-control", cache_control}});
}

MATCHER_P(IsKeptFor, lifetime, "is kept for " + absl::FormatDuration(lifetime)) {
  return !arg.refusal.has_value() && arg.lifetime == lifetime;
}

MATCHER_P(IsRefused, why, "is refused") { return arg.refusal == why; }

Verdict Judged(const Reply& reply, const FreshnessRules& rules = kFiveSeconds,
               absl::Duration age = absl::ZeroDuration(),
               absl::Duration on_the_way = absl::ZeroDuration()) {
  Age said;
  said.Read(HeadersOf({{"age", absl::StrCat(absl::ToInt64Seconds(age))}}));
  return Judge(reply, rules, said, on_the_way);
}

TEST(FreshnessTest, AReplyThatSaysNothingIsKeptForTheRoutesTtl) {
  EXPECT_THAT(Judged(OkReply("blue kettle")), IsKeptFor(absl::Seconds(5)));
}

TEST(FreshnessTest, TheAgeThatAReplyCameWithCountsAgainstItsTime) {
  EXPECT_THAT(Judged(OkReply("blue kettle"), kFiveSeconds, absl::Seconds(2)),
              IsKeptFor(absl::Seconds(3)));
  EXPECT_THAT(Judged(OkReply("blue kettle"), kFiveSeconds, absl::Seconds(5)),
              IsRefused(Refusal::kStale));
}

TEST(FreshnessTest, TheTimeOnTheWayCountsAgainstALifetimeThatAReplyGivesItself) {
  const absl::Duration slow = absl::Seconds(3);
  EXPECT_THAT(Judged(Saying("max-age=7"), kFiveSeconds, absl::Seconds(1), slow),
              IsKeptFor(absl::Seconds(3)));
  EXPECT_THAT(Judged(Saying("max-age=2"), kFiveSeconds, absl::ZeroDuration(), slow),
              IsRefused(Refusal::kStale));
  EXPECT_THAT(Judged(OkReply("blue kettle"), kFiveSeconds, absl::ZeroDuration(), slow),
              IsKeptFor(absl::Seconds(5)));
}

TEST(FreshnessTest, AReplyMaySayHowLongItIsFresh) {
  EXPECT_THAT(Judged(Saying("max-age=7")), IsKeptFor(absl::Seconds(7)));
  EXPECT_THAT(Judged(Saying("max-age=7, s-maxage=2")), IsKeptFor(absl::Seconds(2)));
}

TEST(FreshnessTest, ALifetimeMayStandInTheTrailer) {
  EXPECT_THAT(Judged(ReplyWith({}, {{"cache-control", "max-age=7"}})), IsKeptFor(absl::Seconds(7)));
}

TEST(FreshnessTest, NoReplyIsKeptLongerThanTenTimesTheTtlUnlessTheRouteSaysSo) {
  EXPECT_THAT(Judged(Saying("max-age=50")), IsKeptFor(absl::Seconds(50)));
  EXPECT_THAT(Judged(Saying("max-age=51")), IsKeptFor(absl::Seconds(50)));
  const FreshnessRules rules = {absl::Seconds(5), absl::Seconds(60), false};
  EXPECT_THAT(Judged(Saying("max-age=99"), rules), IsKeptFor(absl::Seconds(60)));
  EXPECT_THAT(Judged(Saying("max-age=99999999999999999999"), rules), IsKeptFor(absl::Seconds(60)));
}

TEST(FreshnessTest, ARouteMayOverrideTheLifetimeThatAReplyGivesItself) {
  const FreshnessRules rules = {absl::Seconds(5), absl::nullopt, true};
  EXPECT_THAT(Judged(Saying("max-age=7"), rules), IsKeptFor(absl::Seconds(5)));
  EXPECT_THAT(Judged(Saying("max-age=0"), rules), IsKeptFor(absl::Seconds(5)));
  EXPECT_THAT(Judged(Saying("max-age=7"), rules, absl::Seconds(30)), IsKeptFor(absl::Seconds(5)));
}

// PITFALLS 24
TEST(FreshnessTest, ARouteCannotOverrideThatAReplyMustNotBeStored) {
  const FreshnessRules rules = {absl::Seconds(5), absl::nullopt, true};
  EXPECT_THAT(Judged(Saying("no-store"), rules), IsRefused(Refusal::kNoStore));
  EXPECT_THAT(Judged(Saying("private"), rules), IsRefused(Refusal::kPrivate));
  EXPECT_THAT(Judged(Saying("max-age=five"), rules), IsRefused(Refusal::kNoStore));
}

// RFC 9111 §4.2
TEST(FreshnessTest, TheAgeThatAReplyComesWithIsTakenOffItsLifetime) {
  EXPECT_THAT(Judged(Saying("max-age=7"), kFiveSeconds, absl::Seconds(3)),
              IsKeptFor(absl::Seconds(4)));
  EXPECT_THAT(Judged(Saying("max-age=7"), kFiveSeconds, absl::Seconds(6)),
              IsKeptFor(absl::Seconds(1)));
}

TEST(FreshnessTest, AReplyThatIsStaleWhenItComesIsNotKept) {
  EXPECT_THAT(Judged(Saying("max-age=7"), kFiveSeconds, absl::Seconds(7)),
              IsRefused(Refusal::kStale));
  EXPECT_THAT(Judged(Saying("max-age=7"), kFiveSeconds, absl::Seconds(int64_t{1} << 31)),
              IsRefused(Refusal::kStale));
  EXPECT_THAT(Judged(Saying("max-age=0")), IsRefused(Refusal::kStale));
  EXPECT_THAT(Judged(Saying("s-maxage=0, max-age=60")), IsRefused(Refusal::kStale));
}

TEST(FreshnessTest, AReplyThatForbidsItOrCannotBeReadIsNotKept) {
  for (const char* value : {"no-store", "no-cache", "max-age", "max-age=5, max-age=6", "a=\"b"}) {
    EXPECT_THAT(Judged(Saying(value)), IsRefused(Refusal::kNoStore)) << value;
  }
}

// PITFALLS 24
TEST(FreshnessTest, AReplyThatIsForOneCallerIsNotKept) {
  EXPECT_THAT(Judged(Saying("private")), IsRefused(Refusal::kPrivate));
  EXPECT_THAT(Judged(Saying("max-age=7, Private=\"x-a\"")), IsRefused(Refusal::kPrivate));
  EXPECT_THAT(Judged(ReplyWith({{"set-cookie", "session=ann"}})), IsRefused(Refusal::kPrivate));
  EXPECT_THAT(Judged(ReplyWith({}, {{"set-cookie", "session=ann"}})), IsRefused(Refusal::kPrivate));
}

FreshnessRules WithNegative(wire::StatusCode code, absl::Duration ttl) {
  FreshnessRules rules = kFiveSeconds;
  rules.negative.Set(code, ttl);
  return rules;
}

Reply NotFound(const Fields& more = {}) {
  Fields fields = {{":status", "200"}, {"grpc-status", "5"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return TrailersOnly(fields);
}

TEST(NegativeTest, AnErrorIsKeptForTheTimeOfItsStatus) {
  const FreshnessRules rules = WithNegative(wire::StatusCode::kNotFound, absl::Seconds(1));
  EXPECT_THAT(Judged(NotFound(), rules), IsKeptFor(absl::Seconds(1)));
  EXPECT_THAT(Judged(OkReply("blue kettle"), rules), IsKeptFor(absl::Seconds(5)));
  EXPECT_THAT(Judged(TrailersOnly({{":status", "200"}, {"grpc-status", "12"}}), rules),
              IsRefused(Refusal::kStatus));
}

TEST(NegativeTest, WhatForbidsKeepingAReplyForbidsKeepingAnError) {
  const FreshnessRules rules = WithNegative(wire::StatusCode::kNotFound, absl::Seconds(1));
  EXPECT_THAT(Judged(NotFound({{"cache-control", "no-store"}}), rules),
              IsRefused(Refusal::kNoStore));
  EXPECT_THAT(Judged(NotFound({{"cache-control", "private"}}), rules),
              IsRefused(Refusal::kPrivate));
  EXPECT_THAT(Judged(NotFound({{"grpc-status", "5"}}), rules), IsRefused(Refusal::kStatus));
  EXPECT_THAT(Judged(TrailersOnly({{":status", "404"}, {"grpc-status", "5"}}), rules),
              IsRefused(Refusal::kStatus));
}

TEST(NegativeTest, AnErrorMayShortenItsTimeAndNotLengthenIt) {
  FreshnessRules rules = WithNegative(wire::StatusCode::kNotFound, absl::Seconds(3));
  EXPECT_THAT(Judged(NotFound({{"cache-control", "max-age=1"}}), rules),
              IsKeptFor(absl::Seconds(1)));
  EXPECT_THAT(Judged(NotFound({{"cache-control", "max-age=60"}}), rules),
              IsKeptFor(absl::Seconds(3)));
  EXPECT_THAT(Judged(NotFound(), rules, absl::Seconds(2)), IsKeptFor(absl::Seconds(1)));
  rules.override_reply = true;
  EXPECT_THAT(Judged(NotFound({{"cache-control", "max-age=1"}}), rules),
              IsKeptFor(absl::Seconds(3)));
}

TEST(NegativeTest, StatusesThatAreAboutOneCallerMayHaveNone) {
  for (const auto code :
       {wire::StatusCode::kOk, wire::StatusCode::kCancelled, wire::StatusCode::kDeadlineExceeded,
        wire::StatusCode::kUnauthenticated, wire::StatusCode::kPermissionDenied,
        wire::StatusCode::kResourceExhausted}) {
    EXPECT_FALSE(NegativeTtls::MayHave(code)) << NameOf(code);
  }
  EXPECT_TRUE(NegativeTtls::MayHave(wire::StatusCode::kNotFound));
  EXPECT_TRUE(NegativeTtls::MayHave(wire::StatusCode::kUnavailable));
}

absl::Duration IfError(const std::string& cache_control, const FreshnessRules& rules) {
  return Judged(Saying(cache_control), rules).stale.if_error;
}

TEST(StalenessTest, TheRouteSaysHowLongAReplyMayBeStaleUnlessTheReplyDoes) {
  FreshnessRules rules = kFiveSeconds;
  rules.stale_if_error = absl::Seconds(20);
  EXPECT_EQ(Judged(OkReply("blue kettle"), rules).stale.if_error, absl::Seconds(20));
  EXPECT_EQ(IfError("max-age=5, stale-if-error=3", rules), absl::Seconds(3));
  EXPECT_EQ(IfError("stale-if-error=0", rules), absl::ZeroDuration());
  EXPECT_EQ(IfError("stale-if-error=3", kFiveSeconds), absl::Seconds(3));
  EXPECT_EQ(IfError("max-age=5", kFiveSeconds), absl::ZeroDuration());
}

TEST(StalenessTest, AReplyMayAskForTheLongerOfMaxTtlAndWhatTheRouteSays) {
  FreshnessRules rules = kFiveSeconds;
  EXPECT_EQ(IfError("stale-if-error=9999", rules), absl::Seconds(50));
  rules.stale_if_error = absl::Minutes(2);
  EXPECT_EQ(IfError("stale-if-error=9999", rules), absl::Minutes(2));
}

// RFC 9111 §4.2.4, §5.2.2.10
TEST(StalenessTest, AReplyMayForbidToServeItStale) {
  FreshnessRules rules = kFiveSeconds;
  rules.stale_if_error = absl::Seconds(20);
  EXPECT_EQ(IfError("must-revalidate", rules), absl::ZeroDuration());
  EXPECT_EQ(IfError("proxy-revalidate, stale-if-error=9", rules), absl::ZeroDuration());
  EXPECT_EQ(IfError("s-maxage=5", rules), absl::ZeroDuration());
  EXPECT_EQ(IfError("s-maxage=5, stale-if-error=9", rules), absl::Seconds(9));
  rules.override_reply = true;
  EXPECT_EQ(IfError("must-revalidate", rules), absl::ZeroDuration());
  EXPECT_EQ(IfError("s-maxage=5, stale-if-error=9", rules), absl::Seconds(20));
}

TEST(StalenessTest, EachOfTheTwoHasItsOwnOptionAndItsOwnDirective) {
  FreshnessRules rules = kFiveSeconds;
  rules.stale_while_revalidate = absl::Seconds(10);
  EXPECT_EQ(Judged(OkReply("blue kettle"), rules).stale,
            (Staleness{absl::Seconds(10), absl::ZeroDuration()}));
  EXPECT_EQ(Judged(Saying("stale-while-revalidate=3, stale-if-error=4"), rules).stale,
            (Staleness{absl::Seconds(3), absl::Seconds(4)}));
  EXPECT_EQ(Judged(Saying("s-maxage=5, stale-if-error=4"), rules).stale,
            (Staleness{absl::ZeroDuration(), absl::Seconds(4)}));
  EXPECT_EQ(Judged(Saying("must-revalidate"), rules).stale, Staleness());
}

TEST(StalenessTest, AnErrorIsNeverServedStale) {
  FreshnessRules rules = WithNegative(wire::StatusCode::kNotFound, absl::Seconds(1));
  rules.stale_if_error = absl::Seconds(20);
  EXPECT_EQ(Judged(NotFound({{"cache-control", "stale-if-error=9"}}), rules).stale, Staleness());
}

TEST(JitterTest, UpToItsPartIsTakenOffALifetimeAndNothingAdded) {
  FreshnessRules rules = kFiveSeconds;
  rules.jitter = 100'000;
  EXPECT_EQ(Jittered(absl::Seconds(100), rules, 0), absl::Seconds(100));
  EXPECT_EQ(Jittered(absl::Seconds(100), rules, 500'000), absl::Seconds(95));
  EXPECT_GE(Jittered(absl::Seconds(100), rules, 999'999), absl::Seconds(90));
  rules.jitter = kMostJitter;
  EXPECT_GE(Jittered(absl::Seconds(100), rules, 999'999), absl::Seconds(50));
}

// PITFALLS 25
TEST(FreshnessTest, NoStatusButOkIsKept) {
  for (int code = 1; code <= 17; ++code) {
    const std::string status = std::to_string(code);
    EXPECT_THAT(
        Judged(model::MakeReply({HeadersOf({{":status", "200"}, {"cache-control", "max-age=7"}}),
                                 "", HeadersOf({{"grpc-status", status}}), false, nullptr})),
        IsRefused(Refusal::kStatus))
        << code;
    EXPECT_THAT(Judged(TrailersOnly({{":status", "200"}, {"grpc-status", status}})),
                IsRefused(Refusal::kStatus))
        << code;
  }
}

TEST(FreshnessTest, AnOkOfOneBlockIsKept) {
  EXPECT_THAT(Judged(TrailersOnly({{":status", "200"}, {"grpc-status", "0"}})),
              IsKeptFor(absl::Seconds(5)));
}

// PITFALLS 25
TEST(FreshnessTest, AReplyWithoutExactlyOneStatusIsNotKept) {
  const Reply none = model::MakeReply({HeadersOf({{":status", "200"}}), "", {}, false, nullptr});
  EXPECT_THAT(Judged(none), IsRefused(Refusal::kStatus));
  EXPECT_THAT(Judged(ReplyWith({}, {{"grpc-status", "0"}})), IsRefused(Refusal::kStatus));
  EXPECT_THAT(Judged(ReplyWith({{"grpc-status", "0"}})), IsRefused(Refusal::kStatus));
  EXPECT_THAT(
      Judged(TrailersOnly({{":status", "200"}, {"grpc-status", "0"}, {"grpc-status", "0"}})),
      IsRefused(Refusal::kStatus));
}

TEST(FreshnessTest, AStatusThatIsNoCodeIsNotOk) {
  for (const char* status : {"", "OK", "-0", "0x0", "18446744073709551616"}) {
    EXPECT_THAT(Judged(TrailersOnly({{":status", "200"}, {"grpc-status", status}})),
                IsRefused(Refusal::kStatus))
        << status;
  }
}

// PITFALLS 25
TEST(FreshnessTest, AnHttpStatusOtherThan200IsNotKept) {
  for (const char* status : {"100", "204", "304", "403", "502", "2000", ""}) {
    EXPECT_THAT(Judged(TrailersOnly({{":status", status}, {"grpc-status", "0"}})),
                IsRefused(Refusal::kStatus))
        << status;
  }
  EXPECT_THAT(Judged(TrailersOnly({{"grpc-status", "0"}})), IsRefused(Refusal::kStatus));
}

// An age as block after block says it.
Age SaidAs(const std::vector<Fields>& blocks) {
  Age age;
  for (const Fields& block : blocks) age.Read(HeadersOf(block));
  return age;
}

TEST(AgeTest, AgeIsTheFirstMemberOfTheFirstFieldInSeconds) {
  EXPECT_EQ(AgeOf(HeadersOf({{"x-age", "30"}})), absl::ZeroDuration());
  for (const char* age : {"30", " 30", "30\t", "30, 9", "30,", "030 ,young"}) {
    EXPECT_EQ(AgeOf(HeadersOf({{"age", age}, {"age", "40"}})), absl::Seconds(30)) << age;
  }
}

TEST(AgeTest, OfTwoBlocksTheOlderCounts) {
  EXPECT_EQ(SaidAs({{{"age", "30"}}, {{"age", "5"}}}).value(), absl::Seconds(30));
  EXPECT_EQ(SaidAs({{{"age", "5"}}, {{"age", "30"}}}).value(), absl::Seconds(30));
  EXPECT_EQ(SaidAs({{}, {{"age", "30"}}}).value(), absl::Seconds(30));
  EXPECT_FALSE(SaidAs({{}, {{"age", "30"}}}).malformed());
}

TEST(AgeTest, AReplyWhoseAgeCannotBeReadIsNotKept) {
  for (const char* age : {"", "-1", "young", "1.5", ",1", "1 2"}) {
    const Age first = SaidAs({{{"age", age}}, {{"age", "1"}}});
    EXPECT_TRUE(first.malformed()) << age;
    EXPECT_TRUE(SaidAs({{}, {{"age", age}}}).malformed()) << age;
    EXPECT_EQ(AgeOf(HeadersOf({{"age", age}})), absl::ZeroDuration()) << age;
    EXPECT_THAT(Judge(OkReply("blue kettle"), kFiveSeconds, first, absl::ZeroDuration()),
                IsRefused(Refusal::kStale))
        << age;
  }
}

}  // namespace
}  // namespace singleflight::cache
