// gRPC's interoperability cases of streams, and of calls that their client ends. Names and numbers
// are the public description's.

#include <vector>

#include "tests/interop/cpp/cases_fixture.h"

namespace singleflight::testing {
namespace {

using grpc::StatusCode;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;

const int kRequestSizes[] = {27182, 8, 1828, 45904};
const int kReplySizes[] = {31415, 9, 2653, 58979};

StreamingOutputCallRequest AskFor(int reply_size, int request_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(reply_size);
  request.mutable_payload()->set_body(Zeros(request_size));
  return request;
}

TEST_P(CasesTest, client_streaming) {
  Context context;
  StreamingInputCallResponse reply;
  const auto stream = stub().StreamingInputCall(&context, &reply);
  for (const int size : kRequestSizes) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(Zeros(size));
    EXPECT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(reply.aggregated_payload_size(), 74922);
}

TEST_P(CasesTest, server_streaming) {
  StreamingOutputCallRequest request;
  for (const int size : kReplySizes) request.add_response_parameters()->set_size(size);
  Context context;
  const auto stream = stub().StreamingOutputCall(&context, request);
  std::vector<std::string> bodies;
  for (StreamingOutputCallResponse reply; stream->Read(&reply);) {
    bodies.push_back(reply.payload().body());
  }
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(bodies.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(bodies[i] == Zeros(kReplySizes[i])) << i;
}

TEST_P(CasesTest, ping_pong) {
  Context context;
  const auto stream = stub().FullDuplexCall(&context);
  StreamingOutputCallResponse reply;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(stream->Write(AskFor(kReplySizes[i], kRequestSizes[i])));
    ASSERT_TRUE(stream->Read(&reply)) << i;
    EXPECT_TRUE(reply.payload().body() == Zeros(kReplySizes[i])) << i;
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(CasesTest, empty_stream) {
  Context context;
  const auto stream = stub().FullDuplexCall(&context);
  stream->WritesDone();
  StreamingOutputCallResponse reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(CasesTest, cancel_after_begin) {
  Context context;
  StreamingInputCallResponse reply;
  const auto stream = stub().StreamingInputCall(&context, &reply);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
}

TEST_P(CasesTest, cancel_after_first_response) {
  Context context;
  const auto stream = stub().FullDuplexCall(&context);
  EXPECT_TRUE(stream->Write(AskFor(31415, 27182)));
  StreamingOutputCallResponse reply;
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(reply.payload().body().size(), 31415u);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
}

TEST_P(CasesTest, timeout_on_sleeping_server) {
  Context context(std::chrono::milliseconds(1));
  const auto stream = stub().FullDuplexCall(&context);
  StreamingOutputCallRequest request;
  request.mutable_payload()->set_body(Zeros(27182));
  stream->Write(request);
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace singleflight::testing
