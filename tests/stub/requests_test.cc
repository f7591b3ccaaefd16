// Requests on their way to the backend: messages, their end, and when they count as sent.

#include <zlib.h>

#include "server/wire/encoding.h"
#include "tests/stub/stub_fixture.h"

namespace singleflight::stub::testing {
namespace {

using wire::StatusCode;
using Kind = core::UpstreamFailure::Kind;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEcho[] = "/test.Chat/Echo";

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class RequestsTest : public StubTest {
 protected:
  RequestsTest() { Serve(backend_.address()); }

  Caller& BeginEncoded(const std::string& encoding, const std::string& bytes) {
    Fields head = HeadFields("/test.Files/Upload");
    head.push_back({"grpc-encoding", encoding});
    Caller& caller = Begin(head, bytes);
    Await(caller);
    return caller;
  }

  void ExpectRefused(const Caller& caller, StatusCode status, const std::string& words,
                     core::Unanswered why = core::Unanswered::kBound) {
    ASSERT_TRUE(caller.failure.has_value());
    EXPECT_EQ(caller.failure->kind, Kind::kCallersOwn);
    EXPECT_EQ(caller.failure->status, status);
    EXPECT_THAT(caller.failure->message, HasSubstr(words));
    EXPECT_EQ(Unanswered(why), 1u);
  }

  Backend backend_;
};

TEST_F(RequestsTest, MessagesArriveInTheirOrderAndThenTheEnd) {
  Caller& caller = Begin(HeadFields("/test.Files/Upload"), Framed("one"), /*open=*/true);
  Send(caller, Framed("two") + Framed("three"));
  Send(caller, Framed(""));
  Finish(caller);
  Await(caller);
  EXPECT_THAT(backend_.call(0).messages, ElementsAre("one", "two", "three", ""));
  EXPECT_EQ(caller.Value("grpc-status"), "0");
}

TEST_F(RequestsTest, AConversationRunsMessageByMessage) {
  Caller& caller = Begin(HeadFields(kEcho), "", /*open=*/true);
  std::string all;
  for (const std::string word : {"one", "two", "three"}) {
    Send(caller, Framed(word));
    all += Framed(word);
    Until([&] { return caller.body == all; });
  }
  Finish(caller);
  Await(caller);
  EXPECT_EQ(caller.Value("grpc-status"), "0");
}

TEST_F(RequestsTest, ARequestMayHaveNoMessage) {
  Caller& caller = Begin(HeadFields("/test.Files/Upload"), "");
  Await(caller);
  EXPECT_THAT(backend_.call(0).messages, IsEmpty());
  EXPECT_EQ(caller.Value("grpc-status"), "0");
}

TEST_F(RequestsTest, AMessageMayComeInPieces) {
  const std::string bytes = Framed(std::string(300000, 'x'));
  Caller& caller = Begin(HeadFields(kEcho), bytes.substr(0, 3), /*open=*/true);
  for (size_t at = 3; at < bytes.size(); at += 10007) Send(caller, bytes.substr(at, 10007));
  Finish(caller);
  Await(caller);
  EXPECT_EQ(caller.body, bytes);
}

TEST_F(RequestsTest, EachByteCountsAsSentOnce) {
  const std::string bytes = Framed(std::string(1000, 'x'));
  Caller& caller = Begin(HeadFields(kEcho), bytes.substr(0, 500), /*open=*/true);
  Until([&] { return caller.sent == 500; });  // or the rest would not come
  Send(caller, bytes.substr(500) + Framed("more"));
  Until([&] { return caller.sent == bytes.size() + 9; });
  Finish(caller);
  Await(caller);
  EXPECT_EQ(caller.sent, bytes.size() + 9);
}

TEST_F(RequestsTest, WhatCountsAsSentAndIsHereStaysInItsClientsShare) {
  client_ = std::make_shared<memory::Client>();
  const std::string bytes = Framed(std::string(1000, 'x'));
  Caller& caller = Begin(HeadFields(kEcho), bytes.substr(0, 500), /*open=*/true);
  Until([&] { return caller.sent == 500; });
  EXPECT_EQ(client_->buffered, 500);
  Send(caller, bytes.substr(500));
  Until([&] { return caller.sent == bytes.size(); });
  EXPECT_EQ(client_->buffered, 0);
  Send(caller, bytes.substr(0, 300));
  Until([&] { return client_->buffered == 300; });
  on_.Run([&] { caller.call.reset(); });
  EXPECT_EQ(client_->buffered, 0);
}

TEST_F(RequestsTest, PastItsClientsShareAMessageIsNotGathered) {
  client_ = std::make_shared<memory::Client>();
  memory::BufferBudget& budget = on_.worker().buffered()->budget();
  const int64_t most = budget.max() / 8 * 7;
  budget.Add(most);
  Caller& within = Begin(HeadFields(kEcho), Framed(std::string(100000, 'x')).substr(0, 90000),
                         /*open=*/true);
  Until([&] { return within.sent == 90000; });
  client_->buffered += most;
  Caller& past = Begin(HeadFields(kEcho), Framed(std::string(100000, 'x')).substr(0, 90000),
                       /*open=*/true);
  Await(past);
  ExpectRefused(past, StatusCode::kResourceExhausted, "calls of this client hold more than half",
                core::Unanswered::kClientShare);
  budget.Add(-most);
}

// Not even where its end comes in the same turn.
TEST_F(RequestsTest, ABrokenRequestDoesNotReachTheBackendAsAShorterOne) {
  RawServer server([](const RawSeen&) { return std::nullopt; });
  Serve(server.address());
  Caller& caller = Begin(HeadFields(kEcho), Framed("one"), /*open=*/true);
  server.WaitFor(1, [](const RawSeen& seen) { return seen.body == Framed("one"); });
  Until([&] { return caller.sent == Framed("one").size(); });
  on_.Run([&] {
    caller.call->Send(base::Slice(std::string("\7nonsense")));
    caller.call->Finish({});
  });
  Await(caller);
  server.WaitFor(1, [](const RawSeen& seen) { return seen.closed; });
  EXPECT_FALSE(server.requests().at(0).ended);
}

TEST_F(RequestsTest, WhatTheBackendDoesNotReadDoesNotCountAsSent) {
  // With a window of nothing it takes no DATA.
  RawServer server([](const RawSeen&) { return std::nullopt; }, 0);
  Serve(server.address());
  const std::string message = Framed(std::string(200000, 'x'));
  Caller& caller = Begin(HeadFields(kEcho), message, /*open=*/true);
  server.WaitFor(1, [](const RawSeen& seen) { return !seen.blocks.empty(); });
  EXPECT_EQ(caller.sent, 0u);
}

TEST_F(RequestsTest, ACompressedMessageGoesOnAsItCame) {
  const std::string zipped = Gzip("a kettle, a kettle, a kettle");
  RawServer server([](const RawSeen&) {
    return RawMessage{{{":status", "200"}, {"content-type", "application/grpc"}},
                      {Framed("ok")},
                      {{"grpc-status", "0"}}};
  });
  Serve(server.address());
  BeginEncoded("gzip", Framed(zipped, 1) + Framed("plain"));
  const RawSeen seen = server.requests().at(0);
  EXPECT_EQ(seen.body, Framed(zipped, 1) + Framed("plain"));
  EXPECT_EQ(seen.Value("grpc-encoding"), "gzip");
}

TEST_F(RequestsTest, ABackendReadsACompressedMessage) {
  BeginEncoded("gzip", Framed(Gzip("kettle"), 1));
  EXPECT_THAT(backend_.call(0).messages, ElementsAre("kettle"));
}

TEST_F(RequestsTest, AnEncodingThatGrpcDoesNotKnowEndsTheCall) {
  ExpectRefused(BeginEncoded("snappy", Framed("?", 1)), StatusCode::kInternal, "snappy");
}

TEST_F(RequestsTest, ACompressedMessageWithoutAnEncodingEndsTheCall) {
  ExpectRefused(BeginEncoded("identity", Framed("?", 1)), StatusCode::kInternal, "grpc-encoding");
}

TEST_F(RequestsTest, ARequestThatIsNoSequenceOfMessagesEndsTheCall) {
  ExpectRefused(BeginEncoded("identity", "\7nonsense"), StatusCode::kInternal, "no sequence");
}

TEST_F(RequestsTest, ARequestThatEndsWithinAMessageEndsTheCall) {
  ExpectRefused(BeginEncoded("identity", Framed("kettle").substr(0, 7)), StatusCode::kInternal,
                "ends within");
}

TEST_F(RequestsTest, TheDeadlineReachesTheBackend) {
  Await(Begin(HeadFields(), Framed("id-7"), false, absl::Seconds(30)));
  EXPECT_TRUE(backend_.call(0).has_deadline);
  Ask();
  EXPECT_FALSE(backend_.call(1).has_deadline);
}

TEST_F(RequestsTest, ACallerThatLeavesIsMissedByTheBackend) {
  backend_.Hold();
  Caller& caller = Begin(HeadFields(), Framed("id-7"));
  backend_.WaitForHeld(1);
  on_.Run([&] { caller.call.reset(); });
  backend_.WaitForCancelled(1);
  backend_.Release();
  EXPECT_EQ(Unanswered(core::Unanswered::kCancelled), 1u);
}

TEST_F(RequestsTest, ACallThatIsLeftBeforeItBeginsNeverDoes) {
  on_.Run([&] {
    model::Headers block;
    for (const Field& field : HeadFields()) block.Add(field.name, field.value);
    Caller caller;
    caller.call = stub_->Start({std::make_shared<const model::Request>(absl::get<model::Request>(
                                    model::ParseRequest(std::move(block)))),
                                "catalog:1", absl::nullopt, ""},
                               caller);
  });
  Ask();
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Unanswered(core::Unanswered::kCancelled), 1u);
}

TEST_F(RequestsTest, ShutdownEndsCallsThatHang) {
  backend_.Hold();
  Caller& caller = Begin(HeadFields(), Framed("id-7"));
  backend_.WaitForHeld(1);
  on_.Run([&] { stub_->Shutdown(); });
  Await(caller);
  EXPECT_EQ(caller.failure->status, StatusCode::kUnavailable);
  EXPECT_THAT(caller.failure->message, HasSubstr("shutting down"));
  backend_.WaitForCancelled(1);
  EXPECT_EQ(Ask().failure->status, StatusCode::kUnavailable);
  backend_.Release();
}

}  // namespace
}  // namespace singleflight::stub::testing
