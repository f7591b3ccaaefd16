// Calls through the real proxy to an upstream with `transport: grpc`: they are as with the native
// one, but for what docs/transport-grpc.md lists.

#include <csignal>

#include "tests/testing/certificates.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Pair;

class TransportGrpcTest : public ProxyTest {
 protected:
  static Scenario OverGrpc() {
    Scenario scenario;
    scenario.upstream = "transport: grpc\n    max_reconnect_backoff: 100ms";
    return scenario;
  }
  void SetUp() override { Serve(OverGrpc()); }

  Answer AskUntilOk(const std::string& method) {
    const Deadline deadline;
    Answer answer;
    do {
      answer = Ask(method, "id-7");
    } while (answer.code == absl::StatusCode::kUnavailable && !deadline.passed());
    return answer;
  }

  int64_t Up() { return Metric("singleflight_upstream_endpoint_up"); }
};

TEST_F(TransportGrpcTest, AUnaryCallIsRelayed) {
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Calls("relay"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_calls_total{code=\"OK\"}"), 1);
}

TEST_F(TransportGrpcTest, AHerdSharesOneCall) {
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(20);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(TransportGrpcTest, AKeptReplyCostsNoCall) {
  Scenario scenario = OverGrpc();
  scenario.cache = "{ttl: 1h}";
  Reload(scenario);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(TransportGrpcTest, AConversationRunsMessageByMessage) {
  StreamCall call = client().Open("/test.Chat/Echo");
  for (const std::string word : {"one", "two", "three"}) {
    std::string reply;
    EXPECT_TRUE(call.Write(word) && call.Read(&reply));
    EXPECT_EQ(reply, word);
  }
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
}

TEST_F(TransportGrpcTest, AStreamOfRequestsArrivesWhole) {
  StreamCall call = client().Open("/test.Files/Upload");
  EXPECT_TRUE(call.Write("one") && call.Write("") && call.Write("three") && call.WritesDone());
  EXPECT_THAT(call.Finish(), IsOkWith("reply to one"));
  EXPECT_THAT(backend_.call(0).messages, ElementsAre("one", "", "three"));
}

TEST_F(TransportGrpcTest, AStreamOfRepliesArrivesWhole) {
  std::vector<std::string> messages;
  for (size_t i = 0; i < 100; ++i) messages.push_back(std::string(i * 1000, 'x'));
  backend_.AnswerWith(Answer{absl::StatusCode::kOk, "", "", messages});
  StreamCall call = client().Open("/test.Files/Download");
  EXPECT_TRUE(call.Write("all") && call.WritesDone());
  EXPECT_EQ(call.Finish().messages, messages);
}

TEST_F(TransportGrpcTest, LargeMessagesGoBothWays) {
  StreamCall call = client().Open("/test.Chat/Echo");
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 3; ++i) {
    std::string reply;
    EXPECT_TRUE(call.Write(large) && call.Read(&reply));
    EXPECT_EQ(reply, large);
  }
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
}

TEST_F(TransportGrpcTest, AReaderThatStopsReadingDelaysNobodyElse) {
  backend_.AnswerWith([](const SeenCall& call) {
    return call.method == "/test.Files/Download"
               ? Answer{absl::StatusCode::kOk, "", "",
                        std::vector<std::string>(64, std::string(1 << 20, 'x'))}
               : Ok("swift");
  });
  StreamCall unread = client().Open("/test.Files/Download");
  EXPECT_TRUE(unread.Write("all") && unread.WritesDone());
  backend_.WaitForCalls(1);
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(Ask("/test.Other/Get", std::to_string(i)), IsOkWith("swift"));
  EXPECT_EQ(unread.Finish().messages.size(), 64u);
}

TEST_F(TransportGrpcTest, MetadataGoesBothWays) {
  Answer answer = Ok("kettle");
  const std::string bytes("\0\xff\1", 3);
  answer.initial = {{"x-first", "1"}, {"x-first-bin", bytes}};
  answer.trailing = {{"x-last", "2"}, {"x-last-bin", bytes}};
  backend_.AnswerWith(answer);
  CallOptions options;
  options.metadata = {{"x-mine", "a"}, {"x-mine", "b"}, {"x-mine-bin", bytes}};
  const Answer got = Ask(kWrite, "id-7", options);
  EXPECT_THAT(got.initial,
              AllOf(Contains(Pair("x-first", "1")), Contains(Pair("x-first-bin", bytes))));
  EXPECT_THAT(got.trailing,
              AllOf(Contains(Pair("x-last", "2")), Contains(Pair("x-last-bin", bytes))));
  EXPECT_THAT(backend_.call(0).metadata,
              AllOf(Contains(Pair("x-mine", "a")), Contains(Pair("x-mine", "b")),
                    Contains(Pair("x-mine-bin", bytes))));
}

TEST_F(TransportGrpcTest, AnErrorArrivesWithItsDetails) {
  Answer answer = Failed(absl::StatusCode::kFailedPrecondition, "no \xc3\xa4");
  answer.details = std::string("\x08\x09", 2);
  backend_.AnswerWith(answer);
  for (const char* method : {kRead, kWrite}) {
    const Answer got = Ask(method, "id-7");
    EXPECT_EQ(got.code, answer.code);
    EXPECT_EQ(got.error, answer.error);
    EXPECT_EQ(got.details, answer.details);
  }
}

TEST_F(TransportGrpcTest, CompressedMessagesAreRead) {
  backend_.CompressReplies();
  CallOptions options;
  options.compress = Compression::kGzip;
  const std::string text(10000, 'x');
  EXPECT_THAT(Ask(kWrite, text, options), IsOkWith("reply to " + text));
  EXPECT_THAT(Ask(kRead, text, options), IsOkWith("reply to " + text));
}

TEST_F(TransportGrpcTest, ACallerThatLeavesIsMissedUpstream) {
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  call.Cancel();
  EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kCancelled));
  backend_.WaitForCancelled(1);
  backend_.Release();
}

TEST_F(TransportGrpcTest, ADeadlineEndsTheCallOnBothSides) {
  backend_.Hold();
  CallOptions options;
  options.timeout = std::chrono::milliseconds(100);
  EXPECT_THAT(Ask(kWrite, "id-7", options), HasCode(absl::StatusCode::kDeadlineExceeded));
  backend_.WaitForCancelled(1);
  EXPECT_TRUE(backend_.call(0).has_deadline);
  backend_.Release();
}

TEST_F(TransportGrpcTest, ABackendThatIsAwayIsNamedAndComesBack) {
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  backend_.Stop();
  const auto unreachable =
      FailedWith(absl::StatusCode::kUnavailable,
                 AllOf(HasSubstr("upstream 'backend'"), HasSubstr(backend_.address())));
  EXPECT_THAT(Ask(kWrite, "id-7"), unreachable);
  EXPECT_THAT(Ask(kRead, "id-7"), unreachable);
  proxy_->WaitForMetric("singleflight_upstream_endpoint_up", Eq(0));
  proxy_->WaitForLog(HasSubstr("gRPC cannot reach " + backend_.address()));
  backend_.Start();
  EXPECT_THAT(AskUntilOk(kWrite), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric("singleflight_upstream_endpoint_up", Eq(1));
}

TEST_F(TransportGrpcTest, ATargetThatOnlyGrpcResolvesIsResolvedByIt) {
  Scenario scenario = OverGrpc();
  scenario.target = "target: xds:///catalog";
  Reload(scenario);
  EXPECT_THAT(Ask(kWrite, "id-7"),
              FailedWith(absl::StatusCode::kUnavailable, HasSubstr("GRPC_XDS_BOOTSTRAP")));
}

TEST_F(TransportGrpcTest, AReloadTouchesNoCall) {
  backend_.Hold();
  PendingCall old = Start(kWrite, "old");
  backend_.WaitForHeld(1);
  Scenario native;
  Reload(native);
  PendingCall fresh = Start(kWrite, "new");
  backend_.WaitForHeld(2);
  Reload(OverGrpc());
  PendingCall newest = Start(kWrite, "newest");
  backend_.WaitForHeld(3);
  backend_.Release();
  EXPECT_THAT(old.Wait(), IsOkWith("reply to old"));
  EXPECT_THAT(fresh.Wait(), IsOkWith("reply to new"));
  EXPECT_THAT(newest.Wait(), IsOkWith("reply to newest"));
}

TEST_F(TransportGrpcTest, AnUpstreamThatIsAsItWasKeepsItsConnection) {
  Ask(kWrite, "id-7");
  Scenario scenario = OverGrpc();
  scenario.collapse = "{flight_timeout: 2m}";
  Reload(scenario);
  EXPECT_EQ(Up(), 1);
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Metric("singleflight_upstream_endpoint_calls_total"), 2);
}

TEST_F(TransportGrpcTest, SigtermEndsWhileACallHangs) {
  Scenario scenario = OverGrpc();
  scenario.top = "drain_timeout: 100ms";
  Serve(scenario);
  Client client = NewClient();
  backend_.Hold();
  PendingCall call = client.Start(kWrite, "id-7");
  PendingCall flown = client.Start(kRead, "id-7");
  backend_.WaitForHeld(2);
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 1);
  EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kUnavailable));
  backend_.WaitForCancelled(2);
  backend_.Release();
  Serve(OverGrpc());
}

TEST_F(TransportGrpcTest, TlsIsThatOfTheOptions) {
  Authority authority("backends");
  const CertificateFiles files = authority.Sign("catalog.example");
  Backend secure("127.0.0.1:0", PeerTls{authority.ca(), files.certificate, files.private_key});
  Scenario scenario = OverGrpc();
  scenario.target = "target: \"" + secure.address() + "\"";
  scenario.upstream += "\n    authority: other.example\n    tls: {ca: " + authority.ca() +
                       ", certificate: " + files.certificate +
                       ", private_key: " + files.private_key + ", server_name: catalog.example}";
  Reload(scenario);
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(secure.call(0).authority, "other.example");
  scenario.upstream.replace(scenario.upstream.find("server_name: catalog"), 20,
                            "server_name: another");
  Reload(scenario);
  EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kUnavailable));

  // gRPC tries again and again, and loses what a handshake holds that is under way at the end.
  Reload(OverGrpc());
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
