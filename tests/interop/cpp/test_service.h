#ifndef SINGLEFLIGHT_TESTS_INTEROP_CPP_TEST_SERVICE_H_
#define SINGLEFLIGHT_TESTS_INTEROP_CPP_TEST_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "grpc/testing/test.grpc.pb.h"
#include "tests/testing/client.h"

namespace singleflight::testing {

// The server of gRPC's interoperability cases: what a call asks for is in its request.
class TestService final : public grpc::testing::TestService::Service {
 public:
  // Calls that have begun, of every method.
  int calls() const { return calls_; }

  grpc::Status EmptyCall(grpc::ServerContext*, const grpc::testing::Empty*,
                         grpc::testing::Empty*) override;
  grpc::Status UnaryCall(grpc::ServerContext*, const grpc::testing::SimpleRequest*,
                         grpc::testing::SimpleResponse*) override;
  grpc::Status CacheableUnaryCall(grpc::ServerContext*, const grpc::testing::SimpleRequest*,
                                  grpc::testing::SimpleResponse*) override;
  grpc::Status StreamingOutputCall(
      grpc::ServerContext*, const grpc::testing::StreamingOutputCallRequest*,
      grpc::ServerWriter<grpc::testing::StreamingOutputCallResponse>*) override;
  grpc::Status StreamingInputCall(grpc::ServerContext*,
                                  grpc::ServerReader<grpc::testing::StreamingInputCallRequest>*,
                                  grpc::testing::StreamingInputCallResponse*) override;

  using Duplex = grpc::ServerReaderWriter<grpc::testing::StreamingOutputCallResponse,
                                          grpc::testing::StreamingOutputCallRequest>;
  grpc::Status FullDuplexCall(grpc::ServerContext*, Duplex*) override;
  grpc::Status HalfDuplexCall(grpc::ServerContext*, Duplex*) override;

 private:
  std::atomic<int> calls_ = 0;
};

// One that serves, on 127.0.0.1 and a free port, until it is destroyed.
class TestServer {
 public:
  explicit TestServer(const absl::optional<PeerTls>& tls = {});
  ~TestServer();

  const std::string& address() const { return address_; }
  int calls() const { return service_.calls(); }

 private:
  TestService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_INTEROP_CPP_TEST_SERVICE_H_
