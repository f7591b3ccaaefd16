// Replies, and connections, that this side does not take: whose fault it was is said, others go on.

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using http2::testing::Data;
using http2::testing::Frame;
using http2::testing::HeaderEncoder;
using http2::testing::Settings;
using http2::testing::TakeFrames;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using Kind = core::UpstreamFailure::Kind;

// Says `greeting` to each connection, and `answer` to the first call on it; then listens only.
class Scripted {
 public:
  Scripted(std::string greeting, std::string answer)
      : greeting_(std::move(greeting)), answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 10), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Run(); });
  }
  ~Scripted() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  net::Endpoint endpoint() const { return *net::ParseAddress(address_); }

 private:
  void Run() {
    for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0; close(fd)) Serve(fd);
  }

  void Serve(int fd) const {
    Write(fd, greeting_);
    std::string heard;
    bool answered = false;
    char bytes[4096];
    for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0;) {
      heard.append(bytes, static_cast<size_t>(n));
      if (answered || heard.size() < http2::testing::kPreface.size()) continue;
      std::string frames = heard.substr(http2::testing::kPreface.size());
      for (const Frame& frame : TakeFrames(frames)) {
        if (frame.type == http2::testing::kHeaders && !std::exchange(answered, true)) {
          Write(fd, answer_);
        }
      }
    }
  }

  static void Write(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  const std::string greeting_, answer_;
  int listener_;
  std::string address_;
  std::thread thread_;
};

std::string Hello() { return Settings({}).Encoded(); }

class RefusedTest : public PoolTest {
 protected:
  uint64_t Refused(ReplyRefusal why) const { return metrics_.replies_refused.of(why); }

  // Whatever the server says to the first call on a connection.
  Caller& AskOf(const Scripted& server) {
    MakePool({server.endpoint()});
    Caller& caller = Ask();
    Await(caller);
    return caller;
  }
};

// PITFALLS 50
TEST_F(RefusedTest, ErrorDetailsOf150kBArriveByteForByte) {
  const std::string details(150'000, 'd');
  ScriptedServer& server = Serve();
  server.serve = [&](Ear& ear) {
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    ear.stream->Finish(Trailing({{"grpc-status", "3"}, {"grpc-status-details-bin", details}}));
  };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Await(caller);
  ASSERT_TRUE(caller.ended);
  EXPECT_TRUE(caller.trailing ==
              (Fields{{"grpc-status", "3"}, {"grpc-status-details-bin", details}}));
}

// PITFALLS 50
TEST_F(RefusedTest, AReplyPastItsBoundEndsItsCallAloneByTheNameOfTheBound) {
  options_.max_reply_header_bytes = 100'000;
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& honest = Ask("honest");
  Until([&] { return server.calls() == 1; });
  Caller& large = Ask("large");
  Until([&] { return server.calls() == 2; });
  Run([&] {
    server.call(1).stream->SendHeaders(Block(ReplyFields()), false);
    server.call(1).stream->Finish(Trailing({{"x-first", "1"},
                                            {"grpc-message", std::string(150'000, 'm')},
                                            {"x-last", "2"},
                                            {"grpc-status", "3"}}));
  });
  Await(large);
  EXPECT_EQ(large.failure->kind, Kind::kRefused);
  EXPECT_EQ(large.failure->block.Find("x-first"), "1") << "up to the bound";
  EXPECT_FALSE(large.failure->block.Find("x-last").has_value());
  EXPECT_EQ(large.failure->status, wire::StatusCode::kResourceExhausted);
  EXPECT_THAT(large.failure->message,
              AllOf(HasSubstr("'catalog'"), HasSubstr("max_reply_header_bytes"),
                    HasSubstr("100000"), HasSubstr("INVALID_ARGUMENT")));
  Run([&] { Echo(server.call(0)); });
  Await(honest);
  EXPECT_EQ(honest.body, "honest");
  EXPECT_EQ(server.calls(), 2u) << "nothing is sent again";
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_EQ(Refused(ReplyRefusal::kHeaderBytes), 1u);
  EXPECT_EQ(Answered(wire::StatusCode::kInvalidArgument), 1u) << "what the backend answered";
}

TEST_F(RefusedTest, AMalformedReplyIsNotTakenForAResetOfTheBackends) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) {
    ear.stream->SendHeaders(Block(ReplyFields({{"x-bad", "a\rb"}})), false);
  };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->kind, Kind::kRefused);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kInternal);
  EXPECT_THAT(caller.failure->message,
              AllOf(HasSubstr("refused here"), HasSubstr("PROTOCOL_ERROR")));
  EXPECT_EQ(Refused(ReplyRefusal::kMalformed), 1u);
  EXPECT_EQ(server.calls(), 1u);
}

// PITFALLS 28
TEST_F(RefusedTest, AReplyWhoseBinaryMetadataIsNoBase64EndsItsCallAlone) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& honest = Ask("honest");
  Until([&] { return server.calls() == 1; });
  const Fields bad = {{"x-a-bin", "YQ,!!"}, {"grpc-status", "5"}};
  server.serve = [&](Ear& ear) {
    if (ear.body != "in trailers") {
      return ear.stream->SendHeaders(Block(ReplyFields(bad)), ear.body == "in one block");
    }
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    ear.stream->Finish(Trailing(bad));
  };
  for (const char* where : {"in the first block", "in trailers", "in one block"}) {
    Caller& caller = Ask(where);
    Await(caller);
    ASSERT_TRUE(caller.failure.has_value()) << where;
    EXPECT_EQ(caller.failure->kind, Kind::kRefused);
    EXPECT_EQ(caller.failure->status, wire::StatusCode::kInternal);
    EXPECT_THAT(caller.failure->message,
                AllOf(HasSubstr("'catalog'"), HasSubstr("x-a-bin"), HasSubstr("NOT_FOUND")));
    EXPECT_TRUE(caller.failure->block.Find("x-a-bin").has_value());
  }
  EXPECT_EQ(Refused(ReplyRefusal::kBinary), 3u);
  EXPECT_EQ(Answered(wire::StatusCode::kNotFound), 2u) << "what the backend answered";
  EXPECT_EQ(Unanswered(core::Unanswered::kMalformed), 1u);
  Run([&] { Echo(server.call(0)); });
  Await(honest);
  EXPECT_EQ(honest.body, "honest");
  EXPECT_EQ(server.accepted(), 1);
}

// PITFALLS 28
TEST_F(RefusedTest, ValuesThatAReplyJoinsGoToItsCallerOneByOne) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) {
    ear.stream->SendHeaders(Block(ReplyFields({{"x-a-bin", "YQ,Yg=="}})), false);
    ear.stream->Finish(Trailing({{"grpc-status", "0"}, {"x-b-bin", "YQ==,Yg"}}));
  };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Await(caller);
  ASSERT_TRUE(caller.ended);
  EXPECT_THAT(caller.initial,
              AllOf(Contains(Pair("x-a-bin", "YQ")), Contains(Pair("x-a-bin", "Yg=="))));
  EXPECT_THAT(caller.trailing,
              ::testing::ElementsAre(Pair("grpc-status", "0"), Pair("x-b-bin", "YQ=="),
                                     Pair("x-b-bin", "Yg")));
}

TEST_F(RefusedTest, AResetOfTheBackendsIsCalledByItsName) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { ear.stream->Reset(http2::ErrorCode::kEnhanceYourCalm); };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->kind, Kind::kReset);
  EXPECT_THAT(caller.failure->message,
              AllOf(HasSubstr("it reset the stream"), HasSubstr("ENHANCE_YOUR_CALM")));
}

TEST_F(RefusedTest, ABackendThatAnswersHttp1IsNamedAsThat) {
  const Scripted server("HTTP/1.1 400 Bad Request\r\n\r\n", "");
  options_.connect_timeout = absl::Hours(1);
  EXPECT_THAT(AskOf(server).failure->message, HasSubstr("it answers HTTP/1.1"));
}

TEST_F(RefusedTest, ABackendThatSpeaksNoHttp2DoesNotKeepCallsWaiting) {
  const Scripted server(std::string(100, 'x'), "");
  options_.connect_timeout = absl::Hours(1);
  EXPECT_THAT(AskOf(server).failure->message, HasSubstr("the peer broke HTTP/2"));
}

TEST_F(RefusedTest, AConnectionThatThePeerBrokeSaysSo) {
  const Scripted server(Hello(), Data(7, "of no call").Encoded());
  Caller& caller = AskOf(server);
  EXPECT_EQ(caller.failure->kind, Kind::kLost);
  EXPECT_THAT(caller.failure->message,
              AllOf(HasSubstr("the peer broke HTTP/2"), HasSubstr("PROTOCOL_ERROR")));
}

TEST_F(RefusedTest, AHeaderBlockWithoutEndIsNeitherSentForAgainNorHeldAgainstTheBackend) {
  // A literal whose value says to be of 32 MiB (RFC 7541 §5.1).
  const std::string block =
      HeaderEncoder::Literal({{":status", "200"}}) + std::string("\0\1x\x7f\x81\xff\xff\x0f", 8);
  const Scripted server(Hello(), Frame{http2::testing::kHeaders, 0, 1, block}.Encoded());
  options_.max_reconnect_backoff = absl::Hours(1);
  MakePool({server.endpoint()});
  for (uint64_t i = 1; i <= 5; ++i) {
    Caller& caller = Ask();
    Await(caller);
    EXPECT_EQ(caller.failure->kind, Kind::kRefused) << caller.failure->message;
    EXPECT_THAT(caller.failure->message, HasSubstr("max_reply_header_bytes"));
    EXPECT_EQ(metrics_.connects.value(), i) << "without a pause";
    Until([&] { return metrics_.connections.value() == 0; });
  }
  EXPECT_EQ(metrics_.resent.value(), 0u);
  EXPECT_EQ(metrics_.connect_failures.value(), 0u);
  EXPECT_EQ(connect_failed_, 0);
}

}  // namespace
}  // namespace singleflight::upstream::testing
