// Translates: requests to questions and orders, answers to replies. Nothing is decided here but who
// may, and how often a watcher is told.

#include "server/admin/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/admin/grpc_status.h"
#include "singleflight/admin/v1/admin.grpc.pb.h"

namespace singleflight::admin {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestInterval(100);
constexpr milliseconds kLongestInterval(60'000);
constexpr milliseconds kUsualInterval(1000);

template <typename Reply>
grpc::Status Give(absl::StatusOr<Reply> answer, Reply* reply) {
  if (answer.ok()) *reply = *std::move(answer);
  return ToGrpc(answer.status());
}

absl::optional<absl::string_view> AuthorizationOf(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return absl::nullopt;
  return absl::string_view(found->second.data(), found->second.size());
}

// As other lines of the log name peers; gRPC writes "ipv4:a.b.c.d:port" and "ipv6:%5B::1%5D:port".
std::string PeerOf(const grpc::ServerContext& context) {
  const std::string peer = absl::StrReplaceAll(context.peer(), {{"%5B", "["}, {"%5D", "]"}});
  return std::string(absl::StripPrefix(absl::StripPrefix(peer, "ipv4:"), "ipv6:"));
}

absl::StatusOr<milliseconds> IntervalOf(const v1::WatchStatsRequest& request) {
  if (!request.has_interval()) return kUsualInterval;
  const milliseconds interval(request.interval().seconds() * 1000 +
                              request.interval().nanos() / 1'000'000);
  if (interval >= kShortestInterval && interval <= kLongestInterval) return interval;
  return absl::InvalidArgumentError("interval: 100 ms to 1 min are possible");
}

class AdminService final : public v1::Admin::Service {
 public:
  explicit AdminService(const ServiceParts& parts) : parts_(parts) {}

  // --- questions ---

  grpc::Status GetInfo(grpc::ServerContext*, const v1::GetInfoRequest* request,
                       v1::Info* reply) override {
    return Give(parts_.steering.GetInfo(*request), reply);
  }
  grpc::Status GetStats(grpc::ServerContext*, const v1::GetStatsRequest* request,
                        v1::Stats* reply) override {
    return Give(parts_.steering.GetStats(*request), reply);
  }
  grpc::Status ListRoutes(grpc::ServerContext*, const v1::ListRoutesRequest* request,
                          v1::ListRoutesResponse* reply) override {
    return Give(parts_.steering.ListRoutes(*request), reply);
  }
  grpc::Status ListUpstreams(grpc::ServerContext*, const v1::ListUpstreamsRequest* request,
                             v1::ListUpstreamsResponse* reply) override {
    return Give(parts_.steering.ListUpstreams(*request), reply);
  }
  grpc::Status ListFlights(grpc::ServerContext*, const v1::ListFlightsRequest* request,
                           v1::ListFlightsResponse* reply) override {
    return Give(parts_.steering.ListFlights(*request), reply);
  }
  grpc::Status ListTopKeys(grpc::ServerContext*, const v1::ListTopKeysRequest* request,
                           v1::ListTopKeysResponse* reply) override {
    return Give(parts_.steering.ListTopKeys(*request), reply);
  }
  grpc::Status ListSplits(grpc::ServerContext*, const v1::ListSplitsRequest* request,
                          v1::ListSplitsResponse* reply) override {
    return Give(parts_.steering.ListSplits(*request), reply);
  }
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* reply) override {
    return Give(parts_.steering.ListEvents(*request), reply);
  }

  grpc::Status WatchStats(grpc::ServerContext* context, const v1::WatchStatsRequest* request,
                          grpc::ServerWriter<v1::Stats>* writer) override {
    const absl::StatusOr<milliseconds> interval = IntervalOf(*request);
    if (!interval.ok()) return ToGrpc(interval.status());
    const Watchers::Place place(parts_.watchers);
    if (!place.taken()) return RefuseWatcher(parts_.rights, "WatchStats");
    do {
      const absl::StatusOr<v1::Stats> stats = parts_.steering.GetStats({});
      if (!stats.ok()) return ToGrpc(stats.status());
      if (!writer->Write(*stats)) break;
    } while (parts_.watchers.Wait(*context, *interval));
    return grpc::Status::OK;
  }

  // --- orders ---

  grpc::Status Purge(grpc::ServerContext* context, const v1::PurgeRequest* request,
                     v1::PurgeResponse* reply) override {
    return Order(*context, "Purge", [&] { return Give(parts_.steering.Purge(*request), reply); });
  }
  grpc::Status Reload(grpc::ServerContext* context, const v1::ReloadRequest* request,
                      v1::ReloadResponse* reply) override {
    return Order(*context, "Reload", [&] { return Give(parts_.steering.Reload(*request), reply); });
  }
  grpc::Status Drain(grpc::ServerContext* context, const v1::DrainRequest* request,
                     v1::DrainResponse* reply) override {
    return Order(*context, "Drain", [&] { return Give(parts_.steering.Drain(*request), reply); });
  }
  grpc::Status ShareAgain(grpc::ServerContext* context, const v1::ShareAgainRequest* request,
                          v1::ShareAgainResponse* reply) override {
    return Order(*context, "ShareAgain",
                 [&] { return Give(parts_.steering.ShareAgain(*request), reply); });
  }
  grpc::Status SetLogLevel(grpc::ServerContext* context, const v1::SetLogLevelRequest* request,
                           v1::SetLogLevelResponse* reply) override {
    return Order(*context, "SetLogLevel",
                 [&] { return Give(parts_.steering.SetLogLevel(*request), reply); });
  }

 private:
  template <typename Carry>
  grpc::Status Order(const grpc::ServerContext& context, absl::string_view name,
                     const Carry& carry) {
    const absl::Status may =
        parts_.rights.MayOrder(Door::kGrpc, name, PeerOf(context), AuthorizationOf(context));
    return may.ok() ? carry() : ToGrpc(may);
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(const ServiceParts& parts) {
  return std::make_unique<AdminService>(parts);
}

}  // namespace singleflight::admin
