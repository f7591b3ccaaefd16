// Health checking: what Steering says of the process and of each upstream, in the terms of
// grpc.health.v1.

#include "server/admin/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/admin/grpc_status.h"

namespace singleflight::admin {
namespace {

namespace health = grpc::health::v1;
using Status = health::HealthCheckResponse;

// How soon a watcher hears of a change.
constexpr std::chrono::milliseconds kLook(100);

constexpr size_t kMostListed = 100;  // gRFC A90

Status::ServingStatus StatusOf(bool serving) {
  return serving ? Status::SERVING : Status::NOT_SERVING;
}

class HealthService final : public health::Health::Service {
 public:
  explicit HealthService(const ServiceParts& parts) : parts_(parts) {}

  grpc::Status Check(grpc::ServerContext*, const health::HealthCheckRequest* request,
                     Status* reply) override {
    const absl::StatusOr<Status::ServingStatus> status = Of(request->service());
    if (!status.ok()) return ToGrpc(status.status());
    if (*status == Status::SERVICE_UNKNOWN) {
      return grpc::Status(grpc::StatusCode::NOT_FOUND,
                          "no upstream has that name; the process itself is \"\"");
    }
    reply->set_status(*status);
    return grpc::Status::OK;
  }

  grpc::Status List(grpc::ServerContext*, const health::HealthListRequest*,
                    health::HealthListResponse* reply) override {
    const absl::StatusOr<Steering::Serving> serving = parts_.steering.GetServing();
    if (!serving.ok()) return ToGrpc(serving.status());
    if (serving->size() > kMostListed) {
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "there are more than 100");
    }
    for (const auto& [service, serves] : *serving) {
      (*reply->mutable_statuses())[service].set_status(StatusOf(serves));
    }
    return grpc::Status::OK;
  }

  grpc::Status Watch(grpc::ServerContext* context, const health::HealthCheckRequest* request,
                     grpc::ServerWriter<Status>* writer) override {
    const Watchers::Place place(parts_.watchers);
    if (!place.taken()) return RefuseWatcher(parts_.rights, "Watch");
    Status told;  // UNKNOWN, which nothing is
    do {
      const absl::StatusOr<Status::ServingStatus> now = Of(request->service());
      if (!now.ok()) return ToGrpc(now.status());
      if (*now == told.status()) continue;
      told.set_status(*now);
      if (!writer->Write(told)) break;
    } while (parts_.watchers.Wait(*context, kLook));
    return grpc::Status(grpc::StatusCode::CANCELLED, "nobody watches any more");
  }

 private:
  absl::StatusOr<Status::ServingStatus> Of(const std::string& service) {
    const absl::StatusOr<Steering::Serving> serving = parts_.steering.GetServing();
    if (!serving.ok()) return serving.status();
    const auto found = serving->find(service);
    return found == serving->end() ? Status::SERVICE_UNKNOWN : StatusOf(found->second);
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeHealthService(const ServiceParts& parts) {
  return std::make_unique<HealthService>(parts);
}

}  // namespace singleflight::admin
