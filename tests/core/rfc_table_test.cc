// What RFC 9111 (HTTP caching), RFC 5861 (stale content) and RFC 9213 (targeted cache control) say
// of a shared cache, adapted to gRPC: a row for each case, named after its section. The rows of RFC
// 9211 (cache-status) are in tests/proxy/marks_test.cc.
//
// A row keeps a reply, lets time pass, and asks again.

#include <ostream>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

// What the second caller hears, as cache-status says it.
enum class Second {
  kFresh,       // hit
  kStale,       // hit, with a negative ttl, immediately
  kUpstream,    // it waits for upstream
  kAlone,       // it calls upstream for itself
  kRefused,     // it is told that nothing is kept
  kAfterError,  // hit, with a negative ttl, when upstream has failed
};

struct Row {
  std::string name;  // RFC and section, and what is said there
  Fields reply = {};
  int seconds = 1;  // between the reply and the second caller
  Second second;
  std::string request = "";  // cache-control of the second caller
  void (*route)(cache::FreshnessRules&) = nullptr;
  wire::StatusCode status = wire::StatusCode::kOk;  // of the first reply
  wire::StatusCode then = wire::StatusCode::kOk;    // of upstream's second reply
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

void MayBeStale(cache::FreshnessRules& rules) { rules.stale_while_revalidate = absl::Seconds(10); }
void MayBeStaleOnError(cache::FreshnessRules& rules) { rules.stale_if_error = absl::Seconds(10); }
void Overrides(cache::FreshnessRules& rules) { rules.override_reply = true; }
void KeepsNotFound(cache::FreshnessRules& rules) {
  rules.negative.Set(wire::StatusCode::kNotFound, absl::Seconds(2));
}
void Refuses(cache::FreshnessRules& rules) { rules.request_cache_control = false; }

Fields Says(const std::string& value) { return {{"cache-control", value}}; }
Fields Tells(const std::string& targeted, const std::string& all) {
  return {{"singleflight-cache-control", targeted}, {"cache-control", all}};
}

constexpr auto kUnavailable = wire::StatusCode::kUnavailable;
constexpr auto kNotFound = wire::StatusCode::kNotFound;

// The route keeps replies for five seconds, and no longer than fifty.
const Row kRows[] = {
    // Storing.
    {"Rfc9111S3_AReplyWithoutDirectivesHasTheRoutesTtl", {}, 4, Second::kFresh},
    {"Rfc9111S3_AnErrorIsNotStoredByDefault", {}, 1, Second::kUpstream, "", nullptr, kNotFound},
    {"Rfc9111S3_AnErrorIsStoredWhereItIsUnderstood",
     {},
     1,
     Second::kFresh,
     "",
     KeepsNotFound,
     kNotFound},
    {"Rfc9111S3_5_CredentialsAreInTheKeyAndNeedNoPublic", Says("max-age=5"), 1, Second::kFresh},
    {"Rfc9111S4_1_VaryBeyondTheKeyIsNotStored", {{"vary", "*"}}, 1, Second::kUpstream},
    {"Rfc9111S4_1_VaryWithinTheKeyIs", {{"vary", "x-tenant"}}, 1, Second::kFresh},
    // Freshness.
    {"Rfc9111S4_2_TimeIsOverAtItsEnd", {}, 5, Second::kUpstream},
    {"Rfc9111S4_2_1_SMaxageGoesBeforeMaxAge", Says("max-age=1, s-maxage=20"), 19, Second::kFresh},
    {"Rfc9111S4_2_1_MaxAgeGoesBeforeTheTtl", Says("max-age=20"), 19, Second::kFresh},
    {"Rfc9111S4_2_1_ContradictionsAreTheMostRestrictive", Says("max-age=20, max-age=30"), 1,
     Second::kUpstream},
    {"Rfc9111S4_2_1_ExpiresIsNotRead", {{"expires", "0"}}, 4, Second::kFresh},
    {"Rfc9111S4_2_3_AgeIsTakenOff",
     {{"cache-control", "max-age=20"}, {"age", "15"}},
     5,
     Second::kUpstream},
    {"Rfc9111S4_2_3_AgeThatCannotBeReadForbids", {{"age", "old"}}, 1, Second::kUpstream},
    {"Rfc9111S4_2_4_NothingIsStaleUnlessItMayBe", {}, 6, Second::kUpstream},
    {"Rfc9111S4_2_4_MustRevalidateForbidsStale", Says("max-age=5, must-revalidate"), 6,
     Second::kUpstream, "", MayBeStale},
    // Requests.
    {"Rfc9111S5_2_1_1_MaxAge", {}, 3, Second::kUpstream, "max-age=2"},
    {"Rfc9111S5_2_1_1_MaxAgeThatIsMet", {}, 3, Second::kFresh, "max-age=3"},
    {"Rfc9111S5_2_1_1_MaxAgeWantsNothingStale", {}, 6, Second::kUpstream, "max-age=60", MayBeStale},
    {"Rfc9111S5_2_1_2_MaxStale", {}, 7, Second::kStale, "max-stale=2", MayBeStaleOnError},
    {"Rfc9111S5_2_1_2_MaxStaleThatIsPassed",
     {},
     8,
     Second::kUpstream,
     "max-stale=2",
     MayBeStaleOnError},
    {"Rfc9111S5_2_1_2_MaxStaleOfAnyTime", {}, 14, Second::kStale, "max-stale", MayBeStaleOnError},
    {"Rfc9111S5_2_1_2_MaxStaleTakesNothingThatIsForbidden", Says("must-revalidate"), 6,
     Second::kUpstream, "max-stale", MayBeStaleOnError},
    {"Rfc9111S5_2_1_3_MinFresh", {}, 2, Second::kUpstream, "min-fresh=4"},
    {"Rfc9111S5_2_1_3_MinFreshThatIsMet", {}, 2, Second::kFresh, "min-fresh=3"},
    {"Rfc9111S5_2_1_4_NoCache", {}, 1, Second::kUpstream, "no-cache"},
    {"Rfc9111S5_2_1_5_NoStore", {}, 1, Second::kAlone, "no-store"},
    {"Rfc9111S5_2_1_6_NoTransformSaysNothing", {}, 1, Second::kFresh, "no-transform"},
    {"Rfc9111S5_2_1_7_OnlyIfCached", {}, 6, Second::kRefused, "only-if-cached"},
    {"Rfc9111S5_2_1_7_OnlyIfCachedThatIsMet", {}, 1, Second::kFresh, "only-if-cached"},
    {"Rfc9111S5_2_1_WhatCannotBeReadGoesUpstream", {}, 1, Second::kUpstream, "max-age=soon"},
    {"Rfc9111S5_2_1_ARouteMayRefuse", {}, 1, Second::kFresh, "no-cache, no-store", Refuses},
    // Replies.
    {"Rfc9111S5_2_2_1_MaxAge", Says("max-age=2"), 2, Second::kUpstream},
    {"Rfc9111S5_2_2_1_MaxAgeWithinMaxTtl", Says("max-age=9999"), 50, Second::kUpstream},
    {"Rfc9111S5_2_2_1_MaxAgeUnderOverride", Says("max-age=1"), 4, Second::kFresh, "", Overrides},
    {"Rfc9111S5_2_2_2_MustRevalidateWhileFresh", Says("must-revalidate"), 4, Second::kFresh},
    {"Rfc9111S5_2_2_4_NoCache", Says("no-cache"), 1, Second::kUpstream},
    {"Rfc9111S5_2_2_4_NoCacheOfFieldsCountsForAll", Says("no-cache=\"x-a\""), 1, Second::kUpstream},
    {"Rfc9111S5_2_2_5_NoStore", Says("no-store, max-age=9"), 1, Second::kUpstream},
    {"Rfc9111S5_2_2_5_NoStoreUnderOverride", Says("no-store"), 1, Second::kUpstream, "", Overrides},
    {"Rfc9111S5_2_2_7_Private", Says("private"), 1, Second::kUpstream},
    {"Rfc9111S5_2_2_8_ProxyRevalidate", Says("proxy-revalidate"), 6, Second::kUpstream, "",
     MayBeStale},
    {"Rfc9111S5_2_2_9_Public", Says("public"), 4, Second::kFresh},
    {"Rfc9111S5_2_2_10_SMaxageForbidsStale", Says("s-maxage=5"), 6, Second::kUpstream, "",
     MayBeStale},
    {"Rfc9111S5_2_3_UnknownDirectivesAreSkipped", Says("community=\"UCI\""), 4, Second::kFresh},
    {"Rfc9111S5_4_PragmaSaysNothing", {{"pragma", "no-cache"}}, 4, Second::kFresh},
    // Stale replies.
    {"Rfc5861S3_StaleWhileRevalidate", Says("max-age=5, stale-while-revalidate=3"), 7,
     Second::kStale},
    {"Rfc5861S3_StaleWhileRevalidateThatIsOver", Says("max-age=5, stale-while-revalidate=3"), 8,
     Second::kUpstream},
    {"Rfc5861S3_ByTheRoute", {}, 7, Second::kStale, "", MayBeStale},
    {"Rfc5861S3_BesideSMaxage", Says("s-maxage=5, stale-while-revalidate=3"), 7, Second::kStale},
    {"Rfc5861S4_StaleIfError", Says("max-age=5, stale-if-error=3"), 7, Second::kAfterError, "",
     nullptr, wire::StatusCode::kOk, kUnavailable},
    {"Rfc5861S4_StaleIfErrorThatIsOver", Says("max-age=5, stale-if-error=3"), 8, Second::kUpstream,
     "", nullptr, wire::StatusCode::kOk, kUnavailable},
    {"Rfc5861S4_ByTheRoute",
     {},
     7,
     Second::kAfterError,
     "",
     MayBeStaleOnError,
     wire::StatusCode::kOk,
     kUnavailable},
    {"Rfc5861S4_AnAnswerIsNoError",
     {},
     7,
     Second::kUpstream,
     "",
     MayBeStaleOnError,
     wire::StatusCode::kOk,
     kNotFound},
    {"Rfc5861S4_MustRevalidateForbids", Says("must-revalidate, stale-if-error=9"), 7,
     Second::kUpstream, "", nullptr, wire::StatusCode::kOk, kUnavailable},
    {"Rfc5861S4_ACallerThatSaysNoCacheGetsItToo",
     {},
     7,
     Second::kAfterError,
     "no-cache",
     MayBeStaleOnError,
     wire::StatusCode::kOk,
     kUnavailable},
    // Targeted.
    {"Rfc9213S2_1_ADictionaryWithParameters", Tells("max-age=20;ext=1", "no-store"), 19,
     Second::kFresh},
    {"Rfc9213S2_1_AnEmptyFieldIsIgnored", Tells("", "max-age=20"), 19, Second::kFresh},
    {"Rfc9213S2_1_HereAFieldThatCannotBeReadForbids", Tells("max-age=?", "max-age=20"), 1,
     Second::kUpstream},
    {"Rfc9213S2_2_ItGoesBeforeCacheControl", Tells("max-age=20", "max-age=1"), 19, Second::kFresh},
    {"Rfc9213S2_2_ItForbidsWhatCacheControlAllows", Tells("no-store", "max-age=20"), 1,
     Second::kUpstream},
    {"Rfc9213S2_2_OtherTargetsSayNothing", {{"cdn-cache-control", "no-store"}}, 4, Second::kFresh},
};

class RfcTableTest : public ReadPathTest, public ::testing::WithParamInterface<Row> {
 protected:
  RfcTableTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  void Reply(wire::StatusCode status, const Fields& fields, absl::string_view message) {
    if (status == wire::StatusCode::kOk) return Answer(message, fields);
    upstream_.latest().TrailersOnly(status, fields);
    Settle();
  }

  Second Heard(const TestWaiter& caller) {
    if (served_ == Served::kNoStore) return Second::kAlone;
    if (served_ == Served::kNothingKept) return Second::kRefused;
    if (caller.heard() == 0) {
      Reply(GetParam().then, {}, "red kettle");
      return caller.answer().was_kept() ? Second::kAfterError : Second::kUpstream;
    }
    return caller.answer().lifespan.expires > loops_[0].Now() ? Second::kFresh : Second::kStale;
  }
};

TEST_P(RfcTableTest, TheSecondCallerHears) {
  const Row& row = GetParam();
  if (row.route != nullptr) row.route(*cache_);
  Ask("id-7");
  Reply(row.status, row.reply, "blue kettle");
  Advance(1000 * row.seconds);
  const TestWaiter& caller =
      Ask("id-7", row.request.empty() ? Fields() : Fields{{"cache-control", row.request}});
  const Second heard = Heard(caller);
  EXPECT_EQ(static_cast<int>(heard), static_cast<int>(row.second));
  Settle();
  for (FakeCall* refresh : upstream_.live_calls()) refresh->Answer("red kettle");
}

INSTANTIATE_TEST_SUITE_P(Rows, RfcTableTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace singleflight::core
