// What the server of gRPC's interoperability cases does, as the public description of the cases
// says.

#include "tests/interop/cpp/test_service.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/interop/cpp/message_flags.h"
#include "tests/testing/certificates.h"

namespace singleflight::testing {
namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::testing::BoolValue;
using grpc::testing::InteropServerContextInspector;
using grpc::testing::Payload;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;

void EchoMetadata(ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto value_of = [&](const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? grpc::string_ref() : found->second;
  };
  if (const auto value = value_of("x-grpc-test-echo-initial"); !value.empty()) {
    context.AddInitialMetadata("x-grpc-test-echo-initial", {value.data(), value.size()});
  }
  if (const auto value = value_of("x-grpc-test-echo-trailing-bin"); !value.empty()) {
    context.AddTrailingMetadata("x-grpc-test-echo-trailing-bin", {value.data(), value.size()});
  }
}

// The latest request's message came as its field expect_compressed says, if it says something.
template <typename Request>
bool CameAsExpected(const ServerContext& context, const Request& request) {
  return !request.has_expect_compressed() ||
         request.expect_compressed().value() == InteropServerContextInspector::Compressed(context);
}

Status NotAsExpected() {
  return {grpc::StatusCode::INVALID_ARGUMENT, "the message is not compressed as it says"};
}

template <typename Request>
Status StatusFor(const Request& request) {
  if (!request.has_response_status() || request.response_status().code() == 0) return Status::OK;
  return {static_cast<grpc::StatusCode>(request.response_status().code()),
          request.response_status().message()};
}

void Fill(Payload* payload, int bytes) { payload->set_body(std::string(bytes, '\0')); }

void CompressAs(ServerContext& context, bool compressed) {
  context.set_compression_algorithm(compressed ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE);
}

// The replies that a request asks for. False: the caller has gone.
template <typename Stream>
bool WriteReplies(const StreamingOutputCallRequest& request, Stream& stream) {
  for (const auto& parameters : request.response_parameters()) {
    StreamingOutputCallResponse reply;
    Fill(reply.mutable_payload(), parameters.size());
    grpc::WriteOptions options;
    if (!parameters.compressed().value()) options.set_no_compression();
    if (!stream.Write(reply, options)) return false;
  }
  return true;
}

}  // namespace

Status TestService::EmptyCall(ServerContext* context, const grpc::testing::Empty*,
                              grpc::testing::Empty*) {
  ++calls_;
  EchoMetadata(*context);
  return Status::OK;
}

Status TestService::UnaryCall(ServerContext* context, const SimpleRequest* request,
                              SimpleResponse* reply) {
  ++calls_;
  EchoMetadata(*context);
  if (!CameAsExpected(*context, *request)) return NotAsExpected();
  CompressAs(*context, request->response_compressed().value());
  Fill(reply->mutable_payload(), request->response_size());
  return StatusFor(*request);
}

// No two replies are equal, so that a caller sees which one it got.
Status TestService::CacheableUnaryCall(ServerContext* context, const SimpleRequest*,
                                       SimpleResponse* reply) {
  context->AddInitialMetadata("cache-control", "max-age=60, public");
  reply->mutable_payload()->set_body("reply " + std::to_string(++calls_));
  return Status::OK;
}

Status TestService::StreamingOutputCall(ServerContext* context,
                                        const StreamingOutputCallRequest* request,
                                        grpc::ServerWriter<StreamingOutputCallResponse>* stream) {
  ++calls_;
  EchoMetadata(*context);
  CompressAs(*context, true);
  WriteReplies(*request, *stream);
  return StatusFor(*request);
}

Status TestService::StreamingInputCall(ServerContext* context,
                                       grpc::ServerReader<StreamingInputCallRequest>* stream,
                                       StreamingInputCallResponse* reply) {
  ++calls_;
  EchoMetadata(*context);
  int bytes = 0;
  for (StreamingInputCallRequest request; stream->Read(&request);) {
    if (!CameAsExpected(*context, request)) return NotAsExpected();
    bytes += static_cast<int>(request.payload().body().size());
  }
  reply->set_aggregated_payload_size(bytes);
  return Status::OK;
}

Status TestService::FullDuplexCall(ServerContext* context, Duplex* stream) {
  ++calls_;
  EchoMetadata(*context);
  for (StreamingOutputCallRequest request; stream->Read(&request);) {
    if (const Status status = StatusFor(request); !status.ok()) return status;
    if (!WriteReplies(request, *stream)) break;
  }
  return Status::OK;
}

Status TestService::HalfDuplexCall(ServerContext* context, Duplex* stream) {
  ++calls_;
  EchoMetadata(*context);
  std::vector<StreamingOutputCallRequest> requests;
  for (StreamingOutputCallRequest next; stream->Read(&next);) requests.push_back(std::move(next));
  for (const StreamingOutputCallRequest& request : requests) {
    if (!WriteReplies(request, *stream)) break;
  }
  return Status::OK;
}

TestServer::TestServer(const absl::optional<PeerTls>& tls) {
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (tls.has_value()) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({ReadAll(tls->private_key), ReadAll(tls->certificate)});
    credentials = grpc::SslServerCredentials(options);
  }
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw std::runtime_error("the test server does not start");
  address_ = "127.0.0.1:" + std::to_string(port);
}

// Calls that still run are cancelled.
TestServer::~TestServer() { server_->Shutdown(gpr_time_0(GPR_CLOCK_REALTIME)); }

}  // namespace singleflight::testing
