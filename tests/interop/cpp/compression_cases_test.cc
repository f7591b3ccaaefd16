// gRPC's interoperability cases of compressed messages. Whether a message came compressed is asked
// of its flags, here and by the server. Names and numbers are the public description's.

#include <vector>

#include "tests/interop/cpp/cases_fixture.h"
#include "tests/interop/cpp/message_flags.h"

namespace singleflight::testing {
namespace {

using grpc::StatusCode;
using grpc::testing::InteropClientContextInspector;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;

SimpleRequest Expecting(bool compressed) {
  SimpleRequest request = LargeRequest();
  request.mutable_expect_compressed()->set_value(compressed);
  return request;
}

// The first is the probe: a message that is not what it says.
TEST_P(CasesTest, client_compressed_unary) {
  Context probe;
  EXPECT_EQ(LargeUnary(stub(), probe, Expecting(true)).error_code(), StatusCode::INVALID_ARGUMENT);
  Context compressed;
  compressed.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  EXPECT_TRUE(LargeUnary(stub(), compressed, Expecting(true)).ok());
  Context plain;
  EXPECT_TRUE(LargeUnary(stub(), plain, Expecting(false)).ok());
}

TEST_P(CasesTest, server_compressed_unary) {
  for (const bool compressed : {true, false}) {
    SimpleRequest request = LargeRequest();
    request.mutable_response_compressed()->set_value(compressed);
    Context context;
    EXPECT_TRUE(LargeUnary(stub(), context, request).ok());
    EXPECT_EQ(InteropClientContextInspector::Compressed(context), compressed);
  }
}

StreamingInputCallRequest Expecting(bool compressed, int size) {
  StreamingInputCallRequest request;
  request.mutable_expect_compressed()->set_value(compressed);
  request.mutable_payload()->set_body(Zeros(size));
  return request;
}

TEST_P(CasesTest, client_compressed_streaming) {
  StreamingInputCallResponse reply;
  Context probe;
  const auto probing = stub().StreamingInputCall(&probe, &reply);
  probing->Write(Expecting(true, 27182));
  probing->WritesDone();
  EXPECT_EQ(probing->Finish().error_code(), StatusCode::INVALID_ARGUMENT);

  Context context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  const auto stream = stub().StreamingInputCall(&context, &reply);
  EXPECT_TRUE(stream->Write(Expecting(true, 27182)));
  EXPECT_TRUE(stream->Write(Expecting(false, 45904), grpc::WriteOptions().set_no_compression()));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(reply.aggregated_payload_size(), 73086);
}

TEST_P(CasesTest, server_compressed_streaming) {
  const int sizes[] = {31415, 92653};
  StreamingOutputCallRequest request;
  for (const int size : sizes) {
    auto* parameters = request.add_response_parameters();
    parameters->set_size(size);
    parameters->mutable_compressed()->set_value(size == 31415);
  }
  Context context;
  const auto stream = stub().StreamingOutputCall(&context, request);
  StreamingOutputCallResponse reply;
  for (const int size : sizes) {
    ASSERT_TRUE(stream->Read(&reply));
    EXPECT_TRUE(reply.payload().body() == Zeros(size)) << reply.payload().body().size();
    EXPECT_EQ(InteropClientContextInspector::Compressed(context), size == 31415);
  }
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace singleflight::testing
