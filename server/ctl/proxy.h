// The proxy that is asked: its admin service, by gRPC.

#ifndef SINGLEFLIGHT_SERVER_CTL_PROXY_H_
#define SINGLEFLIGHT_SERVER_CTL_PROXY_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/ctl/failure.h"
#include "server/ctl/place.h"
#include "singleflight/admin/v1/admin.grpc.pb.h"

namespace singleflight::ctl {

// A method of the admin service: &Stub::GetInfo.
using Stub = admin::v1::Admin::Stub;
template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// Threads: one. Nothing is sent before the first call. A call waits for `place.timeout` at most,
// the time to connect included.
class Proxy {
 public:
  // `arguments` and `around` outlive this.
  Proxy(Place place, const Arguments& arguments, const Surroundings& around);

  // Errors: as in failure.h.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    return Call(context, method, request);
  }

  // The same for what changes something: it carries the token.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Change(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    if (absl::Status status = ShowToken(context); !status.ok()) return status;
    return Call(context, method, request);
  }

  Stub& stub() { return *stub_; }
  const Place& place() const { return place_; }

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::ClientContext& context, Method<Request, Response> method,
                                const Request& request) {
    Response response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) return FromGrpc(status, place_);
    return response;
  }

  void SetDeadline(grpc::ClientContext& context) const;
  absl::Status ShowToken(grpc::ClientContext& context) const;

  const Place place_;
  const Arguments& arguments_;
  const Surroundings& around_;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_PROXY_H_
