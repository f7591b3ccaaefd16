#include "tests/testing/grpc_callbacks.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>

namespace singleflight::testing {
namespace {

// A server without a port.
struct Kept {
  Kept() {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&service);
    server = builder.BuildAndStart();
  }
  grpc::CallbackGenericService service;
  std::unique_ptr<grpc::Server> server;
};

}  // namespace

void KeepGrpcCallbacks() {
  static const Kept* const kept = new Kept;
  static_cast<void>(kept);
}

}  // namespace singleflight::testing
