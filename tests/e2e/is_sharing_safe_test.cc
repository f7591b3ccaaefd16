// Whether sharing is safe, as `mode: shadow` and `verify` find out: with a backend whose replies
// depend on a header that the key leaves out, and with one whose replies do not.

#include <atomic>

#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kIgnoringLanguage[] = "{metadata: {ignore: [x-lang]}}";

std::string Value(const SeenCall& call, const std::string& name) {
  std::string value;
  for (const auto& [key, own] : call.metadata) value += key == name ? own : "";
  return value;
}

Answer InLanguage(const SeenCall& call) {
  Answer answer = Ok("kettle in " + Value(call, "x-lang"));
  answer.initial = {{"content-language", Value(call, "x-lang")}};
  return answer;
}

// The same for all, with what differs from call to call anyway.
Answer Alike(const SeenCall& call) {
  Answer answer = Ok("kettle");
  answer.initial = {{"x-request-id", Value(call, "x-request-id")}};
  return answer;
}

class IsSharingSafeTest : public ProxyTest {
 protected:
  // One of four clients, two in each language.
  Answer AskAs(int n) {
    while (clients_.size() < 4) clients_.push_back(NewClient());
    return clients_[static_cast<size_t>(n) % 4].Ask(
        kRead, "id-7",
        {.metadata = {{"x-lang", n % 2 == 0 ? "de" : "en"},
                      {"x-request-id", absl::StrCat("r-", n)}}});
  }

  Answer AskToStream(const char* method) {
    StreamCall call = client().Open(method);
    EXPECT_TRUE(call.Write("id-7"));
    EXPECT_TRUE(call.WritesDone());
    return call.Finish();
  }

  int64_t Outcomes(const std::string& of, const std::string& outcome) {
    return Metric("singleflight_comparisons_total{route=\"/test.Reads/*\",of=\"" + of +
                  "\",outcome=\"" + outcome + "\"}");
  }
  int64_t Stopped() { return Metric("singleflight_sharing_stopped{route=\"/test.Reads/*\"}"); }

  void TearDown() override {
    backend_.Release();
    clients_.clear();
    ProxyTest::TearDown();
  }

  std::vector<Client> clients_;
};

TEST_F(IsSharingSafeTest, ShadowFindsABackendThatLooksAtWhatTheKeyIgnores) {
  backend_.AnswerWith(InLanguage);
  Serve({.cache = "{ttl: 1h}", .key = kIgnoringLanguage, .route = "mode: shadow"});
  for (int n = 0; n < 1000; ++n) {
    ASSERT_THAT(AskAs(n), IsOkWith(n % 2 == 0 ? "kettle in de" : "kettle in en"));
  }
  EXPECT_EQ(backend_.calls(), 1000);
  EXPECT_EQ(Metric("singleflight_shadow_calls_total{would_be=\"hit\"}"), 999);
  EXPECT_EQ(Outcomes("hit", "differs"), 500);
  EXPECT_EQ(Outcomes("hit", "same"), 499);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 0);
  EXPECT_THAT(proxy_->err(),
              AllOf(HasSubstr("message, metadata content-language"), Not(HasSubstr("kettle"))));
}

TEST_F(IsSharingSafeTest, ShadowComparesCallsThatWouldHaveSharedAFlight) {
  backend_.AnswerWith(InLanguage);
  backend_.Hold();
  Serve({.key = kIgnoringLanguage, .route = "mode: shadow"});
  std::vector<PendingCall> calls;
  for (const char* lang : {"de", "en", "de"}) {
    calls.push_back(Start(kRead, "id-7", {.metadata = {{"x-lang", lang}}}));
    backend_.WaitForHeld(static_cast<int>(calls.size()));
  }
  backend_.Release();
  const std::vector<Answer> answers = WaitAll(calls);
  EXPECT_THAT(answers[1], IsOkWith("kettle in en"));
  EXPECT_EQ(Metric("singleflight_shadow_calls_total{would_be=\"follower\"}"), 2);
  EXPECT_EQ(Outcomes("follower", "differs"), 1);
  EXPECT_EQ(Outcomes("follower", "same"), 1);
}

// Compared with the route that relays, field by field.
TEST_F(IsSharingSafeTest, ShadowChangesNoReply) {
  Answer rich = Ok("kettle");
  rich.initial = {{"x-a", "1"}, {"age", "7"}, {"cache-status", "other; hit"}, {"x-a", "2"}};
  rich.trailing = {{"x-b", "3"}, {"singleflight-cache-control", "max-age=5"}};
  Answer refused = Failed(absl::StatusCode::kNotFound, "no such kettle");
  refused.details = "details";
  refused.trailing = {{"grpc-retry-pushback-ms", "50"}};
  Answer streamed = rich;
  streamed.messages = {"one", "two", "three"};
  Serve({.cache = "{ttl: 1h}", .route = "mode: shadow"});
  for (const Answer& answer : {rich, refused}) {
    backend_.AnswerWith(answer);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask(kRead, "id-7"), Ask(kWrite, "id-7"));
  }
  // Not by a unary call: gRPC's client may wait for ever for the end of one with more messages.
  backend_.AnswerWith(streamed);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(AskToStream(kRead), AskToStream(kWrite));
  EXPECT_EQ(backend_.calls(), 18);
}

TEST_F(IsSharingSafeTest, ShadowLeavesStreamsAlone) {
  Serve({.cache = "{ttl: 1h}", .route = "mode: shadow"});
  StreamCall call = client().Open("/test.Reads/Echo");
  for (const char* message : {"one", "two"}) {
    ASSERT_TRUE(call.Write(message));
    std::string echo;
    ASSERT_TRUE(call.Read(&echo));
    EXPECT_EQ(echo, message);
  }
  call.WritesDone();
  EXPECT_EQ(call.Finish().code, absl::StatusCode::kOk);
  EXPECT_EQ(Metric("singleflight_shadow_calls_total{would_be=\"alone\"}"), 1);
}

TEST_F(IsSharingSafeTest, VerifyStopsSharingWithinTheFirstThousandCalls) {
  backend_.AnswerWith(InLanguage);
  Serve({.cache = "{ttl: 1h}", .key = kIgnoringLanguage, .route = "verify: 0.1%"});
  int n = 0;
  while (n < 1000 && Stopped() < 2) AskAs(n++);
  EXPECT_EQ(Stopped(), 2);
  for (int i = 0; i < 8; ++i) {
    EXPECT_THAT(AskAs(i), IsOkWith(i % 2 == 0 ? "kettle in de" : "kettle in en"));
  }
  EXPECT_GE(Calls("bypass"), 8);
  EXPECT_THAT(proxy_->err(),
              AllOf(HasSubstr("its calls are not shared any more"),
                    HasSubstr("metadata content-language; the requests differ in x-lang"),
                    Not(HasSubstr("kettle"))));
}

TEST_F(IsSharingSafeTest, VerifyNeverStopsARightBackend) {
  backend_.AnswerWith(Alike);
  Serve({.cache = "{ttl: 1h}",
         .key = kIgnoringLanguage,
         .route = "verify: 100%",
         .top = "threads: 2"});
  for (int n = 0; n < 1000; ++n) ASSERT_THAT(AskAs(n), IsOkWith("kettle"));
  proxy_->WaitForMetric("singleflight_comparisons_total{of=\"hit\",outcome=\"same\"}", Ge(100));
  EXPECT_EQ(Outcomes("hit", "differs"), 0);
  EXPECT_EQ(Stopped(), 0);
}

TEST_F(IsSharingSafeTest, VerifyTakesNewDataForNoFault) {
  std::atomic<int> version{0};
  backend_.AnswerWith([&](const SeenCall&) { return Ok(absl::StrCat("version ", version / 50)); });
  Serve({.cache = "{ttl: 1h}", .key = kIgnoringLanguage, .route = "verify: 100%"});
  for (version = 0; version < 500; ++version) AskAs(version);
  EXPECT_EQ(Stopped(), 0);
}

TEST_F(IsSharingSafeTest, AHungBackendHoldsUpNobodyWhoGetsWhatIsKept) {
  Serve({.cache = "{ttl: 1h}", .key = kIgnoringLanguage, .route = "verify: 100%"});
  AskAs(0);
  backend_.Hold();
  for (int n = 0; n < 200; ++n) ASSERT_THAT(AskAs(n), IsOkWith("reply to id-7"));
  backend_.WaitForHeld(4);
  EXPECT_EQ(backend_.calls(), 5);
  EXPECT_GE(Metric("singleflight_check_refusals_total{reason=\"in_the_air\"}"), 100);
}

TEST_F(IsSharingSafeTest, AReloadHasARouteShareAgain) {
  backend_.AnswerWith(InLanguage);
  const Scenario scenario = {
      .cache = "{ttl: 1h}", .key = kIgnoringLanguage, .route = "verify: 0.1%"};
  Serve(scenario);
  for (int n = 0; n < 1000 && Stopped() < 2; ++n) AskAs(n);
  ASSERT_EQ(Stopped(), 2);
  Scenario mended = scenario;
  mended.key = "{}";
  Reload(mended);
  EXPECT_EQ(Stopped(), 0);
  for (int n = 0; n < 100; ++n) {
    EXPECT_THAT(AskAs(n), IsOkWith(n % 2 == 0 ? "kettle in de" : "kettle in en"));
  }
  EXPECT_EQ(Stopped(), 0);
}

// A certificate that is renewed, say. What somebody asks for begins anew, without what was kept.
TEST_F(IsSharingSafeTest, AReloadThatNobodyAskedForHasNoRouteShareAgain) {
  backend_.AnswerWith(InLanguage);
  Scenario scenario = {.cache = "{ttl: 1h}",
                       .key = kIgnoringLanguage,
                       .route = "verify: 0.1%",
                       .top = "threads: 1\nreload: {check_every: 50ms}"};
  Serve(scenario);
  for (int n = 0; n < 1000 && Stopped() < 2; ++n) AskAs(n);
  ASSERT_EQ(Stopped(), 2);
  scenario.top += "\ndrain_timeout: 9s";
  proxy_->Rewrite(Yaml(scenario));
  proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Ge(1));
  EXPECT_EQ(Stopped(), 2);

  Reload(scenario);
  EXPECT_EQ(Stopped(), 0);
  EXPECT_THAT(proxy_->err(), HasSubstr("what was kept is dropped: route '/test.Reads/*' shares "
                                       "again, by the key that verify found wrong"));
  const int64_t hits = Calls("hit");
  AskAs(0);
  EXPECT_EQ(Calls("hit"), hits);
}

}  // namespace
}  // namespace singleflight::testing
