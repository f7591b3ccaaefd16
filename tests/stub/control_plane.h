// A control plane of the smallest kind (xDS v3, aggregated): one listener, with one route to one
// cluster, with one endpoint. Messages are written by hand: of each the few fields that gRPC needs.

#ifndef SINGLEFLIGHT_TESTS_STUB_CONTROL_PLANE_H_
#define SINGLEFLIGHT_TESTS_STUB_CONTROL_PLANE_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/grpc_callbacks.h"

namespace singleflight::stub::testing {

// Protobuf's wire format.
inline std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}
inline std::string Number(int field, uint64_t value) {
  return Varint(static_cast<uint64_t>(field) << 3) + Varint(value);
}
inline std::string Text(int field, const std::string& bytes) {
  return Varint(static_cast<uint64_t>(field) << 3 | 2) + Varint(bytes.size()) + bytes;
}
inline std::string Any(const std::string& type, const std::string& value) {
  return Text(1, "type.googleapis.com/" + type) + Text(2, value);
}

class ControlPlane {
 public:
  // `name` is what xds:///name means, and `host` and `port` are where that is.
  ControlPlane(std::string name, std::string host, int port)
      : name_(std::move(name)), host_(std::move(host)), port_(port) {
    singleflight::testing::KeepGrpcCallbacks();
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &bound);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", bound);
  }
  ~ControlPlane() { server_->Shutdown(gpr_time_from_millis(0, GPR_TIMESPAN)); }

  // What GRPC_XDS_BOOTSTRAP_CONFIG has to say.
  std::string Bootstrap() const {
    return absl::StrCat(R"({"xds_servers": [{"server_uri": ")", address_,
                        R"(", "channel_creds": [{"type": "insecure"}], )",
                        R"("server_features": ["xds_v3"]}], "node": {"id": "test"}})");
  }

 private:
  static constexpr char kCluster[] = "cluster";

  std::string Listener() const {
    const std::string route = Text(1, Text(1, "")) + Text(2, Text(1, kCluster));
    const std::string host = Text(1, "host") + Text(2, "*") + Text(3, route);
    const std::string routes = Text(1, "routes") + Text(2, host);
    const std::string router =
        Text(1, "router") + Text(4, Any("envoy.extensions.filters.http.router.v3.Router", ""));
    const std::string manager = Text(4, routes) + Text(5, router);
    return Text(1, name_) +
           Text(19, Text(1, Any("envoy.extensions.filters.network.http_connection_manager.v3."
                                "HttpConnectionManager",
                                manager)));
  }
  static std::string Cluster() {
    return Text(1, kCluster) + Number(2, 3) + Text(3, Text(1, Text(3, "")));
  }
  std::string Endpoints() const {
    const std::string socket = Text(2, host_) + Number(3, static_cast<uint64_t>(port_));
    const std::string endpoint = Text(1, Text(1, Text(1, socket)));
    return Text(1, kCluster) +
           Text(2, Text(1, Text(1, "region")) + Text(2, endpoint) + Text(3, Number(1, 1)));
  }

  // The answer to a request, which names one type.
  std::string AnswerTo(const std::string& request) const {
    const auto answer = [](const std::string& type, const std::string& resource) {
      return Text(1, "1") + Text(2, Any(type, resource)) + Text(4, "type.googleapis.com/" + type) +
             Text(5, "n");
    };
    for (const auto& [type, resource] :
         {std::pair("envoy.config.listener.v3.Listener", Listener()),
          std::pair("envoy.config.cluster.v3.Cluster", Cluster()),
          std::pair("envoy.config.endpoint.v3.ClusterLoadAssignment", Endpoints())}) {
      if (absl::StrContains(request, type)) return answer(type, resource);
    }
    return "";
  }

  // Answers the first request of each type; those that follow say that it was taken.
  class Stream final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Stream(const ControlPlane& plane) : plane_(plane) { StartRead(&in_); }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      std::vector<grpc::Slice> slices;
      std::string request;
      if (in_.Dump(&slices).ok()) {
        for (const grpc::Slice& slice : slices) {
          request.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
        }
      }
      const bool taken = absl::StrContains(request, Text(5, "n"));
      const std::string answer = taken ? "" : plane_.AnswerTo(request);
      if (answer.empty()) return StartRead(&in_);
      const grpc::Slice slice(answer);
      out_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&out_);
    }
    void OnWriteDone(bool ok) override {
      if (ok) StartRead(&in_);
    }
    void OnDone() override { delete this; }

    const ControlPlane& plane_;
    grpc::ByteBuffer in_, out_;
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(const ControlPlane& plane) : plane_(plane) {}
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
      return new Stream(plane_);
    }

   private:
    const ControlPlane& plane_;
  };

  const std::string name_;
  const std::string host_;
  const int port_;
  Service service_{*this};
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace singleflight::stub::testing

#endif  // SINGLEFLIGHT_TESTS_STUB_CONTROL_PLANE_H_
