// Calls that the backend did not answer, and what is made of what gRPC says of them. These tests
// also show that it says so (server/stub/verdict.cc).

#include <functional>

#include "server/stub/verdict.h"
#include "tests/stub/stub_fixture.h"

namespace singleflight::stub::testing {
namespace {

using core::Unanswered;
using upstream::ReplyRefusal;
using wire::StatusCode;
using Kind = core::UpstreamFailure::Kind;

using ::testing::AllOf;
using ::testing::HasSubstr;

class FailuresTest : public StubTest {
 protected:
  // A call to a server that answers so.
  const core::UpstreamFailure& FailureOf(const RawMessage& answer) {
    server_ = std::make_unique<RawServer>([answer](const RawSeen&) { return answer; });
    Serve(server_->address());
    return FailureOf(Ask());
  }

  static const core::UpstreamFailure& FailureOf(const Caller& caller) {
    EXPECT_TRUE(caller.failure.has_value());
    static const core::UpstreamFailure kNone = {Kind::kLost, 0, StatusCode::kOk, "", {}};
    return caller.failure.has_value() ? *caller.failure : kNone;
  }

  void ExpectUnreachable(const std::string& why) {
    const core::UpstreamFailure& failure = FailureOf(Ask());
    EXPECT_EQ(failure.kind, Kind::kUnreachable);
    EXPECT_EQ(failure.status, StatusCode::kUnavailable);
    EXPECT_THAT(failure.message,
                AllOf(HasSubstr("upstream 'catalog'"), HasSubstr(options_.target), HasSubstr(why)));
    EXPECT_EQ(Unanswered(core::Unanswered::kUnreachable), 1u);
    EXPECT_THAT(channel_->last_failure(), HasSubstr(why));
  }

  void ExpectRefused(const core::UpstreamFailure& failure, StatusCode status, ReplyRefusal why,
                     const std::string& words) {
    EXPECT_EQ(failure.kind, Kind::kRefused);
    EXPECT_EQ(failure.status, status);
    EXPECT_EQ(metrics_->replies_refused.of(why), 1u);
    EXPECT_THAT(failure.message, HasSubstr(words));
  }

  std::unique_ptr<RawServer> server_;
};

TEST_F(FailuresTest, ABackendThatIsNotThereIsUnreachable) {
  Backend backend;
  Serve(backend.address());
  backend.Stop();
  ExpectUnreachable("Connection refused");
  EXPECT_EQ(channel_->state(), upstream::EndpointState::kFailing);
}

TEST_F(FailuresTest, ABackendThatComesBackIsReached) {
  Backend backend;
  Serve(backend.address());
  Ask();
  backend.Stop();
  Until([&] { return channel_->state() != upstream::EndpointState::kReady; });
  EXPECT_EQ(FailureOf(Ask()).status, StatusCode::kUnavailable);
  backend.Start();
  while (Ask().failure.has_value()) {
  }
  EXPECT_EQ(channel_->state(), upstream::EndpointState::kReady);
}

TEST_F(FailuresTest, ANameThatDoesNotResolveIsUnreachable) {
  Serve("dns:///nobody.invalid:1");
  ExpectUnreachable("nobody.invalid");
}

TEST_F(FailuresTest, ASocketThatIsNotThereIsUnreachable) {
  Serve("unix:/nowhere/at/all");
  ExpectUnreachable("No such file");
}

TEST_F(FailuresTest, WithoutItsBootstrapFileXdsIsUnreachable) {
  Serve("xds:///catalog");
  ExpectUnreachable("GRPC_XDS_BOOTSTRAP");
}

TEST_F(FailuresTest, AConnectionThatEndsLosesItsCalls) {
  server_ = std::make_unique<RawServer>([](const RawSeen&) { return std::nullopt; });
  server_->HangUpOnRequests();
  Serve(server_->address());
  const core::UpstreamFailure& failure = FailureOf(Ask());
  EXPECT_EQ(failure.kind, Kind::kLost);
  EXPECT_EQ(failure.status, StatusCode::kUnavailable);
  EXPECT_THAT(failure.message, HasSubstr("the connection was lost"));
  EXPECT_EQ(Unanswered(core::Unanswered::kConnectionLost), 1u);
}

TEST_F(FailuresTest, AResetIsOneWithItsCode) {
  for (const uint32_t code : {0u, 1u, 2u, 7u, 8u, 11u}) {
    RawMessage answer = {kRawHead, {Framed("a")}, {}, false};
    answer.reset = code;
    const core::UpstreamFailure& failure = FailureOf(answer);
    EXPECT_EQ(failure.kind, Kind::kReset);
    EXPECT_EQ(failure.reset_code, code);
    EXPECT_EQ(failure.status, wire::StatusOfReset(code)) << code;
  }
  EXPECT_EQ(Unanswered(core::Unanswered::kReset), 6u);
}

TEST_F(FailuresTest, AResetBeforeAnythingElseIsOneToo) {
  RawMessage answer = {{}, {}, {}, false};
  answer.reset = 8;
  EXPECT_EQ(FailureOf(answer).kind, Kind::kReset);
  EXPECT_TRUE(callers_.back()->initial.empty());
}

TEST_F(FailuresTest, AnAnswerOfTheWebIsRefused) {
  const auto& failure =
      FailureOf({{{":status", "503"}, {"content-type", "text/html"}}, {"sorry"}, {}});
  ExpectRefused(failure, StatusCode::kUnavailable, ReplyRefusal::kMalformed, "503");
}

TEST_F(FailuresTest, AReplyWithoutAStatusIsRefused) {
  ExpectRefused(FailureOf({kRawHead, {Framed("a")}, {}}), StatusCode::kUnknown,
                ReplyRefusal::kMalformed, "Stream removed");
}

TEST_F(FailuresTest, BinaryMetadataThatIsNoneIsRefused) {
  ExpectRefused(FailureOf({kRawHead, {Framed("a")}, {{"grpc-status", "0"}, {"x-bin", "!!!"}}}),
                StatusCode::kUnknown, ReplyRefusal::kMalformed, "Stream removed");
}

// gRPC says nothing of it.
TEST_F(FailuresTest, AMessageThatIsCutOffIsMissing) {
  server_ = std::make_unique<RawServer>([](const RawSeen&) {
    return RawMessage{
        kRawHead, {Framed("one"), Framed("kettle").substr(0, 8)}, {{"grpc-status", "0"}}};
  });
  Serve(server_->address());
  const Caller& caller = Ask();
  EXPECT_EQ(caller.body, Framed("one"));
  EXPECT_EQ(caller.Value("grpc-status"), "0");
}

TEST_F(FailuresTest, MoreMetadataThanTheBoundIsRefusedByItsName) {
  options_.max_reply_header_bytes = 4096;
  RawMessage answer = {kRawHead, {Framed("a")}, {{"grpc-status", "3"}}};
  answer.head.push_back({"x", std::string(20000, 'x')});
  ExpectRefused(FailureOf(answer), StatusCode::kResourceExhausted, ReplyRefusal::kHeaderBytes,
                "max_reply_header_bytes");
}

TEST_F(FailuresTest, ADeadlineThatPassesIsTheCallers) {
  Backend backend;
  backend.Hold();
  Serve(backend.address());
  Caller& caller = Begin(HeadFields(), Framed("id-7"), false, absl::Milliseconds(50));
  Await(caller);
  EXPECT_EQ(FailureOf(caller).status, StatusCode::kDeadlineExceeded);
  EXPECT_THAT(FailureOf(caller).message, HasSubstr("deadline"));
  EXPECT_EQ(Unanswered(core::Unanswered::kDeadline), 1u);
  backend.WaitForCancelled(1);
  backend.Release();
}

TEST_F(FailuresTest, AStatusOfTheBackendsIsItsOwnWhateverItSays) {
  Backend backend;
  Serve(backend.address());
  for (const auto code : {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                          absl::StatusCode::kInternal, absl::StatusCode::kCancelled}) {
    backend.AnswerWith(singleflight::testing::Failed(code, "in its own words"));
    const Caller& caller = Ask();
    EXPECT_EQ(caller.Value("grpc-status"), absl::StrCat(static_cast<int>(code)));
    EXPECT_EQ(caller.Value("grpc-message"), "in its own words");
  }
}

// What is hard to bring about, or slow.
TEST(VerdictTest, ASilentBackendIsOneThatAnsweredNoPing) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "keepalive watchdog timeout");
  const std::string debug = "UNKNOWN:Error received from peer ipv4:127.0.0.1:1";
  const absl::optional<Verdict> verdict = Judge({status, debug, false});
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->kind, Kind::kLost);
  EXPECT_EQ(verdict->why, core::Unanswered::kPingTimeout);
  EXPECT_THAT(WordsOf(*verdict, status.error_message()), HasSubstr("ping_timeout"));
}

TEST(VerdictTest, ADeadlineOfTheBackendsIsItsOwn) {
  const grpc::Status status(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  const std::string debug = "UNKNOWN:Error received from peer ipv4:127.0.0.1:1";
  EXPECT_FALSE(Judge({status, debug, false}).has_value());
  EXPECT_TRUE(Judge({status, debug, true}).has_value());
}

}  // namespace
}  // namespace singleflight::stub::testing
