// What replies say about how they came: `age` (RFC 9111) and `cache-status` (RFC 9211).

#include "absl/strings/numbers.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr char kStored[] = "singleflight; fwd=uri-miss; stored";
constexpr char kForwarded[] = "singleflight; fwd=uri-miss";
constexpr char kCollapsed[] = "singleflight; fwd=uri-miss; collapsed";
constexpr char kHit[] = "singleflight; hit; ttl=";

// All values of one name, whichever block they came in.
std::vector<std::string> ValuesOf(const Answer& answer, const std::string& name) {
  std::vector<std::string> values;
  for (const Metadata* block : {&answer.initial, &answer.trailing}) {
    for (const auto& [field, value] : *block) {
      if (field == name) values.push_back(value);
    }
  }
  return values;
}

std::vector<std::string> StatusOf(const Answer& answer) { return ValuesOf(answer, "cache-status"); }

// The one `age`, and the `ttl` of a hit; -1: there is none, or no number.
int64_t AgeOf(const Answer& answer) {
  const std::vector<std::string> values = ValuesOf(answer, "age");
  int64_t age = -1;
  return values.size() == 1 && absl::SimpleAtoi(values.front(), &age) ? age : -1;
}
int64_t TtlOf(const Answer& answer) {
  const std::vector<std::string> values = StatusOf(answer);
  if (values.size() != 1 || values.front().rfind(kHit, 0) != 0) return -1;
  int64_t ttl = -1;
  return absl::SimpleAtoi(values.front().substr(sizeof(kHit) - 1), &ttl) ? ttl : -1;
}

class MarksTest : public ProxyTest {
 protected:
  // The hit that follows a reply with these fields.
  Answer HitAfter(const Metadata& initial) {
    Answer answer = Ok("blue kettle");
    answer.initial = initial;
    backend_.AnswerWith(answer);
    Ask(kRead, "id-7");
    return Ask(kRead, "id-7");
  }

  const Scenario kKeeping = {.cache = "{ttl: 1h}"};
};

TEST_F(MarksTest, AReplyThatIsKeptSaysSoAndHitsSayForHowLong) {
  Serve(kKeeping);
  const Answer stored = Ask(kRead, "id-7");
  EXPECT_THAT(StatusOf(stored), ElementsAre(kStored));
  EXPECT_EQ(AgeOf(stored), 0);
  const Answer hit = Ask(kRead, "id-7");
  EXPECT_THAT(TtlOf(hit), AllOf(Gt(3000), Le(3600)));
  EXPECT_THAT(AgeOf(hit), AllOf(Ge(0), Le(600)));
}

TEST_F(MarksTest, FollowersSayThatTheyWereCollapsed) {
  Serve(kKeeping);
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(3);
  backend_.Release();
  std::vector<std::string> marks;
  for (const Answer& answer : WaitAll(herd)) marks.push_back(StatusOf(answer).at(0));
  EXPECT_THAT(marks, UnorderedElementsAre(kStored, kCollapsed, kCollapsed));
}

TEST_F(MarksTest, WithoutCacheALeadersReplyWasOnlyForwarded) {
  Serve();
  EXPECT_THAT(StatusOf(Ask(kRead, "id-7")), ElementsAre(kForwarded));
}

TEST_F(MarksTest, AReplyThatMayNotBeKeptWasOnlyForwarded) {
  Serve(kKeeping);
  const Answer again = HitAfter({{"cache-control", "no-store"}});
  EXPECT_THAT(StatusOf(again), ElementsAre(kForwarded));
  EXPECT_EQ(AgeOf(again), 0);
}

TEST_F(MarksTest, AnErrorInOneBlockIsMarkedThere) {
  Serve(kKeeping);
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no such id"));
  const Answer error = Ask(kRead, "id-7");
  EXPECT_THAT(StatusOf(error), ElementsAre(kForwarded));
  EXPECT_EQ(AgeOf(error), 0);
}

TEST_F(MarksTest, ACallThatGoesAloneSaysWhy) {
  Serve({.collapse = "{max_request_bytes: 1KiB}", .cache = "{ttl: 1h}"});
  EXPECT_THAT(StatusOf(Ask(kRead, std::string(2000, 'x'))),
              ElementsAre("singleflight; fwd=bypass; detail=request_too_large"));
}

TEST_F(MarksTest, AMethodThatStreamsSaysSo) {
  Serve(kKeeping);
  backend_.AnswerWith({absl::StatusCode::kOk, "", "", {"one", "two"}});
  std::vector<std::string> marks;
  for (int i = 0; i < 2; ++i) {
    StreamCall call = client().Open("/test.Reads/Watch");
    EXPECT_TRUE(call.Write("id-7") && call.WritesDone());
    const Answer answer = call.Finish();
    marks.push_back(StatusOf(answer).at(0));
    EXPECT_EQ(AgeOf(answer), 0);
  }
  EXPECT_THAT(marks, ElementsAre("singleflight; fwd=uri-miss; detail=reply_streams",
                                 "singleflight; fwd=bypass; detail=streaming_method"));
}

// PITFALLS 48
TEST_F(MarksTest, AHitStaysAHitWhileItsMethodIsTakenForStreaming) {
  Serve(kKeeping);
  HitAfter({});
  backend_.AnswerWith({absl::StatusCode::kOk, "", "", {"one", "two"}});
  for (int i = 0; i < 2; ++i) {
    StreamCall call = client().Open(kRead);
    EXPECT_TRUE(call.Write("id-8") && call.WritesDone());
    EXPECT_EQ(call.Finish().messages.size(), 2u);
  }
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"streaming_method\"}"), 1);
  EXPECT_GT(TtlOf(Ask(kRead, "id-7")), 0);
}

TEST_F(MarksTest, RepliesOnRelayRoutesGetNone) {
  Serve(kKeeping);
  const Answer plain = Ask(kWrite, "id-7");
  EXPECT_THAT(ValuesOf(plain, "age"), IsEmpty());
  EXPECT_THAT(StatusOf(plain), IsEmpty());
}

TEST_F(MarksTest, OnRelayRoutesAnotherCachesMarksCrossAsTheyAre) {
  Serve(kKeeping);
  Answer marked = Ok("body");
  marked.initial = {{"age", "7"}, {"cache-status", "origin; hit"}};
  backend_.AnswerWith(marked);
  EXPECT_EQ(Ask(kWrite, "id-7").initial, marked.initial);
}

TEST_F(MarksTest, StatusesOfTheProxyItselfAreNotMarked) {
  Serve(kKeeping);
  backend_.Stop();
  const Answer unavailable = Ask(kRead, "id-7");
  EXPECT_THAT(unavailable, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(StatusOf(unavailable), IsEmpty());
  EXPECT_THAT(ValuesOf(unavailable, "age"), IsEmpty());
}

TEST_F(MarksTest, AnotherCachesMarksComeFirstAndItsAgeIsAddedIn) {
  Serve(kKeeping);
  const Answer hit =
      HitAfter({{"age", "100"}, {"cache-control", "max-age=600"}, {"cache-status", "origin; hit"}});
  EXPECT_THAT(StatusOf(hit), ElementsAre("origin; hit", StartsWith(kHit)));
  EXPECT_THAT(AgeOf(hit), AllOf(Ge(100), Le(500)));
}

TEST_F(MarksTest, WhatIsLeftOfAReplysLifetimeIsItsTtl) {
  Serve(kKeeping);
  EXPECT_THAT(TtlOf(HitAfter({{"age", "100"}, {"cache-control", "max-age=600"}})),
              AllOf(Gt(100), Le(500)));
}

TEST_F(MarksTest, MaxTtlBoundsWhatAReplyMayAskFor) {
  Serve({.cache = "{ttl: 1h, max_ttl: 2h}"});
  EXPECT_THAT(TtlOf(HitAfter({{"cache-control", "s-maxage=86400"}})), AllOf(Gt(3600), Le(7200)));
}

TEST_F(MarksTest, WithoutMaxTtlAReplyMayAskForTenTimesTtl) {
  Serve({.cache = "{ttl: 10m}"});
  EXPECT_THAT(TtlOf(HitAfter({{"cache-control", "max-age=86400"}})), AllOf(Gt(600), Le(6000)));
}

TEST_F(MarksTest, OverrideMakesTtlHold) {
  Serve({.cache = "{ttl: 1h, override: true}"});
  EXPECT_THAT(TtlOf(HitAfter({{"cache-control", "max-age=86400"}})), AllOf(Gt(3000), Le(3600)));
}

TEST_F(MarksTest, TheyMayHaveAnotherName) {
  Serve({.cache = "{ttl: 1h}", .top = "reply_marks: {name: edge-1}"});
  EXPECT_THAT(StatusOf(Ask(kRead, "id-7")), ElementsAre("edge-1; fwd=uri-miss; stored"));
}

TEST_F(MarksTest, EachMayBeOff) {
  Serve({.cache = "{ttl: 1h}", .top = "reply_marks: {age: false}"});
  for (int i = 0; i < 2; ++i) {
    const Answer answer = Ask(kRead, "id-7");
    EXPECT_THAT(ValuesOf(answer, "age"), IsEmpty());
    EXPECT_EQ(StatusOf(answer).size(), 1u);
  }
}

TEST_F(MarksTest, WithoutAnyAHitIsTheBackendsReplyAndNothingElse) {
  Serve({.cache = "{ttl: 1h}", .top = "reply_marks: {age: false, cache_status: false}"});
  const Answer hit = HitAfter({{"cache-status", "origin; hit"}});
  EXPECT_EQ(hit.initial, (Metadata{{"cache-status", "origin; hit"}}));
  EXPECT_EQ(Calls("hit"), 1);
}

}  // namespace
}  // namespace singleflight::testing
