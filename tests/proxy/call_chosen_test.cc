// Calls whose route is chosen by a field of their message: reads that may be old are shared, and
// all others are relayed, at one address.

#include "tests/proxy/call_fixture.h"
#include "tests/wire/deflated.h"
#include "tests/wire/fields.h"

namespace singleflight::proxy::testing {
namespace {

using core::MatchRefusal;
using ::testing::HasSubstr;

constexpr char kRange[] = "/etcd.KV/Range";
constexpr size_t kShared = 2, kOthers = 3;  // the routes, by index

std::string Old(const std::string& key) { return wire::Text(1, key) + wire::Number(7, 1); }
std::string Latest(const std::string& key) { return wire::Text(1, key); }

class CallChosenTest : public CallTest {
 protected:
  void SetUp() override {
    CallTest::SetUp();
    Add("/etcd.KV/Range", {{{7}, true}}, shared_collapse_);
    if (has_fallback_) Add("/etcd.KV/*", {}, others_collapse_);
  }

  void Add(const std::string& method, const std::vector<model::FieldCondition>& fields,
           const absl::optional<core::CollapseOptions>& collapse) {
    core::RouteOptions options;
    options.match = {method, {}, fields};
    options.collapse = collapse;
    routes_.Add(options, 0, shared_, model::KeyPolicy(options.key, "etcd", 7, fingerprints_));
  }

  core::RouteMetrics& metrics(size_t route) { return *metrics_.routes[route]; }
  uint64_t unseen(MatchRefusal why) { return metrics(kShared).match_refusals.of(why); }

  void AnswerAll() {
    for (size_t i = 0; i < upstream_.calls(); ++i) upstream_.call(i).Answer("kettle");
    Settle();
  }

  absl::optional<core::CollapseOptions> shared_collapse_ = core::CollapseOptions();
  absl::optional<core::CollapseOptions> others_collapse_;
  bool has_fallback_ = true;
};

TEST_F(CallChosenTest, CallsWithTheFieldAreSharedAndOthersAreRelayed) {
  std::vector<std::shared_ptr<Ear>> callers;
  for (int i = 0; i < 3; ++i) callers.push_back(Ask(kRange, Old("cup")));
  EXPECT_EQ(upstream_.calls(), 1u);
  for (int i = 0; i < 3; ++i) callers.push_back(Ask(kRange, Latest("cup")));
  ASSERT_EQ(upstream_.calls(), 4u);
  EXPECT_EQ(upstream_.call(0).sent(), Framed(Old("cup")));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(upstream_.call(i).sent(), Framed(Latest("cup")));
    EXPECT_TRUE(upstream_.call(i).finished());
  }
  AnswerAll();
  for (const auto& caller : callers) EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
  EXPECT_EQ(metrics(kShared).calls.value(), 3u);
  EXPECT_EQ(metrics(kShared).followers.value(), 2u);
  EXPECT_EQ(metrics(kOthers).calls.value(), 3u);
  EXPECT_EQ(metrics(kOthers).relays.value(), 3u);
  EXPECT_EQ(metrics(kShared).match_refusals.sum(), 0u);
}

TEST_F(CallChosenTest, TheRestOfTheMessageIsWaitedForAndItsEnd) {
  auto caller = Open(kRange);
  for (const char byte : Framed(Old("cup"))) Send(*caller, std::string(1, byte));
  EXPECT_EQ(upstream_.calls(), 0u);
  EXPECT_EQ(metrics(kShared).calls.value(), 0u) << "it is nobody's yet";
  Finish(*caller);
  ASSERT_EQ(upstream_.calls(), 1u);
  AnswerAll();
  EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

TEST_F(CallChosenTest, OtherMethodsOfTheFallbackWaitForNothing) {
  auto caller = Open("/etcd.KV/Watch");
  EXPECT_EQ(upstream_.calls(), 1u);
  Reset(*caller);
}

TEST_F(CallChosenTest, ACompressedMessageIsLookedInto) {
  const std::string frame = Framed(wire::Deflated(wire::Encoding::kGzip, Old("cup")), true);
  auto caller = Open(kRange, {{"grpc-encoding", "gzip"}});
  Send(*caller, frame);
  Finish(*caller);
  auto plain = Ask(kRange, Old("cup"));
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(upstream_.latest().sent(), frame);
  AnswerAll();
}

TEST_F(CallChosenTest, AMessageThatCannotBeReadTakesTheRouteThatDoesNotAsk) {
  auto no_protobuf = Ask(kRange, "\xff");
  auto strange = Open(kRange, {{"grpc-encoding", "zstd"}});
  Send(*strange, Framed("x", true));
  Finish(*strange);
  auto broken_behind = Ask(kRange, Old("cup") + "\x07");
  EXPECT_EQ(upstream_.calls(), 3u);
  EXPECT_EQ(metrics(kOthers).relays.value(), 3u);
  EXPECT_EQ(unseen(MatchRefusal::kUnreadable), 3u);
  EXPECT_EQ(upstream_.call(0).sent(), Framed("\xff"));
  AnswerAll();
  EXPECT_THAT(strange, IsOkWith(Framed("kettle")));
}

TEST_F(CallChosenTest, ACallThatStaysOpenIsRelayedAfterTwentyMilliseconds) {
  auto caller = Open(kRange);
  Send(*caller, Framed(Old("cup")));
  Advance(19);
  EXPECT_EQ(upstream_.calls(), 0u);
  Advance(1);
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(unseen(MatchRefusal::kOpenEnded), 1u);
  EXPECT_FALSE(upstream_.latest().finished());
  Send(*caller, Framed("more"));
  EXPECT_EQ(upstream_.latest().sent(), Framed(Old("cup")) + Framed("more"));
  Finish(*caller);
  EXPECT_TRUE(upstream_.latest().finished());
  AnswerAll();
  EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

TEST_F(CallChosenTest, ASecondMessageIsRelayedWithTheFirst) {
  auto caller = Open(kRange);
  Send(*caller, Framed(Old("cup")) + Framed("two"));
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(upstream_.latest().sent(), Framed(Old("cup")) + Framed("two"));
  EXPECT_EQ(unseen(MatchRefusal::kSecondMessage), 1u);
  EXPECT_EQ(metrics(kOthers).relays.value(), 1u);
  Finish(*caller);
  AnswerAll();
}

TEST_F(CallChosenTest, ACallWithoutAMessageIsRelayed) {
  auto empty = Open(kRange);
  Finish(*empty);
  auto cut_short = Open(kRange);
  Send(*cut_short, Framed(Old("cup")).substr(0, 7));
  Finish(*cut_short);
  auto no_message = Open(kRange);
  Send(*no_message, "\x07");
  EXPECT_EQ(upstream_.calls(), 3u);
  EXPECT_EQ(unseen(MatchRefusal::kNoMessage), 3u);
  EXPECT_TRUE(upstream_.call(0).finished());
  Finish(*no_message);
  AnswerAll();
}

TEST_F(CallChosenTest, TrailersOfARequestGoOn) {
  auto caller = Open(kRange);
  Send(*caller, Framed(Old("cup")));
  caller->stream->Finish(http2::testing::Trailing({{"x-last", "1"}}));
  Settle();
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(unseen(MatchRefusal::kNoMessage), 1u);
  EXPECT_TRUE(upstream_.latest().finished());
  AnswerAll();
}

TEST_F(CallChosenTest, ACallThatIsNotWholeInTimeIsRelayed) {
  Limits().request_timeout = absl::Seconds(5);
  auto caller = Open(kRange);
  Send(*caller, Framed(Old("cup")).substr(0, 7));
  Advance(4'999);
  EXPECT_EQ(upstream_.calls(), 0u);
  Advance(1);
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(unseen(MatchRefusal::kSlowRequest), 1u);
  Send(*caller, Framed(Old("cup")).substr(7));
  Finish(*caller);
  EXPECT_EQ(upstream_.latest().sent(), Framed(Old("cup")));
  AnswerAll();
}

TEST_F(CallChosenTest, ACallThatLeavesBeforeItsChoiceIsCountedOnce) {
  auto caller = Open(kRange);
  Send(*caller, Framed(Old("cup")));
  Reset(*caller);
  EXPECT_EQ(metrics(kShared).departed.value(), 1u);
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(CallChosenTest, ADeadlineThatPassesBeforeItIsTold) {
  auto caller = Open(kRange, {{"grpc-timeout", "10m"}});
  Send(*caller, Framed(Old("cup")));
  Advance(10);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_EQ(metrics(kShared).refused.value(), 1u);
}

TEST_F(CallChosenTest, ADeadlineHoldsBehindTheChoiceToo) {
  auto relayed = Ask(kRange, Latest("cup"), {{"grpc-timeout", "50m"}});
  auto shared = Ask(kRange, Old("cup"), {{"grpc-timeout", "50m"}});
  ASSERT_EQ(upstream_.calls(), 2u);
  Advance(50);
  EXPECT_EQ(StatusOf(*relayed), "4");
  EXPECT_EQ(StatusOf(*shared), "4");
}

TEST_F(CallChosenTest, AMessageThatIsTooLargeForAnyIsRefused) {
  Limits().max_message_bytes = 8;
  auto caller = Open(kRange);
  Send(*caller, Framed(std::string(9, 'x')));
  EXPECT_EQ(StatusOf(*caller), "8");
  EXPECT_EQ(metrics(kShared).refused.value(), 1u);
}

class SmallRequestsTest : public CallChosenTest {
 protected:
  SmallRequestsTest() { shared_collapse_->max_request_bytes = 20; }
};

TEST_F(SmallRequestsTest, ALargerMessageTakesTheRouteThatDoesNotAsk) {
  auto caller = Open(kRange);
  Send(*caller, Framed(Old(std::string(30, 'x'))));
  ASSERT_EQ(upstream_.calls(), 1u) << "its end is not waited for";
  EXPECT_EQ(unseen(MatchRefusal::kRequestTooLarge), 1u);
  Finish(*caller);
  EXPECT_EQ(metrics(kOthers).relays.value(), 1u);
  AnswerAll();
}

class SharingFallbackTest : public CallChosenTest {
 protected:
  SharingFallbackTest() {
    others_collapse_ = core::CollapseOptions();
    others_collapse_->max_request_bytes = 40;
  }
};

TEST_F(SharingFallbackTest, CallsThatItGetsAreSharedAmongThemselves) {
  auto old = Ask(kRange, Old("cup"));
  for (int i = 0; i < 3; ++i) Ask(kRange, Latest("cup"));
  auto unread = Ask(kRange, "\xff");
  auto unread_too = Ask(kRange, "\xff");
  EXPECT_EQ(upstream_.calls(), 3u);
  EXPECT_EQ(metrics(kOthers).leaders.value(), 2u);
  EXPECT_EQ(metrics(kOthers).followers.value(), 3u);
  AnswerAll();
}

TEST_F(SharingFallbackTest, ThoseThatCannotBeSharedGoAlone) {
  auto open = Open(kRange);
  Send(*open, Framed(Latest("cup")));
  Advance(20);
  auto two = Open(kRange);
  Send(*two, Framed("one") + Framed("two"));
  auto large = Ask(kRange, Latest(std::string(60, 'x')));
  auto empty = Open(kRange);
  Finish(*empty);
  EXPECT_EQ(upstream_.calls(), 4u);
  const metrics::CountersBy<core::Bypass>& bypasses = metrics(kOthers).bypasses;
  EXPECT_EQ(bypasses.of(core::Bypass::kOpenEnded), 1u);
  EXPECT_EQ(bypasses.of(core::Bypass::kSecondMessage), 1u);
  EXPECT_EQ(bypasses.of(core::Bypass::kRequestTooLarge), 1u);
  EXPECT_EQ(bypasses.of(core::Bypass::kNoMessage), 1u);
  AnswerAll();
  Reset(*open);
  Reset(*two);
}

class NoFallbackTest : public CallChosenTest {
 protected:
  NoFallbackTest() { has_fallback_ = false; }
};

TEST_F(NoFallbackTest, ACallThatNoRouteIsLeftForIsToldSo) {
  auto other = Ask(kRange, Latest("cup"));
  EXPECT_EQ(StatusOf(*other), "12");
  EXPECT_THAT(other->headers, ::testing::Contains(::testing::Pair(
                                  "grpc-message", HasSubstr("no route of the proxy matches"))));
  auto open = Open(kRange);
  Send(*open, Framed(Old("cup")) + Framed("two"));
  EXPECT_EQ(StatusOf(*open), "12");
  EXPECT_EQ(upstream_.calls(), 0u);
  EXPECT_EQ(metrics_.downstream->requests_unrouted.value(), 2u);
}

}  // namespace
}  // namespace singleflight::proxy::testing
