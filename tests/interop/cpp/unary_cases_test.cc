// gRPC's interoperability cases of one request and one reply. Names and numbers are the public
// description's.

#include "tests/interop/cpp/cases_fixture.h"

namespace singleflight::testing {
namespace {

using grpc::StatusCode;
using grpc::testing::Empty;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using ::testing::Contains;
using ::testing::Key;
using ::testing::Pair;

MATCHER(IsOk, "") {
  *result_listener << "status " << arg.error_code() << " '" << arg.error_message() << "'";
  return arg.ok();
}

TEST_P(CasesTest, empty_unary) {
  Context context;
  Empty reply;
  EXPECT_THAT(stub().EmptyCall(&context, Empty(), &reply), IsOk());
  EXPECT_EQ(reply.ByteSizeLong(), 0u);
}

TEST_P(CasesTest, large_unary) {
  Context context;
  EXPECT_THAT(LargeUnary(stub(), context, LargeRequest()), IsOk());
}

// The proxy takes POST only, as gRPC has it; "cacheable" is what the server's cache-control says.
TEST_P(CasesTest, cacheable_unary) {
  SimpleRequest request;
  request.mutable_payload()->set_body(
      std::to_string(std::chrono::system_clock::now().time_since_epoch().count()));
  std::string bodies[2];
  const int before = ServerCalls();
  for (std::string& body : bodies) {
    Context context;
    context.AddMetadata("x-user-ip", "1.2.3.4");
    SimpleResponse reply;
    EXPECT_THAT(stub().CacheableUnaryCall(&context, request, &reply), IsOk());
    body = reply.payload().body();
    EXPECT_THAT(context.GetServerInitialMetadata(),
                Contains(Pair("cache-control", "max-age=60, public")));
  }
  const bool cached = route() == Route::kCache;
  EXPECT_EQ(bodies[0] == bodies[1], cached) << bodies[0] << ", " << bodies[1];
  EXPECT_EQ(ServerCalls() - before, cached ? 1 : 2);
}

TEST_P(CasesTest, custom_metadata) {
  Context context;
  context.AddMetadata("x-grpc-test-echo-initial", "test_initial_metadata_value");
  context.AddMetadata("x-grpc-test-echo-trailing-bin", "\xab\xab\xab");
  EXPECT_THAT(LargeUnary(stub(), context, LargeRequest()), IsOk());
  EXPECT_THAT(context.GetServerInitialMetadata(),
              Contains(Pair("x-grpc-test-echo-initial", "test_initial_metadata_value")));
  EXPECT_THAT(context.GetServerTrailingMetadata(),
              Contains(Pair("x-grpc-test-echo-trailing-bin", "\xab\xab\xab")));

  Context of_stream;
  of_stream.AddMetadata("x-grpc-test-echo-initial", "test_initial_metadata_value");
  of_stream.AddMetadata("x-grpc-test-echo-trailing-bin", "\xab\xab\xab");
  const auto stream = stub().FullDuplexCall(&of_stream);
  grpc::testing::StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(314159);
  request.mutable_payload()->set_body(Zeros(271828));
  EXPECT_TRUE(stream->Write(request));
  stream->WritesDone();
  grpc::testing::StreamingOutputCallResponse reply;
  EXPECT_TRUE(stream->Read(&reply));
  EXPECT_EQ(reply.payload().body().size(), 314159u);
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_THAT(stream->Finish(), IsOk());
  EXPECT_THAT(of_stream.GetServerInitialMetadata(),
              Contains(Pair("x-grpc-test-echo-initial", "test_initial_metadata_value")));
  EXPECT_THAT(of_stream.GetServerTrailingMetadata(),
              Contains(Pair("x-grpc-test-echo-trailing-bin", "\xab\xab\xab")));
}

TEST_P(CasesTest, status_code_and_message) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message("test status message");
  Context context;
  SimpleResponse reply;
  const grpc::Status status = stub().UnaryCall(&context, request, &reply);
  EXPECT_EQ(status.error_code(), StatusCode::UNKNOWN);
  EXPECT_EQ(status.error_message(), "test status message");

  grpc::testing::StreamingOutputCallRequest streamed;
  *streamed.mutable_response_status() = request.response_status();
  Context of_stream;
  const auto stream = stub().FullDuplexCall(&of_stream);
  EXPECT_TRUE(stream->Write(streamed));
  stream->WritesDone();
  grpc::testing::StreamingOutputCallResponse none;
  EXPECT_FALSE(stream->Read(&none));
  const grpc::Status stream_status = stream->Finish();
  EXPECT_EQ(stream_status.error_code(), StatusCode::UNKNOWN);
  EXPECT_EQ(stream_status.error_message(), "test status message");
}

TEST_P(CasesTest, special_status_message) {
  const std::string message =
      "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n";
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(message);
  Context context;
  SimpleResponse reply;
  const grpc::Status status = stub().UnaryCall(&context, request, &reply);
  EXPECT_EQ(status.error_code(), StatusCode::UNKNOWN);
  EXPECT_EQ(status.error_message(), message);
}

TEST_P(CasesTest, unimplemented_method) {
  Context context;
  Empty reply;
  EXPECT_EQ(stub().UnimplementedCall(&context, Empty(), &reply).error_code(),
            StatusCode::UNIMPLEMENTED);
}

TEST_P(CasesTest, unimplemented_service) {
  Context context;
  Empty reply;
  const auto none = grpc::testing::UnimplementedService::NewStub(channel());
  EXPECT_EQ(none->UnimplementedCall(&context, Empty(), &reply).error_code(),
            StatusCode::UNIMPLEMENTED);
}

// Of large_unary, one after the other. The threshold of failures is none.
TEST_P(CasesTest, rpc_soak) {
  for (int i = 0; i < 1000; ++i) {
    Context context;
    ASSERT_THAT(LargeUnary(stub(), context, LargeRequest()), IsOk()) << "call " << i;
  }
}

TEST_P(CasesTest, channel_soak) {
  for (int i = 0; i < 100; ++i) {
    Context context;
    const auto stub = grpc::testing::TestService::NewStub(NewChannel());
    ASSERT_THAT(LargeUnary(*stub, context, LargeRequest()), IsOk()) << "channel " << i;
  }
}

std::string NameOf(const std::tuple<Transport, Route>& kind) {
  const char* const routes[] = {"Relay", "Collapse", "Cache"};
  return std::string(std::get<Transport>(kind) == Transport::kTls ? "Tls" : "Plaintext") +
         routes[static_cast<size_t>(std::get<Route>(kind))];
}

INSTANTIATE_TEST_SUITE_P(
    Cpp, CasesTest,
    ::testing::Combine(::testing::Values(Transport::kPlaintext, Transport::kTls),
                       ::testing::Values(Route::kRelay, Route::kCollapse, Route::kCache)),
    [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace singleflight::testing
